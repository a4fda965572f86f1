"""Ready questions to a dataset, in SQL, and their answers as text, Markdown and CSV. :mod:`page` makes them a page."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

from cubinspect.fleet.dataset import connected, question_of
from cubinspect.fleet.documents import visible
from cubinspect.fleet.progress import elided, size_text


# Columns that a cell keeps however narrow the terminal is.
_LEAST_COLUMNS = 8
# In front of a sentence below its row, which has at least so many columns.
_INDENT = " " * 6
_LEAST_SENTENCE = 20


class ReportError(Exception):
    """A question that the dataset does not answer."""


@dataclass(frozen=True)
class Choice:
    """What a report is about."""

    gpus: tuple[str, ...]
    #: A driver, or "" for verdicts without one.
    driver: str = ""
    #: The driver that takes its place.
    next_driver: Optional[str] = None
    #: At most so many rows; None for all.
    limit: Optional[int] = None


@dataclass(frozen=True)
class Table:
    """The answer to a question."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    #: Rows that the limit has left out.
    left_out: int = 0


@dataclass(frozen=True)
class Question:
    """One ready question."""

    name: str
    title: str
    sql: str
    #: Whether it compares two drivers.
    compares: bool = False


# The images that were judged, each with its answers. `pool` has the GPUs that the report is about.
_VIEWS = """
CREATE TEMP VIEW judged AS
  SELECT images.*, answers.gpu, place, answers.driver, answers.answer, answers.verdict, answers.oldest_driver,
    answers.oldest_driver_numbers, answers.reasons
  FROM images JOIN answers USING (facts) JOIN pool USING (gpu);
CREATE TEMP VIEW failing AS SELECT * FROM judged WHERE answer IN ('no', 'partly');
-- What is to blame for it. No package cures what the driver or the image itself refuses.
CREATE TEMP VIEW blamed AS
  SELECT failing.name, failing.platform, findings.*, layers.layer AS layer_digest, layers.created_by,
    len(list_filter(failing.reasons, lambda reason: reason.code IN
      ('driverDoesNotSupportGPU', 'driverTooOldForRuntime', 'imageRefusesDriver'))) = 0 AS curable
  FROM failing JOIN findings USING (facts, gpu, driver)
    LEFT JOIN layers ON layers.digest = failing.digest AND layers."index" = findings.layer
  WHERE findings.verdict IN ('incompatible', 'partial');
"""

