"""Names of images, as people write them and as a registry knows them."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, replace
from typing import Optional

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?")

DOCKER_HUB = "docker.io"


class InvalidReference(ValueError):
    """A text that names no image."""


def is_digest(text: object) -> bool:
    """Whether a text is a digest that objects can be kept under: SHA-256 in lower case."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def is_repository(text: str) -> bool:
    """Whether a text is the path of a repository, without a pattern."""
    return _REPOSITORY.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def is_loopback(registry: str) -> bool:
    """Whether a registry is on this machine, so that nobody on the way can listen in."""
    return _LOOPBACK.fullmatch(registry) is not None


@dataclass(frozen=True)
class Reference:
    """One image of a registry, by tag, by digest, or by both."""

    registry: str
    repository: str
    tag: Optional[str] = None
    digest: Optional[str] = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Reads ``HOST/REPOSITORY[:TAG][@DIGEST]``. Without a host it is Docker Hub, without a tag ``latest``.

        :raises InvalidReference: the text names no image.
        """
        pattern = Pattern.parse(text)
        if pattern.tag is None and pattern.digest is None:
            pattern = replace(pattern, tag="latest")
        if not pattern.names_one_image:
            raise InvalidReference(f"{text} names several images, where one is needed")
        return cls(pattern.registry, pattern.repository, pattern.tag, pattern.digest)

    @property
    def version(self) -> str:
        """What a registry is asked for: the digest, else the tag."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


@dataclass(frozen=True)
class Pattern:
    """Images of a registry: ``HOST/*``, ``HOST/team/*:v*``, or one image. ``*`` stands for any characters."""

    registry: str
    repository: str
    tag: Optional[str] = None
    digest: Optional[str] = None

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Reads a name of an image in which repository and tag may have ``*``, ``?`` and ``[…]``.

        :raises InvalidReference: the text cannot name images.
        """
        rest, at, digest = text.partition("@")
        if at and not is_digest(digest):
            raise InvalidReference(f"{text}: {digest} is no digest: sha256: and 64 hexadecimal digits are needed")
        first, slash, path = rest.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost" or first.startswith("[")):
            registry = first
        else:
            registry, path = DOCKER_HUB, rest
        if not _HOST.fullmatch(registry):
            raise InvalidReference(f"{text}: {registry} is no name of a registry")
        repository, colon, tag = path.partition(":")
        if registry == DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        plain = re.sub(r"[*?\[\]!]+", "x", repository)
        if not _REPOSITORY.fullmatch(plain):
            raise InvalidReference(f"{text}: {repository or 'nothing'} is no name of a repository")
        if colon and not _TAG.fullmatch(re.sub(r"[*?\[\]!]+", "x", tag)):
            raise InvalidReference(f"{text}: {tag or 'nothing'} is no tag")
        return cls(registry, repository, tag if colon else None, digest if at else None)

    @property
    def names_one_repository(self) -> bool:
        return not re.search(r"[*?\[]", self.repository)

    @property
    def names_one_image(self) -> bool:
        return self.names_one_repository and (
            self.digest is not None or (self.tag is not None and not re.search(r"[*?\[]", self.tag))
        )

    def has_repository(self, repository: str) -> bool:
        return fnmatch.fnmatchcase(repository, self.repository)

    def has_tag(self, tag: str) -> bool:
        return self.tag is None or fnmatch.fnmatchcase(tag, self.tag)
