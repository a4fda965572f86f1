"""Verdicts on a fleet: facts in the store, times GPUs, times drivers. No layer is read, and no registry is asked."""

from __future__ import annotations

import concurrent.futures
import tempfile
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from cubinspect.fleet.dataset import Row, Writer
from cubinspect.fleet.documents import mapping, parsed
from cubinspect.fleet.images import Composer, Unread
from cubinspect.fleet.plan import File, Image, Manifest, Plan, created
from cubinspect.fleet.program import Program, ProgramFailure
from cubinspect.fleet.progress import Line
from cubinspect.fleet.store import CONFIGS, FILES, IMAGES, Store, key, why_missing
from cubinspect.fleet.subjects import Subject, document, subjects
from cubinspect.fleet.targets import runs

# Views that one run of the program judges, and bytes of their facts.
_BATCH_VIEWS = 16
_BATCH_BYTES = 16 << 20
# Libraries that a finding names.
_MOST_LIBRARIES = 20
# Problems of these kinds do not make facts incomplete; the program does not count them either.
_HARMLESS = {"unknownValue", "absent"}

JUDGED, UNREAD, FAILED_STATE = "judged", "unread", "failed"


@dataclass(frozen=True)
class Question:
    """For which GPUs and drivers a fleet is judged, as the program takes them; always without a driver too."""

    gpus: tuple[str, ...]
    drivers: tuple[str, ...] = ()


@dataclass
class Outcome:
    """What was judged."""

    images: Counter[str] = field(default_factory=Counter)
    facts: int = 0
    answers: int = 0


