"""Facts of images, made of those of their layers. Nothing here reads a layer."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from cubinspect.fleet.plan import Manifest
from cubinspect.fleet.program import Program
from cubinspect.fleet.store import CONFIGS, FAILED, IMAGES, LAYERS, MANIFESTS, Store, key, packed
from cubinspect.fleet.subjects import keep


class Unread(Exception):
    """Something that an image is made of is not in the store. The text says what, and why."""


class Composer:
    """Lays the facts of layers over each other; threads may share it."""

    def __init__(self, store: Store, program: Program) -> None:
        self._store = store
        self._program = program
        self._lock = threading.Lock()
        # The layers of a store elsewhere, as far as they were needed.
        self._copies: Optional[tempfile.TemporaryDirectory[str]] = None
        if store.folder is None:
            self._copies = tempfile.TemporaryDirectory(prefix="cubinspect-fleet-")

    def make(self, manifest: Manifest) -> None:
        """Puts the facts of an image into the store.

        :raises Unread: a layer, the manifest or the configuration is missing there.
        :raises ProgramFailure: the layers are no image.
        """
        blobs = {
            manifest.digest: self._read(key(MANIFESTS, manifest.digest), "its manifest"),
            manifest.config.digest: self._read(key(CONFIGS, manifest.config.digest), "its configuration"),
        }
        layers = self._layers(manifest)
        with tempfile.TemporaryDirectory(prefix="cubinspect-fleet-") as folder:
            write_layout(Path(folder), manifest, blobs)
            facts = self._program.image_facts(Path(folder), layers)
        keep(self._store, manifest.digest, facts)
        self._store.write(key(IMAGES, manifest.digest), packed(facts))

    def _read(self, place: str, what: str) -> bytes:
        try:
            return self._store.read(place)
        except FileNotFoundError:
            raise Unread(f"{what} was not read") from None

    def _layers(self, manifest: Manifest) -> Path:
        """The folder with the facts of the layers."""
        missing = [
            layer.digest for layer in dict.fromkeys(manifest.layers) if not self._has(layer.digest)
        ]
        if missing:
            raise Unread("; ".join(f"layer {digest}: {self._cause(digest)}" for digest in missing))
        if self._store.folder is not None:
            return self._store.folder / LAYERS
        assert self._copies is not None
        return Path(self._copies.name) / LAYERS

    def _has(self, digest: str) -> bool:
        place = key(LAYERS, digest)
        if self._copies is None:
            return self._store.has(place)
        copy = Path(self._copies.name) / place
        with self._lock:
            if not copy.exists():
                try:
                    content = self._store.read(place)
                except FileNotFoundError:
                    return False
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(content)
        return True

    def _cause(self, digest: str) -> str:
        try:
            return str(json.loads(self._store.read(key(FAILED, digest)))["cause"])
        except FileNotFoundError:
            return "not read yet"


def write_layout(folder: Path, manifest: Manifest, blobs: Mapping[str, bytes]) -> None:
    """An OCI image layout with one image and the blobs that are given.

    https://github.com/opencontainers/image-spec/blob/main/image-layout.md
    """
    content = blobs[manifest.digest]
    media_type = json.loads(content).get("mediaType") or "application/vnd.oci.image.manifest.v1+json"
    entry: dict[str, Any] = {"mediaType": media_type, "digest": manifest.digest, "size": len(content)}
    index = {"schemaVersion": 2, "manifests": [entry]}
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "blobs" / "sha256").mkdir(parents=True)
    for digest, blob in blobs.items():
        (folder / "blobs" / digest.replace(":", "/")).write_bytes(blob)
