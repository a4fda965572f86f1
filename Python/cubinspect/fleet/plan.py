"""What belongs to a fleet, and what of it has to be read: from lists and manifests alone."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import fnmatch
import gzip
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional

from cubinspect.fleet.documents import mapping, mappings, parsed
from cubinspect.fleet.references import Pattern, Reference, is_digest, is_repository, is_tag
from cubinspect.fleet.registry import RawManifest, Registry, RegistryError, Unavailable
from cubinspect.fleet.store import CONFIGS, FILES, LAYERS, MANIFESTS, PLANS, Store, key, packed

# Bytes of a stored layer, full of device code, that one processor reads in a second: Docs/Performance.md.
BYTES_PER_CORE_SECOND = 18e6

_VERSION = 1
_ARCHIVES = (".whl", ".conda", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz", ".sif", ".squashfs", ".sqsh")
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"
_CONFIGURATIONS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
# Sizes are numbers of 64 bits, in the specification and in datasets.
_MOST_BYTES = (1 << 63) - 1

Registries = Callable[[str], Registry]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Blob:
    """A blob as a manifest names it."""

    digest: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """The image for one platform."""

    digest: str
    platform: str
    config: Blob
    #: From the lowest to the uppermost.
    layers: tuple[Blob, ...]


@dataclass(frozen=True)
class Image:
    """A name in a registry, and the manifest that it led to."""

    registry: str
    repository: str
    tag: str
    manifest: str

    @property
    def name(self) -> str:
        return f"{self.registry}/{self.repository}{'@' if is_digest(self.tag) else ':'}{self.tag}"


@dataclass(frozen=True)
class File:
    """A wheel or an archive in a folder. It is taken to be the same as long as path, size and time are."""

    path: str
    size: int
    #: Nanoseconds since 1970.
    modified: int

    @property
    def digest(self) -> str:
        """What its facts are kept under: a digest of what tells it from others, not of its contents."""
        text = "\0".join((self.path, str(self.size), str(self.modified)))
        return "sha256:" + hashlib.sha256(os.fsencode(text)).hexdigest()


@dataclass
class Look:
    """What a name led to: the images for the platforms that are wanted, and what was left out."""

    digest: str
    images: list[Image] = field(default_factory=list)
    manifests: list[Manifest] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass
class Plan:
    """The images and files of a fleet, in the order in which they were named."""

    sources: list[str] = field(default_factory=list)
    #: Of an image for several platforms those that match.
    platform: str = "linux/*"
    #: Only images that were made then or later, as a date of RFC 3339.
    since: Optional[str] = None
    #: The digest that each name led to: that of a manifest, or of the list with the manifests for all platforms. Names whose
    #: images were left out, because of platform or date, are among them.
    found: dict[str, str] = field(default_factory=dict)
    images: list[Image] = field(default_factory=list)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)
    #: What was left out, and why.
    skipped: dict[str, str] = field(default_factory=dict)

    def layers(self) -> dict[str, int]:
        """The sizes of all layers by digest, each once."""
        return {layer.digest: layer.size for manifest in self.manifests.values() for layer in manifest.layers}

    def places(self) -> dict[str, list[tuple[str, str]]]:
        """The repositories that have a layer or a configuration: registries with paths, by digest."""
        found: dict[str, dict[tuple[str, str], None]] = {}
        for image in self.images:
            manifest = self.manifests[image.manifest]
            for blob in (manifest.config, *manifest.layers):
                found.setdefault(blob.digest, {})[image.registry, image.repository] = None
        return {digest: list(places) for digest, places in found.items()}

    def put(self, name: str, look: Look) -> None:
        """Adds what a name led to, which was not there before."""
        self.found[name] = look.digest
        self.images += look.images
        self.manifests.update((manifest.digest, manifest) for manifest in look.manifests)
        self.skipped.update(look.skipped)

    def looks(self) -> dict[str, Look]:
        """What each name led to."""
        looks = {name: Look(digest) for name, digest in self.found.items()}
        for image in self.images:
            looks[image.name].images.append(image)
            looks[image.name].manifests.append(self.manifests[image.manifest])
        return looks

    def to_bytes(self) -> bytes:
        document = {"planVersion": _VERSION, **dataclasses.asdict(self)}
        return packed(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())

    @classmethod
    def from_bytes(cls, content: bytes) -> Plan:
        """Reads what :meth:`to_bytes` has written.

        :raises ValueError: it is of another version.
        """
        document: dict[str, Any] = json.loads(gzip.decompress(content))
        if document.get("planVersion") != _VERSION:
            raise ValueError(f"a plan of version {document.get('planVersion')}, where {_VERSION} is needed: make it again")
        manifests = {
            digest: Manifest(digest, row["platform"], Blob(**row["config"]), tuple(Blob(**layer) for layer in row["layers"]))
            for digest, row in document["manifests"].items()
        }
        return cls(
            document["sources"],
            document["platform"],
            document["since"],
            document["found"],
            [Image(**row) for row in document["images"]],
            manifests,
            [File(**row) for row in document["files"]],
            document["skipped"],
        )


def load(store: Store, name: str) -> Plan:
    """:raises FileNotFoundError: no plan of this name was made."""
    return Plan.from_bytes(store.read(f"{PLANS}/{name}.json.gz"))


def save(plan: Plan, store: Store, name: str) -> None:
    store.write(f"{PLANS}/{name}.json.gz", plan.to_bytes())


@dataclass(frozen=True)
class Need:
    """What a plan asks for, and what of it is known."""

    layers: dict[str, int]
    files: list[File]
    known_layers: int
    known_files: int

    @property
    def bytes(self) -> int:
        return sum(self.layers.values()) + sum(file.size for file in self.files)

    def seconds(self, jobs: int) -> float:
        """An estimate for so many processors, where network and registry are fast enough for them."""
        return self.bytes / BYTES_PER_CORE_SECOND / jobs


def need(plan: Plan, store: Store) -> Need:
    """What has to be read for a plan."""
    layers, known = plan.layers(), store.digests(LAYERS)
    known_files = store.digests(FILES)
    files = list({file.digest: file for file in plan.files}.values())
    open_layers = {digest: size for digest, size in layers.items() if digest not in known}
    open_files = [file for file in files if file.digest not in known_files]
    return Need(open_layers, open_files, len(layers) - len(open_layers), len(files) - len(open_files))


class Planner:
    """Makes plans. What it asks of registries is lists, manifests and, for a date, configurations."""

    def __init__(
        self, store: Store, registries: Registries, *, jobs: int = 8, tell: Tell = lambda text: None
    ) -> None:
        """
        :param jobs: how many images are looked at at the same time.
        :param tell: is told how far it is.
        """
        self._store = store
        self._registries = registries
        self._jobs = jobs
        self._tell = tell

    def make(
        self,
        sources: Sequence[str],
        *,
        platform: str = "linux/*",
        since: Optional[str] = None,
        known: Optional[Plan] = None,
        moved: bool = True,
    ) -> Plan:
        """The plan of some sources: patterns of images, ``list:FILE``, folders and archives.

        :param platform: of an image for several platforms only those that match, such as ``linux/amd64``.
        :param since: only images that were made then or later, by their configuration: a date of RFC 3339.
        :param known: an older plan; what a name of it leads to is not asked for again.
        :param moved: ask whether names of the older plan lead elsewhere now.
        :raises RegistryError: a registry does not answer, or gives no list of its repositories.
        :raises InvalidReference: a source names no image, and nothing that exists.
        """
        plan = Plan(list(dict.fromkeys(sources)), platform, since)
        files: dict[str, File] = {}
        references: dict[Reference, None] = {}
        for source in plan.sources:
            if os.path.exists(source):
                files.update((file.path, file) for file in _files(source))
                continue
            for pattern in _patterns(source):
                references.update(dict.fromkeys(self._references(pattern, plan.skipped)))
        plan.files = list(files.values())
        # What was left out before, because of platform or date, may be wanted now.
        is_alike = known is not None and (known.platform, known.since) == (platform, since)
        self._add(plan, list(references), known.looks() if known and is_alike else {}, moved)
        return plan

    def watch(self, known: Plan, *, moved: bool = False) -> Plan:
        """The plan of the same sources, for which only names that are new are looked at."""
        return self.make(known.sources, platform=known.platform, since=known.since, known=known, moved=moved)

    def one(self, reference: Reference, platform: str) -> Plan:
        """The plan of one image, for the platforms that match.

        :raises RegistryError: it cannot be had, or there is none for them.
        """
        plan = Plan([str(reference)], platform)
        self._add(plan, [reference], {}, True)
        if not plan.images:
            raise RegistryError(next(iter(plan.skipped.values()), f"{reference} has no image for {platform}"))
        return plan

    def _references(self, pattern: Pattern, skipped: dict[str, str]) -> Iterator[Reference]:
        """The images that a pattern names. A repository without tags is in many registries, and is no failure."""
        if pattern.names_one_image:
            yield Reference(pattern.registry, pattern.repository, pattern.tag, pattern.digest)
            return
        registry = self._registries(pattern.registry)
        repositories = [pattern.repository]
        if not pattern.names_one_repository:
            names = registry.repositories()
            repositories = [name for name in names if is_repository(name) and pattern.has_repository(name)]
        for repository in repositories:
            self._tell(f"{pattern.registry}/{repository}: tags")
            try:
                for tag in registry.tags(repository):
                    if is_tag(tag) and pattern.has_tag(tag):
                        yield Reference(pattern.registry, repository, tag)
            except Unavailable:
                raise
            except RegistryError as error:
                skipped[f"{pattern.registry}/{repository}"] = str(error)

    def _add(self, plan: Plan, references: Sequence[Reference], known: Mapping[str, Look], moved: bool) -> None:
        def look(reference: Reference) -> Look:
            before = known.get(_name(reference))
            if before is not None:
                if not moved:
                    return before
                now = self._registries(reference.registry).digest(reference.repository, reference.version)
                if now == before.digest:
                    return before
            return self._look(reference, plan)

        with concurrent.futures.ThreadPoolExecutor(self._jobs) as pool:
            futures = [pool.submit(look, reference) for reference in references]
            try:
                for count, (reference, future) in enumerate(zip(references, futures), 1):
                    try:
                        plan.put(_name(reference), future.result())
                    except Unavailable:
                        raise
                    except RegistryError as error:
                        plan.skipped[str(reference)] = str(error)
                    self._tell(f"{count} of {len(references)} images: manifests")
            except BaseException:
                for future in futures:
                    future.cancel()
                raise

    def _look(self, reference: Reference, plan: Plan) -> Look:
        """What a reference leads to, as far as a plan wants it."""
        registry = self._registries(reference.registry)
        raw = registry.manifest(reference.repository, reference.version)
        document = raw.document()
        look = Look(raw.digest)
        if "manifests" not in document:
            one = self._manifest(registry, reference, raw, plan, None)
            look.manifests += [one] if one else []
        for row in mappings(document.get("manifests")):
            platform = _platform(mapping(row.get("platform")))
            # Statements about an image, such as its origin, are in its index too; their platform is unknown/unknown.
            if platform.startswith("unknown/") or not is_platform(platform, plan.platform):
                continue
            try:
                if not is_digest(row.get("digest")):
                    raise RegistryError(f"{reference}: {row.get('digest')} is no digest by SHA-256")
                part = registry.manifest(reference.repository, row["digest"])
                one = self._manifest(registry, reference, part, plan, platform)
                look.manifests += [one] if one else []
            except Unavailable:
                raise
            except RegistryError as error:
                look.skipped[f"{reference} for {platform}"] = str(error)
        tag = reference.tag or reference.version
        look.images = [Image(reference.registry, reference.repository, tag, one.digest) for one in look.manifests]
        return look

    def _manifest(
        self, registry: Registry, reference: Reference, raw: RawManifest, plan: Plan, platform: Optional[str]
    ) -> Optional[Manifest]:
        """An image as a manifest describes it; None for one that the plan does not want."""
        document = raw.document()
        if raw.media_type.startswith(_SCHEMA_1) or document.get("schemaVersion") == 1:
            raise RegistryError(f"{reference}: a manifest of schema 1, which does not name its layers' sizes")
        rows = document.get("layers")
        if "config" not in document or not isinstance(rows, list):
            raise RegistryError(f"{reference}: a manifest without configuration and layers")
        kind = mapping(document["config"]).get("mediaType")
        if kind not in _CONFIGURATIONS:
            raise RegistryError(f"{reference}: no image, but {kind}")
        config, *layers = [_blob(mapping(row), reference) for row in (document["config"], *rows)]
        since = parsed_date(plan.since) if plan.since else None
        if platform is None or since is not None:
            configuration = configuration_of(self._store, registry, reference.repository, config)
            platform = platform or _platform(configuration)
            if not is_platform(platform, plan.platform):
                return None
            if since is not None and (created(configuration) or since) < since:
                return None
        self._store.write(key(MANIFESTS, raw.digest), raw.content)
        return Manifest(raw.digest, platform, config, tuple(layers))


def configuration_of(store: Store, registry: Registry, repository: str, config: Blob) -> Mapping[str, Any]:
    """The configuration of an image, which is kept.

    :raises RegistryError: it cannot be had, or is no JSON.
    """
    place = key(CONFIGS, config.digest)
    try:
        content = store.read(place)
    except FileNotFoundError:
        content = registry.small_blob(repository, config.digest, config.size)
        store.write(place, content)
    try:
        return mapping(parsed(content))
    except ValueError as error:
        raise RegistryError(f"configuration {config.digest}: {error}") from error


def created(configuration: Mapping[str, Any]) -> Optional[datetime.datetime]:
    """When an image was made; None where it does not say."""
    return parsed_date(str(configuration.get("created") or ""))


def parsed_date(text: str) -> Optional[datetime.datetime]:
    """A date or a time of RFC 3339, in UTC where it does not say; None where it is neither."""
    # Nanoseconds and Z are more than older Pythons read.
    head, dot, rest = text.strip().replace("Z", "+00:00").partition(".")
    zone = rest.lstrip("0123456789") if dot else ""
    try:
        date = datetime.datetime.fromisoformat(head + zone)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=datetime.timezone.utc)


def is_platform(platform: str, pattern: str) -> bool:
    """Whether a platform is one that a pattern means, which stands for all variants where it names none."""
    return fnmatch.fnmatchcase(platform, pattern) or fnmatch.fnmatchcase(platform, f"{pattern}/*")


def _platform(document: Mapping[str, Any]) -> str:
    """Operating system, architecture and variant, in the words of Go: ``linux/arm64``."""
    parts = [document.get("os") or "unknown", document.get("architecture") or "unknown", document.get("variant")]
    # Every arm64 is v8, whether an index says so or not.
    if parts[1] == "arm64" and parts[2] == "v8":
        parts[2] = None
    return "/".join(str(part) for part in parts if part)


def _blob(row: Mapping[str, Any], reference: Reference) -> Blob:
    digest, size = row.get("digest"), row.get("size")
    if not isinstance(digest, str) or not is_digest(digest):
        raise RegistryError(f"{reference}: {digest} is no digest by SHA-256")
    if type(size) is not int or not 0 <= size <= _MOST_BYTES:
        raise RegistryError(f"{reference}: {digest} has no size, but {size}")
    return Blob(digest, size)


def _name(reference: Reference) -> str:
    """The name under which an image of a reference is in a plan; with a digest alone that is its name."""
    return Image(reference.registry, reference.repository, reference.tag or reference.version, "").name


def _patterns(source: str) -> Iterable[Pattern]:
    """The patterns of one source: of a list, or what it says itself.

    :raises InvalidReference: a text names no image.
    """
    if source.startswith("list:"):
        path = source[len("list:") :]
        lines = (sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")).splitlines()
        return [Pattern.parse(line.split()[0]) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    pattern = Pattern.parse(source[len("registry:") :] if source.startswith("registry:") else source)
    return [pattern]


def _files(path: str) -> list[File]:
    """The wheels and archives in a folder and in those below it, by path; or one file."""
    paths = [path]
    if os.path.isdir(path):
        paths = [
            os.path.join(folder, name)
            for folder, _, names in os.walk(path)
            for name in names
            if name.lower().endswith(_ARCHIVES)
        ]
    found = []
    for one in sorted(os.path.abspath(one) for one in paths):
        status = os.stat(one)
        found.append(File(one, status.st_size, status.st_mtime_ns))
    return found
