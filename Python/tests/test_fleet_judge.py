"""Verdicts on a fleet: those of scans of each image alone, as a dataset, and the questions to it."""

from __future__ import annotations

import csv
import fcntl
import gzip
import html.parser
import io
import json
import os
import pathlib
import pty
import struct
import subprocess
import termios
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import pytest
from fleets import FIXTURES, command, fleet, run, whole_facts
from registries import Image, Layer, Server, digest_of, image, layer

import cubinspect
from cubinspect.fleet import dataset, page, report
from cubinspect.fleet.dataset import DatasetError, Writer
from cubinspect.fleet.judge import Judge, Question
from cubinspect.fleet.plan import Plan, Planner
from cubinspect.fleet.program import Program, ProgramFailure
from cubinspect.fleet.registry import Registry
from cubinspect.fleet.report import ReportError
from cubinspect.fleet.store import FILES, IMAGES, SUBJECTS, FolderStore, Store, key, open_store
from cubinspect.fleet.subjects import document, keep, split, subjects
from cubinspect.fleet.work import Worker

GPUS = ("V100", "A100", "H100", "B200")
DRIVERS = ("535", "580")


def registries(name: str) -> Registry:
    return Registry(name, patience=20, find_credentials=lambda *_: None)


def read(server: Server, store: Store) -> Plan:
    """Everything in a registry, planned and read."""
    plan = Planner(store, registries).make([f"{server.name}/*"])
    Worker(store, Program(), registries, jobs=2).run(plan)
    return plan


def query(folder: pathlib.Path, sql: str) -> list[tuple[Any, ...]]:
    with dataset.connected(folder) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
        return rows


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, str, list[tuple[str, str, list[Image]]]]:
    """A fleet with an image that cannot be read, and one that is no image: the dataset, the registry, the other images."""
    folder = tmp_path_factory.mktemp("judged")
    server = Server()
    try:
        images = fleet(40)
        # The same code and software, with something else on top.
        for number, (repository, _, several) in enumerate(images[:10]):
            top = layer({f"srv/{number}": b"nothing"})
            environment = json.loads(several[0].config)["config"]["Env"]
            one = image([*several[0].layers, top], labels={"team": "toppings"}, environment=environment)
            images.append((repository, f"top{number}", [one]))
        for repository, tag, several in images:
            server.put(repository, tag, *several)
        lost = layer({"lost": b""})
        server.put("team/lost", "1", image([lost]))
        del server.blobs[lost.digest]
        server.put("team/broken", "1", image([Layer(b"this is no tar", digest_of(b""))]))
        store = open_store(str(folder / "store"))
        plan = read(server, store)
        Judge(store, Program(), jobs=2).run(plan, Question(GPUS, DRIVERS), folder / "dataset")
    finally:
        server.close()
    return folder / "dataset", server.name, images


def answers_in(folder: pathlib.Path) -> dict[tuple[str, str, str], list[Any]]:
    """What a dataset says of each manifest, driver and GPU."""
    rows = query(folder, """
        SELECT digest, driver, gpu, answer, verdict, oldest_driver, list_transform(reasons, lambda one: (one.code, one.package)),
          list_transform(reasons, lambda one: one.text)
        FROM images JOIN answers USING (facts)""")  # fmt: skip
    return {(digest, driver, gpu): rest for digest, driver, gpu, *rest in rows}


def expect_answer(said: Sequence[Any], answer: cubinspect.Answer) -> None:
    """What a dataset says is what a scan of the image alone answers; only what they call the image differs."""
    assert list(said[:3]) == [answer.answer, answer.verdict, answer.oldest_driver.text if answer.oldest_driver else None]
    assert said[3] == [(reason.code, reason.package) for reason in answer.reasons]
    names = ("the image", "latest")
    assert [text.replace(*names) for text in said[4]] == [reason.text.replace(*names) for reason in answer.reasons]


def test_answers_are_those_of_scans(
    judged: tuple[pathlib.Path, str, list[tuple[str, str, list[Image]]]], tmp_path: pathlib.Path
) -> None:
    """For every image, GPU and driver, and without a driver."""
    folder, registry, images = judged
    found = answers_in(folder)
    different = {one.digest: one for _, _, several in images for one in several}
    assert len(found) == (len(different) + 1) * len(GPUS) * (len(DRIVERS) + 1)
    answers: Counter[str] = Counter()
    for number, one in enumerate(different.values()):
        whole_facts(one, tmp_path / str(number))
        for driver in ("", *DRIVERS):
            path = tmp_path / str(number) / "facts.json"
            alone = cubinspect.scan(path, gpus=GPUS, driver=driver or None, allow_incomplete=True)
            for answer in alone.answers:
                expect_answer(found[one.digest, driver, answer.query], answer)
                answers[answer.answer] += 1
    assert set(answers) >= {"yes", "partly", "no"}


