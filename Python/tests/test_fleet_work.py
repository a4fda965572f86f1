"""Plans and the reading of layers: every blob once, nothing lost, whatever happens in the middle."""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from fleets import FIXTURES, command, comparable, filled, run, whole_facts
from registries import MANIFEST, DockerRegistry, Image, Layer, Server, digest_of, image, layer

import cubinspect
from cubinspect.fleet.plan import Plan, Planner, load, need, save
from cubinspect.fleet.program import Program
from cubinspect.fleet.registry import Registry
from cubinspect.fleet.store import FAILED, IMAGES, LAYERS, FolderStore, Store, StoreError, key, open_store
from cubinspect.fleet.work import Outcome, Shard, Task, Worker, largest_first, tasks_of


@pytest.fixture
def docker_registry(tmp_path: pathlib.Path) -> Iterator[DockerRegistry]:
    folder = tmp_path / "registry"
    folder.mkdir()
    one = DockerRegistry(folder)
    yield one
    one.stop()


def registries(name: str) -> Registry:
    return Registry(name, patience=20, find_credentials=lambda *_: None)


def planned(store: Store, *sources: str, **options: Any) -> Plan:
    plan = Planner(store, registries).make(sources, **options)
    save(plan, store, "fleet")
    return plan


def work(store: Store, plan: Plan, **options: Any) -> Outcome:
    program = options.pop("program", None)
    return Worker(store, Program(program), registries, jobs=2, **options).run(plan)


def facts_of(store: Store, one: Image) -> Any:
    return comparable(json.loads(gzip.decompress(store.read(key(IMAGES, one.digest)))))


def expect_whole(store: Store, images: list[tuple[str, str, list[Image]]], folder: pathlib.Path) -> None:
    """The facts of every image are those of a program that reads it alone."""
    seen: set[str] = set()
    for _, _, several in images:
        for one in several:
            if one.digest not in seen:
                seen.add(one.digest)
                assert facts_of(store, one) == whole_facts(one, folder / one.digest[7:]), one.digest
    assert store.digests(IMAGES) == seen


def blobs_of(images: list[tuple[str, str, list[Image]]]) -> set[str]:
    """The digests of all layers and configurations."""
    found = set()
    for _, _, several in images:
        for one in several:
            found |= {digest_of(one.config), *(part.digest for part in one.layers)}
    return found


# The store


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Store:
    if request.param == "folder":
        return open_store(str(tmp_path / "store"))
    return open_store(f"memory://{tmp_path.name}-{random.randrange(1 << 60)}")


DIGEST = digest_of(b"")


def test_a_store_keeps_objects(store: Store) -> None:
    place = key(LAYERS, DIGEST)
    assert place == f"layers/sha256/{DIGEST[7:]}.json.gz"
    assert not store.has(place) and store.digests(LAYERS) == set()
    with pytest.raises(FileNotFoundError):
        store.read(place)
    store.remove(place)
    store.write(place, b"one")
    store.write(place, b"two")
    assert store.read(place) == b"two" and store.has(place)
    store.write(f"layers/sha256/.new-{64 * '0'}", b"half")
    assert store.digests(LAYERS) == {DIGEST}
    store.remove(place)
    assert store.digests(LAYERS) == set()


def test_nothing_is_written_by_halves(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)

    def fail(descriptor: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="full"):
        store.write(key(LAYERS, DIGEST), b"one")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_stores_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="Protocol not known"):
        open_store("nonsense://bucket/fleet")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(StoreError, match="cubinspect\\[fleet\\]"):
        open_store("memory://fleet")


# Plans