QUESTIONS: Sequence[Question] = (
    Question("summary", "How many images run on which GPU", """
        SELECT gpu AS "GPU", count(*) FILTER (answer = 'yes') AS "yes", count(*) FILTER (answer = 'partly') AS "partly",
          count(*) FILTER (answer = 'no') AS "no", count(*) FILTER (answer = 'unknown') AS "not known",
          count(*) FILTER (answer = 'nothing') AS "use no GPU"
        FROM judged WHERE driver = $driver GROUP BY gpu, place ORDER BY place"""),
    Question("breaks", "Images that break", """
        SELECT coalesce(team, '') AS "team", coalesce(repository, '') AS "repository", name AS "image", platform AS "platform",
          gpu AS "GPU", answer AS "answer", coalesce(reasons[1].text, '') AS "because"
        FROM failing WHERE driver = $driver ORDER BY 1, 2, 3, 4, 5"""),
    Question("teams", "Images that break, by team and repository", """
        SELECT coalesce(team, '') AS "team", coalesce(repository, '') AS "repository", gpu AS "GPU",
          count(*) FILTER (answer IN ('no', 'partly')) AS "break", count(*) AS "images"
        FROM judged WHERE driver = $driver GROUP BY ALL HAVING "break" > 0 ORDER BY "break" DESC, 1, 2, 3"""),
    Question("cures", "What would cure most images: packages to replace", """
        WITH of_image AS (
          SELECT gpu, name, platform, count(DISTINCT (package, version)) AS packages FROM blamed WHERE driver = $driver GROUP BY ALL
        )
        SELECT blamed.package AS "package", coalesce(version, '') AS "version", gpu AS "GPU",
          count(DISTINCT (name, platform)) FILTER (packages = 1 AND curable) AS "cures alone",
          count(DISTINCT (name, platform)) AS "breaks", count(DISTINCT layer_digest) AS "layers",
          min(blamed.reasons[1].text) AS "because"
        FROM blamed JOIN of_image USING (gpu, name, platform) WHERE driver = $driver
        GROUP BY blamed.package, version, gpu ORDER BY "cures alone" DESC, "breaks" DESC, 1, 2, 3"""),
    Question("layers", "What would cure most images: layers to build again", """
        WITH of_image AS (
          SELECT gpu, name, platform, count(DISTINCT layer_digest) AS layers FROM blamed WHERE driver = $driver GROUP BY ALL
        )
        SELECT layer_digest AS "layer", gpu AS "GPU",
          count(DISTINCT (name, platform)) FILTER (layers = 1 AND curable) AS "cures alone",
          count(DISTINCT (name, platform)) AS "breaks", list_sort(list_distinct(list(package))) AS "packages",
          min(created_by) AS "made by"
        FROM blamed JOIN of_image USING (gpu, name, platform) WHERE driver = $driver AND layer_digest IS NOT NULL
        GROUP BY layer_digest, gpu ORDER BY "cures alone" DESC, "breaks" DESC, 1, 2"""),
    Question("drivers", "The oldest driver for these GPUs", """
        WITH needed AS (
          SELECT name, platform, max(oldest_driver_numbers) AS numbers, arg_max(oldest_driver, oldest_driver_numbers) AS driver,
          FROM judged WHERE judged.driver = '' AND answer IN ('yes', 'partly') GROUP BY name, platform
        )
        SELECT coalesce(driver, 'any') AS "driver", count(*) AS "images that need it",
          sum(count(*)) OVER (ORDER BY any_value(numbers) NULLS FIRST) AS "images that run with it",
          min(name) AS "one of them"
        FROM needed GROUP BY driver ORDER BY any_value(numbers) DESC NULLS LAST"""),
    Question("change", "What changes with the driver", """
        SELECT before.name AS "image", before.platform AS "platform", before.gpu AS "GPU", before.answer AS "answer before",
          after.answer AS "answer after", coalesce(after.reasons[1].text, before.reasons[1].text, '') AS "because"
        FROM judged AS before JOIN judged AS after USING (name, digest, gpu)
        WHERE before.driver = $driver AND after.driver = $next_driver AND before.answer <> after.answer ORDER BY 1, 2, 3""",
        compares=True),
    Question("ptx", "Images whose only code is PTX newer than the driver", """
        SELECT name AS "image", platform AS "platform", gpu AS "GPU", reason.package AS "package", reason.text AS "because"
        FROM (SELECT name, platform, gpu, unnest(reasons) AS reason FROM judged WHERE driver = $driver)
        WHERE reason.code = 'driverTooOldForPTX' ORDER BY 1, 2, 3, 4"""),
    Question("unused", "Layers with most machine code that none of these GPUs runs", """
        WITH useful AS (SELECT target, bool_or(runs) AS runs FROM targets JOIN pool USING (gpu) GROUP BY target),
        code AS (
          SELECT facts, path, package, libraries.layer AS place,
            sum(target_sets.bytes) FILTER (NOT runs AND target LIKE 'sm_%') AS unused
          FROM libraries JOIN target_sets USING (facts, path) JOIN useful USING (target) GROUP BY ALL
        ),
        found AS (
          SELECT layers.layer, layers.bytes, path, package, unused, name
          FROM images JOIN code USING (facts) JOIN layers ON layers.digest = images.digest AND layers."index" = place
        ),
        once AS (SELECT layer, path, max(unused) AS unused FROM found GROUP BY ALL)
        SELECT layer AS "layer", any_value(total)::BIGINT AS "bytes that none runs", max(bytes) AS "bytes of the layer as stored",
          count(DISTINCT name) AS "images", list_sort(list_distinct(list(package))) AS "packages"
        FROM found JOIN (SELECT layer, sum(unused) AS total FROM once GROUP BY layer) USING (layer)
        GROUP BY layer HAVING any_value(total) > 0 ORDER BY 2 DESC, 1"""),
    Question("unread", "Images that could not be judged", """
        SELECT name AS "image", platform AS "platform", state AS "state", cause AS "because" FROM images WHERE state <> 'judged'
        UNION ALL
        SELECT name, platform, 'incomplete', min(problems.message) || CASE WHEN count(*) > 1 THEN
          ' (and ' || (count(*) - 1) || ' more)' ELSE '' END
        FROM images JOIN problems USING (facts) GROUP BY name, platform
        UNION ALL
        SELECT DISTINCT name, platform, 'not known', reasons[1].text FROM judged
        WHERE driver = $driver AND answer = 'unknown' AND facts NOT IN (SELECT facts FROM problems)
        ORDER BY 3, 1, 2"""),
    Question("matrix", "Every image on every GPU", """
        SELECT name AS "image", platform AS "platform", $columns
        FROM judged WHERE driver = $driver GROUP BY name, platform ORDER BY 1, 2"""),
)  # fmt: skip


