"""The same work on a cluster of Ray. Facts go from the machines that read into the store, and not through this process."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from cubinspect.fleet.dataset import module
from cubinspect.fleet.plan import Plan
from cubinspect.fleet.program import Program
from cubinspect.fleet.progress import Line, Progress
from cubinspect.fleet.registry import Clients, Network, Unavailable
from cubinspect.fleet.store import open_store
from cubinspect.fleet.work import Outcome, Shard, Task, Worker

# A task of Ray is a layer of this size, or several smaller ones, because starting it takes longer than reading a small one.
_BATCH_BYTES = 64 << 20
_BATCH_TASKS = 32
# How often Ray begins a task again whose worker has died. What its worker had finished is in the store, and is not read again.
_RETRIES = 5


@dataclass(frozen=True)
class Recipe:
    """What a machine needs to read; all of them reach the store, and have this package."""

    store: str
    #: Rates hold for each process by itself.
    network: Network
    program: Optional[str] = None


def run(
    worker: Worker, plan: Plan, shard: Optional[Shard], recipe: Recipe, address: str, stop: threading.Event, line: Line
) -> Outcome:
    """Reads what is missing of a plan, and makes the facts of images here.

    :param address: a cluster as ``ray.init`` takes it; ``local`` is one of its own on this machine.
    :raises DatasetError: Ray is not installed.
    """
    ray = module("ray")
    ray.init(address=address, namespace="cubinspect", log_to_driver=False, configure_logging=False)
    try:
        outcome = Outcome()
        missing = worker.missing(plan, shard, outcome)
        progress = Progress(len(missing), sum(task.size for task in missing), line)
        remote = ray.remote(num_cpus=1, max_retries=_RETRIES)(read)
        open_tasks = {
            remote.options(name=f"cubinspect: {batch[0].digest[7:19]} and {len(batch) - 1} more").remote(recipe, batch): batch
            for batch in batches(missing)
        }
        while open_tasks and outcome.ended is None:
            done, _ = ray.wait(list(open_tasks), num_returns=1, timeout=1)
            if stop.is_set():
                outcome.ended = "it was stopped"
            for reference in done:
                _take(ray, reference, open_tasks.pop(reference), outcome, progress)
        for reference in open_tasks:
            ray.cancel(reference)
        outcome.bytes, outcome.seconds = progress.bytes, progress.seconds
        if outcome.ended is None:
            worker.compose(plan, shard, outcome)
        line.clear()
        return outcome
    finally:
        ray.shutdown()


def batches(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """Tasks in their order, the small ones together."""
    batch: list[Task] = []
    size = 0
    for task in tasks:
        if batch and (size + task.size > _BATCH_BYTES or len(batch) >= _BATCH_TASKS):
            yield batch
            batch, size = [], 0
        batch.append(task)
        size += task.size
    if batch:
        yield batch


def read(recipe: Recipe, batch: Sequence[Task]) -> list[Optional[str]]:
    """On a machine of the cluster: reads some layers; returns of each why it could not be read, or None."""
    worker, layers, size = _of_process(recipe)
    causes = []
    for task in batch:
        causes.append(worker.read(task))
        layers.inc()
        size.inc(task.size)
    return causes


@functools.lru_cache(maxsize=1)
def _of_process(recipe: Recipe) -> tuple[Worker, Any, Any]:
    """What the tasks of a process share: connections, tokens, and the counters that Ray's dashboard shows."""
    metrics = module("ray.util.metrics")
    return (
        Worker(open_store(recipe.store), Program(recipe.program), Clients(recipe.network)),
        metrics.Counter("cubinspect_layers", description="Layers and files that were read"),
        metrics.Counter("cubinspect_bytes", description="Bytes of the layers and files that were read"),
    )


def _take(ray: Any, reference: Any, batch: Sequence[Task], outcome: Outcome, progress: Progress) -> None:
    """What became of a batch."""
    try:
        causes = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if not isinstance(cause, Unavailable):
            raise
        outcome.ended = str(cause)
        return
    except ray.exceptions.WorkerCrashedError as error:
        causes = [f"its worker has died {_RETRIES + 1} times: {str(error).splitlines()[0]}"] * len(batch)
    for task, cause in zip(batch, causes):
        progress.add(task.size)
        progress.finish(failed=cause is not None)
        if cause is None:
            outcome.read += 1
        else:
            outcome.failed[task.name] = cause
