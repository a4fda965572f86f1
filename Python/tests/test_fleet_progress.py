"""What a terminal shows while layers are read."""

from __future__ import annotations

import io

import pytest

from cubinspect.fleet.progress import Line, Progress, elided, size_text, time_text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.00 kB"), (53_049, "53.0 kB"), (999_600, "1.00 MB"), (123_456_789, "123 MB"),
     (9_996_000_000, "10.0 GB"), (20e12, "20.0 TB"), (5e15, "5000 TB")],
)  # fmt: skip
def test_sizes(count: float, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89.4, "89 s"), (90, "2 min"), (3600, "60 min"), (5430, "1 h 30 min"), (7500, "2 h 5 min"), (400_000, "5 days")],
)
def test_times(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_progress_has_an_estimate() -> None:
    now = [0.0]
    terminal = Terminal()
    progress = Progress(10, 100_000_000, Line(terminal, clock=lambda: now[0]), lambda: now[0])
    for _ in range(5):
        now[0] += 2
        progress.add(10_000_000)
        progress.finish()
    now[0] += 1
    progress.finish(failed=True)
    last = terminal.getvalue().split("\r\x1b[K")[-1]
    assert last == "6 of 10 layers and files, 50.0 MB of 100 MB, 4.55 MB/s, 11 s left, 1 failed"
    # At most a few lines in a second.
    written = terminal.getvalue()
    for _ in range(1000):
        progress.add(1)
    assert terminal.getvalue() == written


def test_a_line_is_one_line() -> None:
    assert elided("0123456789", 10) == "0123456789" and elided("0123456789", 7) == "01…6789" and elided("0123", 3) == "0123"
    terminal = Terminal()
    Line(terminal).tell(40 * "a" + 60 * "b")
    assert terminal.getvalue() == f"\r\x1b[K{26 * 'a'}…{53 * 'b'}"


def test_only_terminals_are_told_and_not_disturbed() -> None:
    for stream, quiet in ((io.StringIO(), False), (Terminal(), True)):
        line = Line(stream, quiet=quiet)
        line.tell("text")
        line.clear()
        assert stream.getvalue() == ""
    terminal = Terminal()
    Line(terminal).tell("a\x1b[2J\nb")
    assert terminal.getvalue() == "\r\x1b[Ka\\x1B[2J\\x0Ab"
