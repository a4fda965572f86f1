"""Which machine code runs on which GPU. The program says it, of libraries that have code for one target each."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from typing import Any

from cubinspect.fleet.program import Program

_CUBIN = 2


def runs(program: Program, targets: Iterable[str], gpus: Sequence[str], tool: Any) -> dict[tuple[str, str], bool]:
    """Whether a GPU runs machine code for a target, by target (``sm_100f``) and GPU. PTX and LTO-IR are no machine code.

    :param tool: the program, as its reports name it.
    """
    names = sorted({target for target in targets if target.startswith("sm_")})
    if not names:
        return {}
    summary = dict.fromkeys(
        ("bytesRead", "directories", "elfFiles", "filesVisited", "images", "imagesRead", "librariesWithDeviceCode", "linksOutside",
         "modules"), 0)  # fmt: skip
    about = {name: tool[name] for name in ("name", "version")}
    document = {"factsVersion": 1, "kind": "facts", "summary": summary, "tool": about, "views": [_view(name[3:]) for name in names]}
    with tempfile.TemporaryDirectory(prefix="cubinspect-fleet-") as folder:
        path = os.path.join(folder, "targets.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file)
        report = program.scan([path], gpus, None)
    return {
        (name, gpu): view["libraries"][0]["verdicts"][index]["verdict"] != "incompatible"
        for name, view in zip(names, report["views"])
        for index, gpu in enumerate(gpus)
    }


def _view(target: str) -> dict[str, Any]:
    """The facts of a library with one module that has machine code for one target. Docs/Schema/facts-1.json."""
    code = {
        "groups": [{"images": [0], "modules": [[0, 0]], "role": "specialised" if target[-1].isalpha() else "portable", "size": 1}],
        "images": [{"compression": "none", "isRelocatable": False, "kind": _CUBIN, "target": target}],
    }
    row = {"images": 1, "kind": _CUBIN, "modules": 1, "ptxISAs": [], "size": 1, "storedSize": 1, "target": target}
    library = {
        "aliases": [], "code": code, "format": "elf", "imageCount": 1, "kernels": {"modules": [], "names": [], "unreadable": []},
        "path": "library.so", "problems": [], "size": 1, "targets": [row],
    }  # fmt: skip
    parts = ("compatPackages", "components", "environments", "images", "installed", "missing", "owners", "packages", "staticRuntimes",
             "toolkits")  # fmt: skip
    return {
        "emptyPackages": [], "files": [library], "kind": "directory", "linksOutside": 0, "otherFiles": [], "paths": [target],
        "problems": [], "stack": {**{part: [] for part in parts}, "isSystem": False},
    }  # fmt: skip
