"""A client of registries: lists, manifests and blobs, by the distribution specification of OCI.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md and, for tokens,
https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import re
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Callable, Optional, TypeVar

from cubinspect.fleet import credentials
from cubinspect.fleet.credentials import Credentials, CredentialsError
from cubinspect.fleet.documents import mapping, mappings, parsed
from cubinspect.fleet.references import DOCKER_HUB, is_digest, is_loopback
from cubinspect.fleet.transport import TRANSIENT, Errors, Patience, Rate, Transport, origin, retry_after

# The most that a registry may be asked to keep as a manifest, by the specification; the others by their purpose.
MANIFEST_BYTES = 4 << 20
CONFIG_BYTES = 8 << 20
_LIST_BYTES = 16 << 20
_TOKEN_BYTES = 1 << 20
_ERROR_BYTES = 64 << 10
_CHUNK = 1 << 18
_PAGE = 1000
_MOST_REDIRECTIONS = 5

_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)

_Read = TypeVar("_Read")


class RegistryError(Exception):
    """What a registry refused or did not deliver. Asking again gives the same answer."""


class NotFound(RegistryError):
    """The registry does not have it."""


class Unavailable(RegistryError):
    """The registry gave no answer, or none that holds, for as long as patience lasts. Later it may."""


class Stopped(Exception):
    """Somebody wants to stop."""


@dataclass(frozen=True)
class RawManifest:
    """A manifest or a list of manifests as the registry keeps it."""

    digest: str
    media_type: str
    content: bytes

    def document(self) -> Mapping[str, Any]:
        """:raises RegistryError: it is no JSON."""
        try:
            return mapping(parsed(self.content))
        except ValueError as error:
            raise RegistryError(f"manifest {self.digest}: {error}") from error


class Registry:
    """One registry. Threads may share it: they share tokens, rates, and what is known of its state."""

    def __init__(
        self,
        name: str,
        *,
        patience: float = 600,
        requests: Optional[Rate] = None,
        bandwidth: Optional[Rate] = None,
        plain_http: bool = False,
        stop: Optional[threading.Event] = None,
        transport: Optional[Transport] = None,
        find_credentials: Callable[[str, str], Optional[Credentials]] = credentials.find,
    ) -> None:
        """
        :param patience: seconds for which a request that gets no further is tried again.
        :param requests: the most requests a second.
        :param bandwidth: the most bytes a second.
        :param plain_http: speak without TLS. To registries on this machine it is always spoken so.
        :param stop: ends every wait when it is set.
        """
        self.name = name
        self._plain = plain_http or is_loopback(name)
        host = "registry-1.docker.io" if name == DOCKER_HUB else name
        self._base = f"{'http' if self._plain else 'https'}://{host}"
        self._patience = patience
        self._requests = requests
        self._bandwidth = bandwidth
        self._stop = stop or threading.Event()
        self._transport = transport or Transport()
        self._find_credentials = find_credentials
        self._lock = threading.Lock()
        self._tokens: dict[str, str] = {}
        # When the registry may be asked again, by the clock of time.monotonic.
        self._asks_for_silence_until = 0.0
        self._down: Optional[str] = None

    # What a registry is asked

    def repositories(self) -> Iterator[str]:
        """The names of all repositories.

        :raises RegistryError: it gives none, as Docker Hub and others do not.
        """
        try:
            yield from self._pages(f"{self._base}/v2/_catalog?n={_PAGE}", "", "repositories")
        except Unavailable:
            raise
        except RegistryError as error:
            raise RegistryError(f"{error}; where a registry gives no catalogue, name its repositories") from error

    def tags(self, repository: str) -> Iterator[str]:
        yield from self._pages(f"{self._base}/v2/{repository}/tags/list?n={_PAGE}", repository, "tags")

    def digest(self, repository: str, version: str) -> Optional[str]:
        """The digest of the manifest that a tag leads to, where the registry tells it without the manifest."""
        url = f"{self._base}/v2/{repository}/manifests/{version}"
        with self._open("HEAD", url, repository, {"Accept": ", ".join(_MANIFESTS)}) as response:
            response.read()
            digest = response.headers.get("Docker-Content-Digest")
        return digest if is_digest(digest) else None

    def manifest(self, repository: str, version: str) -> RawManifest:
        """The manifest, or the list of manifests, of a tag or a digest."""
        what = f"manifest {version} of {self.name}/{repository}"
        url = f"{self._base}/v2/{repository}/manifests/{version}"

        def read(response: http.client.HTTPResponse) -> RawManifest:
            content = _read(response, MANIFEST_BYTES, what)
            digest = "sha256:" + hashlib.sha256(content).hexdigest()
            media_type = (response.headers.get("Content-Type") or "").split(";")[0].strip().lower()
            return RawManifest(digest, media_type, content)

        found = self._whole(url, repository, {"Accept": ", ".join(_MANIFESTS)}, read)
        if is_digest(version) and found.digest != version:
            raise RegistryError(f"{what}: its digest is {found.digest}")
        return found

    def small_blob(self, repository: str, digest: str, size: int) -> bytes:
        """A blob that fits into memory, such as a configuration."""
        if size > CONFIG_BYTES:
            raise RegistryError(f"{digest} of {self.name}/{repository}: {size} bytes are more than {CONFIG_BYTES}")
        return b"".join(self.blob(repository, digest, size))

    def blob(self, repository: str, digest: str, size: int) -> Iterator[bytes]:
        """The bytes of a blob, in pieces; a broken connection is taken up where it broke.

        The digest is verified at the end, after the last piece: a caller keeps nothing of the pieces before the
        iterator has ended.

        :raises RegistryError: the registry has not this blob, or has another one.
        """
        what = f"{digest} of {self.name}/{repository}"
        if not is_digest(digest):
            raise RegistryError(f"{what}: only digests by SHA-256 are supported")
        url = f"{self._base}/v2/{repository}/blobs/{digest}"
        hasher = hashlib.sha256()
        offset = 0
        patience = Patience(self._patience)
        while True:
            try:
                headers = {"Range": f"bytes={offset}-"} if offset else {}
                with self._open("GET", url, repository, headers, patience) as response:
                    skip = offset - _start(response)
                    if skip < 0:
                        raise RegistryError(f"{what}: the registry left out bytes {offset} to {_start(response)}")
                    while True:
                        piece = response.read(_CHUNK)
                        if not piece:
                            break
                        piece, skip = piece[skip:], max(0, skip - len(piece))
                        if not piece:
                            continue
                        offset += len(piece)
                        if offset > size:
                            raise RegistryError(f"{what}: it has more bytes than the {size} that its manifest says")
                        hasher.update(piece)
                        patience.progress()
                        if self._bandwidth is not None:
                            self._bandwidth.wait(self._stop, len(piece))
                        self._check_stop()
                        yield piece
                if offset == size:
                    break
                raise ConnectionError(f"the connection ended after {offset} of {size} bytes")
            except Errors as error:
                self._wait(patience, what, error)
        observed = "sha256:" + hasher.hexdigest()
        if observed != digest:
            raise RegistryError(f"{what}: the bytes have the digest {observed}")

    # Requests

    def _pages(self, url: str, repository: str, key: str) -> Iterator[str]:
        """The texts in a list that comes in pages, each with a link to the next."""
        seen = set()
        while url not in seen:
            seen.add(url)

            def read(response: http.client.HTTPResponse) -> tuple[Any, Optional[str]]:
                content = _read(response, _LIST_BYTES, key)
                try:
                    return parsed(content), _next_page(response.headers.get("Link"))
                except ValueError as error:
                    raise RegistryError(f"{key} of {self.name}/{repository}: {error}") from error

            document, link = self._whole(url, repository, {}, read)
            names = mapping(document).get(key)
            yield from (name for name in names if isinstance(name, str)) if isinstance(names, list) else ()
            if link is None:
                return
            following, place = _led(url, link)
            if place != origin(self._base):
                # Behind a proxy a registry may not know its own name; the path and the query are those of the page.
                parts = urllib.parse.urlsplit(following)
                following = urllib.parse.urljoin(self._base, urllib.parse.urlunsplit(("", "", parts.path, parts.query, "")))
            url = following

    def _whole(
        self, url: str, repository: str, headers: Mapping[str, str], read: Callable[[http.client.HTTPResponse], _Read]
    ) -> _Read:
        """What a small response says; a connection that breaks in it is tried again."""
        patience = Patience(self._patience)
        while True:
            try:
                with self._open("GET", url, repository, headers, patience) as response:
                    return read(response)
            except Errors as error:
                self._wait(patience, url, error)

    @contextlib.contextmanager
    def _open(
        self, method: str, url: str, repository: str, headers: Mapping[str, str], patience: Optional[Patience] = None
    ) -> Iterator[http.client.HTTPResponse]:
        """A response with a status of success. Everything else is tried again, followed, or an error."""
        patience = patience or Patience(self._patience)
        challenged = False
        while True:
            self._stop.wait(max(0.0, self._asks_for_silence_until - time.monotonic()))
            self._check_state()
            if self._requests is not None:
                self._requests.wait(self._stop)
            with contextlib.ExitStack() as stack:
                try:
                    response = self._follow(stack, method, url, self._authorised(headers, repository))
                except Errors as error:
                    failure: Exception = error
                    asked_for = None
                else:
                    if response.status in (200, 206):
                        yield response
                        return
                    if response.status == 401 and not challenged:
                        challenged = True
                        _read(response, _ERROR_BYTES, url)
                        self._answer(response.headers.get_all("WWW-Authenticate") or [], repository, patience)
                        continue
                    failure = self._refusal(response, method, url)
                    if response.status not in TRANSIENT:
                        raise failure
                    asked_for = retry_after(response.headers.get("Retry-After"))
                    if asked_for is not None and asked_for <= self._patience:
                        # All threads are silent, not this one alone.
                        self._asks_for_silence_until = time.monotonic() + asked_for
            self._wait(patience, url, failure, asked_for)

    def _follow(
        self, stack: contextlib.ExitStack, method: str, url: str, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        """The response after redirections, as to the storage of blobs. Only the registry itself gets the credentials."""
        first = origin(url)
        for _ in range(_MOST_REDIRECTIONS + 1):
            kept = {name: value for name, value in headers.items() if name != "Authorization" or origin(url) == first}
            response = stack.enter_context(self._transport.open(method, url, kept))
            location = response.headers.get("Location")
            if response.status not in (301, 302, 303, 307, 308) or location is None:
                return response
            _read(response, _ERROR_BYTES, url)
            following, (scheme, host, _) = _led(url, location)
            if scheme != "https" and not (scheme == "http" and (self._plain or is_loopback(host))):
                raise RegistryError(f"{self.name} leads to {scheme}://{host}, which is not encrypted")
            stack.close()
            url = following
        raise RegistryError(f"{self.name} leads on and on: {_MOST_REDIRECTIONS} redirections were followed")

    def _refusal(self, response: http.client.HTTPResponse, method: str, url: str) -> RegistryError:
        """What a registry says with a status that is no success."""
        said = f"{response.status} {response.reason}".strip()
        with contextlib.suppress(*Errors, ValueError):
            # https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
            for error in mappings(mapping(parsed(response.read(_ERROR_BYTES))).get("errors"))[:1]:
                said += f", {error.get('code')}: {error.get('message') or 'no message'}"
        text = f"{method} {urllib.parse.urlsplit(url).path} of {self.name}: {said}"
        if response.status in (401, 403):
            return RegistryError(f"{text}. Credentials are those that 'docker login {self.name}' keeps")
        return NotFound(text) if response.status == 404 else RegistryError(text)

    # Who asks

    def _authorised(self, headers: Mapping[str, str], repository: str) -> dict[str, str]:
        with self._lock:
            value = self._tokens.get(repository)
        return {**headers, **({"Authorization": value} if value else {})}

    def _answer(self, challenges: list[str], repository: str, patience: Patience) -> None:
        """Gets what the registry asks for in ``WWW-Authenticate``, and keeps it for the repository."""
        try:
            found = self._find_credentials(self.name, repository)
        except CredentialsError as error:
            self._down = str(error)
            raise Unavailable(self._down) from error
        for challenge in challenges:
            scheme, _, rest = challenge.strip().partition(" ")
            if scheme.lower() == "bearer":
                value = "Bearer " + self._token(_parameters(rest), found, repository, patience)
            elif scheme.lower() == "basic" and found is not None:
                value = found.basic
            else:
                continue
            with self._lock:
                self._tokens[repository] = value
            return
        # The request is repeated without, and its answer says that credentials are missing.

    def _token(
        self, parameters: Mapping[str, str], found: Optional[Credentials], repository: str, patience: Patience
    ) -> str:
        realm = parameters.get("realm", "")
        _, (scheme, host, _) = _led(realm)
        if scheme != "https" and not (scheme == "http" and (self._plain or is_loopback(host))):
            raise RegistryError(f"{self.name} asks for a token from {realm or 'nowhere'}, which is not encrypted")
        scope = parameters.get("scope") or (f"repository:{repository}:pull" if repository else "")
        query = {name: value for name, value in (("service", parameters.get("service", "")), ("scope", scope)) if value}
        headers: dict[str, str] = {}
        body = b""
        if found is not None and found.identity_token:
            form = {"grant_type": "refresh_token", "refresh_token": found.identity_token, "client_id": "cubinspect", **query}
            body = urllib.parse.urlencode(form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            url = realm
        else:
            url = realm + ("&" if "?" in realm else "?") + urllib.parse.urlencode(query) if query else realm
            if found is not None:
                headers["Authorization"] = found.basic
        what = f"a token of {host} for {self.name}"
        while True:
            try:
                with self._transport.open("POST" if body else "GET", url, headers, body) as response:
                    content = _read(response, _TOKEN_BYTES, what)
                    status, asked_for = response.status, retry_after(response.headers.get("Retry-After"))
            except Errors as error:
                self._wait(patience, what, error)
                continue
            if status in TRANSIENT:
                self._wait(patience, what, RegistryError(f"{what}: status {status}"), asked_for)
                continue
            if status != 200:
                hint = f"'docker login {self.name}' gives credentials" if found is None else "the credentials are refused"
                raise RegistryError(f"{what}: status {status}; {hint}")
            try:
                document = mapping(parsed(content))
            except ValueError:
                document = {}
            token = document.get("token") or document.get("access_token")
            if not isinstance(token, str) or not token.isprintable():
                raise RegistryError(f"{what}: the answer has no token")
            return token

    # What is known of its state

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _check_state(self) -> None:
        self._check_stop()
        if self._down is not None:
            raise Unavailable(self._down)

    def _wait(self, patience: Patience, what: str, failure: Exception, asked_for: Optional[float] = None) -> None:
        """Waits before the next attempt.

        :raises RegistryError: patience has ended, while the registry answers other questions.
        :raises Unavailable: the registry answers nothing; from then on it is not asked again.
        """
        pause = patience.pause(asked_for)
        if pause is not None:
            self._stop.wait(pause)
            self._check_state()
            return
        text = f"{self.name}: {what}: {failure or type(failure).__name__}"
        try:
            with self._transport.open("GET", f"{self._base}/v2/", {}) as response:
                answers = response.status < 500 and response.status != 429
        except Errors:
            answers = False
        if answers:
            raise RegistryError(text) from failure
        self._down = f"{text}; the registry has not answered for {self._patience:g} s"
        raise Unavailable(self._down) from failure


def _read(response: http.client.HTTPResponse, limit: int, what: str) -> bytes:
    """The whole response.

    :raises RegistryError: it is larger than what it is for.
    """
    length = response.length
    content = response.read(limit + 1)
    if len(content) > limit:
        raise RegistryError(f"{what} has more than {limit} bytes")
    if length is not None and len(content) < length:
        raise ConnectionError(f"the connection ended after {len(content)} of {length} bytes")
    response.read()  # To the end of the message, so that the connection can carry another.
    return content


def _start(response: http.client.HTTPResponse) -> int:
    """Where the bytes of a response start in the blob. A server may give all of it in place of the rest."""
    if response.status != 206:
        return 0
    match = re.match(r"bytes (\d{1,18})-", response.headers.get("Content-Range") or "")
    if match is None:
        raise http.client.HTTPException("a part of a blob came without its place")
    return int(match[1])


def _led(url: str, link: str = "") -> tuple[str, tuple[str, str, int]]:
    """Where a link of a registry leads, and whose place that is.

    :raises RegistryError: nowhere.
    """
    try:
        whole = urllib.parse.urljoin(url, link)
        return whole, origin(whole)
    except ValueError as error:
        raise RegistryError(f"{link or url} is no URL: {error}") from error


def _next_page(link: Optional[str]) -> Optional[str]:
    match = re.search(r'<([^>]*)>\s*;[^,]*\brel="?next"?', link or "")
    return match[1] if match else None


def _parameters(text: str) -> dict[str, str]:
    """The parameters of a challenge: ``realm="https://…",service="…"``."""
    found = re.findall(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', text)
    return {name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain for name, quoted, plain in found}


@dataclass(frozen=True)
class Network:
    """How registries are spoken with."""

    patience: float = 600
    #: The most requests a second to each registry.
    requests: Optional[float] = None
    #: The most megabytes a second from each registry.
    bandwidth: Optional[float] = None
    #: Registries that speak no TLS.
    plain_http: tuple[str, ...] = ()


class Clients:
    """One client for each registry, whose rates all threads share."""

    def __init__(self, network: Network, stop: Optional[threading.Event] = None) -> None:
        self._network = network
        self._stop = stop
        self._lock = threading.Lock()
        self._clients: dict[str, Registry] = {}

    def __call__(self, name: str) -> Registry:
        network = self._network
        with self._lock:
            if name not in self._clients:
                self._clients[name] = Registry(
                    name,
                    patience=network.patience,
                    requests=Rate(network.requests) if network.requests else None,
                    bandwidth=Rate(network.bandwidth * 1e6) if network.bandwidth else None,
                    plain_http=name in network.plain_http,
                    stop=self._stop,
                )
            return self._clients[name]
