"""The client of registries: what it asks, what it is told, and what it does when something goes wrong."""

from __future__ import annotations

import base64
import json
import pathlib
import socket
import threading
from typing import Any

import pytest
from registries import MANIFEST, Server, digest_of, image, layer

from cubinspect.fleet import credentials
from cubinspect.fleet.credentials import Credentials, CredentialsError
from cubinspect.fleet.references import InvalidReference, Pattern, Reference
from cubinspect.fleet.registry import MANIFEST_BYTES, NotFound, Registry, RegistryError, Stopped, Unavailable
from cubinspect.fleet.transport import Patience, Rate, retry_after


BLOB = bytes(range(256)) * 4096
DIGEST = digest_of(BLOB)


def client(server: Server, **options: Any) -> Registry:
    options.setdefault("find_credentials", lambda registry, repository: None)
    options.setdefault("patience", 20)
    return Registry(server.name, **options)


def blob(server: Server, **options: Any) -> bytes:
    return b"".join(client(server, **options).blob("team/app", DIGEST, len(BLOB)))


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("ubuntu", "docker.io/library/ubuntu:latest"),
        ("team/app:1.0", "docker.io/team/app:1.0"),
        ("localhost/app", "localhost/app:latest"),
        ("127.0.0.1:5000/a/b_c:v1", "127.0.0.1:5000/a/b_c:v1"),
        ("[::1]:5000/app", "[::1]:5000/app:latest"),
        (f"nvcr.io/nvidia/pytorch@{DIGEST}", f"nvcr.io/nvidia/pytorch@{DIGEST}"),
        (f"nvcr.io/nvidia/pytorch:25.09-py3@{DIGEST}", f"nvcr.io/nvidia/pytorch:25.09-py3@{DIGEST}"),
    ],
)
def test_references(text: str, whole: str) -> None:
    assert str(Reference.parse(text)) == whole
    assert str(Reference.parse(whole)) == whole


@pytest.mark.parametrize(
    "text",
    ["", "UPPER/case", "host.example/", "a/../b", "host.example/app:", "app@sha256:12", "app@md5:" + 64 * "0", "team/*", "a b"],
)
def test_what_names_no_image(text: str) -> None:
    with pytest.raises(InvalidReference):
        Reference.parse(text)


def test_patterns() -> None:
    whole = Pattern.parse("host.example/*")
    assert whole.has_repository("team/app") and whole.has_tag("anything")
    some = Pattern.parse("host.example/team/*:v[0-9]*")
    assert some.has_repository("team/app") and not some.has_repository("other/app")
    assert some.has_tag("v1.2") and not some.has_tag("latest")
    assert Pattern.parse("host.example/app:1").names_one_image
    assert not Pattern.parse("host.example/app:1*").names_one_image
    assert not Pattern.parse("host.example/app").names_one_image


def test_lists_come_in_pages(server: Server) -> None:
    server.behaviour.page = 2
    names = [f"team/app{number}" for number in range(5)]
    for name in names:
        for tag in ("1", "2", "3"):
            server.put(name, tag, image([]))
    registry = client(server)
    assert list(registry.repositories()) == names
    assert list(registry.tags(names[0])) == ["1", "2", "3"]
    assert sum(request.path == "/v2/_catalog" for request in server.log) == 3
    with pytest.raises(NotFound, match="NAME_UNKNOWN"):
        list(registry.tags("team/none"))


def test_manifests(server: Server) -> None:
    one = image([layer({"a": b"1"})])
    server.put("team/app", "1", one)
    registry = client(server)
    found = registry.manifest("team/app", "1")
    assert (found.digest, found.media_type, found.content) == (one.digest, MANIFEST, one.manifest)
    assert registry.manifest("team/app", one.digest) == found
    assert registry.digest("team/app", "1") == one.digest
    # Another one in its place, and one that would fill the memory.
    server.manifests["team/app", one.digest] = (MANIFEST, b"{}")
    with pytest.raises(RegistryError, match="its digest is"):
        registry.manifest("team/app", one.digest)
    server.manifests["team/app", "huge"] = (MANIFEST, b" " * (MANIFEST_BYTES + 1))
    with pytest.raises(RegistryError, match="more than"):
        registry.manifest("team/app", "huge")


