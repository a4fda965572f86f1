"""Reads what a plan needs: each layer as a stream into the program, its facts into the store."""

from __future__ import annotations

import concurrent.futures
import datetime
import heapq
import json
import random
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import cubinspect
from cubinspect.fleet.images import Composer, Unread
from cubinspect.fleet.plan import File, Manifest, Plan, Registries, configuration_of
from cubinspect.fleet.program import Program, ProgramFailure
from cubinspect.fleet.progress import Line, Progress
from cubinspect.fleet.registry import NotFound, RegistryError, Stopped, Unavailable
from cubinspect.fleet.store import CONFIGS, FAILED, FILES, IMAGES, LAYERS, Store, key, packed
from cubinspect.fleet.subjects import keep


@dataclass(frozen=True)
class Task:
    """One layer, or one file, that has to be read."""

    digest: str
    size: int
    #: The repositories that have the layer: registry and path.
    places: tuple[tuple[str, str], ...] = ()
    file: Optional[File] = None

    @property
    def room(self) -> str:
        return FILES if self.file else LAYERS

    @property
    def name(self) -> str:
        if self.file:
            return self.file.path
        registry, repository = self.places[0]
        return f"{registry}/{repository}@{self.digest}"


@dataclass(frozen=True)
class Shard:
    """The I-th of N parts of the work, from 1."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Reads ``I/N``.

        :raises ValueError: it is none.
        """
        index, slash, count = text.partition("/")
        if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
            raise ValueError(f"{text}: a part is written 1/8, 2/8, …, 8/8")
        return cls(int(index), int(count))

    def of_tasks(self, tasks: Iterable[Task]) -> list[Task]:
        """Its tasks. All parts have about as many bytes, and everybody who has the same plan makes the same parts."""
        loads = [(0, part) for part in range(1, self.count + 1)]
        mine = []
        for task in sorted(tasks, key=lambda task: (-task.size, task.digest)):
            load, part = loads[0]
            # What is empty takes time too.
            heapq.heapreplace(loads, (load + task.size + 1, part))
            if part == self.index:
                mine.append(task)
        return mine

    def has(self, digest: str) -> bool:
        """Whether an image is in it."""
        return int(digest.rpartition(":")[2][:12], 16) % self.count == self.index - 1


@dataclass
class Outcome:
    """What a run has done."""

    read: int = 0
    bytes: int = 0
    seconds: float = 0
    #: By name, why it could not be read; those of earlier runs that were not tried again are among them.
    failed: dict[str, str] = field(default_factory=dict)
    images: int = 0
    #: Images whose layers are not all there, by manifest.
    waiting: dict[str, str] = field(default_factory=dict)
    #: Why the run ended before the end of the work.
    ended: Optional[str] = None


def tasks_of(plan: Plan) -> list[Task]:
    """Everything that a plan asks for, whether it is known or not."""
    places = plan.places()
    layers = [Task(digest, size, tuple(places[digest])) for digest, size in plan.layers().items()]
    files = {file.digest: Task(file.digest, file.size, file=file) for file in plan.files}
    return [*layers, *files.values()]


def largest_first(tasks: Iterable[Task]) -> list[Task]:
    """The largest first, so that none is begun when all others have ended; among tasks of about the same size in no
    order, so that two workers with the same tasks do not begin with the same ones."""
    shuffled = list(tasks)
    random.shuffle(shuffled)
    return sorted(shuffled, key=lambda task: -task.size.bit_length())


