"""What is installed: a program without Python in between, types, licences, tables."""

from __future__ import annotations

import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import cubinspect
import cubinspect_data


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
        env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "0", **environment})


def test_the_program_is_no_script() -> None:
    with open(cubinspect.find_program(), "rb") as file:
        assert file.read(4) == b"\x7fELF"
    assert pathlib.Path(cubinspect.find_program()).parent == pathlib.Path(sys.prefix) / "bin"


def test_module() -> None:
    direct = run(cubinspect.find_program(), "help", "scan")
    module = run(sys.executable, "-m", "cubinspect", "help", "scan")
    assert (direct.returncode, direct.stdout) == (module.returncode, module.stdout)
    assert run(sys.executable, "-m", "cubinspect", "scan").returncode == 2


def test_metadata() -> None:
    distribution = importlib.metadata.distribution("cubinspect")
    assert distribution.version == cubinspect.__version__
    # Nothing is required; extras bring what the fleet takes.
    assert all("extra ==" in requirement for requirement in distribution.requires or [])
    assert set(distribution.metadata.get_all("Provides-Extra") or []) == {"fleet"}
    names = {str(file) for file in distribution.files or []}
    assert "cubinspect/py.typed" in names
    for name in ("LICENSE", "licenses.txt", "libraries.txt"):
        assert any(file.endswith(f".dist-info/licenses/{name}") for file in names), name


def test_licenses() -> None:
    text = run(cubinspect.find_program(), "licenses").stdout
    for part in ("GNU LESSER GENERAL PUBLIC LICENSE", "elfutils", "Nettle", "Runtime Library Exception", "libiberty"):
        assert part in text


def test_tables(tmp_path: pathlib.Path) -> None:
    """Of the package, of the variable, of the user's folder: the newest that are found, and what is named before."""
    program = cubinspect.find_program()
    own = re.findall(r"tables of (\S+)", run(program, "--version").stdout)[0]
    assert cubinspect_data.DATE == own
    document = json.loads(pathlib.Path(cubinspect_data.path()).read_text(encoding="utf-8"))

    def write(path: pathlib.Path, date: str, **changes: object) -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**document, "date": date, **changes}), encoding="utf-8")
        return str(path)

    def date(*arguments: str, **environment: str) -> str:
        done = run(program, "gpus", "A100", "-o", "json", *arguments, **environment)
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["tool"]["tables"])

    # The user's folder: newer tables count, older ones do not.
    home = tmp_path / "home"
    place = home / ".local/share/cubinspect/tables.json"
    write(place, "2099-01-01")
    assert date(HOME=str(home)) == "2099-01-01"
    write(place, "2001-01-01")
    assert date(HOME=str(home)) == own
    # What is named counts whatever its date.
    old = write(tmp_path / "old.json", "2001-01-01")
    older = write(tmp_path / "older.json", "2000-01-01")
    assert date(CUBINSPECT_DATA=old) == "2001-01-01"
    assert date("--data", older, CUBINSPECT_DATA=old) == "2001-01-01"
    assert date("--data", older) == "2000-01-01"
    # The package that is installed beside the program, of a program in another folder.
    prefix = tmp_path / "prefix"
    (prefix / "bin").mkdir(parents=True)
    moved = str(shutil.copy(program, prefix / "bin" / "cubinspect"))
    write(prefix / "lib/python3.12/site-packages/cubinspect_data/tables.json", "2098-01-01")
    assert "tables of 2098-01-01" in run(moved, "--version").stdout
    # Tables that cannot be read are said and left out.
    write(place, "2099-01-01", format=99)
    done = run(program, "gpus", "A100", "-o", "json", HOME=str(home))
    assert json.loads(done.stdout)["tool"]["tables"] == own
    assert "a newer cubinspect reads these tables" in done.stderr
    # Half a year makes no failure but one line.
    done = run(program, "scan", os.devnull, "--gpu", "A100", SOURCE_DATE_EPOCH=str(20_000_000_000))
    assert [line for line in done.stderr.splitlines() if "half a year" in line] == [
        f"cubinspect: the tables of {own} are more than half a year old; "
        "for newer ones: pip install --upgrade cubinspect-data"]