class Judge:
    """Judges what a plan names."""

    def __init__(
        self,
        store: Store,
        program: Program,
        *,
        jobs: int = 1,
        team_label: str = "team",
        line: Optional[Line] = None,
    ) -> None:
        """
        :param team_label: the label of images that names the team; without it, the first part of the repository.
        """
        self._store = store
        self._program = program
        self._jobs = jobs
        self._team_label = team_label
        self._line = line or Line(quiet=True)
        self._composer = Composer(store, program)

    def run(self, plan: Plan, question: Question, output: Path) -> Outcome:
        """Writes the dataset.

        :raises ProgramFailure: a GPU or a driver is not known.
        :raises DatasetError: it cannot be written there.
        """
        tool = self._program.check(question.gpus, question.drivers)
        about = {"gpus": question.gpus, "drivers": question.drivers, "tool": tool}
        outcome = Outcome()
        images: list[dict[str, Any]] = []
        failures: dict[str, str] = {}
        with tempfile.TemporaryDirectory(prefix="cubinspect-fleet-") as folder, Writer(output, about) as writer:
            batches = _Batches(Path(folder))
            targets: set[str] = set()
            with concurrent.futures.ThreadPoolExecutor(self._jobs) as pool:
                waiting: deque[concurrent.futures.Future[_Judged]] = deque()

                def take(most: int) -> None:
                    """Writes what was judged, in the order in which it was begun, until so much is still open."""
                    while len(waiting) > most:
                        judged = waiting.popleft().result()
                        failures.update(judged.failures)
                        for table, judged_row in judged.rows:
                            writer.add(table, judged_row)
                        targets.update(judged.targets)
                        outcome.facts += judged.count
                        self._line.tell(f"{outcome.facts} different facts of {len(images)} images judged")

                for rows, facts in self._images(plan, writer):
                    images += rows
                    if facts is not None and batches.add(self._store, facts):
                        waiting.append(pool.submit(self._judge, batches.take(), question))
                        take(2 * self._jobs)
                if batches.has_some:
                    waiting.append(pool.submit(self._judge, batches.take(), question))
                take(0)
            for row in images:
                if row["facts"] in failures:
                    row.update(state=FAILED_STATE, cause=failures[row["facts"]])
                outcome.images[row["state"]] += 1
                writer.add("images", row)
            for (target, gpu), does_run in runs(self._program, targets, question.gpus, tool).items():
                writer.add("targets", {"target": target, "gpu": gpu, "runs": does_run})
            outcome.answers = writer.counts["answers"]
        self._line.clear()
        return outcome

    # What is judged

    def _images(self, plan: Plan, writer: Writer) -> Iterator[tuple[list[dict[str, Any]], Optional[_Facts]]]:
        """The rows of the images and files of a plan, and where the facts of those are that have some."""
        names: dict[str, list[Image]] = {}
        for image in plan.images:
            names.setdefault(image.manifest, []).append(image)
        for manifest in plan.manifests.values():
            about = self._about(manifest)
            try:
                [subject] = self._subjects(IMAGES, manifest.digest, manifest)
            except (Unread, ProgramFailure, ValueError) as error:
                yield [self._row(image, manifest, about, None, str(error)) for image in names[manifest.digest]], None
                continue
            for index, blob in enumerate(manifest.layers):
                created_by = subject.layers[index][1] if index < len(subject.layers) else ""
                writer.add("layers", {
                    "digest": manifest.digest, "index": index, "layer": blob.digest, "bytes": blob.size, "created_by": created_by,
                })  # fmt: skip
            yield [self._row(image, manifest, about, subject, None) for image in names[manifest.digest]], _Facts(IMAGES, manifest.digest, subject)
        for file in plan.files:
            try:
                several = self._subjects(FILES, file.digest, None)
            except (Unread, ValueError) as error:
                yield [_file_row(file, None, str(error))], None
                continue
            for subject in several:
                for index, (digest, created_by) in enumerate(subject.layers):
                    writer.add("layers", {
                        "digest": f"{file.digest} {subject.label}".strip(), "index": index, "layer": digest, "created_by": created_by,
                    })  # fmt: skip
                yield [_file_row(file, subject, None)], _Facts(FILES, file.digest, subject)

    def _subjects(self, room: str, digest: str, manifest: Optional[Manifest]) -> list[Subject]:
        """The facts of an image or a file, made of those of layers where that was not done yet.

        :raises Unread: they are not in the store.
        """
        try:
            return subjects(self._store, room, digest)
        except FileNotFoundError:
            if manifest is None:
                raise Unread(why_missing(self._store, digest)) from None
        self._composer.make(manifest)
        return subjects(self._store, room, digest)

    def _about(self, manifest: Manifest) -> Mapping[str, Any]:
        """The configuration of an image; empty where it was not read."""
        try:
            return mapping(parsed(self._store.read(key(CONFIGS, manifest.config.digest))))
        except (FileNotFoundError, ValueError):
            return {}

    def _row(
        self, image: Image, manifest: Manifest, about: Mapping[str, Any], subject: Optional[Subject], cause: Optional[str]
    ) -> dict[str, Any]:
        label = mapping(mapping(about.get("config")).get("Labels")).get(self._team_label)
        team = str(label) if label else image.repository.split("/")[0] if "/" in image.repository else None
        return {
            "name": image.name,
            "registry": image.registry,
            "repository": image.repository,
            "tag": image.tag,
            "digest": manifest.digest,
            "platform": manifest.platform,
            "team": team,
            "created": created(about),
            "bytes": sum(layer.size for layer in manifest.layers),
            "facts": subject.key if subject else None,
            "state": JUDGED if subject else UNREAD,
            "cause": cause,
        }

    # Judging

    def _judge(self, batch: _Batch, question: Question) -> _Judged:
        """The rows about some facts. Where the program fails on all together, each is judged alone."""
        try:
            return self._judge_together(batch, question)
        except ProgramFailure as error:
            if len(batch.keys) == 1:
                return _Judged(failures={batch.keys[0]: str(error)}, count=1)
        whole = _Judged()
        for name, path in zip(batch.keys, batch.paths):
            whole.add(self._judge(_Batch([name], [path]), question))
        return whole

    def _judge_together(self, batch: _Batch, question: Question) -> _Judged:
        judged = _Judged(count=len(batch.keys))
        for driver in (None, *question.drivers):
            report = self._program.scan(batch.paths, question.gpus, driver)
            if len(report["views"]) != len(batch.keys):
                raise ProgramFailure(f"{len(report['views'])} views of {len(batch.keys)} documents of facts")
            for name, view in zip(batch.keys, report["views"]):
                if driver is None:
                    judged.rows += _fact_rows(name, view)
                    judged.targets |= {row["target"] for library in view["libraries"] for row in library["targets"]}
                judged.rows += _answer_rows(name, view, driver or "")
        for path in batch.paths:
            Path(path).unlink()
        return judged


@dataclass
class _Batch:
    """Facts that one run judges, as files."""

    keys: list[str]
    paths: list[str]


@dataclass(frozen=True)
class _Facts:
    """Where facts are."""

    room: str
    digest: str
    subject: Subject


