"""A dataset of Parquet files: what was asked about a fleet, and every answer. Docs/Fleet.md describes its columns."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

_TEXT, _NUMBER, _TEXTS, _NUMBERS, _TIME, _YES = "text", "number", "texts", "numbers", "time", "bool"
_REASONS = "reasons"

TABLES: Mapping[str, Mapping[str, str]] = {
    "images": {
        "name": _TEXT, "registry": _TEXT, "repository": _TEXT, "tag": _TEXT, "digest": _TEXT, "platform": _TEXT,
        "team": _TEXT, "created": _TIME, "bytes": _NUMBER, "facts": _TEXT, "state": _TEXT, "cause": _TEXT,
    },
    "layers": {"digest": _TEXT, "index": _NUMBER, "layer": _TEXT, "bytes": _NUMBER, "created_by": _TEXT},
    "libraries": {
        "facts": _TEXT, "path": _TEXT, "package": _TEXT, "version": _TEXT, "ecosystem": _TEXT, "layer": _NUMBER,
        "bytes": _NUMBER, "modules": _NUMBER,
    },
    "target_sets": {"facts": _TEXT, "path": _TEXT, "target": _TEXT, "images": _NUMBER, "bytes": _NUMBER},
    "targets": {"target": _TEXT, "gpu": _TEXT, "runs": _YES},
    "stack": {"facts": _TEXT, "kind": _TEXT, "name": _TEXT, "version": _TEXT, "path": _TEXT},
    "problems": {"facts": _TEXT, "code": _TEXT, "path": _TEXT, "message": _TEXT},
    "answers": {
        "facts": _TEXT, "gpu": _TEXT, "compute_capability": _TEXT, "driver": _TEXT, "answer": _TEXT, "verdict": _TEXT,
        "oldest_driver": _TEXT, "oldest_driver_numbers": _NUMBERS, "reasons": _REASONS,
    },
    "findings": {
        "facts": _TEXT, "gpu": _TEXT, "driver": _TEXT, "package": _TEXT, "version": _TEXT, "verdict": _TEXT,
        "layer": _NUMBER, "libraries": _TEXTS, "reasons": _REASONS,
    },
}  # fmt: skip

_QUESTION = "question.json"
_ROWS_IN_MEMORY = 50_000

Row = Mapping[str, Any]


class DatasetError(Exception):
    """A dataset cannot be written or read."""


def module(name: str) -> Any:
    """A module that the extra ``fleet`` brings.

    :raises DatasetError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DatasetError(f"{error}; pip install 'cubinspect[fleet]' brings it") from error


class Writer:
    """Writes a dataset row by row; some rows of each table are in memory, all others on the disk.

    The dataset takes the place of an older one when it is complete.
    """

    def __init__(self, folder: Path, question: Mapping[str, Any]) -> None:
        """:raises DatasetError: the folder is there and holds something else."""
        if folder.exists() and any(folder.iterdir()) and not (folder / _QUESTION).exists():
            raise DatasetError(f"{folder} is there, and is no dataset")
        self._arrow = module("pyarrow")
        self._parquet = module("pyarrow.parquet")
        self._folder = folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        self._new.chmod(0o755)
        (self._new / _QUESTION).write_text(json.dumps(question, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        self._rows: dict[str, list[Row]] = {name: [] for name in TABLES}
        self._schemas = {name: self._schema(columns) for name, columns in TABLES.items()}
        self._files = {
            name: self._parquet.ParquetWriter(str(path_of(self._new, name)), schema, compression="zstd")
            for name, schema in self._schemas.items()
        }
        self.counts = dict.fromkeys(TABLES, 0)

    def add(self, table: str, row: Row) -> None:
        rows = self._rows[table]
        rows.append(row)
        self.counts[table] += 1
        if len(rows) >= _ROWS_IN_MEMORY:
            self._flush(table)

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            for name, file in self._files.items():
                if kind is None:
                    self._flush(name)
                file.close()
            if kind is None:
                self._take_place()
        finally:
            shutil.rmtree(self._new, ignore_errors=True)

    def _flush(self, table: str) -> None:
        rows, self._rows[table] = self._rows[table], []
        if rows:
            self._files[table].write_table(self._arrow.Table.from_pylist(rows, schema=self._schemas[table]))

    def _take_place(self) -> None:
        old = Path(f"{self._new}-old")
        with contextlib.suppress(FileNotFoundError):
            os.rename(self._folder, old)
        os.rename(self._new, self._folder)
        shutil.rmtree(old, ignore_errors=True)

    def _schema(self, columns: Mapping[str, str]) -> Any:
        arrow = self._arrow
        types = {
            _TEXT: arrow.string(),
            _NUMBER: arrow.int64(),
            _TEXTS: arrow.list_(arrow.string()),
            _NUMBERS: arrow.list_(arrow.int64()),
            _TIME: arrow.timestamp("us", tz="UTC"),
            _YES: arrow.bool_(),
            _REASONS: arrow.list_(
                arrow.struct([("code", arrow.string()), ("package", arrow.string()), ("text", arrow.string())])
            ),
        }
        return arrow.schema([(name, types[kind]) for name, kind in columns.items()])


def path_of(folder: Path, table: str) -> Path:
    """The file of a table."""
    return folder / f"{table}.parquet"


def question_of(folder: Path) -> dict[str, Any]:
    """What a dataset answers: ``gpus``, ``drivers``, ``tool``.

    :raises DatasetError: the folder is no dataset.
    """
    try:
        question: dict[str, Any] = json.loads((folder / _QUESTION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{folder} is no dataset: the command judge makes one") from error
    return question


@contextlib.contextmanager
def connected(folder: Path) -> Iterator[Any]:
    """A connection of DuckDB that has the tables of a dataset as views."""
    question_of(folder)
    connection = module("duckdb").connect()
    try:
        for table in TABLES:
            path = str(path_of(folder, table)).replace("'", "''")
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{path}')")
        yield connection
    finally:
        connection.close()
