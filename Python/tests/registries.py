"""Registries on the loopback address: one in Python that can misbehave, and Debian's docker-registry."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import http.server
import io
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tarfile
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Union

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Layer:
    """A layer as a registry has it, and the digest of its tar."""

    content: bytes
    diff: str

    @property
    def digest(self) -> str:
        return digest_of(self.content)


def layer(files: Mapping[str, Union[bytes, str, None]], *, zipped: bool = True) -> Layer:
    """A layer with files, with links where the content is a text, with folders where it is None."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
            else:
                member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    tar = stream.getvalue()
    return Layer(gzip.compress(tar, 6, mtime=0) if zipped else tar, digest_of(tar))


@dataclass(frozen=True)
class Image:
    """An image for one platform."""

    layers: tuple[Layer, ...]
    config: bytes
    manifest: bytes
    platform: tuple[str, str]

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


def image(
    layers: Sequence[Layer],
    *,
    architecture: str = "amd64",
    environment: Sequence[str] = (),
    labels: Optional[Mapping[str, str]] = None,
    created: str = "2026-05-01T00:00:00.123456789Z",
) -> Image:
    config = {
        "architecture": architecture,
        "config": {"Env": list(environment), "Labels": dict(labels or {})},
        "created": created,
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [one.diff for one in layers]},
    }
    content = json.dumps(config).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of(content), "size": len(content)},
        "layers": [
            {
                "mediaType": LAYER + ("+gzip" if one.content[:2] == b"\x1f\x8b" else ""),
                "digest": one.digest,
                "size": len(one.content),
            }
            for one in layers
        ],
    }
    return Image(tuple(layers), content, json.dumps(manifest).encode(), ("linux", architecture))


def index(images: Sequence[Image]) -> bytes:
    rows: list[dict[str, Any]] = [
        {
            "mediaType": MANIFEST,
            "digest": one.digest,
            "size": len(one.manifest),
            "platform": {"os": one.platform[0], "architecture": one.platform[1]},
        }
        for one in images
    ]
    # What build tools add about where an image comes from.
    rows.append({
        "mediaType": MANIFEST, "digest": digest_of(b"attestation"), "size": 11,
        "platform": {"os": "unknown", "architecture": "unknown"},
    })  # fmt: skip
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}).encode()


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    status: int
    headers: Mapping[str, str]


@dataclass
class Behaviour:
    """What a registry does besides answering."""

    #: A token is needed; with credentials where there are any.
    token: bool = False
    credentials: Optional[tuple[str, str]] = None
    basic: bool = False
    #: Statuses that the next requests of blobs and manifests get, each once.
    statuses: list[int] = field(default_factory=list)
    retry_after: Optional[str] = None
    #: By digest, after how many bytes the next connections break, each once.
    breaks: dict[str, list[int]] = field(default_factory=dict)
    ranges: bool = True
    page: int = 1000
    #: Where blobs are redirected to.
    storage: Optional[str] = None
    #: Seconds that a blob takes.
    blob_seconds: float = 0
    #: Every connection is closed without an answer.
    is_down: bool = False


