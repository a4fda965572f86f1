"""One image as a layout: what the registry has, or nothing."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import tarfile
import time

import pytest
from fleets import code, command, layout_of, run
from registries import Image, Layer, Server, digest_of, image, layer

import cubinspect
from cubinspect.fleet.pull import _MACHINE

BASE = layer({"opt/old.so": code("targets/too-old.so"), "opt/data": None, "opt/data/kept.so": code("units/three.so")})
IMAGE = image([BASE, layer({"opt/.wh.old.so": b""}), layer({"opt/new.so": code("host/scale.so")}, zipped=False), BASE])
ARM = image([layer({"opt/arm.so": code("host/aarch64-wrapped.so")})], architecture="arm64")


@pytest.fixture
def server(server: Server) -> Server:
    server.put("team/app", "1", IMAGE)
    server.put("team/app", "two", IMAGE, ARM)
    return server


def test_the_program_takes_it_where_no_client_is_installed(
    server: Server, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``registry:``, of the wheel that it was installed from."""
    layout_of(IMAGE, tmp_path / "layout")
    monkeypatch.setenv("PATH", str(tmp_path))
    program = cubinspect.find_program()
    reports = []
    for name in (f"registry:{server.name}/team/app:1", f"oci:{tmp_path / 'layout'}"):
        done = subprocess.run([program, "scan", name, "--gpu=V100", "-o", "json"], stdout=subprocess.PIPE, check=False)
        reports.append(json.loads(done.stdout)["views"][0]["libraries"])
    assert reports[0] == reports[1] and reports[0]


def expect_pulled(folder: pathlib.Path, one: Image) -> None:
    blobs = {one.manifest, one.config, *(part.content for part in one.layers)}
    assert {path.read_bytes() for path in (folder / "blobs" / "sha256").iterdir()} == blobs
    assert sorted(os.listdir(folder)) == ["blobs", "index.json", "oci-layout"]


def test_it_is_the_archive_of_the_image(
    server: Server, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a token that needs a password, with connections that break."""
    server.behaviour.token = True
    server.behaviour.credentials = ("anna", "secret")
    for digest in server.blobs:
        server.behaviour.breaks[digest] = [100]
    name, folder = f"{server.name}/team/app:1", tmp_path / "pulled"
    assert "docker login" in run("pull", name, str(folder), status=2)
    assert not folder.exists()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {server.name: {"username": "anna", "password": "secret"}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert run("pull", name, str(folder)).startswith(f"{name} for linux/amd64: 4 layers, ")
    expect_pulled(folder, IMAGE)
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        layout_of(IMAGE, tmp_path / "layout")
        archive.add(tmp_path / "layout", "")
    paths = f"oci:{folder}", str(tmp_path / "image.tar")
    pulled, saved = (cubinspect.scan(path, gpus=["A100", "V100"], driver="535") for path in paths)
    assert pulled.answers == saved.answers
    [view] = pulled.views
    assert view.libraries and view.libraries == saved.views[0].libraries and view.image is not None
    assert view.image.names == (name,)


def test_platforms(server: Server, tmp_path: pathlib.Path) -> None:
    name = f"{server.name}/team/app"
    for number, (arguments, one) in enumerate([
        ([f"{name}:two", "--platform", "linux/arm64"], ARM),
        ([f"{name}:two"], {"amd64": IMAGE, "arm64": ARM}[_MACHINE]),
        # An image for one platform alone is the one that is meant.
        ([f"{name}@{ARM.digest}"], ARM),
    ]):  # fmt: skip
        run("pull", *arguments, str(tmp_path / str(number)))
        expect_pulled(tmp_path / str(number), one)
    s390x, arm = (image(IMAGE.layers, architecture=name) for name in ("s390x", "arm"))
    server.put("team/app", "other", s390x, arm)
    assert "linux/arm, linux/s390x: --platform" in run("pull", f"{name}:other", str(tmp_path / "other"), status=2)
    for tag in ("1", "two"):
        said = run("pull", f"{name}:{tag}", str(tmp_path / "other"), "--platform", "linux/s390x", status=2)
        assert said == f"cubinspect.fleet: {name}:{tag} has no image for linux/s390x\n"
    assert not (tmp_path / "other").exists()


def test_folders_that_are_there(server: Server, tmp_path: pathlib.Path) -> None:
    name = f"{server.name}/team/app:1"
    folder = tmp_path / "folder"
    folder.mkdir()
    run("pull", name, str(folder))
    expect_pulled(folder, IMAGE)
    server.log.clear()
    assert run("pull", name, str(folder), status=2) == f"cubinspect.fleet: {folder} is not empty\n"
    assert run("pull", name, str(folder / "index.json"), status=2) == f"cubinspect.fleet: {folder}/index.json: File exists\n"
    assert "No such file" in run("pull", name, str(tmp_path / "none" / "folder"), status=2)
    expect_pulled(folder, IMAGE)
    assert server.log == []


@pytest.mark.parametrize("is_there", [True, False])
def test_what_fails_leaves_nothing(server: Server, tmp_path: pathlib.Path, is_there: bool) -> None:
    folder = tmp_path / "folder"
    if is_there:
        folder.mkdir()
    lost, changed = layer({"a": b"1"}), layer({"a": b"2"})
    server.put("team/app", "lost", image([BASE, lost]))
    server.put("team/app", "changed", image([BASE, changed]))
    server.put("team/app", "long", image([Layer(BASE.content[:-1], digest_of(b""))]))
    server.blobs[changed.digest] = changed.content[:-1] + b"x"
    server.blobs[digest_of(BASE.content[:-1])] = BASE.content
    del server.blobs[lost.digest]
    for name, cause in {
        "team/app:none": "MANIFEST_UNKNOWN",
        "team/app:lost": "BLOB_UNKNOWN",
        "team/app:changed": "the bytes have the digest",
        "team/app:long": "more bytes than",
        "UPPER": "is no name of a repository",
    }.items():
        said = run("pull", f"{server.name}/{name}", str(folder), status=2)
        assert cause in said and said.count("\n") == 1 and "goes on" not in said
    server.behaviour.is_down = True
    said = run("pull", f"{server.name}/team/app:1", str(folder), "--patience", "0.2", status=2)
    assert "has not answered" in said and said.count("\n") == 1 and "goes on" not in said
    assert list(tmp_path.rglob("*")) == ([folder] if is_there else [])


def test_it_is_stopped(server: Server, tmp_path: pathlib.Path) -> None:
    server.behaviour.blob_seconds = 0.5
    folder = tmp_path / "folder"
    process = subprocess.Popen(command("pull", f"{server.name}/team/app:1", str(folder)), stderr=subprocess.PIPE, text=True)
    while not (folder / "blobs").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.communicate()[1] == "cubinspect.fleet: it was stopped\n"
    assert process.returncode == 2 and not folder.exists()


def test_it_needs_no_other_package(server: Server, tmp_path: pathlib.Path) -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(['duckdb', 'fsspec', 'pyarrow', 'ray'])); "
        "from cubinspect.fleet.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    subprocess.run(
        [sys.executable, "-c", script, "pull", f"{server.name}/team/app:1", tmp_path / "folder"], check=True, stdout=subprocess.DEVNULL
    )
    expect_pulled(tmp_path / "folder", IMAGE)