def test_a_plan_of_a_registry(server: Server, store: Store) -> None:
    images = filled(server, 30)
    plan = planned(store, f"{server.name}/*")
    assert {(one.repository, one.tag) for one in plan.images} == {(repository, tag) for repository, tag, _ in images}
    assert len(plan.images) == sum(len(several) for _, _, several in images)
    assert set(plan.layers()) == {part.digest for _, _, several in images for one in several for part in one.layers}
    assert plan.layers() == {digest: len(server.blobs[digest]) for digest in plan.layers()}
    # No layer is read for it.
    assert not set(server.fetched()) & set(plan.layers())
    assert Plan.from_bytes(plan.to_bytes()) == plan == load(store, "fleet")
    asked_for = need(plan, store)
    assert asked_for.bytes == sum(plan.layers().values()) and asked_for.known_layers == 0
    assert asked_for.seconds(4) * 4 == asked_for.seconds(1)

    # Parts of it.
    assert {one.repository.split("/")[0] for one in planned(store, f"{server.name}/vision/*").images} == {"vision"}
    assert {one.tag for one in planned(store, f"{server.name}/*:v1?").images} == {f"v{number}" for number in range(10, 20)}
    only = planned(store, f"{server.name}/*", platform="linux/arm64")
    assert {manifest.platform for manifest in only.manifests.values()} == {"linux/arm64"}


def test_a_plan_of_a_list(server: Server, store: Store, tmp_path: pathlib.Path) -> None:
    one, other = image([layer({"a": b"1"})]), image([layer({"a": b"2"})])
    server.put("team/app", "1", one)
    server.put("team/app", "2", other)
    path = tmp_path / "list"
    path.write_text(f"# ours\n{server.name}/team/app:1\n\n{server.name}/team/app@{other.digest} the other\n", encoding="utf-8")
    plan = planned(store, f"list:{path}")
    assert [found.name for found in plan.images] == [f"{server.name}/team/app:1", f"{server.name}/team/app@{other.digest}"]
    # What is not there is said, and is no reason to leave out the rest.
    path.write_text(f"{server.name}/team/app:1\n{server.name}/team/app:none\n", encoding="utf-8")
    plan = planned(store, f"list:{path}")
    assert [found.tag for found in plan.images] == ["1"]
    assert "MANIFEST_UNKNOWN" in plan.skipped[f"{server.name}/team/app:none"]


def test_what_is_no_image_is_left_out(server: Server, store: Store) -> None:
    server.put("team/app", "1", image([layer({"a": b"1"})]))
    chart = {"schemaVersion": 2, "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": DIGEST, "size": 0}, "layers": []}
    bad = {"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGEST, "size": 0},
           "layers": [{"digest": "sha256:../../etc", "size": 1}]}  # fmt: skip
    for tag, document in {"chart": chart, "old": {"schemaVersion": 1}, "bad": bad, "list": [], "half": {"config": {}}}.items():
        server.put_manifest("team/app", tag, "application/vnd.oci.image.manifest.v1+json", json.dumps(document).encode())
    plan = planned(store, f"{server.name}/team/app")
    assert [one.tag for one in plan.images] == ["1"]
    causes = {name.rpartition(":")[2]: cause for name, cause in plan.skipped.items()}
    assert set(causes) == {"chart", "old", "bad", "list", "half"}
    assert "helm" in causes["chart"] and "schema 1" in causes["old"] and "../../etc" in causes["bad"]


def test_names_and_documents_of_a_hostile_registry(server: Server, store: Store) -> None:
    server.put("team/app", "1", image([layer({"a": b"1"})]))
    for name in ("a/../../etc", "UPPER", "a b", "a?b", "a\r\nHost: b", "\x1b[2J"):
        server.manifests[name, "1"] = server.manifests["team/app", "1"]
        server.manifests["team/app", name] = server.manifests["team/app", "1"]
    config = json.loads(image([]).manifest)["config"]
    rows: list[Any] = [1, None, {"digest": DIGEST, "size": -1}, {"digest": DIGEST, "size": "1"}, {"digest": DIGEST, "size": float("inf")}]
    for number, row in enumerate(rows):
        document = {"schemaVersion": 2, "config": config, "layers": [row]}
        server.put_manifest("team/app", f"layer{number}", "", json.dumps(document).encode())
        document = {"schemaVersion": 2, "manifests": [{"platform": row, "digest": row}, row]}
        server.put_manifest("team/app", f"index{number}", "", json.dumps(document).encode())
    server.put_manifest("team/app", "deep", "", b"[" * 100_000)
    plan = planned(store, f"{server.name}/*")
    assert {one.repository for one in plan.images} == {"team/app"}
    assert {one.tag for one in plan.images} == {"1", "UPPER"}
    assert all(request.path.startswith("/v2/team/app/") or request.path == "/v2/_catalog" for request in server.log)


