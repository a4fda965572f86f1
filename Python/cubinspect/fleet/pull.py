"""Writes one image of a registry into a folder, as an OCI image layout."""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from cubinspect.fleet.images import blob_path, write_layout
from cubinspect.fleet.plan import Blob, Manifest, Planner, Registries, configuration_of, is_platform
from cubinspect.fleet.progress import Line, Progress
from cubinspect.fleet.references import Reference
from cubinspect.fleet.registry import RegistryError, Stopped, Unavailable
from cubinspect.fleet.store import CONFIGS, MANIFESTS, FolderStore, key

# Layers that are fetched at the same time.
_STREAMS = 4
# The architecture of this machine, in the words of Go.
_MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


class PullError(Exception):
    """The image was not written. The text says why."""


def pull(
    reference: Reference, folder: Path, registries: Registries, *, platform: Optional[str], stop: threading.Event, line: Line
) -> Manifest:
    """Writes an image into a folder that is empty or not there; where it fails, the folder is as it was before.

    :param platform: of an image for several platforms this one; by default that of this machine.
    :param stop: ends it when it is set.
    :raises PullError: there is something in the folder, or the registry does not answer.
    :raises RegistryError: the registry has no such image, or none for the platform.
    """
    is_there = folder.is_dir()
    if is_there and any(folder.iterdir()):
        raise PullError(f"{folder} is not empty")
    if not is_there:
        folder.mkdir()
    try:
        return _write(reference, folder, registries, platform, stop, line)
    except BaseException as error:
        shutil.rmtree(folder / "blobs", ignore_errors=True)
        for name in ("oci-layout", "index.json"):
            (folder / name).unlink(missing_ok=True)
        if not is_there:
            folder.rmdir()
        if isinstance(error, (Stopped, Unavailable)):
            raise PullError(str(error) or "it was stopped") from error
        raise
    finally:
        line.clear()


def _write(
    reference: Reference, folder: Path, registries: Registries, platform: Optional[str], stop: threading.Event, line: Line
) -> Manifest:
    registry = registries(reference.registry)
    with tempfile.TemporaryDirectory(prefix="cubinspect-fleet-") as small:
        store = FolderStore(Path(small))
        plan = Planner(store, registries).one(reference, platform or "linux/*")
        manifest = _chosen(list(plan.manifests.values()), platform or f"linux/{_MACHINE}")
        configuration_of(store, registry, reference.repository, manifest.config)
        places = {manifest.digest: key(MANIFESTS, manifest.digest), manifest.config.digest: key(CONFIGS, manifest.config.digest)}
        blobs = {digest: store.read(place) for digest, place in places.items()}
    layers = {layer.digest: layer for layer in manifest.layers}
    progress = Progress(len(layers), sum(layer.size for layer in layers.values()), line)
    (folder / "blobs" / "sha256").mkdir(parents=True)

    def fetch(layer: Blob) -> None:
        with open(blob_path(folder, layer.digest), "wb") as file:
            for piece in registry.blob(reference.repository, layer.digest, layer.size):
                file.write(piece)
                progress.add(len(piece))
        progress.finish()

    with concurrent.futures.ThreadPoolExecutor(_STREAMS) as pool:
        futures = [pool.submit(fetch, layer) for layer in layers.values()]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
        except BaseException:
            # One that fails ends all, so that nobody writes any more.
            stop.set()
            raise
    write_layout(folder, manifest, blobs, str(reference))
    return manifest


def _chosen(manifests: Sequence[Manifest], platform: str) -> Manifest:
    """The image for a platform; the only one there is, whatever it is for.

    :raises RegistryError: there are several, and none is for the platform.
    """
    if len(manifests) == 1:
        return manifests[0]
    fitting = [one for one in manifests if is_platform(one.platform, platform)]
    if not fitting:
        others = ", ".join(sorted(one.platform for one in manifests))
        raise RegistryError(f"there is no image for {platform}, but for {others}: --platform chooses")
    # One without a variant before others.
    return min(fitting, key=lambda one: one.platform != platform)
