"""Where facts are kept: one object for each layer and image, written whole or not at all.

There is no lock and no index. A layer is done when its object is there, so that any number of workers share a store, and one
that is ended in the middle leaves nothing that counts.

    layers/sha256/HEX.json.gz      facts of a layer, by the digest of its blob
    images/sha256/HEX.json.gz      facts of an image, by the digest of its manifest
    files/sha256/HEX.json.gz       facts of a wheel or an archive in a folder
    subjects/sha256/HEX.json       what is judged of the facts of an image or a file
    manifests/sha256/HEX.json      manifests as the registry has them
    configs/sha256/HEX.json        configurations of images as the registry has them
    failed/sha256/HEX.json         why a layer or a file could not be read
    plans/NAME.json.gz             what belongs to a fleet
"""

from __future__ import annotations

import contextlib
import gzip
import importlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Optional, Protocol

LAYERS, IMAGES, FILES, SUBJECTS, MANIFESTS, CONFIGS, FAILED, PLANS = (
    "layers", "images", "files", "subjects", "manifests", "configs", "failed", "plans",
)  # fmt: skip
_SUFFIXES = {LAYERS: ".json.gz", IMAGES: ".json.gz", FILES: ".json.gz"}


class StoreError(Exception):
    """The store cannot be used."""


def key(room: str, digest: str) -> str:
    """The place of the object with a digest, which is ``sha256:`` and 64 hexadecimal digits."""
    return f"{room}/{digest.replace(':', '/')}{_SUFFIXES.get(room, '.json')}"


class Store(Protocol):
    """Objects by their place, with ``/`` between its parts."""

    #: The folder with the objects, where they are on this machine.
    folder: Optional[Path]

    def has(self, place: str) -> bool: ...

    def read(self, place: str) -> bytes:
        """:raises FileNotFoundError: there is no such object."""

    def write(self, place: str, content: bytes) -> None:
        """Puts an object in its place, whole, in place of one that may be there."""

    def remove(self, place: str) -> None:
        """Removes an object if it is there."""

    def digests(self, room: str) -> set[str]:
        """The digests of all objects in a room."""


def open_store(address: str) -> Store:
    """A folder, or a URL that fsspec understands, such as ``s3://bucket/fleet``.

    :raises StoreError: there is no such file system here.
    """
    return RemoteStore(address) if "://" in address else FolderStore(Path(address))


class FolderStore:
    """A store in a folder, which may be one that several machines share."""

    def __init__(self, folder: Path) -> None:
        self.folder: Optional[Path] = folder
        self._root = folder

    def has(self, place: str) -> bool:
        return (self._root / place).exists()

    def read(self, place: str) -> bytes:
        return (self._root / place).read_bytes()

    def write(self, place: str, content: bytes) -> None:
        path = self._root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                # Else a name could outlive a power failure without its bytes.
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def remove(self, place: str) -> None:
        (self._root / place).unlink(missing_ok=True)

    def digests(self, room: str) -> set[str]:
        try:
            names = os.listdir(self._root / room / "sha256")
        except FileNotFoundError:
            return set()
        return _digests(names, room)


class RemoteStore:
    """A store on a file system of fsspec whose objects appear when they are complete, as those of S3 do."""

    def __init__(self, address: str) -> None:
        self.folder: Optional[Path] = None
        self._address = address
        try:
            fsspec: Any = importlib.import_module("fsspec")
        except ImportError as error:
            raise StoreError(f"{address}: {error}; pip install 'cubinspect[fleet]' brings fsspec") from error
        try:
            # What other workers write meanwhile counts too, so that no listing is kept.
            self._files, self._root = fsspec.core.url_to_fs(address, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise StoreError(f"{address}: {error}") from error

    def has(self, place: str) -> bool:
        return bool(self._call("exists", place))

    def read(self, place: str) -> bytes:
        return bytes(self._call("cat_file", place))

    def write(self, place: str, content: bytes) -> None:
        try:
            # No folder is made before, because objects need none, and a bucket that is missing would be made too.
            self._call("pipe_file", place, content)
        except FileNotFoundError as error:
            raise StoreError(f"{self._address}: {error}") from error

    def remove(self, place: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._call("rm_file", place)

    def digests(self, room: str) -> set[str]:
        try:
            names = self._call("ls", f"{room}/sha256", detail=False)
        except FileNotFoundError:
            return set()
        return _digests([name.rpartition("/")[2] for name in names], room)

    def _call(self, method: str, place: str, *values: Any, **options: Any) -> Any:
        """What a method of fsspec says of a place.

        :raises FileNotFoundError: there is no such object.
        :raises StoreError: everything else, because each client has its own errors.
        """
        try:
            return getattr(self._files, method)(f"{self._root}/{place}", *values, **options)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise StoreError(f"{self._address}: {error}") from error


def why_missing(store: Store, digest: str) -> str:
    """Why the store has no facts of something: why it could not be read, or that nobody has tried yet."""
    try:
        return str(json.loads(store.read(key(FAILED, digest)))["cause"])
    except FileNotFoundError:
        return "not read yet"


def _digests(names: list[str], room: str) -> set[str]:
    suffix = _SUFFIXES.get(room, ".json")
    return {f"sha256:{name[:64]}" for name in names if len(name) == 64 + len(suffix) and name.endswith(suffix)}


def packed(content: bytes) -> bytes:
    """The same bytes for the same content."""
    return gzip.compress(content, mtime=0)