def test_equal_facts_are_judged_once(judged: tuple[pathlib.Path, str, list[tuple[str, str, list[Image]]]]) -> None:
    folder, _, images = judged
    [(names, different)] = query(folder, "SELECT count(*), count(DISTINCT facts) FROM images WHERE state = 'judged'")
    assert names == sum(len(several) for _, _, several in images) + 1
    assert different < names / 2
    assert query(folder, "SELECT count(*) FROM answers") == [(different * len(GPUS) * (len(DRIVERS) + 1),)]
    # What is on top makes no difference, and is told with the image all the same.
    pairs = query(folder, """
        SELECT one.facts = other.facts, one.digest = other.digest, one.team, other.team
        FROM images AS one JOIN images AS other ON other.tag = 'top' || substr(one.tag, 2) AND other.repository = one.repository
        WHERE one.tag LIKE 'v%' AND one.platform = 'linux/amd64'""")  # fmt: skip
    assert len(pairs) == 10 and all(row[:2] == (True, False) and row[3] == "toppings" != row[2] for row in pairs)


def test_what_was_not_read_is_told(judged: tuple[pathlib.Path, str, list[tuple[str, str, list[Image]]]]) -> None:
    folder, registry, _ = judged
    [(name, state, cause)] = query(folder, "SELECT name, state, cause FROM images WHERE state <> 'judged'")
    assert (name, state) == (f"{registry}/team/lost:1", "unread")
    assert cause.startswith("layer sha256:") and "BLOB_UNKNOWN" in cause
    rows = query(folder, "SELECT DISTINCT repository, answer, code FROM images JOIN problems USING (facts) JOIN answers USING (facts)")
    assert rows == [("team/broken", "unknown", "corruptData")]


