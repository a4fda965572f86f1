"""What cubinspect knows of GPUs, drivers, toolkits and frameworks, of one day.

The program finds this package where it is installed beside it, and takes its tables where they are newer than its own.
"""

from __future__ import annotations

import os

from cubinspect_data._date import DATE

__all__ = ["DATE", "path"]


def path() -> str:
    """The file with the tables, for ``--data`` of a program that is elsewhere."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "tables.json")