def test_since(server: Server, store: Store) -> None:
    server.put("team/app", "old", image([layer({"a": b"1"})], created="2025-01-01T00:00:00Z"))
    server.put("team/app", "new", image([layer({"a": b"2"})], created="2026-04-01T00:00:00.5+02:00"))
    plan = planned(store, f"{server.name}/*", since="2026-01-01")
    assert [one.tag for one in plan.images] == ["new"]
    # What was left out is not looked at again, unless something else is wanted.
    server.log.clear()
    assert Planner(store, registries).watch(plan) == plan
    assert [request.path for request in server.log] == ["/v2/_catalog", "/v2/team/app/tags/list"]
    again = Planner(store, registries).make([f"{server.name}/*"], known=plan)
    assert [one.tag for one in again.images] == ["new", "old"]


def test_a_plan_that_is_made_again(server: Server, store: Store) -> None:
    """Names are asked where they lead, and manifests only where that is new; tags that are gone are gone."""
    for tag in ("1", "2", "3"):
        server.put("team/app", tag, image([layer({"a": tag.encode()})]))
    plan = planned(store, f"{server.name}/*")
    server.put("team/app", "2", image([layer({"a": b"other"})]))
    del server.manifests["team/app", "3"]
    server.log.clear()
    again = Planner(store, registries).make(plan.sources, known=plan)
    assert [one.tag for one in again.images] == ["1", "2"]
    assert again.images[0] == plan.images[0] and again.images[1] != plan.images[1]
    manifests = [(request.method, request.path[-1]) for request in server.log if "/manifests/" in request.path]
    assert sorted(manifests) == [("GET", "2"), ("HEAD", "1"), ("HEAD", "2")]
    # To watch is not even to ask where known names lead.
    server.log.clear()
    assert Planner(store, registries).watch(again) == again
    assert not [request for request in server.log if "/manifests/" in request.path]


@pytest.mark.parametrize(
    "changes",
    [{"config": []}, {"config": {"mediaType": []}}, {"layers": {}}, {"layers": [[]]}, {"layers": [{"digest": [], "size": 1}]},
     {"layers": [{"digest": DIGEST, "size": 10**400}]}, {"layers": [{"digest": DIGEST, "size": -1}]}],
)  # fmt: skip
def test_manifests_that_are_none(server: Server, store: Store, changes: Any) -> None:
    """They are left out, and hold up no other image."""
    good = image([layer({"a": b"1"})])
    server.put("team/app", "good", good)
    content = json.dumps({**json.loads(good.manifest), **changes}).encode()
    server.put_manifest("team/app", "bad", MANIFEST, content)
    plan = planned(store, f"{server.name}/*")
    assert [one.tag for one in plan.images] == ["good"] and list(plan.skipped) == [f"{server.name}/team/app:bad"]


# Shards


def test_shards_are_the_whole_and_of_one_size() -> None:
    tasks = [Task(digest_of(str(number).encode()), size) for number, size in enumerate([500, 400, 300, 300, 200] + [10] * 70)]
    for count in (1, 2, 3, 7):
        shards = [Shard(index, count).of_tasks(tasks) for index in range(1, count + 1)]
        assert sorted(task.digest for shard in shards for task in shard) == sorted(task.digest for task in tasks)
        loads = [sum(task.size for task in shard) for shard in shards]
        assert max(loads) - min(loads) <= 500 if count == 7 else max(loads) - min(loads) <= 12
        # The order in which they come makes no difference.
        assert {task.digest for task in Shard(1, count).of_tasks(tasks[::-1])} == {task.digest for task in shards[0]}
    for text in ("0/2", "3/2", "1", "a/b", "1/", "-1/2"):
        with pytest.raises(ValueError):
            Shard.parse(text)
    sizes = [task.size for task in largest_first(tasks)]
    assert sizes[0] >= 300 and sizes[-1] == 10


# Work


