"""The fleet's question, played from the first command to the last in a terminal of 80 columns.

The transcript has the commands; what they print is compared with it. With CUBINSPECT_UPDATE_GOLDENS=1 in the environment it
is written again.
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import termios

from fleets import filled
from registries import Server

TRANSCRIPT = pathlib.Path(__file__).resolve().parent / "transcripts" / "fleet-question.md"
# What stands for the registry's address, as long as it.
NAME = "127.0.0.1:50000"
INDENTATION = "    "


def shown(command: str, folder: pathlib.Path) -> str:
    """What a command writes to a terminal; its messages are told where it writes nothing else."""
    master, terminal = pty.openpty()
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "NO_COLOR": "1", "TERM": "xterm", "PATH": f"{folder}/bin:{os.environ['PATH']}"}
        with subprocess.Popen(
            ["/bin/sh", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.PIPE
        ) as process:
            os.close(terminal)
            parts = []
            while True:
                try:
                    part = os.read(master, 1 << 16)
                except OSError:  # Linux has no end of the file of a terminal that was closed.
                    break
                if not part:
                    break
                parts.append(part)
            assert process.stderr
            messages = process.stderr.read().decode()
    finally:
        os.close(master)
    return b"".join(parts).decode().replace("\r\n", "\n") or messages


def named(printed: str, name: str) -> str:
    """With the name that stands for the registry's, also where it was cut from the left."""
    printed = printed.replace(name, NAME)
    for start in range(1, len(name)):
        printed = printed.replace(f"…{name[start:]}/", f"…{NAME[start:]}/")
    return printed


def comparable(text: str) -> str:
    """Without what differs from run to run."""
    text = re.sub(r"\b[0-9.,]+ s\b", "TIME", text)
    return re.sub(r"[0-9.]+ [kMG]?B/s", "SPEED", text)


def test_the_fleet_question(server: Server, tmp_path: pathlib.Path) -> None:
    assert len(server.name) == len(NAME)
    filled(server, 30)
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    lines = TRANSCRIPT.read_text(encoding="utf-8").splitlines()
    written: list[str] = []
    index = commands = 0
    while index < len(lines):
        line = lines[index]
        written.append(line)
        index += 1
        if not line.startswith(f"{INDENTATION}$ "):
            continue
        commands += 1
        end = index
        while end < len(lines) and (not lines[end] or lines[end].startswith(INDENTATION)) and not lines[end].startswith(f"{INDENTATION}$ "):
            end += 1
        while end > index and not lines[end - 1]:
            end -= 1
        printed = named(shown(line[len(INDENTATION) + 2 :].replace(NAME, server.name), tmp_path), server.name)
        new = [INDENTATION + text if text else "" for text in printed.rstrip("\n").splitlines()]
        old = lines[index:end]
        written += old if comparable("\n".join(old)) == comparable("\n".join(new)) else new
        index = end
    if os.environ.get("CUBINSPECT_UPDATE_GOLDENS"):
        TRANSCRIPT.write_text("\n".join(written) + "\n", encoding="utf-8")
    assert commands == 7
    assert written == TRANSCRIPT.read_text(encoding="utf-8").splitlines()
    # Rows of tables fit; a sentence is as long as it is.
    assert all(len(line) <= 80 + len(INDENTATION) for line in written if line.startswith(f"{INDENTATION}  "))
