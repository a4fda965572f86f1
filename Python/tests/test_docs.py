"""The Python in README.md and Docs: it runs as it is written, and prints what its comments say."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest
from fleets import FIXTURES, filled, run
from registries import Server

from cubinspect.fleet.store import IMAGES, LAYERS, open_store

PROJECT = FIXTURES.parent

# What an example of Spark takes of pyspark, which is large and wants Java: one frame for each row, in this process.
SPARK = '''
import pandas


class Frame:
    def __init__(self, frame):
        self.frame = frame

    def repartition(self, count):
        return self

    def mapInPandas(self, function, schema):
        rows = (self.frame.iloc[[index]] for index in range(len(self.frame)))
        return Frame(pandas.concat(function(rows)))

    def dropna(self):
        return Frame(self.frame.dropna())

    def show(self):
        print(self.frame.to_string(index=False, header=False) if len(self.frame) else "nothing")


class Builder:
    def config(self, name, value):
        return self

    def getOrCreate(self):
        return self

    def createDataFrame(self, rows, schema):
        return Frame(pandas.DataFrame(rows, columns=[part.split()[0] for part in schema.split(",")]))


class SparkSession:
    builder = Builder()
'''


def blocks(text: str) -> Iterator[str]:
    """The blocks of Python in a document: marked ones, and indented ones that begin with an import."""
    yield from re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for block in re.findall(r"^(?:    .*\n|\n)+", text, re.MULTILINE):
        if re.match(r"\n*    (?:import|from) ", block):
            yield textwrap.dedent(block).strip("\n") + "\n"


def documents() -> dict[str, list[str]]:
    """The blocks by document."""
    paths = [PROJECT / "README.md", *sorted((PROJECT / "Docs").rglob("*.md"))]
    found = {path.relative_to(PROJECT).as_posix(): list(blocks(path.read_text(encoding="utf-8"))) for path in paths}
    return {name: several for name, several in found.items() if several}


def printed(code: str, folder: pathlib.Path, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-"], input=code, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def expect_printed(code: str, output: str) -> None:
    """Each comment behind a print is a line of the output, in their order."""
    lines = iter(output.splitlines())
    for comment in re.findall(r"^print\(.*\)  +# (.*)$", code, re.MULTILINE):
        assert comment in lines, f"{comment!r} is not printed, or not in its place:\n{output}"


def test_every_example_is_run() -> None:
    assert {name: len(several) for name, several in documents().items()} == {"README.md": 1, "Docs/Fleet.md": 1}


def test_the_readme(tmp_path: pathlib.Path) -> None:
    [code] = documents()["README.md"]
    library = tmp_path / ".venv" / "lib" / "python3.12" / "site-packages" / "scale.so"
    library.parent.mkdir(parents=True)
    shutil.copy(FIXTURES / "host" / "scale.so", library)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\n", encoding="utf-8")
    shutil.copy(FIXTURES / "archives" / "docker.tar", tmp_path / "app.tar")
    output = printed(code, tmp_path, VIRTUAL_ENV=str(tmp_path / ".venv"))
    assert [line.split()[:2] for line in output.splitlines()] == [["A100", "no"], ["V100", "no"], ["pip", "install"]]
    expect_printed(code, output)
    with pytest.raises(AssertionError, match="not printed"):
        expect_printed(code, "something else\n")


def test_spark(tmp_path: pathlib.Path) -> None:
    [code] = documents()["Docs/Fleet.md"]
    store = str(tmp_path / "store")
    (tmp_path / "pyspark").mkdir()
    (tmp_path / "pyspark" / "sql.py").write_text(SPARK, encoding="utf-8")
    server = Server()
    try:
        images = filled(server, 12)
        run("plan", "--store", store, f"{server.name}/*")
        assert 's3://bucket/fleet' in code
        output = printed(code.replace("s3://bucket/fleet", store), tmp_path, PYTHONPATH=str(tmp_path))
    finally:
        server.close()
    assert output == "nothing\n"
    assert len(open_store(store).digests(IMAGES)) == len({one.digest for _, _, several in images for one in several})
    assert all(server.fetched()[digest] == 1 for digest in open_store(store).digests(LAYERS))
