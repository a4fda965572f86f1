"""``python -m cubinspect.fleet``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn, Optional

from cubinspect.fleet import arguments, commands
from cubinspect.fleet.credentials import CredentialsError
from cubinspect.fleet.dataset import DatasetError
from cubinspect.fleet.documents import visible
from cubinspect.fleet.gate import NotKnown
from cubinspect.fleet.program import ProgramFailure
from cubinspect.fleet.pull import PullError
from cubinspect.fleet.references import InvalidReference
from cubinspect.fleet.registry import RegistryError, Stopped, Unavailable
from cubinspect.fleet.report import ReportError
from cubinspect.fleet.store import StoreError

_COMMANDS: arguments.Commands = {
    "plan": commands.plan, "work": commands.work, "watch": commands.watch, "judge": commands.judge, "report": commands.report,
    "gate": commands.gate, "pull": commands.pull,
}  # fmt: skip
# What is wrong with an input, a registry, a store or a value: one line says it.
_ERRORS = (
    CredentialsError, DatasetError, InvalidReference, NotKnown, ProgramFailure, PullError, RegistryError, ReportError, StoreError, ValueError,
    commands.UsageError,
)  # fmt: skip


def main(words: Optional[Sequence[str]] = None) -> int:
    """Runs a command; returns its exit status."""
    options = arguments.parser(_COMMANDS).parse_args(words)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except (commands.Unfinished, Unavailable) as error:
        return _fail(f"{error}; the same command goes on")
    except Stopped:
        return _fail("it was stopped; the same command goes on")
    except _ERRORS as error:
        return _fail(str(error))
    except BrokenPipeError:
        # The reader has closed the pipe. What Python writes when it ends goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _fail(text: str) -> int:
    print(f"cubinspect.fleet: {visible(text)}", file=sys.stderr)
    return 2


def _exit() -> NoReturn:
    try:
        status = main()
    except KeyboardInterrupt:
        # A shell takes a program as interrupted when the signal has ended it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    _exit()