def choice(folder: Path, gpus: Sequence[str], driver: Optional[str], next_driver: Optional[str], limit: Optional[int]) -> Choice:
    """What a report is about, from what its reader named; by default all GPUs, and the first driver.

    :raises ReportError: the dataset was not judged for it.
    :raises DatasetError: the folder is no dataset.
    """
    question = question_of(folder)
    known_gpus, known_drivers = list(question["gpus"]), list(question["drivers"])
    for gpu in gpus:
        if gpu not in known_gpus:
            raise ReportError(f"the dataset was not judged for GPU {gpu}, but for {', '.join(known_gpus)}")
    for one in (driver, next_driver):
        if one and one not in known_drivers:
            raise ReportError(f"the dataset was not judged for driver {one}, but for {', '.join(known_drivers) or 'none'}")
    if driver is None:
        driver = known_drivers[0] if known_drivers else ""
    return Choice(tuple(gpus) or tuple(known_gpus), driver, next_driver, limit)


class Reporter:
    """Answers to questions about one dataset."""

    def __init__(self, connection: Any, about: Choice) -> None:
        self.connection = connection
        self.about = about
        make_pool(connection, about)
        connection.execute(_VIEWS)

    def answer(self, question: Question) -> Table:
        """:raises ReportError: it compares two drivers, and one is missing."""
        about = self.about
        if question.compares and about.next_driver is None:
            raise ReportError(f"{question.name} compares two drivers: name both, with --driver and --to")
        sql = question.sql
        values: dict[str, Any] = {name: getattr(about, name) for name in ("driver", "next_driver") if f"${name}" in sql}
        if "$columns" in sql:
            columns = []
            for number, gpu in enumerate(about.gpus):
                values[f"gpu{number}"] = gpu
                quoted = gpu.replace('"', '""')
                columns.append(f'coalesce(max(answer) FILTER (gpu = $gpu{number}), \'\') AS "{quoted}"')
            sql = sql.replace("$columns", ", ".join(columns))
        done = self.connection.execute(sql, values)
        names = tuple(column[0] for column in done.description)
        rows = done.fetchall()
        limit = about.limit
        kept = rows if limit is None else rows[:limit]
        return Table(question.name, self._title(question), names, kept, len(rows) - len(kept))

    def _title(self, question: Question) -> str:
        about = self.about
        with_driver = f" with driver {about.driver}" if "$driver" in question.sql and about.driver else ""
        if question.compares:
            return f"{question.title}: from {about.driver or 'none'} to {about.next_driver}"
        return question.title + with_driver

    def tables(self) -> list[Table]:
        """The answers to all questions that can be answered."""
        return [
            self.answer(question)
            for question in QUESTIONS
            if question.name != "matrix" and not (question.compares and self.about.next_driver is None)
        ]