class Server:
    """A registry of the distribution specification, read only, with a log."""

    def __init__(self, port: int = 0) -> None:
        self.behaviour = Behaviour()
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.log: list[Request] = []
        self.lock = threading.Lock()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and content in one packet: else the second waits until the first is acknowledged.
            wbufsize = 1 << 16

            def log_message(self, format: str, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                server.answer(self, "GET")

            def do_HEAD(self) -> None:
                server.answer(self, "HEAD")

            def do_POST(self) -> None:
                server.answer(self, "POST")

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self.http = Listener(("127.0.0.1", port), Handler)
        self.port = self.http.server_address[1]
        self.name = f"127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    # What is in it

    def put(self, repository: str, tag: str, *images: Image) -> None:
        """One image, or an index of several."""
        for one in images:
            self.blobs.update({layer.digest: layer.content for layer in one.layers})
            self.blobs[digest_of(one.config)] = one.config
            self.put_manifest(repository, one.digest, MANIFEST, one.manifest)
        if len(images) == 1:
            self.put_manifest(repository, tag, MANIFEST, images[0].manifest)
        else:
            self.put_manifest(repository, tag, INDEX, index(images))

    def put_manifest(self, repository: str, version: str, media_type: str, content: bytes) -> None:
        self.manifests[repository, version] = (media_type, content)
        self.manifests[repository, digest_of(content)] = (media_type, content)

    def fetched(self) -> Counter[str]:
        """How often each blob was fetched from its start."""
        return Counter(
            request.path.rpartition("/")[2]
            for request in self.log
            if request.method == "GET" and "/blobs/" in request.path and request.status == 200
        )

    # Answers

    def answer(self, handler: http.server.BaseHTTPRequestHandler, method: str) -> None:
        behaviour = self.behaviour
        if behaviour.is_down:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        url = urllib.parse.urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        status, headers, content = self.response(method, url.path, dict(urllib.parse.parse_qsl(url.query)), handler, body)
        with self.lock:
            self.log.append(Request(method, url.path, status, dict(handler.headers)))
            breaks = behaviour.breaks.get(url.path.rpartition("/")[2]) if status in (200, 206) else None
            end = breaks.pop(0) if breaks else None
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if method != "HEAD":
            handler.wfile.write(content[:end])
        if end is not None:
            handler.close_connection = True

    def response(
        self, method: str, path: str, query: Mapping[str, str], handler: http.server.BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        behaviour = self.behaviour
        authorization = handler.headers.get("Authorization") or ""
        if path == "/token":
            return self.token(authorization, dict(urllib.parse.parse_qsl(body.decode())) or query)
        if not path.startswith("/v2/"):
            return 404, {}, b""
        repository = path[len("/v2/") :].rsplit("/", 2)[0]
        if behaviour.token and authorization != "Bearer " + self.token_for(repository if path != "/v2/" else ""):
            scope = f',scope="repository:{repository}:pull"' if path != "/v2/" else ""
            challenge = f'Bearer realm="http://{self.name}/token",service="the, registry"{scope}'
            return 401, {"WWW-Authenticate": challenge}, error("UNAUTHORIZED", "who is it?")
        if behaviour.basic and authorization != self.basic():
            return 401, {"WWW-Authenticate": 'Basic realm="registry"'}, error("UNAUTHORIZED", "who is it?")
        if path == "/v2/":
            return 200, {}, b"{}"
        with self.lock:
            status = behaviour.statuses.pop(0) if behaviour.statuses else 0
        if status:
            headers = {"Retry-After": behaviour.retry_after} if behaviour.retry_after is not None else {}
            return status, headers, error("TOOMANYREQUESTS", "slowly")
        if path == "/v2/_catalog":
            return self.page("repositories", sorted({name for name, _ in self.manifests}), path, query)
        if path.endswith("/tags/list"):
            tags = sorted(version for name, version in self.manifests if name == repository and ":" not in version)
            if not tags:
                return 404, {}, error("NAME_UNKNOWN", "no such repository")
            return self.page("tags", tags, path, query)
        kind, version = path.rsplit("/", 2)[1:]
        if kind == "manifests" and (repository, version) in self.manifests:
            media_type, content = self.manifests[repository, version]
            return 200, {"Content-Type": media_type, "Docker-Content-Digest": digest_of(content)}, content
        if kind == "blobs" and version in self.blobs:
            if behaviour.storage is not None:
                return 307, {"Location": f"{behaviour.storage}{path}"}, b"over there"
            time.sleep(behaviour.blob_seconds)
            content = self.blobs[version]
            match = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or "")
            if match and behaviour.ranges:
                start = int(match[1])
                return 206, {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}, content[start:]
            return 200, {}, content
        return 404, {}, error("MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN", "not here")

    def page(self, key: str, names: Sequence[str], path: str, query: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        count = min(self.behaviour.page, int(query.get("n", "1000")))
        rest = [name for name in names if name > query.get("last", "")]
        headers = {}
        if len(rest) > count:
            headers["Link"] = f'<{path}?n={count}&last={urllib.parse.quote(rest[count - 1])}>; rel="next"'
        return 200, headers, json.dumps({key: rest[:count]}).encode()

    def basic(self) -> str:
        user, password = self.behaviour.credentials or ("", "")
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def token_for(self, repository: str) -> str:
        return base64.b64encode(f"token of {repository}".encode()).decode()

    def token(self, authorization: str, query: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        known = self.behaviour.credentials
        if known is not None and authorization != self.basic() and query.get("refresh_token") != known[1]:
            return 401, {}, error("UNAUTHORIZED", "wrong password")
        if query.get("service") != "the, registry":
            return 400, {}, b""
        repository = query.get("scope", "").partition(":")[2].rpartition(":")[0]
        return 200, {}, json.dumps({"token": self.token_for(repository)}).encode()


def error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


class DockerRegistry:
    """Debian's docker-registry, with its files in a folder."""

    def __init__(self, folder: pathlib.Path, *, port: Optional[int] = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.name = f"127.0.0.1:{self.port}"
        self.log_path = folder / "log"
        #: The repositories that have a blob.
        self.repositories: dict[str, list[str]] = {}
        config = folder / "config.yml"
        config.write_text(
            f"version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {folder}/data\n"
            f"http:\n  addr: 127.0.0.1:{self.port}\n",
            encoding="utf-8",
        )
        self.start()

    @staticmethod
    def is_installed() -> bool:
        return shutil.which("docker-registry") is not None

    def start(self) -> None:
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["docker-registry", "serve", str(self.folder / "config.yml")], stdout=log, stderr=log, env={"OTEL_TRACES_EXPORTER": "none"}
            )
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"docker-registry does not start: {self.log_path.read_text(encoding='utf-8')}")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def fetched(self, status: int = 200) -> Counter[str]:
        """How often each blob was fetched from its start, by the access log; with status 206, from where it broke."""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return Counter(re.findall(rf'"GET /v2/\S+/blobs/(sha256:[0-9a-f]{{64}}) HTTP/1.1" {status}', text))

    def put(self, repository: str, tag: str, *images: Image) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        for one in images:
            for content in (one.config, *(layer.content for layer in one.layers)):
                self.put_blob(connection, repository, content)
            self.put_manifest(connection, repository, one.digest, MANIFEST, one.manifest)
        if len(images) == 1:
            self.put_manifest(connection, repository, tag, MANIFEST, images[0].manifest)
        else:
            rows = json.loads(index(images))
            rows["manifests"].pop()  # This registry wants to have what an index names.
            self.put_manifest(connection, repository, tag, INDEX, json.dumps(rows).encode())
        connection.close()

    def put_blob(self, connection: http.client.HTTPConnection, repository: str, content: bytes) -> None:
        digest = digest_of(content)
        others = self.repositories.setdefault(digest, [])
        if repository in others:
            return
        # What another repository has is not sent again.
        mount = f"?mount={digest}&from={others[0]}" if others else ""
        others.append(repository)
        status, headers = call(connection, "POST", f"/v2/{repository}/blobs/uploads/{mount}")
        if status == 201:
            return
        assert status == 202, status
        place = urllib.parse.urlsplit(headers["Location"])
        status, _ = call(connection, "PUT", f"{place.path}?{place.query}&digest={digest}", content, "application/octet-stream")
        assert status == 201, status

    def put_manifest(
        self, connection: http.client.HTTPConnection, repository: str, version: str, media_type: str, content: bytes
    ) -> None:
        status, _ = call(connection, "PUT", f"/v2/{repository}/manifests/{version}", content, media_type)
        assert status == 201, status


def call(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"", media_type: str = ""
) -> tuple[int, http.client.HTTPMessage]:
    connection.request(method, path, body=body, headers={"Content-Type": media_type} if media_type else {})
    response = connection.getresponse()
    response.read()
    return response.status, response.headers


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
