"""A fleet for the tests: images of few shared layers with code that NVIDIA's compilers made."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Union

from registries import DockerRegistry, Image, Layer, Server, image, layer

import cubinspect

FIXTURES = pathlib.Path(__file__).resolve().parent.parent.parent / "Fixtures"


def code(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def wheel_files(name: str, version: str, library: str) -> dict[str, bytes]:
    """What pip installs of a wheel with one library."""
    site = "opt/venv/lib/python3.12/site-packages"
    info = f"{site}/{name}-{version}.dist-info"
    record = f"{name}/_C.so,,\n{name}-{version}.dist-info/METADATA,,\n{name}-{version}.dist-info/RECORD,,\n"
    return {
        "opt/venv/pyvenv.cfg": b"home = /usr/bin\nversion = 3.12.1\n",
        f"{site}/{name}/_C.so": code(library),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/RECORD": record.encode(),
        f"{info}/INSTALLER": b"pip\n",
    }


def base_layers() -> list[Layer]:
    """Two base images: one with code for few GPUs, one for many."""
    system = {"etc/os-release": b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'}
    old = {"opt/base/libold.so": code("targets/too-old.so"), "opt/base/data": None, "opt/base/data/kept.so": code("units/three.so")}
    return [layer({**system, **old}), layer({**system, "opt/base/libscale.so": code("host/scale.so")}, zipped=False)]


def fleet(count: int) -> list[tuple[str, str, list[Image]]]:
    """Repositories, tags and images: different ones that share nearly all of their layers."""
    bases = base_layers()
    packages = [
        layer(wheel_files("alpha", "1.0", "host/scale.so")),
        layer(wheel_files("beta", "2.0", "targets/too-old-sm80.so")),
        layer(wheel_files("gamma", "3.0", "units/three.so")),
    ]
    changes = [
        layer({"opt/base/.wh.libold.so": b""}),
        layer({"opt/base/data": None, "opt/base/data/.wh..wh..opq": b"", "opt/base/data/new.so": code("rdc/linked.so")}),
        layer({"opt/base/libold.so": code("host/scale.so"), "opt/base/libnew.so": "libold.so"}),
        layer({"srv/app.py": b"print('hello')\n"}),
    ]
    arm = layer({"opt/arm.so": code("host/aarch64-wrapped.so")})
    found = []
    for number in range(count):
        team, app = ("vision", "speech", "search")[number % 3], f"app{number // 6}"
        layers = [bases[number % 2], packages[number // 2 % 3], *changes[: number // 6 % (len(changes) + 1)]]
        labels = {"team": team, "number": str(number)}
        one = image(layers, labels=labels, environment=["CUDA_VERSION=12.4.1"] if number % 5 == 0 else [])
        images = [one, image([arm], architecture="arm64", labels=labels)] if number % 10 == 0 else [one]
        found.append((f"{team}/{app}", f"v{number}", images))
    return found


def filled(registry: Union[Server, DockerRegistry], count: int) -> list[tuple[str, str, list[Image]]]:
    """A fleet that a registry has."""
    images = fleet(count)
    for repository, tag, several in images:
        registry.put(repository, tag, *several)
    return images


def layout_of(one: Image, folder: pathlib.Path) -> str:
    """An image as an OCI layout, as the program takes it."""
    blobs = {one.digest: one.manifest, **{part.digest: part.content for part in one.layers}}
    manifest = json.loads(one.manifest)
    blobs[manifest["config"]["digest"]] = one.config
    (folder / "blobs" / "sha256").mkdir(parents=True)
    for digest, content in blobs.items():
        (folder / "blobs" / digest.replace(":", "/")).write_bytes(content)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
    entry = {"mediaType": manifest["mediaType"], "digest": one.digest, "size": len(one.manifest)}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}), encoding="utf-8")
    return f"oci:{folder}"


def whole_facts(one: Image, folder: pathlib.Path) -> Any:
    """The facts of an image by a program that reads its layers."""
    layout = layout_of(one, folder)
    result = folder / "facts.json"
    subprocess.run([cubinspect.find_program(), "facts", layout, "-o", result], check=True)
    return comparable(json.loads(result.read_bytes()))


def comparable(facts: Any) -> Any:
    """Facts without the folder that they were read from, and without what reading them took."""
    facts.pop("summary", None)
    for view in facts["views"]:
        view.pop("paths")
    return facts


def command(*arguments: str) -> Sequence[str]:
    """The command line of the fleet."""
    return [sys.executable, "-m", "cubinspect.fleet", *arguments]


def run(*arguments: str, status: int = 0) -> str:
    """What the fleet prints; with another status, what it says on standard error."""
    done = subprocess.run(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stderr if status else done.stdout
