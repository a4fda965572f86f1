"""The work on Ray. Ray is large: these tests run where it is installed, as `make test-python CUBINSPECT_TEST_LARGE=1` does."""

from __future__ import annotations

import os
import pathlib
import signal
import threading
import time

import pytest
from fleets import filled
from registries import Server, digest_of, image, layer
from test_fleet_work import expect_whole, planned, registries

from cubinspect.fleet import on_ray
from cubinspect.fleet.on_ray import Recipe, batches
from cubinspect.fleet.program import Program
from cubinspect.fleet.progress import Line
from cubinspect.fleet.registry import Network
from cubinspect.fleet.store import FAILED, LAYERS, open_store
from cubinspect.fleet.work import Outcome, Task, Worker

ray = pytest.importorskip("ray")


def test_batches() -> None:
    tasks = [Task(digest_of(str(number).encode()), size << 20) for number, size in enumerate([500, 70, 40, 30, *[1] * 100])]
    found = list(batches(tasks))
    assert [task for batch in found for task in batch] == tasks
    assert [len(batch) for batch in found][:3] == [1, 1, 1]
    assert max(len(batch) for batch in found) == 32
    assert all(len(batch) == 1 or sum(task.size for task in batch) <= 64 << 20 for batch in found)


def processes_of_tasks() -> list[int]:
    """The worker processes that read just now."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and (entry / "cmdline").read_bytes().startswith(b"ray::cubinspect"):
                environment = (entry / "environ").read_bytes()
                found += [int(entry.name)] if f"FLEET_TEST={os.getpid()}".encode() in environment else []
        except OSError:
            continue
    return found


def test_a_worker_of_ray_is_killed(
    server: Server, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = filled(server, 30)
    # One that is not there.
    lost = image([layer({"lost": b""})])
    server.put("team/lost", "1", lost)
    del server.blobs[lost.layers[0].digest]
    address = str(tmp_path / "store")
    store = open_store(address)
    plan = planned(store, f"{server.name}/*")
    monkeypatch.setenv("FLEET_TEST", str(os.getpid()))
    monkeypatch.setattr(on_ray, "_BATCH_TASKS", 1)
    server.behaviour.blob_seconds = 0.5
    worker = Worker(store, Program(), registries, jobs=2)
    recipe = Recipe(address, Network(patience=20))
    outcomes: list[Outcome] = []

    def work() -> None:
        outcomes.append(on_ray.run(worker, plan, None, recipe, "local", threading.Event(), Line(quiet=True)))

    thread = threading.Thread(target=work)
    thread.start()
    while not store.digests(LAYERS) or not processes_of_tasks():
        assert thread.is_alive()
        time.sleep(0.01)
    killed = processes_of_tasks()[0]
    os.kill(killed, signal.SIGKILL)
    done = store.digests(LAYERS)
    thread.join()
    [outcome] = outcomes
    assert outcome.ended is None
    assert outcome.read == len(plan.layers()) - 1 and len(outcome.failed) == 1 and len(outcome.waiting) == 1
    assert store.digests(FAILED) == {lost.layers[0].digest}
    # It has lost what it was reading, and nothing else.
    fetched = server.fetched()
    assert all(fetched[digest] == 1 for digest in done)
    assert sum(fetched[digest] - 1 for digest in store.digests(LAYERS)) <= 1
    expect_whole(store, images, tmp_path / "alone")
