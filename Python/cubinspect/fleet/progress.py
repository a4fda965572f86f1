"""How far something is, on a terminal; elsewhere it is silent until the end."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Callable, Optional, TextIO

from cubinspect.fleet.documents import visible


def size_text(count: float) -> str:
    """A number of bytes, as the program writes it: ``12.3 MB``."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if count < 999.5 or unit == "TB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "bytes" or count >= 99.95 else f"{count:.{1 if count >= 9.995 else 2}f} {unit}"


def time_text(seconds: float) -> str:
    """A time, rounded: ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours / 24:.0f} days"


def terminal_width(stream: TextIO) -> Optional[int]:
    """Columns of the terminal that a stream writes to; None where it is none."""
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def elided(text: str, width: int) -> str:
    """A text cut in the middle to so many columns, as the program cuts names."""
    if len(text) <= width or width <= 4:
        return text
    head = (width - 1) // 3
    return f"{text[:head]}…{text[head + 1 - width:]}"


class Line:
    """One line of a terminal that is written again and again."""

    def __init__(self, stream: TextIO = sys.stderr, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._width = None if quiet else terminal_width(stream)
        self._clock = clock
        self._last = float("-inf")
        self._lock = threading.Lock()

    def tell(self, text: str) -> None:
        """Shows a text, unless one was shown just now."""
        if self._width is None:
            return
        with self._lock:
            if self._clock() - self._last < 0.2:
                return
            self._last = self._clock()
            self._stream.write(f"\r\x1b[K{elided(visible(text), self._width)}")
            self._stream.flush()

    def clear(self) -> None:
        if self._width is not None and self._last > float("-inf"):
            self._stream.write("\r\x1b[K")
            self._stream.flush()


class Progress:
    """Counts of what is done, and from them the time that is left."""

    def __init__(self, items: int, size: int, line: Line, clock: Callable[[], float] = time.monotonic) -> None:
        self._items = items
        self._size = size
        self._line = line
        self._clock = clock
        self._lock = threading.Lock()
        self._start = clock()
        self.done = 0
        self.failed = 0
        self.bytes = 0

    def add(self, size: int) -> None:
        """So many bytes were read."""
        with self._lock:
            self.bytes += size
            self._line.tell(self._text())

    def finish(self, *, failed: bool = False) -> None:
        """One layer or file is done, or cannot be."""
        with self._lock:
            self.done += 1
            self.failed += failed
            self._line.tell(self._text())

    @property
    def seconds(self) -> float:
        return self._clock() - self._start

    def _text(self) -> str:
        seconds = self.seconds
        text = f"{self.done} of {self._items} layers and files, {size_text(self.bytes)} of {size_text(self._size)}"
        if seconds > 2 and self.bytes:
            rate = self.bytes / seconds
            text += f", {size_text(rate)}/s, {time_text(max(0, self._size - self.bytes) / rate)} left"
        return text + (f", {self.failed} failed" if self.failed else "")
