"""On which NVIDIA GPUs software runs, by the CUDA device code in its files.

    import cubinspect

    report = cubinspect.scan("site-packages", gpus=["A100", "V100"], driver="535")
    for answer in report.answers:
        print(answer.query, answer.answer, [reason.text for reason in answer.reasons])

The work is done by the program ``cubinspect`` that comes in the same wheel; :mod:`cubinspect.report` has the classes of
what it says.
"""

from __future__ import annotations

from cubinspect._api import (
    Error,
    Facts,
    IncompleteError,
    ProgramError,
    UsageError,
    check,
    facts,
    judge,
    scan,
    which,
)
from cubinspect._program import find_program
from cubinspect._version import __version__
from cubinspect.report import Answer, Check, Library, Package, Plan, Problem, ReleaseReport, Report, View

__all__ = [
    "Answer",
    "Check",
    "Error",
    "Facts",
    "IncompleteError",
    "Library",
    "Package",
    "Plan",
    "Problem",
    "ProgramError",
    "ReleaseReport",
    "Report",
    "UsageError",
    "View",
    "__version__",
    "check",
    "facts",
    "find_program",
    "judge",
    "scan",
    "which",
]
