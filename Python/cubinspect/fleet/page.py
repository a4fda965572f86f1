"""The report as one page that loads nothing: a matrix of images and GPUs, and behind each cell what says so."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from cubinspect.fleet.dataset import connected, question_of
from cubinspect.fleet.report import Choice, Reporter, Table, cell, make_pool

_MARKS = {"yes": "✓", "partly": "!", "no": "✗", "unknown": "?", "nothing": "–"}
_WORDS = {"yes": "runs", "partly": "runs in part", "no": "does not run", "unknown": "not known", "nothing": "uses no GPU"}
# Names of images with equal facts that are told at once.
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class _Row:
    """Images with equal facts."""

    number: int
    names: list[str]
    teams: list[str]
    #: By GPU: the answer and its reasons.
    answers: Mapping[str, tuple[str, list[str]]]
    #: By GPU: what does not run, each in one line.
    findings: Mapping[str, list[str]]


def write(folder: Path, about: Choice, file: TextIO) -> None:
    """Writes the page, row by row."""
    tool = question_of(folder)["tool"]
    with connected(folder) as connection:
        reporter = Reporter(connection, about)
        tables = [table for table in reporter.tables() if table.name != "breaks"]
        driver = f" with driver {about.driver}" if about.driver else ""
        file.write(_head(f"Which images run on which GPUs{driver}"))
        [summary] = [table for table in tables if table.name == "summary"]
        file.writelines(_table(summary))
        file.writelines(_matrix(about, _rows(connection, about)))
        for table in tables:
            if table.name != "summary":
                file.writelines(_table(table))
        file.write('<h2 id="evidence">What says so</h2>\n')
        for row in _rows(connection, about):
            file.writelines(_evidence(about, row))
        file.write(
            f"<footer>cubinspect {_text(tool['version'])}, tables of {_text(tool.get('tables', 'no date'))}</footer>\n"
            f"</main>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
        )


def _rows(connection: Any, about: Choice) -> Iterator[_Row]:
    """The images, the worst first, in groups of equal facts. Few are in memory at a time."""
    cursor = connection.cursor()
    # What is temporary belongs to one connection.
    make_pool(cursor, about)
    cursor.execute("""
        WITH named AS (
          SELECT facts, list_sort(list(name || CASE WHEN platform IS NULL THEN '' ELSE ' (' || platform || ')' END)) AS names,
            list_sort(list_distinct(list(team))) AS teams
          FROM images WHERE state = 'judged' GROUP BY facts
        ),
        said AS (
          SELECT facts, count(*) FILTER (answer IN ('no', 'partly')) AS bad,
            list({gpu: gpu, answer: answer, reasons: list_transform(reasons, lambda reason: reason.text)}) AS answers
          FROM answers JOIN pool USING (gpu) WHERE driver = $driver GROUP BY facts
        ),
        found AS (
          SELECT facts, list({gpu: gpu, package: package, version: version, verdict: verdict, layer: layer, libraries: libraries,
            reasons: list_transform(reasons, lambda reason: reason.text)} ORDER BY package) AS findings
          FROM findings JOIN pool USING (gpu) WHERE driver = $driver GROUP BY facts
        )
        SELECT names, teams, answers, findings FROM named JOIN said USING (facts) LEFT JOIN found USING (facts)
        ORDER BY bad DESC, len(names) DESC, names""", {"driver": about.driver})  # fmt: skip
    number = 0
    while True:
        rows = cursor.fetchmany(200)
        if not rows:
            return
        for names, teams, answers, findings in rows:
            number += 1
            yield _Row(
                number,
                names,
                [team for team in teams if team],
                {one["gpu"]: (one["answer"], one["reasons"]) for one in answers},
                _by_gpu(findings or []),
            )


def _by_gpu(findings: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in findings:
        name = " ".join(part for part in (one["package"], one["version"]) if part)
        layer = "" if one["layer"] is None else f", layer {one['layer'] + 1}"
        libraries = ", ".join(one["libraries"])
        text = f"{name}: {one['verdict']}{layer}" + (f", {libraries}" if libraries else "")
        found.setdefault(one["gpu"], []).append(text)
    return found


def _matrix(about: Choice, rows: Iterable[_Row]) -> Iterator[str]:
    yield '<h2 id="matrix">Images and GPUs</h2>\n'
    yield '<p class="legend">' + " ".join(f'<span class="{name}">{_MARKS[name]} {word}</span>' for name, word in _WORDS.items())
    yield ". Images in one row have the same device code and the same software around it. A mark leads to what says so.</p>\n"
    yield (
        '<div><form class="filter"><label>Show <input name="text" placeholder="image or team"></label> '
        '<label>that <select name="state"><option value="">is any</option>'
        + "".join(f'<option value="{name}">{word}</option>' for name, word in _WORDS.items())
        + "</select></label> <output></output></form>\n"
    )
    yield '<div class="wide"><table class="heat"><thead><tr><th class="text">image</th><th class="text">team</th>'
    yield "".join(f"<th>{_text(gpu)}</th>" for gpu in about.gpus) + "</tr></thead>\n<tbody>\n"
    for row in rows:
        states = " ".join(sorted({answer for answer, _ in row.answers.values()}))
        yield f'<tr data-states="{states}"><th scope="row">{_names(row)}</th><td class="text">{_text(", ".join(row.teams))}</td>'
        for index, gpu in enumerate(about.gpus):
            answer = row.answers.get(gpu, ("unknown", []))[0]
            yield (
                f'<td class="{answer}"><a href="#e{row.number}-{index}" title="{_text(gpu)}: {_WORDS[answer]}">{_MARKS[answer]}</a></td>'
            )
        yield "</tr>\n"
    yield "</tbody></table></div></div>\n"


def _names(row: _Row) -> str:
    shown = "<br>".join(_text(name) for name in row.names[:_NAMES_SHOWN])
    rest = row.names[_NAMES_SHOWN:]
    if not rest:
        return shown
    return f"{shown}<details><summary>and {len(rest)} more</summary>{'<br>'.join(_text(name) for name in rest)}</details>"


def _evidence(about: Choice, row: _Row) -> Iterator[str]:
    more = f" and {len(row.names) - 1} more" if len(row.names) > 1 else ""
    yield f'<section id="e{row.number}"><h3>{_text(row.names[0])}{more}</h3>\n<ul>\n'
    for index, gpu in enumerate(about.gpus):
        answer, reasons = row.answers.get(gpu, ("unknown", []))
        yield f'<li id="e{row.number}-{index}"><span class="{answer}">{_MARKS[answer]}</span> {_text(gpu)}: {_WORDS[answer]}'
        parts = [*reasons, *row.findings.get(gpu, [])]
        if parts:
            yield "<ul>" + "".join(f"<li>{_text(part)}</li>" for part in parts) + "</ul>"
        yield "</li>\n"
    yield '</ul>\n<p><a href="#matrix">all images</a></p></section>\n'


def _table(table: Table) -> Iterator[str]:
    yield f'<h2 id="{table.name}">{_text(table.title)}</h2>\n'
    if not table.rows:
        yield "<p>None.</p>\n"
        return
    yield '<div class="wide"><table><thead><tr>' + "".join(f"<th>{_text(name)}</th>" for name in table.columns)
    yield "</tr></thead>\n<tbody>\n"
    for row in table.rows:
        cells = (
            f"<td{' class=number' if isinstance(value, int) else ''}>{_text(cell(column, value))}</td>"
            for column, value in zip(table.columns, row)
        )
        yield "<tr>" + "".join(cells) + "</tr>\n"
    yield "</tbody></table></div>\n"
    if table.left_out:
        yield f"<p>… and {table.left_out:,} more.</p>\n"


def _text(value: str) -> str:
    return html.escape(value)


def _head(title: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{_text(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{_text(title)}</h1>
"""