def test_every_blob_is_read_once(docker_registry: DockerRegistry, tmp_path: pathlib.Path) -> None:
    images = filled(docker_registry, 60)
    store = str(tmp_path / "store")
    said = run("plan", "--store", store, f"{docker_registry.name}/*")
    plan = load(open_store(store), "fleet")
    assert f"{len(plan.images)} images" in said and f"{len(plan.layers())} layers" in said
    said = run("work", "--store", store, "--jobs", "4")
    assert f"{len(plan.layers())} layers and files read" in said
    assert docker_registry.fetched() == dict.fromkeys(blobs_of(images), 1)
    expect_whole(open_store(store), images, tmp_path / "alone")
    # Done is what is there.
    said = run("plan", "--store", store, f"{docker_registry.name}/*")
    assert "Nothing has to be read." in said
    run("work", "--store", store)
    assert set(docker_registry.fetched().values()) == {1}


def test_a_registry_with_a_token_and_bad_days(server: Server, store: Store, tmp_path: pathlib.Path) -> None:
    images = filled(server, 20)
    server.behaviour.token = True
    server.behaviour.page = 3
    for number, digest in enumerate(server.blobs):
        server.behaviour.breaks[digest] = [number]
    server.behaviour.statuses = [503] * 5
    server.behaviour.retry_after = "0"
    plan = planned(store, f"{server.name}/*")
    outcome = work(store, plan)
    assert (outcome.failed, outcome.waiting, outcome.ended) == ({}, {}, None)
    assert outcome.bytes == sum(plan.layers().values())
    expect_whole(store, images, tmp_path / "alone")