def test_layers_and_libraries(judged: tuple[pathlib.Path, str, list[tuple[str, str, list[Image]]]]) -> None:
    folder, _, images = judged
    layers = {(digest, index): name for digest, index, name in query(folder, 'SELECT digest, "index", layer FROM layers')}
    for _, _, several in images:
        for one in several:
            assert [layers[one.digest, index] for index in range(len(one.layers))] == [part.digest for part in one.layers]
    # Each library is in the layer that the image has it from.
    rows = query(folder, """
        SELECT images.digest, libraries.path, libraries.layer, libraries.package, sum(target_sets.bytes)
        FROM images JOIN libraries USING (facts) JOIN target_sets USING (facts, path) GROUP BY ALL""")  # fmt: skip
    by_digest = {one.digest: one for _, _, several in images for one in several}
    assert len(rows) > 50
    for digest, path, index, package, size in rows:
        content = by_digest[digest].layers[index].content
        assert path.encode() in (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
        assert size > 0
        if "site-packages" in path:
            assert f"site-packages/{package}/" in path


def test_documents_of_several_views(tmp_path: pathlib.Path) -> None:
    """A folder with an archive of images for two platforms, and with a wheel."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("oci.tar", "docker.tar"):
        (folder / name).write_bytes((FIXTURES / "archives" / name).read_bytes())
    with zipfile.ZipFile(folder / "alpha-1.0-py3-none-any.whl", "w") as archive:
        archive.write(FIXTURES / "host" / "scale.so", "alpha/_C.so")
    address = str(tmp_path / "store")
    run("plan", "--store", address, str(folder))
    run("work", "--store", address)
    run("judge", "--store", address, "--gpu", "H100,A100", "-o", str(tmp_path / "dataset"))
    rows = query(tmp_path / "dataset", "SELECT name, gpu, answer FROM images JOIN answers USING (facts) ORDER BY ALL")
    found = {(os.path.basename(name), gpu): answer for name, gpu, answer in rows}
    wheel = cubinspect.scan(folder / "alpha-1.0-py3-none-any.whl", gpus=["H100", "A100"])
    for answer in wheel.answers:
        assert found["alpha-1.0-py3-none-any.whl", answer.query] == answer.answer
    assert found["oci.tar", "A100"] == "nothing"


def test_subjects_of_equal_code(fixtures: pathlib.Path, tmp_path: pathlib.Path) -> None:
    one, other = (cubinspect.facts(fixtures / "archives" / name).document for name in ("oci.tar", "docker.tar"))
    [(first, content)], [(second, same)] = split(one), split(other)
    assert first.key == second.key and content == same
    assert [digest for digest, _ in first.layers] != [digest for digest, _ in second.layers]
    assert len(first.layers) == 4 and first.platform == "linux/amd64"
    [(third, _)] = split(cubinspect.facts(fixtures / "host" / "scale.so").document)
    assert third.key != first.key and third.layers == ()
    # What is kept of them is enough to tell them apart.
    store, name = FolderStore(tmp_path), digest_of(one)
    with pytest.raises(FileNotFoundError):
        subjects(store, IMAGES, name)
    store.write(key(IMAGES, name), gzip.compress(one))
    for _ in range(2):
        assert subjects(store, IMAGES, name) == [first]
    assert document(store, IMAGES, name, first) == content
    # Of another form it is made again; of other facts it is no answer.
    store.write(key(SUBJECTS, name), b'{"version": 0}')
    assert subjects(store, IMAGES, name) == keep(store, name, one) == [first]
    with pytest.raises(ValueError, match="remove it"):
        document(store, IMAGES, name, third)


def test_machine_code_and_gpus(judged: tuple[pathlib.Path, str, list[tuple[str, str, list[Image]]]]) -> None:
    folder, _, _ = judged
    rows = {(target, gpu): runs for target, gpu, runs in query(folder, "SELECT * FROM targets")}
    assert {target for target, _ in rows} == {
        row[0] for row in query(folder, "SELECT DISTINCT target FROM target_sets WHERE target LIKE 'sm_%'")
    }
    assert rows["sm_80", "A100"] and not rows["sm_80", "H100"] and not rows["sm_80", "B200"]
    assert rows["sm_90", "H100"] and not rows["sm_90", "B200"]


# What goes wrong


def test_facts_that_the_program_cannot_judge(tmp_path: pathlib.Path) -> None:
    """They fail alone, whatever is judged together with them."""
    store = FolderStore(tmp_path / "store")
    plan = Planner(store, registries).make([str(FIXTURES / "host" / name) for name in ("scale.so", "needs.so", "relr.so")])
    for file in plan.files:
        facts = json.loads(cubinspect.facts(file.path).document)
        if file.path.endswith("needs.so"):
            facts["views"][0]["files"][0]["size"] = "large"
        store.write(key(FILES, file.digest), gzip.compress(json.dumps(facts).encode()))
    script = tmp_path / "program"
    script.write_text(
        f'#!/bin/sh\nfor path; do if grep -q \'"size":"large"\' "$path" 2>/dev/null; then kill -9 $$; fi; done\n'
        f'exec {cubinspect.find_program()} "$@"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    Judge(store, Program(str(script))).run(plan, Question(("H100",)), tmp_path / "dataset")
    rows = query(tmp_path / "dataset", "SELECT regexp_extract(name, '[^/]*$'), state, cause FROM images ORDER BY name")
    assert [row[:2] for row in rows] == [("needs.so", "failed"), ("relr.so", "judged"), ("scale.so", "judged")]
    assert "SIGKILL" in rows[0][2]


def test_texts_that_are_no_unicode(server: Server, tmp_path: pathlib.Path) -> None:
    """Half of a pair of UTF-16, which JSON can write and no file of Parquet."""
    server.put("team/app", "1", image([layer({"a": b"1"})], labels={"team": "red \ud800"}))
    store = FolderStore(tmp_path / "store")
    Judge(store, Program()).run(read(server, store), Question(("H100",)), tmp_path / "dataset")
    assert query(tmp_path / "dataset", "SELECT team, state FROM images") == [("red ?", "judged")]


def test_unknown_gpus_and_drivers(tmp_path: pathlib.Path) -> None:
    store = FolderStore(tmp_path / "store")
    for question in (Question(("Voodoo 2",)), Question(("A100",), ("new",)), Question(("8.0,9.0",))):
        with pytest.raises(ProgramFailure):
            Judge(store, Program()).run(Plan(), question, tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()


# Datasets


def write(folder: pathlib.Path, tables: Mapping[str, Sequence[Mapping[str, Any]]], drivers: tuple[str, ...] = ("535", "580")) -> None:
    about = {"gpus": ["A100", "B200"], "drivers": drivers, "tool": {"version": "1.0.0", "tables": "2026-11-30"}}
    with Writer(folder, about) as writer:
        for table, rows in tables.items():
            for row in rows:
                writer.add(table, row)


def test_a_dataset_takes_the_place_of_another(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "_ROWS_IN_MEMORY", 7)
    folder = tmp_path / "dataset"
    for count in (20, 30):
        write(folder, {"stack": [{"facts": str(number)} for number in range(count)]})
        assert query(folder, "SELECT facts FROM stack") == [(str(number),) for number in range(count)]
    with pytest.raises(KeyError):
        write(folder, {"none": [{}]})
    assert query(folder, "SELECT count(*) FROM stack") == [(30,)]
    # Nothing is left beside it, and nothing else is replaced.
    assert os.listdir(tmp_path) == ["dataset"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(DatasetError, match="no dataset"):
        write(tmp_path / "other", {})
    assert (tmp_path / "other" / "file").read_text(encoding="utf-8") == "mine"
    with pytest.raises(DatasetError, match="judge makes one"), dataset.connected(tmp_path / "other"):
        pass


# Reports


def row_of_image(name: str, facts: Optional[str], **others: Any) -> dict[str, Any]:
    return {"name": name, "repository": name.split(":")[0], "team": "red", "digest": f"digest of {name}", "platform": "linux/amd64",
            "facts": facts, "state": "judged", **others}  # fmt: skip


def answer_of(facts: str, gpu: str, driver: str, answer: str, code: str = "", oldest: tuple[int, ...] = ()) -> dict[str, Any]:
    reasons = [{"code": code, "package": "p", "text": f"{code} of {facts}"}] if code else []
    return {"facts": facts, "gpu": gpu, "driver": driver, "answer": answer, "verdict": "native", "reasons": reasons,
            "oldest_driver": ".".join(map(str, oldest)) or None, "oldest_driver_numbers": list(oldest) or None}  # fmt: skip


def finding_of(facts: str, package: str, layer: int, driver: str = "580") -> dict[str, Any]:
    reasons = [{"code": "noKernelImage", "package": package, "text": f"{package} has no code"}]
    return {"facts": facts, "gpu": "B200", "driver": driver, "package": package, "version": "1", "verdict": "incompatible",
            "layer": layer, "libraries": [f"{package}.so"], "reasons": reasons}  # fmt: skip


@pytest.fixture
def small(tmp_path: pathlib.Path) -> pathlib.Path:
    """One image that runs everywhere, two that alpha breaks, one that alpha and beta break, one that its driver breaks too."""
    images = [
        row_of_image("good:1", "good"),
        row_of_image("a:1", "alpha"),
        row_of_image("a:2", "alpha"),
        row_of_image("b:1", "both", team="blue"),
        row_of_image("c:1", "driver"),
        row_of_image("<d>:1", None, state="unread", cause="layer: not read yet"),
    ]
    answers = []
    for driver in ("", "535", "580"):
        for facts in ("good", "alpha", "both", "driver"):
            oldest = {"good": (450, 80, 2), "alpha": (525, 60, 13)}.get(facts, (525, 5))
            answers.append(answer_of(facts, "A100", driver, "yes", oldest=oldest))
            code = "" if facts == "good" else "noKernelImage"
            answers.append(answer_of(facts, "B200", driver, "no" if code else "yes", code))
    for row in answers:
        if (row["facts"], row["gpu"], row["driver"]) == ("good", "B200", "535"):
            row.update(answer="no", reasons=[{"code": "driverTooOldForPTX", "package": "good", "text": "PTX is too new"}])
        if (row["facts"], row["gpu"]) == ("driver", "B200"):
            row["reasons"].append({"code": "driverDoesNotSupportGPU", "package": None, "text": "driver"})
    findings = [
        finding_of(facts, package, index)
        for facts, package, index in [("alpha", "alpha", 0), ("both", "alpha", 0), ("both", "beta", 1), ("driver", "alpha", 0)]
    ]
    layers = [
        {"digest": row["digest"], "index": index, "layer": name, "bytes": 100, "created_by": f"RUN {name}"}
        for row in images
        for index, name in enumerate(("base", f"top of {row['name']}"))
    ]
    libraries = [{"facts": facts, "path": "alpha.so", "package": "alpha", "layer": 0} for facts in ("alpha", "both")]
    sets = [
        {"facts": facts, "path": "alpha.so", "target": target, "images": 1, "bytes": size}
        for facts in ("alpha", "both")
        for target, size in (("sm_80", 1000), ("sm_70", 500), ("compute_70", 70))
    ]
    targets = [
        {"target": target, "gpu": gpu, "runs": (target, gpu) == ("sm_80", "A100")} for target in ("sm_80", "sm_70") for gpu in ("A100", "B200")
    ]
    problems = [{"facts": "driver", "code": "truncated", "path": "x.so", "message": "x.so is cut"}] * 3
    folder = tmp_path / "dataset"
    write(folder, {"images": images, "answers": answers, "findings": findings, "layers": layers, "libraries": libraries,
                   "target_sets": sets, "targets": targets, "problems": problems})  # fmt: skip
    return folder


def ask(folder: pathlib.Path, name: str, **options: Any) -> list[tuple[Any, ...]]:
    about = report.choice(folder, options.pop("gpus", ()), options.pop("driver", "580"), options.pop("to", None), options.pop("limit", None))
    with dataset.connected(folder) as connection:
        return report.Reporter(connection, about).answer(report.question(name)).rows


def test_questions(small: pathlib.Path) -> None:
    assert ask(small, "summary") == [("A100", 5, 0, 0, 0, 0), ("B200", 1, 0, 4, 0, 0)]
    assert [row[:6] for row in ask(small, "breaks")] == [
        ("blue", "b", "b:1", "linux/amd64", "B200", "no"),
        ("red", "a", "a:1", "linux/amd64", "B200", "no"),
        ("red", "a", "a:2", "linux/amd64", "B200", "no"),
        ("red", "c", "c:1", "linux/amd64", "B200", "no"),
    ]
    assert ask(small, "breaks", gpus=["A100"]) == []
    assert ask(small, "teams") == [("red", "a", "B200", 2, 2), ("blue", "b", "B200", 1, 1), ("red", "c", "B200", 1, 1)]
    # Alpha alone is wrong in two images; in the others something else is too.
    assert ask(small, "cures") == [
        ("alpha", "1", "B200", 2, 4, 1, "alpha has no code"),
        ("beta", "1", "B200", 0, 1, 1, "beta has no code"),
    ]
    assert ask(small, "layers") == [
        ("base", "B200", 2, 4, ["alpha"], "RUN base"),
        ("top of b:1", "B200", 0, 1, ["beta"], "RUN top of b:1"),
    ]
    assert ask(small, "drivers") == [
        ("525.60.13", 2, 5, "a:1"),
        ("525.5", 2, 3, "b:1"),
        ("450.80.2", 1, 1, "good:1"),
    ]
    assert ask(small, "change", driver="535", to="580") == [("good:1", "linux/amd64", "B200", "no", "yes", "PTX is too new")]
    assert ask(small, "ptx", driver="535") == [("good:1", "linux/amd64", "B200", "good", "PTX is too new")]
    assert ask(small, "ptx") == []
    assert ask(small, "unused") == [("base", 500, 100, 3, ["alpha"])]
    assert ask(small, "unused", gpus=["B200"]) == [("base", 1500, 100, 3, ["alpha"])]
    assert ask(small, "unread") == [
        ("c:1", "linux/amd64", "incomplete", "x.so is cut (and 2 more)"),
        ("<d>:1", "linux/amd64", "unread", "layer: not read yet"),
    ]
    assert ask(small, "matrix", gpus=["B200", "A100"], limit=2) == [("a:1", "linux/amd64", "no", "yes"), ("a:2", "linux/amd64", "no", "yes")]


def test_what_a_dataset_does_not_answer(small: pathlib.Path) -> None:
    for options in ({"gpus": ["H100"]}, {"driver": "450"}, {"to": "450"}):
        with pytest.raises(ReportError, match="was not judged for"):
            ask(small, "summary", **options)
    with pytest.raises(ReportError, match="--to"):
        ask(small, "change")
    with pytest.raises(ReportError, match="breaks"):
        ask(small, "none")
    assert "was not judged" in run("report", str(small), "--gpu", "H100", status=2)
    assert "no dataset" in run("report", str(small.parent), status=2)


def test_forms(small: pathlib.Path) -> None:
    said = run("report", str(small), "--driver", "535", "--to", "580", "--limit", "1")
    assert "How many images run on which GPU with driver 535:\n  GPU   yes" in said
    assert "… and 4 more: --question breaks --limit 0" in said
    assert "What changes with the driver: from 535 to 580" in said
    rows = list(csv.reader(io.StringIO(run("report", str(small), "--question", "matrix", "--driver", "580", "-o", "csv"))))
    assert rows[:2] == [["image", "platform", "A100", "B200"], ["a:1", "linux/amd64", "yes", "no"]]
    assert "one question" in run("report", str(small), "-o", "csv", status=2)
    assert "| \\<d\\>:1 | linux/amd64 |" in run("report", str(small), "-o", "markdown")
    run("report", str(small), "-o", f"markdown={small.parent}/report.md", "-o", f"html={small.parent}/report.html")
    assert (small.parent / "report.md").read_text(encoding="utf-8").startswith("## How many")


def test_tables_fit_into_a_terminal(small: pathlib.Path) -> None:
    names = [f"registry.example/team/{'application-' * 5}{number}:1.0" for number in (1, 22)]
    rows = [(name, 1234, f"{name} does not run") for name in names]
    tables = [report.Table("breaks", "Images that break", ("image", "layers", "because"), rows, 3)]
    whole = report.text(tables)
    assert all(name in whole for name in names)
    lines = report.text(tables, 80).splitlines()
    assert max(map(len, lines[:-1])) <= 80
    # A sentence stands whole below its row; the ends tell long names from each other.
    assert lines[1].split() == ["image", "layers"]
    rows_shown = [line for line in lines if line.startswith("  r")]
    assert [line.split()[-1] for line in rows_shown] == ["1,234", "1,234"] and rows_shown[0] != rows_shown[1]
    assert " ".join(" ".join(lines[3:]).split()).count("does not run") == 2
    narrow = report.text(tables, 50).splitlines()
    assert all(len(line) <= 50 for line in narrow[:-1]) and sum(" 1,234" in line and "…" in line for line in narrow) == 2
    assert report.text(tables, 500) == whole
    # However narrow it is, a sentence has twenty columns.
    assert max(map(len, report.text(tables, 10).splitlines()[:-1])) == 20
    # A terminal, and everything else.
    words = command("report", str(small), "--question", "unread", "--driver", "580")
    said = run(*words[3:])
    master, terminal = pty.openpty()
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
        subprocess.run([*words, "-o", "text", "-o", f"text={small.parent}/report.txt"], stdout=terminal, check=True)
        shown = os.read(master, 1 << 16).decode().replace("\r\n", "\n")
    finally:
        os.close(master)
        os.close(terminal)
    assert max(map(len, shown.splitlines())) <= 50 < max(map(len, said.splitlines()))
    assert (small.parent / "report.txt").read_text(encoding="utf-8") == said


class Page(html.parser.HTMLParser):
    """The anchors and links of a page, and whether its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Optional[str]]]) -> None:
        values = dict(attrs)
        assert "src" not in values
        if values.get("id"):
            assert values["id"] not in self.ids
            self.ids.add(values["id"] or "")
        if values.get("href"):
            self.links.append(values["href"] or "")
        if tag not in ("meta", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page(small: pathlib.Path) -> None:
    stream = io.StringIO()
    page.write(small, report.choice(small, (), "580", "535", 10), stream)
    text = stream.getvalue()
    one = Page(text)
    assert one.open == []
    # Everything that it leads to is in it, and it loads nothing.
    assert {link[1:] for link in one.links} <= one.ids and all(link.startswith("#") for link in one.links)
    # One row for equal facts, with a mark for each GPU.
    assert sum(link.startswith("#e") for link in one.links) == 4 * 2
    assert "alpha 1: incompatible, layer 1, alpha.so" in text
    assert "<d>" not in text and "&lt;d&gt;:1" in text


def test_the_document_describes_every_column() -> None:
    text = (FIXTURES.parent / "Docs" / "Fleet.md").read_text(encoding="utf-8")
    for table, columns in dataset.TABLES.items():
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{table}` | ") and f"`{next(iter(columns))}`" in line]
        assert [name for name in columns if f"`{name}`" not in row] == []
    for one in report.QUESTIONS:
        assert f"| `{one.name}` |" in text
