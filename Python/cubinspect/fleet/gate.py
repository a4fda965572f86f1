"""Whether one image runs, from what the store knows of it: for a job of CI, and for what decides about pods."""

from __future__ import annotations

import contextlib
import gzip
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from cubinspect.fleet import plan as planning
from cubinspect.fleet.images import Composer, Unread
from cubinspect.fleet.plan import Manifest, Plan, Planner, Registries
from cubinspect.fleet.program import Program
from cubinspect.fleet.references import Reference, is_digest
from cubinspect.fleet.store import IMAGES, Store, key
from cubinspect.fleet.work import Worker

# Answers that are kept in memory.
_MOST_ANSWERS = 10_000


class NotKnown(Exception):
    """The store does not know the image. The text says what is missing."""


@dataclass(frozen=True)
class Answer:
    """Whether an image runs on a GPU: ``yes``, ``partly``, ``no``, ``unknown`` or ``nothing``, and why not."""

    image: str
    gpu: str
    driver: str
    answer: str
    reasons: tuple[str, ...]

    @property
    def text(self) -> str:
        """One line for a person."""
        on = f"{self.gpu} with driver {self.driver}" if self.driver else self.gpu
        because = f": {'; '.join(self.reasons)}" if self.reasons else ""
        return f"{self.image} on {on}: {self.answer}{because}"


class Gate:
    """Answers about images; threads may share it. What was judged once is in memory."""

    def __init__(
        self, store: Store, program: Program, registries: Registries, *, plan: str = "fleet", platform: str = "linux/amd64"
    ) -> None:
        self._store = store
        self._program = program
        self._registries = registries
        self._plan_name = plan
        self._platform = platform
        self._composer = Composer(store, program)
        self._lock = threading.Lock()
        self._plan: Optional[Plan] = None
        # The manifests for the platform, by the names of images and by the digests that these lead to.
        self._manifests: dict[str, str] = {}
        self._answers: OrderedDict[tuple[str, str, str], tuple[str, tuple[str, ...]]] = OrderedDict()

    def ask(self, image: str, gpus: Sequence[str], driver: str = "") -> list[Answer]:
        """Whether an image, by name or by the digest of its manifest, runs on some GPUs.

        :raises NotKnown: it was not read; :meth:`read` reads it.
        :raises ProgramFailure: a GPU or the driver is not known.
        :raises InvalidReference: the text names no image.
        """
        digest = self._digest(image)
        with self._lock:
            known = {gpu: self._answers.get((digest, gpu, driver)) for gpu in gpus}
        missing = [gpu for gpu, answer in known.items() if answer is None]
        if missing:
            for gpu, answer in self._judge(digest, missing, driver).items():
                known[gpu] = answer
                with self._lock:
                    self._answers[digest, gpu, driver] = answer
                    while len(self._answers) > _MOST_ANSWERS:
                        self._answers.popitem(last=False)
        return [Answer(image, gpu, driver, *(known[gpu] or ("unknown", ()))) for gpu in gpus]

    def read(self, image: str) -> None:
        """Reads an image that the store does not know, those of its layers that are new.

        :raises RegistryError: it cannot be had.
        :raises NotKnown: a layer cannot be read.
        """
        reference = Reference.parse(image)
        plan = Planner(self._store, self._registries).one(reference, self._platform)
        outcome = Worker(self._store, self._program, self._registries, jobs=os.cpu_count() or 1).run(plan)
        causes = [*outcome.waiting.values(), *filter(None, [outcome.ended])]
        if causes:
            raise NotKnown("; ".join(causes))
        with self._lock:
            known = self._plan or self._load()
            for name, look in plan.looks().items():
                known.put(name, look)
            self._take(known)

    def reload(self) -> None:
        """Reads the plan again, which others may have made anew."""
        plan = self._load()
        with self._lock:
            self._take(plan)

    # What an image is

    def _digest(self, image: str) -> str:
        """The digest of the manifest that a name, or the digest of a list of manifests, leads to."""
        if is_digest(image):
            wanted, name = image, ""
        else:
            reference = Reference.parse(image)
            wanted, name = reference.digest or "", str(reference)
        if wanted and self._store.has(key(IMAGES, wanted)):
            return wanted
        with self._lock:
            if self._plan is None:
                self._take(self._load())
            digest = self._manifests.get(wanted or name)
        if digest is None:
            raise NotKnown(f"{image} is not in the plan")
        return digest

    def _take(self, plan: Plan) -> None:
        self._plan = plan
        self._manifests = {}
        for one in plan.images:
            if plan.manifests[one.manifest].platform == self._platform:
                self._manifests[one.name] = self._manifests[plan.found[one.name]] = one.manifest

    def _load(self) -> Plan:
        try:
            return planning.load(self._store, self._plan_name)
        except FileNotFoundError:
            return Plan()

    def _manifest(self, digest: str) -> Optional[Manifest]:
        with self._lock:
            return self._plan.manifests.get(digest) if self._plan else None

    def _judge(self, digest: str, gpus: Sequence[str], driver: str) -> Mapping[str, tuple[str, tuple[str, ...]]]:
        place = key(IMAGES, digest)
        try:
            facts = self._store.read(place)
        except FileNotFoundError:
            manifest = self._manifest(digest)
            if manifest is None:
                raise NotKnown(f"{digest} was not read") from None
            try:
                self._composer.make(manifest)
            except Unread as error:
                raise NotKnown(str(error)) from None
            facts = self._store.read(place)
        with tempfile.TemporaryDirectory(prefix="cubinspect-fleet-") as folder:
            path = os.path.join(folder, "facts.json")
            with open(path, "wb") as file:
                file.write(gzip.decompress(facts))
            report = self._program.scan([path], gpus, driver or None)
        return {gpu: _answer(row) for gpu, row in zip(gpus, report["answers"])}


def _answer(row: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return row["answer"], tuple(reason["text"] for reason in row["reasons"])


class Reader:
    """Reads images in the background, one after another, each once."""

    def __init__(self, gate: Gate, tell: planning.Tell) -> None:
        self._gate = gate
        self._tell = tell
        self._lock = threading.Condition()
        self._waiting: OrderedDict[str, None] = OrderedDict()
        threading.Thread(target=self._run, daemon=True).start()

    def ask_for(self, image: str) -> None:
        with self._lock:
            if len(self._waiting) < 1000:
                self._waiting[image] = None
                self._lock.notify()

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._waiting:
                    self._lock.wait()
                image = next(iter(self._waiting))
            try:
                self._gate.read(image)
                self._tell(f"{image}: read")
            except Exception as error:  # Whatever is wrong with one image is no reason to read no other.
                self._tell(f"{image}: {error}")
            with self._lock, contextlib.suppress(KeyError):
                del self._waiting[image]