class _Batches:
    """Collects different facts into batches."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[str] = set()
        self._batch = _Batch([], [])
        self._bytes = 0

    @property
    def has_some(self) -> bool:
        return bool(self._batch.keys)

    def add(self, store: Store, facts: _Facts) -> bool:
        """Adds facts that were not there before; returns whether the batch is full."""
        name = facts.subject.key
        if name in self._seen:
            return False
        self._seen.add(name)
        content = document(store, facts.room, facts.digest, facts.subject)
        path = self._folder / f"{name}.json"
        path.write_bytes(content)
        self._batch.keys.append(name)
        self._batch.paths.append(str(path))
        self._bytes += len(content)
        return len(self._batch.keys) >= _BATCH_VIEWS or self._bytes >= _BATCH_BYTES

    def take(self) -> _Batch:
        batch, self._batch, self._bytes = self._batch, _Batch([], []), 0
        return batch


@dataclass
class _Judged:
    """The rows about some facts."""

    rows: list[tuple[str, Row]] = field(default_factory=list)
    #: The targets of their code.
    targets: set[str] = field(default_factory=set)
    #: Why facts could not be judged.
    failures: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def add(self, other: _Judged) -> None:
        self.rows += other.rows
        self.failures.update(other.failures)
        self.count += other.count
        self.targets |= other.targets


def _file_row(file: File, subject: Optional[Subject], cause: Optional[str]) -> dict[str, Any]:
    label = subject.label if subject else ""
    return {
        "name": f"{file.path} {label}".strip(),
        "digest": f"{file.digest} {label}".strip(),
        "platform": subject.platform if subject else None,
        "bytes": file.size,
        "facts": subject.key if subject else None,
        "state": JUDGED if subject else UNREAD,
        "cause": cause,
    }


def _fact_rows(name: str, view: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    """What holds for every GPU and driver."""
    for library in view["libraries"]:
        package = library.get("package") or {}
        yield "libraries", {
            "facts": name,
            "path": library["path"],
            "package": package.get("name"),
            "version": package.get("version"),
            "ecosystem": package.get("ecosystem"),
            "layer": library.get("layer"),
            "bytes": library["size"],
            "modules": library["modules"],
        }
        for row in library["targets"]:
            yield "target_sets", {
                "facts": name, "path": library["path"], "target": row["target"], "images": row["images"], "bytes": row["storedSize"],
            }  # fmt: skip
    for problem in view["problems"]:
        if problem["code"] not in _HARMLESS:
            yield "problems", {"facts": name, "code": problem["code"], "path": problem["path"], "message": problem["message"]}
    for kind, about, version, path in _stack(view.get("stack", {}).get("facts", {})):
        yield "stack", {"facts": name, "kind": kind, "name": about, "version": version, "path": path}


def _stack(facts: Mapping[str, Any]) -> Iterator[tuple[str, str, Optional[str], Optional[str]]]:
    """The software around the code: kind, name, version, and the file or folder that tells."""

    def components(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, Optional[str], Optional[str]]]:
        for row in rows:
            yield "component", row["name"], row["version"].get("value"), row["version"].get("path")

    yield from components(facts.get("components", ()))
    for environment in facts.get("environments", ()):
        yield from components(environment.get("components", ()))
        torch = environment.get("torch")
        if torch:
            yield "framework", "torch", torch["version"]["value"], torch["version"].get("path")
        for framework in environment.get("frameworks", ()):
            yield "framework", framework["name"], framework["version"], framework["metadata"]["path"]
    for framework in facts.get("runtimeFrameworks", ()):
        yield "runtimeFramework", framework["name"], framework["version"], framework["environment"]["path"]
    for compiler in facts.get("compilers", ()):
        yield "compiler", compiler["kind"], compiler.get("version"), compiler["place"]["path"]
    for toolkit in facts.get("toolkits", ()):
        yield "toolkit", "CUDA", (toolkit.get("version") or {}).get("value"), toolkit["folder"]["path"]
    for compatibility in facts.get("compatPackages", ()):
        yield "compatibilityPackage", "driver", compatibility["driver"]["value"], compatibility["folder"]["path"]
    for image in facts.get("images", ()):
        for variable in image.get("variables", ()):
            name, _, value = variable.partition("=")
            yield "variable", name, value, None
    for missing in facts.get("missing", ()):
        yield "missing", missing["soname"], None, missing["neededBy"][0]["path"] if missing["neededBy"] else None


def _answer_rows(name: str, view: Mapping[str, Any], driver: str) -> Iterator[tuple[str, Row]]:
    """The answer for each GPU, and the packages that do not run as they are."""
    for answer in view["answers"]:
        oldest = answer.get("oldestDriver") or {}
        yield "answers", {
            "facts": name,
            "gpu": answer["query"],
            "compute_capability": answer["computeCapability"],
            "driver": driver,
            "answer": answer["answer"],
            "verdict": answer["verdict"],
            "oldest_driver": oldest.get("text"),
            "oldest_driver_numbers": oldest.get("numbers"),
            "reasons": _reasons(answer["reasons"]),
        }
    libraries = view["libraries"]
    for package in view["packages"]:
        for index, verdict in enumerate(package["verdicts"]):
            if verdict["verdict"] in ("native", "noDeviceCode"):
                continue
            to_blame = [
                libraries[number]
                for number in package["libraries"]
                if libraries[number]["verdicts"][index]["standing"] == "counts"
                and libraries[number]["verdicts"][index]["verdict"] != "native"
            ]
            layers = Counter(library["layer"] for library in to_blame if "layer" in library)
            yield "findings", {
                "facts": name,
                "gpu": verdict["query"],
                "driver": driver,
                "package": package["name"],
                "version": package.get("version"),
                "verdict": verdict["verdict"],
                "layer": layers.most_common(1)[0][0] if layers else None,
                "libraries": [library["path"] for library in to_blame[:_MOST_LIBRARIES]],
                "reasons": _reasons(verdict["reasons"]),
            }


def _reasons(reasons: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"code": reason["code"], "package": reason.get("package"), "text": reason["text"]} for reason in reasons]