class Worker:
    """Reads layers and files with some threads."""

    def __init__(
        self,
        store: Store,
        program: Program,
        registries: Registries,
        *,
        jobs: int = 1,
        again: bool = False,
        stop: Optional[threading.Event] = None,
        line: Optional[Line] = None,
    ) -> None:
        """
        :param jobs: how many layers are read at the same time.
        :param again: try again what this version of the program could not read.
        :param stop: ends the work when it is set.
        """
        self._store = store
        self._program = program
        self._registries = registries
        self._jobs = jobs
        self._again = again
        self._stop = stop or threading.Event()
        self._line = line or Line(quiet=True)
        self._lock = threading.Lock()

    def run(self, plan: Plan, shard: Optional[Shard] = None) -> Outcome:
        """Reads what is missing of a plan, or of a part of it, and makes the facts of the images whose layers are there."""
        outcome = Outcome()
        missing = self.missing(plan, shard, outcome)
        progress = Progress(len(missing), sum(task.size for task in missing), self._line)
        self._in_threads([(self._read, task, progress, outcome) for task in missing], outcome)
        outcome.bytes, outcome.seconds = progress.bytes, progress.seconds
        if outcome.ended is None:
            self.compose(plan, shard, outcome)
        self._line.clear()
        return outcome

    def missing(self, plan: Plan, shard: Optional[Shard], outcome: Outcome) -> list[Task]:
        """What has to be read, the largest first. What there is no use in reading again is told as failed."""
        tasks = tasks_of(plan)
        if shard is not None:
            tasks = shard.of_tasks(tasks)
        known = {LAYERS: self._store.digests(LAYERS), FILES: self._store.digests(FILES)}
        failed = self._store.digests(FAILED)
        missing = []
        for task in tasks:
            if task.digest in known[task.room]:
                continue
            cause = self._final_cause(task) if task.digest in failed else None
            if cause is None:
                missing.append(task)
            else:
                outcome.failed[task.name] = cause
        return largest_first(missing)

    def read(self, task: Task, progress: Optional[Progress] = None) -> Optional[str]:
        """Reads one layer or file, unless its facts are there by now.

        :return: why it could not be read, which is also in the store; None where it could.
        :raises Unavailable: the registry does not answer.
        :raises Stopped: the work was stopped.
        """
        if self._store.has(key(task.room, task.digest)):
            return None
        try:
            facts = self._program.file_facts(task.file.path) if task.file else self._layer(task, progress)
        except (Unavailable, Stopped):
            raise
        except Exception as error:  # Whatever is wrong with one layer is no reason to read no other.
            if self._stop.is_set():
                raise Stopped from error
            self._record(task, str(error), final=isinstance(error, ProgramFailure))
            return str(error)
        if task.file:
            keep(self._store, task.digest, facts)
        self._store.write(key(task.room, task.digest), packed(facts))
        self._store.remove(key(FAILED, task.digest))
        return None

    def _layer(self, task: Task, progress: Optional[Progress]) -> bytes:
        """The facts of a layer, from the first repository that has it."""
        missing: Optional[NotFound] = None
        for registry, repository in task.places:

            def pieces(registry: str = registry, repository: str = repository) -> Iterator[bytes]:
                for piece in self._registries(registry).blob(repository, task.digest, task.size):
                    if progress is not None:
                        progress.add(len(piece))
                    yield piece

            try:
                facts = self._program.layer_facts(pieces())
            except NotFound as error:
                missing = error
                continue
            if json.loads(facts).get("digest") != task.digest:
                # As where it could not keep all of what came.
                raise OSError("the program has read other bytes than the layer's")
            return facts
        raise missing or NotFound(f"{task.digest}: no repository has it")

    def _read(self, task: Task, progress: Progress, outcome: Outcome) -> None:
        cause = self.read(task, progress)
        if task.file and cause is None:
            progress.add(task.size)
        progress.finish(failed=cause is not None)
        with self._lock:
            if cause is None:
                outcome.read += 1
            else:
                outcome.failed[task.name] = cause

    def _record(self, task: Task, cause: str, *, final: bool) -> None:
        document = {
            "cause": cause,
            "final": final,
            "name": task.name,
            "size": task.size,
            "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "version": cubinspect.__version__,
        }
        self._store.write(key(FAILED, task.digest), json.dumps(document, sort_keys=True).encode())

    def _final_cause(self, task: Task) -> Optional[str]:
        """Why there is no use in reading something again: this version of the program could not. Else None."""
        try:
            document = json.loads(self._store.read(key(FAILED, task.digest)))
        except FileNotFoundError:
            return None
        final = document["final"] and document["version"] == cubinspect.__version__ and not self._again
        return str(document["cause"]) if final else None

    def compose(self, plan: Plan, shard: Optional[Shard], outcome: Outcome) -> None:
        """Makes the facts of images. Those whose layers others still read wait for a later run, or for ``judge``."""
        known = self._store.digests(IMAGES)
        places = plan.places()
        composer = Composer(self._store, self._program)
        images = [
            manifest
            for manifest in plan.manifests.values()
            if manifest.digest not in known and (shard is None or shard.has(manifest.digest))
        ]
        self._in_threads([(self._make, composer, manifest, places, outcome) for manifest in images], outcome)

    def _make(
        self, composer: Composer, manifest: Manifest, places: dict[str, list[tuple[str, str]]], outcome: Outcome
    ) -> None:
        self._line.tell(f"{outcome.images} images made of their layers")
        try:
            if not self._store.has(key(CONFIGS, manifest.config.digest)):
                registry, repository = places[manifest.config.digest][0]
                configuration_of(self._store, self._registries(registry), repository, manifest.config)
            composer.make(manifest)
            with self._lock:
                outcome.images += 1
        except Unavailable:
            raise
        except (RegistryError, ProgramFailure, Unread) as error:
            outcome.waiting[manifest.digest] = str(error)

    def _in_threads(self, calls: Sequence[tuple[Any, ...]], outcome: Outcome) -> None:
        """Calls functions with their arguments until all are done, or one finds that it is no use to go on."""
        with concurrent.futures.ThreadPoolExecutor(self._jobs) as pool:
            futures = [pool.submit(*call) for call in calls]
            try:
                for future in concurrent.futures.as_completed(futures):
                    future.result()
            except (Unavailable, Stopped) as error:
                outcome.ended = str(error) or "it was stopped"
            finally:
                for future in futures:
                    future.cancel()
