"""A store on S3: the same objects and answers as in a folder. It runs where moto and s3fs are installed, as
`make test-python CUBINSPECT_TEST_LARGE=1` does."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from fleets import command, filled, run
from registries import DockerRegistry
from test_fleet_judge import query

from cubinspect.fleet import store as stores
from cubinspect.fleet.plan import load
from cubinspect.fleet.store import key, open_store

s3fs = pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")
boto3 = pytest.importorskip("boto3")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a bucket; the environment has what its clients need."""
    server = moto_server.ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="bucket")
    # What is kept of another server.
    s3fs.S3FileSystem.clear_instance_cache()
    yield "s3://bucket"
    server.stop()


def objects(address: str) -> dict[str, bytes]:
    """Everything in a store but plans, which are written in another way each time."""
    store = open_store(address)
    rooms = (stores.LAYERS, stores.IMAGES, stores.FILES, stores.SUBJECTS, stores.MANIFESTS, stores.CONFIGS, stores.FAILED)
    return {key(room, digest): store.read(key(room, digest)) for room in rooms for digest in store.digests(room)}


def rows(dataset: pathlib.Path) -> dict[str, Any]:
    return {table: query(dataset, f"SELECT * FROM {table} ORDER BY ALL") for table in ("images", "layers", "libraries", "answers", "findings")}


def test_it_is_as_a_folder(bucket: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "registry").mkdir()
    registry = DockerRegistry(tmp_path / "registry")
    try:
        images = filled(registry, 30)
        remote, folder = f"{bucket}/some/fleet", str(tmp_path / "store")
        for store in (remote, folder):
            run("plan", "--store", store, f"{registry.name}/*")
            workers = [subprocess.Popen(command("work", "--store", store, "--jobs", "2", "--shard", f"{index}/2")) for index in (1, 2)]
            assert [worker.wait() for worker in workers] == [0, 0]
            run("work", "--store", store)
            run("judge", "--store", store, "--gpu", "A100,B200", "--driver", "535", "-o", str(tmp_path / store.replace("/", "_")))
        assert "Nothing has to be read." in run("plan", "--store", remote, f"{registry.name}/*")
    finally:
        registry.stop()
    assert load(open_store(remote), "fleet") == load(open_store(folder), "fleet")
    assert objects(remote) == objects(folder) != {}
    one, other = (rows(tmp_path / store.replace("/", "_")) for store in (remote, folder))
    assert one == other and len(one["answers"]) > 0
    repository, tag, _ = images[1]
    words = ["--image", f"{registry.name}/{repository}:{tag}", "--gpu", "A100,B200", "--driver", "535", "--deny", "never"]
    assert run("gate", "--store", remote, *words) == run("gate", "--store", folder, *words)


def test_what_s3_refuses(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Each in one line."""
    assert "has no plan" in run("work", "--store", f"{bucket}/none", status=2)
    (tmp_path / "list").touch()
    plan = ("plan", f"list:{tmp_path}/list", "--store")
    said = run(*plan, "s3://no-such-bucket/fleet", status=2)
    assert said.startswith("cubinspect.fleet: s3://no-such-bucket/fleet") and said.count("\n") == 1
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    said = run(*plan, f"{bucket}/fleet", status=2)
    assert "redentials" in said and said.count("\n") == 1
