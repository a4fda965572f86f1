"""300 images in Debian's docker-registry: nothing lost, nothing twice, nothing wrong. It takes minutes, and runs where
CUBINSPECT_TEST_LARGE is set, as by `make test-python CUBINSPECT_TEST_LARGE=1`."""

from __future__ import annotations

import os
import pathlib
import random
import subprocess
import time
from collections import Counter

import pytest
from fleets import code, command, fleet, layout_of, run
from registries import DockerRegistry, Image, Layer, image, layer
from test_fleet_judge import DRIVERS, GPUS, answers_in, expect_answer
from test_fleet_work import blobs_of

import cubinspect
from cubinspect.fleet.plan import load
from cubinspect.fleet.store import FAILED, LAYERS, open_store

pytestmark = pytest.mark.skipif(not os.environ.get("CUBINSPECT_TEST_LARGE"), reason="CUBINSPECT_TEST_LARGE is not set")

COUNT = 300
# Layers that a worker reads at the same time, and megabytes a second: a kill and a stop come in the middle.
JOBS, RATE = 2, 12


def large_fleet() -> list[tuple[str, str, list[Image]]]:
    """Few shared layers with code, some of their own with data besides, a broken layer and a huge one."""
    images = fleet(COUNT - 32)
    noise = random.Random(1).randbytes
    for number, (repository, tag, several) in enumerate(images[:30]):
        library = ("host/scale.so", "targets/too-old-sm80.so", "units/three.so")[number % 3]
        top = layer({"srv/data": noise(2 << 20), "srv/top.so": code(library)}, zipped=number % 2 == 0)
        images.append((repository, f"{tag}-top", [image([*several[0].layers, top])]))
    base, _ = images[0][2][0].layers[:2]
    whole = layer({"opt/before.so": code("host/scale.so"), "opt/data": noise(1 << 20), "opt/behind.so": code("units/three.so")})
    images.append(("team/broken", "1", [image([base, Layer(whole.content[: 1 << 19], whole.diff)])]))
    huge = layer({"srv/model": noise(1 << 20) * 96, "srv/model.so": code("targets/too-old-sm80.so")}, zipped=False)
    images.append(("team/huge", "1", [image([base, huge])]))
    return images


def test_300_images(tmp_path: pathlib.Path) -> None:
    images = large_fleet()
    assert len(images) == COUNT
    (tmp_path / "registry").mkdir()
    registry = DockerRegistry(tmp_path / "registry")
    processes: list[subprocess.Popen[bytes]] = []
    address = str(tmp_path / "store")
    store = open_store(address)

    def worker(shard: str) -> subprocess.Popen[bytes]:
        words = ["work", "--store", address, "--shard", shard, "--jobs", str(JOBS), "--bandwidth", str(RATE), "--patience", "60"]
        processes.append(subprocess.Popen(command(*words)))
        return processes[-1]

    try:
        for repository, tag, several in images:
            registry.put(repository, tag, *several)
        run("plan", "--store", address, f"{registry.name}/*")
        layers = load(store, "fleet").layers()
        first, second = worker("1/2"), worker("2/2")
        while len(store.digests(LAYERS)) < 8:
            assert first.poll() is None and second.poll() is None
            time.sleep(0.01)
        second.kill()
        second.wait()
        done = store.digests(LAYERS)
        assert len(done) < len(layers) - 8
        again = worker("2/2")
        while store.digests(LAYERS) == done:
            assert again.poll() is None
            time.sleep(0.01)
        registry.stop()
        away = store.digests(LAYERS)
        time.sleep(3)
        # What was on its way to the program is all that may have come meanwhile.
        assert len(store.digests(LAYERS)) - len(away) <= 2 * JOBS
        assert first.poll() is None and again.poll() is None
        registry.start()
        assert [first.wait(), again.wait()] == [0, 0]
        # Images whose layers the other worker read last.
        run("work", "--store", address)
        fetched, resumed = registry.fetched(), registry.fetched(206)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        registry.stop()

    # Everything was read once: a stop of the registry costs nothing, a kill the layers that its worker was at.
    assert store.digests(LAYERS) == set(layers) and store.digests(FAILED) == set()
    assert set(fetched) | set(resumed) == blobs_of(images)
    broken_off = {digest for digest in layers if fetched[digest] == 0}
    assert 1 <= len(broken_off) <= 2 * JOBS and all(resumed[digest] == 1 for digest in broken_off)
    assert all(fetched[digest] == 1 for digest in done)
    assert sum(count - 1 for digest, count in fetched.items() if count > 1) <= JOBS

    # Every image's answers are those of a scan of it alone.
    driver = DRIVERS[-1]
    run("judge", "--store", address, "--gpu", ",".join(GPUS), "--driver", driver, "-o", str(tmp_path / "dataset"))
    found = answers_in(tmp_path / "dataset")
    different = {one.digest: one for _, _, several in images for one in several}
    assert len(different) > COUNT and {digest for digest, _, _ in found} == set(different)
    answers: Counter[str] = Counter()
    for digest, one in different.items():
        layout = layout_of(one, tmp_path / "alone" / digest[7:])
        for answer in cubinspect.scan(layout, gpus=GPUS, driver=driver, allow_incomplete=True).answers:
            expect_answer(found[digest, driver, answer.query], answer)
            answers[answer.answer] += 1
    assert set(answers) >= {"yes", "partly", "no"}