def test_shards_share_a_store(server: Server, tmp_path: pathlib.Path) -> None:
    images = filled(server, 30)
    store = str(tmp_path / "store")
    run("plan", "--store", store, f"{server.name}/*")
    processes = [subprocess.Popen(command("work", "--store", store, "--shard", f"{index}/3")) for index in (1, 2, 3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    layers = load(open_store(store), "fleet").layers()
    assert {digest: count for digest, count in server.fetched().items() if digest in layers} == dict.fromkeys(layers, 1)
    # An image whose layers another shard read last.
    run("work", "--store", store)
    expect_whole(open_store(store), images, tmp_path / "alone")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_is_ended_in_the_middle(server: Server, tmp_path: pathlib.Path, number: signal.Signals) -> None:
    images = filled(server, 30)
    address = str(tmp_path / "store")
    run("plan", "--store", address, f"{server.name}/*")
    store = open_store(address)
    layers = load(store, "fleet").layers()
    server.behaviour.blob_seconds = 0.3
    worker = subprocess.Popen(command("work", "--store", address, "--jobs", "2"), stderr=subprocess.PIPE, text=True)
    while len(store.digests(LAYERS)) < 3:
        assert worker.poll() is None
        time.sleep(0.01)
    worker.send_signal(number)
    _, said = worker.communicate()
    assert worker.returncode == (-number if number == signal.SIGKILL else 2)
    if number == signal.SIGTERM:
        assert said == "cubinspect.fleet: it was stopped; the same command goes on\n"
    done = store.digests(LAYERS)
    assert 3 <= len(done) < len(layers)
    server.behaviour.blob_seconds = 0
    run("work", "--store", address)
    fetched = server.fetched()
    # It loses the work on what it was reading, and nothing else.
    assert all(fetched[digest] == 1 for digest in done)
    assert sum(fetched[digest] - 1 for digest in layers) <= 2
    expect_whole(store, images, tmp_path / "alone")


def test_two_workers_on_one_store(server: Server, tmp_path: pathlib.Path) -> None:
    images = filled(server, 30)
    address = str(tmp_path / "store")
    run("plan", "--store", address, f"{server.name}/*")
    server.behaviour.blob_seconds = 0.05
    workers = [subprocess.Popen(command("work", "--store", address, "--jobs", "2")) for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    store = open_store(address)
    layers = load(store, "fleet").layers()
    assert store.digests(LAYERS) == set(layers)
    # Without a lock two may read the same layer at the same time; there is one object of it all the same.
    assert all(1 <= server.fetched()[digest] <= 2 for digest in layers)
    expect_whole(store, images, tmp_path / "alone")


def test_a_registry_that_is_away_for_a_while(docker_registry: DockerRegistry, tmp_path: pathlib.Path) -> None:
    images = filled(docker_registry, 30)
    address = str(tmp_path / "store")
    run("plan", "--store", address, f"{docker_registry.name}/*")
    docker_registry.stop()
    worker = subprocess.Popen(command("work", "--store", address, "--jobs", "2", "--patience", "60"))
    time.sleep(1)
    assert worker.poll() is None
    docker_registry.start()
    assert worker.wait() == 0
    expect_whole(open_store(address), images, tmp_path / "alone")


def test_a_registry_that_stays_away(server: Server, tmp_path: pathlib.Path) -> None:
    server.put("team/app", "1", image([layer({"a": b"1"}), layer({"a": b"2"})]))
    address = str(tmp_path / "store")
    run("plan", "--store", address, f"{server.name}/*")
    server.behaviour.is_down = True
    said = run("work", "--store", address, "--patience", "0.2", status=2)
    assert "has not answered" in said and "the same command goes on" in said
    # The layers are not to blame.
    assert open_store(address).digests(FAILED) == set()
    server.behaviour.is_down = False
    run("work", "--store", address)
    assert len(open_store(address).digests(IMAGES)) == 1


def test_what_cannot_be_read_is_recorded(server: Server, store: Store, tmp_path: pathlib.Path) -> None:
    script = tmp_path / "program"
    script.write_text(
        '#!/bin/sh\ncase " $* " in *" --layer "*)\n'
        'cat >"$0.$$"; if grep -q REFUSED "$0.$$"; then echo "cubinspect: it was refused" >&2; exit 2; fi; exec <"$0.$$";;\nesac\n'
        f'exec {cubinspect.find_program()} "$@"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    good, broken = image([layer({"a": b"1"})]), image([Layer(b"no tar", DIGEST)])
    lost, changed, refused = layer({"a": b"2"}), layer({"a": b"3"}), layer({"REFUSED": b"4"}, zipped=False)
    cases = {"good": good, "broken": broken, "lost": image([lost]), "changed": image([changed]), "refused": image([refused])}
    for tag, one in cases.items():
        server.put("team/app", tag, one)
    del server.blobs[lost.digest]
    server.blobs[changed.digest] = changed.content[:-1] + b"x"
    plan = planned(store, f"{server.name}/*")
    outcome = work(store, plan, program=str(script))
    # A layer that is no tar is read: that is what its facts say.
    assert store.digests(IMAGES) == {good.digest, broken.digest}
    assert facts_of(store, broken)["views"][0]["problems"]
    assert set(outcome.waiting) == {one.digest for one in cases.values()} - {good.digest, broken.digest}
    causes = {digest: json.loads(store.read(key(FAILED, digest)))["cause"] for digest in store.digests(FAILED)}
    assert set(causes) == {lost.digest, changed.digest, refused.digest}
    assert "BLOB_UNKNOWN" in causes[lost.digest] and "BLOB_UNKNOWN" in outcome.waiting[cases["lost"].digest]
    assert "the bytes have the digest" in causes[changed.digest]
    assert causes[refused.digest] == "it was refused"

    # What the registry mends is read then; what the program cannot read is not tried for nothing.
    server.blobs[lost.digest], server.blobs[changed.digest] = lost.content, changed.content
    server.log.clear()
    outcome = work(store, plan)
    assert store.digests(IMAGES) == {one.digest for tag, one in cases.items() if tag != "refused"}
    assert store.digests(FAILED) == {refused.digest}
    assert len(outcome.failed) == 1 and refused.digest not in server.fetched()
    outcome = work(store, plan, again=True)
    assert server.fetched()[refused.digest] == 1
    assert store.digests(FAILED) == set() and len(store.digests(IMAGES)) == len(cases)


def test_facts_of_another_layer_are_not_kept(server: Server, store: Store, tmp_path: pathlib.Path) -> None:
    """As of a program that could not read to the end."""
    script = tmp_path / "program"
    script.write_text(f'#!/bin/sh\nhead -c 10 | {cubinspect.find_program()} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    one = layer({"a": b"1"})
    server.put("team/app", "1", image([one]))
    outcome = work(store, planned(store, f"{server.name}/*"), program=str(script))
    assert store.digests(LAYERS) == set() and store.digests(FAILED) == {one.digest}
    assert "other bytes" in next(iter(outcome.failed.values()))


def test_watch_reads_what_is_new(server: Server, tmp_path: pathlib.Path) -> None:
    images = [image([layer({"a": str(number).encode()})]) for number in range(4)]
    server.put("team/app", "1", images[0])
    address = str(tmp_path / "store")
    assert "has no plan" in run("watch", "--store", address, status=2)
    run("plan", "--store", address, f"{server.name}/*")
    run("work", "--store", address)
    server.log.clear()
    assert "Nothing is new." in run("watch", "--store", address)
    assert all("/manifests/" not in request.path and "/blobs/" not in request.path for request in server.log)
    server.put("team/app", "2", images[1])
    server.put("team/new", "1", images[2])
    server.put("team/app", "1", images[3])
    said = run("watch", "--store", address)
    assert f"new: {server.name}/team/app:2\nnew: {server.name}/team/new:1\n" in said
    assert open_store(address).digests(IMAGES) == {one.digest for one in images[:3]}
    # A tag that leads elsewhere now.
    assert f"new: {server.name}/team/app:1\n" in run("watch", "--store", address, "--moved")
    assert open_store(address).digests(IMAGES) == {one.digest for one in images}
    assert set(load(open_store(address), "fleet").manifests) == {one.digest for one in images[1:]}


def test_wheels_and_archives_of_a_folder(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "simple" / "alpha"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "alpha-1.0-py3-none-any.whl", "w") as archive:
        archive.write(FIXTURES / "host" / "scale.so", "alpha/_C.so")
    (folder / "image.tar").write_bytes((FIXTURES / "archives" / "docker.tar").read_bytes())
    (folder / "index.html").write_text("<html>", encoding="utf-8")
    address = str(tmp_path / "store")
    assert "2 files" in run("plan", "--store", address, str(tmp_path / "simple"))
    run("work", "--store", address)
    store = open_store(address)
    plan = load(store, "fleet")
    assert [os.path.basename(file.path) for file in plan.files] == ["alpha-1.0-py3-none-any.whl", "image.tar"]
    facts = json.loads(gzip.decompress(store.read(key("files", plan.files[0].digest))))
    assert len(facts["views"][0]["files"]) == 1
    assert "Nothing has to be read." in run("plan", "--store", address, str(tmp_path / "simple"))
    # A file that was replaced is another one, and so is one that is new.
    (folder / "new.tar").write_bytes((FIXTURES / "archives" / "oci.tar").read_bytes())
    assert f"new: {folder}/new.tar\n" in run("watch", "--store", address)
    (folder / "new.tar").unlink()
    (folder / "image.tar").write_bytes(b"no archive")
    assert "1 known" in run("plan", "--store", address, str(tmp_path / "simple"))


def test_tasks_name_where_layers_are(server: Server, store: Store) -> None:
    """A layer that one repository has lost is taken from another."""
    shared = layer({"a": b"1"})
    server.put("team/a", "1", image([shared]))
    server.put("team/b", "1", image([shared, layer({"b": b"1"})]))
    plan = planned(store, f"{server.name}/*")
    [task] = [task for task in tasks_of(plan) if task.digest == shared.digest]
    assert sorted(task.places) == [(server.name, "team/a"), (server.name, "team/b")]


@pytest.mark.parametrize("arguments", [["plan", "UPPER"], ["plan", "list:/none"], ["work"], ["work", "--shard", "3/2"], ["plan", "--since", "x", "a"]])
def test_wrong_usage(tmp_path: pathlib.Path, arguments: list[str]) -> None:
    said = run(arguments[0], "--store", str(tmp_path), *arguments[1:], status=2)
    assert "Traceback" not in said and "cubinspect.fleet" in said


def test_a_reader_that_has_read_enough(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "list"
    path.write_text("", encoding="utf-8")
    process = subprocess.Popen(
        command("plan", "--store", str(tmp_path / "store"), f"list:{path}", "-o", "json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0
    process.stderr.close()
