"""What is judged: facts without what tells equal ones apart.

Images whose files with device code and whose software are the same have the same facts, whatever they are called and whatever
is in their other layers: they are judged once. What tells that is kept beside the facts, because reading it takes a
thousandth of what reading the facts takes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cubinspect.fleet.store import SUBJECTS, Store, key

# What is judged in place of the names of images with equal facts.
NAME = "the image"
# Of the form of a subject, and of what it leaves out.
_VERSION = 1


@dataclass(frozen=True)
class Subject:
    """One installation in some facts."""

    #: A digest of the facts. It is the same for equal ones.
    key: str
    #: The digests of an image's layers with the commands that made them.
    layers: tuple[tuple[str, str], ...]
    platform: str
    label: str


def keep(store: Store, digest: str, facts: bytes) -> list[Subject]:
    """The installations in facts with a digest, which are kept in the store."""
    subjects = [subject for subject, _ in split(facts)]
    rows = [{"key": one.key, "layers": one.layers, "platform": one.platform, "label": one.label} for one in subjects]
    store.write(key(SUBJECTS, digest), json.dumps({"version": _VERSION, "views": rows}, separators=(",", ":")).encode())
    return subjects


def subjects(store: Store, room: str, digest: str) -> list[Subject]:
    """The installations in facts with a digest.

    :raises FileNotFoundError: there are no such facts.
    """
    try:
        document = json.loads(store.read(key(SUBJECTS, digest)))
        if document["version"] != _VERSION:
            raise FileNotFoundError
    except FileNotFoundError:
        return keep(store, digest, gzip.decompress(store.read(key(room, digest))))
    return [
        Subject(row["key"], tuple((name, command) for name, command in row["layers"]), row["platform"], row["label"])
        for row in document["views"]
    ]


def document(store: Store, room: str, digest: str, subject: Subject) -> bytes:
    """The facts of an installation, as the program takes them.

    :raises ValueError: the facts in the store are other ones.
    """
    for found, content in split(gzip.decompress(store.read(key(room, digest)))):
        if found.key == subject.key:
            return content
    raise ValueError(f"{key(SUBJECTS, digest)} is not of the facts in the store: remove it")


def split(facts: bytes) -> list[tuple[Subject, bytes]]:
    """The installations in a document of facts, each with a document of its own."""
    whole = json.loads(facts)
    summary = dict.fromkeys(whole["summary"], 0)
    about = {"factsVersion": whole["factsVersion"], "kind": "facts", "summary": summary, "tool": whole["tool"]}
    found = []
    for view in whole["views"]:
        image = view.get("image") or {}
        layers = tuple((str(layer["digest"]), str(layer.get("createdBy", ""))) for layer in image.get("layers", ()))
        platform, label = str(image.get("platform", "")), str(view.pop("label", ""))
        view["paths"] = [NAME]
        if image:
            used = max((file.get("layer", -1) for file in view["files"]), default=-1) + 1
            image.pop("digest", None)
            image["names"] = [NAME]
            image["layers"] = [{"digest": f"layer {index}"} for index in range(used)]
        for one in view["stack"].get("images", ()):
            one["names"] = [NAME]
        name = hashlib.sha256(_canonical(view)).hexdigest()
        found.append((Subject(name, layers, platform, label), _canonical({**about, "views": [view]})))
    return found


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
