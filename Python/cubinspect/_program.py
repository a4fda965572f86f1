"""Where the program is, and what it says."""

from __future__ import annotations

import os
import signal
import sysconfig


def find_program() -> str:
    """The path of the program that was installed with this package.

    :raises FileNotFoundError: it is not where installers put scripts.
    """
    folders = [sysconfig.get_path("scripts")]
    # What `pip install --user` and `pip install --target` do.
    user = sysconfig.get_preferred_scheme("user") if hasattr(sysconfig, "get_preferred_scheme") else "posix_user"
    if user in sysconfig.get_scheme_names():
        folders.append(sysconfig.get_path("scripts", scheme=user))
    packages = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders.append(os.path.join(packages, "bin"))
    # site-packages of an environment that another one builds upon, as uv makes them.
    folders.append(os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(packages))), "bin"))
    for folder in folders:
        path = os.path.join(folder, "cubinspect")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"the program cubinspect is in none of {', '.join(folders)}: install the package again")


def environment() -> dict[str, str]:
    """The variables of a run: without those that stand for options, and without a configuration file, because what is
    asked is what the arguments say."""
    kept = ("CUBINSPECT_DATA", "CUBINSPECT_CLIENT_TIMEOUT")
    variables = {name: value for name, value in os.environ.items() if name in kept or not name.startswith("CUBINSPECT_")}
    return {**variables, "CUBINSPECT_CONFIG": "none"}


def said(messages: bytes) -> list[str]:
    """The lines that the program wrote on standard error, without its name and without the hint where to read on."""
    lines = messages.decode("utf-8", "backslashreplace").splitlines()
    lines = [line[len("cubinspect: ") :] if line.startswith("cubinspect: ") else line for line in lines]
    return [line for line in lines if line and not line.startswith("Try 'cubinspect ")]


def how_ended(status: int, text: str) -> str:
    """Why there is no result: the signal that has ended the program, else what it said."""
    if status < 0:
        return f"the program was ended by {signal.Signals(-status).name}" + (f": {text}" if text else "")
    return text or f"the program ended with status {status}"
