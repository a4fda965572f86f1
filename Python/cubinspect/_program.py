"""Where the program is."""

from __future__ import annotations

import os
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