def test_a_blob_is_verified(server: Server) -> None:
    server.blobs[DIGEST] = BLOB
    assert blob(server) == BLOB
    assert client(server).small_blob("team/app", DIGEST, len(BLOB)) == BLOB
    server.blobs[DIGEST] = b"x" + BLOB[1:]
    with pytest.raises(RegistryError, match="the bytes have the digest"):
        blob(server)
    server.blobs[DIGEST] = BLOB + b"x"
    with pytest.raises(RegistryError, match="more bytes than"):
        blob(server)
    with pytest.raises(NotFound, match="BLOB_UNKNOWN"):
        list(client(server).blob("team/app", digest_of(b"other"), 5))


@pytest.mark.parametrize("ranges", [True, False])
def test_broken_connections_are_taken_up(server: Server, ranges: bool) -> None:
    server.blobs[DIGEST] = BLOB
    server.behaviour.ranges = ranges
    server.behaviour.breaks[DIGEST] = [0, 1, 300_001, 600_000]
    assert blob(server) == BLOB
    # Where it broke, so that nothing is fetched twice.
    starts = [request.headers.get("Range") for request in server.log if "/blobs/" in request.path]
    if ranges:
        assert starts == [None, None, "bytes=1-", "bytes=300002-", "bytes=900002-"]
        assert server.fetched()[DIGEST] == 2


def test_too_many_requests(server: Server) -> None:
    server.blobs[DIGEST] = BLOB
    server.behaviour.statuses = [429, 503, 500, 408]
    server.behaviour.retry_after = "0"
    assert blob(server) == BLOB
    assert [request.status for request in server.log] == [429, 503, 500, 408, 200]
    # Longer than one is willing to wait: at once.
    server.behaviour.statuses = [429]
    server.behaviour.retry_after = "86400"
    with pytest.raises(RegistryError, match="429"):
        blob(server)
    # What does not change is asked for once.
    server.behaviour.statuses = [403, 200]
    with pytest.raises(RegistryError, match="403.*docker login"):
        blob(server)
    assert [request.status for request in server.log if "/blobs/" in request.path][-1] == 403


def test_retry_after() -> None:
    assert retry_after(None) is None
    assert retry_after("7") == 7
    assert retry_after("soon") is None
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert (retry_after("Wed, 21 Oct 2465 07:28:00 GMT") or 0) > 1e9


def test_patience() -> None:
    now = [0.0]
    patience = Patience(100, lambda: now[0])
    pauses = [patience.pause() for _ in range(20)]
    assert all(pause is not None and 0 <= pause <= 60 for pause in pauses)
    assert all((pause or 0) <= 0.5 * 2**number for number, pause in enumerate(pauses))
    assert len(set(pauses)) > 10
    assert patience.pause(5) is not None and (patience.pause(5) or 0) >= 5
    now[0] = 101
    assert patience.pause() is None
    patience.progress()
    assert patience.pause() is not None


def test_rates() -> None:
    waited: list[float] = []
    now = [0.0]

    class Event(threading.Event):
        def wait(self, timeout: Any = None) -> bool:
            waited.append(timeout)
            now[0] += timeout
            return False

    rate = Rate(10, lambda: now[0])
    for _ in range(100):
        rate.wait(Event())
    # One second may be caught up with.
    assert 8.9 <= now[0] <= 10.1
    assert max(waited) <= 1.01


def test_a_registry_that_is_down(server: Server) -> None:
    server.behaviour.is_down = True
    registry = client(server, patience=0.3)
    with pytest.raises(Unavailable, match="has not answered"):
        list(registry.repositories())
    # Then nobody asks it again.
    server.behaviour.is_down = False
    with pytest.raises(Unavailable):
        registry.manifest("team/app", "1")
    assert not server.log
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable):
            list(Registry(f"127.0.0.1:{closed.getsockname()[1]}", patience=0.1).repositories())