def question(name: str) -> Question:
    """:raises ReportError: there is no such question."""
    for one in QUESTIONS:
        if one.name == name:
            return one
    raise ReportError(f"there is no question {name}; there are {', '.join(one.name for one in QUESTIONS)}")


def report(folder: Path, about: Choice, names: Sequence[str], write: Callable[[Iterable[Table]], str]) -> str:
    """The answers to some questions, or to all, as a writer writes them."""
    with connected(folder) as connection:
        reporter = Reporter(connection, about)
        return write([reporter.answer(question(name)) for name in names] if names else reporter.tables())


def make_pool(connection: Any, about: Choice) -> None:
    """The table of the GPUs that a report is about, in their order."""
    connection.execute("CREATE OR REPLACE TEMP TABLE pool (gpu VARCHAR, place INTEGER)")
    connection.executemany("INSERT INTO pool VALUES (?, ?)", [[gpu, place] for place, gpu in enumerate(about.gpus)])


def cell(column: str, value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(str(one) for one in value if one is not None)
    if isinstance(value, int) and column.startswith("bytes"):
        return size_text(value)
    return f"{value:,}" if isinstance(value, int) else visible(str(value))


def text(tables: Iterable[Table], width: Optional[int] = None) -> str:
    """Tables for a person.

    :param width: columns of a terminal, for which long cells are cut, and sentences stand below their rows.
    """
    parts = []
    for table in tables:
        lines = [f"{table.title}:" if table.rows else f"{table.title}: none"]
        columns = list(table.columns)
        cells = [[cell(column, value) for column, value in zip(columns, row)] for row in table.rows]
        widths = [max([len(column), *(len(row[index]) for row in cells)]) for index, column in enumerate(columns)]
        sentences = [""] * len(cells)
        if width is not None and sum(widths) > width - 2 * len(widths):
            if columns[-1] == "because":
                columns, widths, sentences = columns[:-1], widths[:-1], [row.pop() for row in cells]
            widths = _narrowed(widths, width - 2 * len(widths))
        room = max(width or 0, _LEAST_SENTENCE)
        for row, sentence in zip([columns, *cells] if cells else [], ["", *sentences]):
            lines.append("  " + "  ".join(elided(value, most).ljust(most) for value, most in zip(row, widths)).rstrip())
            lines += textwrap.wrap(sentence, room, initial_indent=_INDENT, subsequent_indent=_INDENT)
        if table.left_out:
            lines.append(f"  … and {table.left_out:,} more: --question {table.name} --limit 0")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _narrowed(widths: list[int], room: int) -> list[int]:
    """The widths of columns that together fit: the widest lose first."""
    widths = list(widths)
    while sum(widths) > room and max(widths) > _LEAST_COLUMNS:
        widths[widths.index(max(widths))] -= 1
    return widths


def markdown(tables: Iterable[Table]) -> str:
    def escaped(value: str) -> str:
        return "".join("\\" + one if one in "\\`*_{}[]<>()#+!|~" else one for one in value)

    parts = []
    for table in tables:
        lines = [f"## {escaped(table.title)}", ""]
        if not table.rows:
            lines.append("None.")
        else:
            lines.append("| " + " | ".join(escaped(column) for column in table.columns) + " |")
            lines.append("|" + "---|" * len(table.columns))
            for row in table.rows:
                lines.append("| " + " | ".join(escaped(cell(*pair)) for pair in zip(table.columns, row)) + " |")
        if table.left_out:
            lines += ["", f"… and {table.left_out:,} more."]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def comma_separated(tables: Iterable[Table]) -> str:
    """One table, for programs: numbers as they are, lists with semicolons.

    :raises ReportError: there are several.
    """
    one, *others = tables
    if others:
        raise ReportError("CSV is for one question: --question NAME")
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(one.columns)
    for row in one.rows:
        writer.writerow(["; ".join(map(str, value)) if isinstance(value, (list, tuple)) else value for value in row])
    return stream.getvalue()
