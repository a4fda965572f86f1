"""Facts of images, made of those of their layers. Nothing here reads a layer."""

from __future__ import annotations

import json
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from cubinspect.fleet.plan import Manifest
from cubinspect.fleet.program import Program
from cubinspect.fleet.store import CONFIGS, IMAGES, LAYERS, MANIFESTS, Store, key, packed, why_missing
from cubinspect.fleet.subjects import keep

# Bytes of facts of layers that are kept in memory.
_RECENT_BYTES = 256 << 20


class Unread(Exception):
    """Something that an image is made of is not in the store. The text says what, and why."""


class Composer:
    """Lays the facts of layers over each other; threads may share it."""

    def __init__(self, store: Store, program: Program) -> None:
        self._store = store
        self._program = program
        self._recent = _Recent()

    def make(self, manifest: Manifest) -> None:
        """Puts the facts of an image into the store.

        :raises Unread: a layer, the manifest or the configuration is missing there.
        :raises ProgramFailure: the layers are no image.
        """
        blobs = {
            manifest.digest: self._read(key(MANIFESTS, manifest.digest), "its manifest"),
            manifest.config.digest: self._read(key(CONFIGS, manifest.config.digest), "its configuration"),
        }
        with tempfile.TemporaryDirectory(prefix="cubinspect-fleet-") as folder:
            layout = Path(folder) / manifest.digest.replace(":", "-")
            write_layout(layout, manifest, blobs)
            layers = self._layers(manifest, Path(folder) / LAYERS)
            facts = self._program.image_facts(layout, layers)
        keep(self._store, manifest.digest, facts)
        self._store.write(key(IMAGES, manifest.digest), packed(facts))

    def _read(self, place: str, what: str) -> bytes:
        try:
            return self._store.read(place)
        except FileNotFoundError:
            raise Unread(f"{what} was not read") from None

    def _layers(self, manifest: Manifest, folder: Path) -> Path:
        """The folder with the facts of the layers: that of the store, or the one that is named, with copies."""
        places = {layer.digest: key(LAYERS, layer.digest) for layer in manifest.layers}
        missing = []
        for digest, place in places.items():
            if self._store.folder is not None:
                if not self._store.has(place):
                    missing.append(digest)
                continue
            try:
                content = self._recent.get(place, self._store)
            except FileNotFoundError:
                missing.append(digest)
                continue
            copy = folder.parent / place
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
        if missing:
            raise Unread("; ".join(f"layer {digest}: {why_missing(self._store, digest)}" for digest in missing))
        return folder if self._store.folder is None else self._store.folder / LAYERS


class _Recent:
    """Objects of a store elsewhere that were read lately, because images share their lower layers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, place: str, store: Store) -> bytes:
        """:raises FileNotFoundError: there is no such object."""
        with self._lock:
            if place in self._objects:
                self._objects.move_to_end(place)
                return self._objects[place]
        content = store.read(place)
        with self._lock:
            if place not in self._objects:
                self._objects[place] = content
                self._bytes += len(content)
            while self._bytes > _RECENT_BYTES:
                self._bytes -= len(self._objects.popitem(last=False)[1])
        return content


def write_layout(folder: Path, manifest: Manifest, blobs: Mapping[str, bytes], name: Optional[str] = None) -> None:
    """Makes a folder with an OCI image layout: one image, and the blobs that are given.

    What names the image is written last, so that the layout is whole or none.

    https://github.com/opencontainers/image-spec/blob/main/image-layout.md
    """
    content = blobs[manifest.digest]
    media_type = json.loads(content).get("mediaType") or "application/vnd.oci.image.manifest.v1+json"
    entry: dict[str, Any] = {"mediaType": media_type, "digest": manifest.digest, "size": len(content)}
    if name is not None:
        entry["annotations"] = {"org.opencontainers.image.ref.name": name}
    (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    for digest, blob in blobs.items():
        blob_path(folder, digest).write_bytes(blob)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}), encoding="utf-8")


def blob_path(folder: Path, digest: str) -> Path:
    """Where a blob is in an OCI image layout."""
    return folder / "blobs" / digest.replace(":", "/")