def test_one_broken_blob_is_not_a_registry_that_is_down(server: Server) -> None:
    server.blobs[DIGEST] = BLOB
    server.behaviour.breaks[DIGEST] = [0] * 1000
    registry = client(server, patience=0.3)
    with pytest.raises(RegistryError) as error:
        list(registry.blob("team/app", DIGEST, len(BLOB)))
    assert not isinstance(error.value, Unavailable)
    list(registry.repositories())


def test_stop(server: Server) -> None:
    server.blobs[DIGEST] = BLOB
    stop = threading.Event()
    pieces = client(server, stop=stop).blob("team/app", DIGEST, len(BLOB))
    next(pieces)
    stop.set()
    with pytest.raises(Stopped):
        list(pieces)


HOSTILE = [b"", b"{", b"[" * 100_000, b"null", b'{"repositories": 1, "tags": {}}', b'{"errors": [[]], "config": [], "layers": 1}']


@pytest.mark.parametrize("content", HOSTILE)
def test_answers_that_are_none(server: Server, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are errors of the registry, and end at once."""
    registry = client(server)
    for status in (200, 404):
        monkeypatch.setattr(server, "response", lambda *_, status=status: (status, {}, content))
        for question in (
            lambda: list(registry.repositories()),
            lambda: list(registry.tags("team/app")),
            lambda: registry.manifest("team/app", "1").document(),
        ):
            try:
                assert question() in ([], *([json.loads(content)] if content.startswith(b'{"') else []), {})
            except RegistryError as error:
                assert not isinstance(error, Unavailable)


# Who asks


def test_tokens(server: Server) -> None:
    server.behaviour.token = True
    server.put("team/app", "1", image([]))
    server.put("other/app", "1", image([]))
    registry = client(server)
    for name in ("team/app", "other/app", "team/app"):
        registry.manifest(name, "1")
    # One token for each repository.
    assert [request.path for request in server.log].count("/token") == 2
    server.behaviour.credentials = ("anna", "secret")
    with pytest.raises(RegistryError, match="docker login"):
        client(server).manifest("team/app", "1")
    with pytest.raises(RegistryError, match="refused") as error:
        client(server, find_credentials=lambda *_: Credentials("anna", "wrong-password")).manifest("team/app", "1")
    assert "wrong-password" not in str(error.value)
    for known in (Credentials("anna", "secret"), Credentials(identity_token="secret")):
        assert client(server, find_credentials=lambda *_, known=known: known).manifest("team/app", "1")


def test_basic(server: Server) -> None:
    server.behaviour.basic = True
    server.behaviour.credentials = ("anna", "secret")
    server.put("team/app", "1", image([]))
    with pytest.raises(RegistryError, match="401"):
        client(server).manifest("team/app", "1")
    assert client(server, find_credentials=lambda *_: Credentials("anna", "secret")).manifest("team/app", "1")


def test_the_storage_gets_no_credentials(server: Server) -> None:
    storage = Server()
    try:
        server.behaviour.token = True
        server.behaviour.storage = f"http://{storage.name}"
        server.blobs[DIGEST] = storage.blobs[DIGEST] = BLOB
        storage.behaviour.breaks[DIGEST] = [1000]
        assert blob(server) == BLOB
        assert [request.headers.get("Range") for request in storage.log] == [None, "bytes=1000-"]
        assert all("Authorization" not in request.headers for request in storage.log)
        assert any("Authorization" in request.headers for request in server.log)
        server.behaviour.storage = "http://storage.example"
        with pytest.raises(RegistryError, match="not encrypted"):
            blob_without_loopback(server)
        for place in ("http://[bad", "http://storage.example:none"):
            server.behaviour.storage = place
            with pytest.raises(RegistryError, match="is no URL"):
                blob(server)
        server.behaviour.storage = f"http://{server.name}"
        with pytest.raises(RegistryError, match="leads on and on"):
            blob(server)
    finally:
        storage.close()


def blob_without_loopback(server: Server) -> None:
    """As of a registry that is not on this machine, and so speaks TLS."""
    registry = client(server)
    registry._plain = False
    list(registry.blob("team/app", DIGEST, len(BLOB)))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_files_of_credentials(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({
        "auths": {
            "registry.example": {"auth": encoded("anna:a:b")},
            "registry.example/team": {"auth": encoded("team:secret")},
            "https://index.docker.io/v1/": {"auth": encoded("hub:secret")},
            "https://old.example/v1/": {"username": "old", "password": "secret"},
            "token.example": {"identitytoken": "secret"},
            "broken.example": {"auth": "*"},
            "helped.example": {},
        },
    }), encoding="utf-8")  # fmt: skip
    environment = {"DOCKER_CONFIG": str(tmp_path)}

    def find(registry: str, repository: str = "") -> Any:
        return credentials.find(registry, repository, environment)

    assert find("registry.example", "other/app") == Credentials("anna", "a:b")
    assert find("registry.example", "team/app") == Credentials("team", "secret")
    assert find("docker.io", "library/ubuntu") == Credentials("hub", "secret")
    assert find("old.example") == Credentials("old", "secret")
    assert find("token.example") == Credentials(identity_token="secret")
    assert find("unknown.example") is None and find("helped.example") is None
    with pytest.raises(CredentialsError, match="base64"):
        find("broken.example")
    assert "secret" not in repr(find("token.example")) + repr(find("old.example"))
    assert credentials.find("registry.example", "", {}) is None
    assert credentials.files({"REGISTRY_AUTH_FILE": "a", "HOME": "/h"}) == ["a"]
    assert credentials.files({"XDG_RUNTIME_DIR": "/r", "HOME": "/h"}) == ["/r/containers/auth.json", "/h/.docker/config.json"]


def test_helpers_of_credentials(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-test"
    helper.write_text(
        "#!/bin/sh\n[ $1 = get ] || exit 3\nread -r server || :\ncase $server in\n"
        'registry.example) echo \'{"Username": "anna", "Secret": "secret"}\';;\n'
        'token.example) echo \'{"Username": "<token>", "Secret": "secret"}\';;\n'
        "broken.example) echo secret;;\n"
        "none.example) echo 'credentials not found in native keychain'; exit 1;;\n"
        "*) echo 'locked' >&2; exit 1;;\nesac\n",
        encoding="utf-8",
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    names = ["registry.example", "token.example", "broken.example", "none.example", "locked.example"]
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": dict.fromkeys(names, "test")}), encoding="utf-8")
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    assert credentials.find(names[0], "", environment) == Credentials("anna", "secret")
    assert credentials.find(names[1], "", environment) == Credentials(identity_token="secret")
    with pytest.raises(CredentialsError) as error:
        credentials.find(names[2], "", environment)
    assert "secret\n" not in str(error.value)
    assert credentials.find(names[3], "", environment) is None
    with pytest.raises(CredentialsError, match="locked"):
        credentials.find(names[4], "", environment)
    (tmp_path / "config.json").write_text('{"credsStore": "missing"}', encoding="utf-8")
    with pytest.raises(CredentialsError, match="docker-credential-missing"):
        credentials.find("registry.example", "", environment)
    (tmp_path / "config.json").write_text('{"credHelpers": [], "auths": [1]}', encoding="utf-8")
    assert credentials.find("registry.example", "", environment) is None


def test_credentials_that_cannot_be_read_end_the_work(server: Server) -> None:
    def fail(registry: str, repository: str) -> None:
        raise CredentialsError("config.json: broken")

    server.behaviour.token = True
    registry = client(server, find_credentials=fail)
    for _ in range(2):
        with pytest.raises(Unavailable, match="config.json: broken"):
            registry.manifest("team/app", "1")
    assert len(server.log) == 1