_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --quiet: #57606a;
  --yes: #dafbe1; --partly: #fff8c5; --no: #ffd8d3; --nothing: #eaeef2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --quiet: #9198a1;
  --yes: #12361f; --partly: #3b2e00; --no: #4f1412; --nothing: #21262d; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
main { max-width: 90rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
h3 { font-size: 1rem; overflow-wrap: anywhere; }
a { color: inherit; } td a { display: block; text-decoration: none; }
.wide { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; font-size: .9rem; }
th, td { padding: .25rem .6rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
.heat td, .heat thead th { text-align: center; } .heat .text { text-align: left; } .heat tbody tr { content-visibility: auto; }
.heat th[scope=row] { position: sticky; left: 0; background: var(--paper); min-width: min(18rem, 50vw); font-weight: 500; overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.yes { background: var(--yes); } .no { background: var(--no); } .partly, .unknown { background: var(--partly); }
.nothing { background: var(--nothing); }
.legend, .filter, footer { color: var(--quiet); font-size: .9rem; } .legend span, li > span { padding: .1rem .4rem; border-radius: 4px; }
.filter { display: flex; gap: 1rem; flex-wrap: wrap; margin: .5rem 0; }
section { content-visibility: auto; contain-intrinsic-size: auto 10rem; } section li { overflow-wrap: anywhere; }
:target { outline: 2px solid currentColor; outline-offset: 2px; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .75rem; }
"""

_SCRIPT = """
for (const form of document.querySelectorAll(".filter")) {
  const rows = [...form.parentElement.querySelectorAll(".heat tbody tr")];
  const names = rows.map(row => (row.cells[0].textContent + " " + row.cells[1].textContent).toLowerCase());
  form.addEventListener("input", () => {
    const text = form.elements.text.value.toLowerCase(), state = form.elements.state.value;
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !(names[index].includes(text) && (!state || row.dataset.states.split(" ").includes(state)));
      shown += !row.hidden;
    });
    form.querySelector("output").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} rows`;
  });
  form.addEventListener("submit", event => event.preventDefault());
}
"""
