"""The gate: one image from the store, and reviews of pods over HTTPS."""

from __future__ import annotations

import http.client
import json
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Any, Optional

import pytest
from fleets import code, command, run
from registries import Layer, Server, digest_of, image, layer

from cubinspect.fleet.admission import Decider, Rules, Wish, product_name, wish_of
from cubinspect.fleet.gate import Answer, Gate

OLD = image([layer({"opt/old.so": code("targets/too-old-sm80.so")})])
NEW = image([layer({"opt/new.so": code("host/scale.so")})])
PLAIN = image([layer({"srv/app.py": b"pass"})])


@pytest.fixture
def server(server: Server) -> Server:
    for tag, content in {"old": OLD, "new": NEW, "plain": PLAIN}.items():
        server.put("team/app", tag, content)
    return server


@pytest.fixture
def store(server: Server, tmp_path: pathlib.Path) -> str:
    """A store that knows the images of the registry, except one that comes later."""
    address = str(tmp_path / "store")
    run("plan", "--store", address, f"{server.name}/*")
    run("work", "--store", address)
    server.put("team/app", "later", image([layer({"opt/later.so": code("targets/too-old.so")})]))
    server.log.clear()
    return address


def test_one_image(store: str, server: Server) -> None:
    name = f"{server.name}/team/app"
    assert run("gate", "--store", store, "--image", f"{name}:new", "--gpu", "H100") == f"{name}:new on H100: yes\n"
    assert "no code for H100" in run_denied("gate", "--store", store, "--image", f"{name}:old", "--gpu", "H100,A100")
    assert run("gate", "--store", store, "--image", OLD.digest, "--gpu", "H100", "--deny", "never").startswith(f"{OLD.digest} on H100: no")
    # No layer was read, and no registry asked.
    assert server.log == []
    assert run_denied("gate", "--store", store, "--image", f"{name}:later", "--gpu", "H100").startswith(f"{name}:later on H100: no")
    assert len(server.fetched()) == 2
    assert "is not in the plan" in run("gate", "--store", store, "--image", "sha256:" + 64 * "0", "--gpu", "H100", status=2)
    assert "no GPU is called" in run("gate", "--store", store, "--image", OLD.digest, "--gpu", "Voodoo 2", status=2)
    assert "--gpu" in run("gate", "--store", store, "--image", OLD.digest, status=2)


def test_an_image_about_which_nothing_is_known(store: str, server: Server) -> None:
    """It is not denied, and not let through either."""
    server.put("team/app", "broken", image([Layer(b"this is no tar", digest_of(b""))]))
    words = ["gate", "--store", store, "--image", f"{server.name}/team/app:broken", "--gpu", "H100"]
    for _ in range(2):
        done = subprocess.run(command(*words), stdout=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 2
        assert done.stdout.startswith(f"{server.name}/team/app:broken on H100: unknown")


def run_denied(*arguments: str) -> str:
    done = subprocess.run(command(*arguments), stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    return done.stdout


# What a pod wants


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-SXM4-80GB"),
        ("NVIDIA-A100-SXM4-80GB-SHARED", "NVIDIA-A100-SXM4-80GB"),
        ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "NVIDIA-A100-SXM4-40GB"),
        ("NVIDIA-A100-SXM4-40GB-MIG-3g.20gb-SHARED", "NVIDIA-A100-SXM4-40GB"),
        ("Tesla-T4", "Tesla-T4"),
    ],
)
def test_products(label: str, name: str) -> None:
    assert product_name(label) == name


def pod(*images: str, limits: Optional[dict[str, Any]] = None, **spec: Any) -> dict[str, Any]:
    containers = [{"name": str(number), "image": name, "resources": {"limits": limits or {}}} for number, name in enumerate(images)]
    return {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers, **spec}}


def required(*expressions: dict[str, Any]) -> dict[str, Any]:
    terms = [{"matchExpressions": list(expressions)}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def test_wishes() -> None:
    product, driver = "nvidia.com/gpu.product", "nvidia.com/cuda.driver"
    assert wish_of(pod("a", "b", "a")) == Wish(("a", "b"), (), "", False)
    assert wish_of(pod("a", limits={"nvidia.com/gpu": 1})).asks_for_gpu
    assert wish_of(pod("a", limits={"nvidia.com/mig-1g.5gb": "1"})).asks_for_gpu
    assert not wish_of(pod("a", limits={"amd.com/gpu": 1, "nvidia.com/other": 1})).asks_for_gpu
    one = wish_of(pod("a", nodeSelector={product: "Tesla-T4", f"{driver}.major": "535", f"{driver}.minor": "104", f"{driver}.rev": "05"}))
    assert (one.gpus, one.driver, one.asks_for_gpu) == (("Tesla-T4",), "535.104.05", True)
    assert wish_of(pod("a", nodeSelector={f"{driver}.major": "535"})).driver == "535"
    assert wish_of(pod("a", nodeSelector={f"{driver}-version.full": "570.1", f"{driver}.major": "535"})).driver == "570.1"
    both = wish_of(pod("a", affinity=required({"key": product, "operator": "In", "values": ["Tesla-T4", "NVIDIA-A10"]})))
    assert both.gpus == ("Tesla-T4", "NVIDIA-A10")
    assert wish_of(pod("a", affinity=required({"key": product, "operator": "NotIn", "values": ["Tesla-T4"]}))).gpus == ()
    inits = {"spec": {"initContainers": [{"image": "init"}], "ephemeralContainers": [{"image": "debug"}]}}
    assert wish_of(inits).images == ("init", "debug")
    nonsense: dict[str, Any]
    for nonsense in ({}, {"spec": []}, {"spec": {"containers": [1, {"image": None}], "nodeSelector": [], "affinity": 1}}):
        assert wish_of(nonsense) == Wish((), (), "", False)


# Decisions


class Stub(Gate):
    """A gate whose answers are known."""

    def __init__(self, answer: str, seconds: float = 0) -> None:
        self.answer = answer
        self.seconds = seconds

    def ask(self, image: str, gpus: Sequence[str], driver: str = "") -> list[Answer]:
        time.sleep(self.seconds)
        if self.answer == "broken":
            raise RuntimeError("the store is gone")
        return [Answer(image, gpu, driver, self.answer, ("x" * 500,)) for gpu in gpus]


def decide(gate: Gate, rules: Rules, document: Any = None) -> tuple[dict[str, Any], list[str]]:
    said: list[str] = []
    request = {"uid": "u", "object": pod("a", nodeSelector={"nvidia.com/gpu.product": "Tesla-T4"})}
    answer = Decider(gate, rules, said.append).review({"request": request} if document is None else document)
    assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    response: dict[str, Any] = answer["response"]
    return response, said


def test_it_warns_and_denies() -> None:
    deny = frozenset({"no"})
    assert decide(Stub("yes"), Rules(deny=deny)) == ({"uid": "u", "allowed": True}, [])
    response, _ = decide(Stub("no"), Rules())
    assert response["allowed"] and len(response["warnings"]) == 1 and len(response["warnings"][0]) == 250
    response, said = decide(Stub("no"), Rules(deny=deny))
    assert not response["allowed"] and response["status"]["code"] == 403 and "a on Tesla-T4: no" in response["status"]["message"]
    assert len(said) == 1
    response, _ = decide(Stub("partly"), Rules(deny=deny))
    assert response["allowed"] and response["warnings"]
    for answer in ("unknown", "nothing"):
        assert decide(Stub(answer), Rules(deny=deny))[0] == {"uid": "u", "allowed": True}


def test_it_fails_open() -> None:
    deny = frozenset({"no", "partly"})
    response, said = decide(Stub("broken"), Rules(deny=deny))
    assert response == {"uid": "u", "allowed": True} and "the store is gone" in said[0]
    response, said = decide(Stub("no", seconds=2), Rules(deny=deny, seconds=0.1))
    assert response == {"uid": "u", "allowed": True} and "no answer in 0.1 s" in said[0]
    nonsense: Any
    for nonsense in ([], {"request": 1}, {"request": {"object": []}}, None):
        assert decide(Stub("no"), Rules(deny=deny), nonsense or {})[0]["allowed"]


def test_defaults_of_pods_that_ask_for_a_gpu() -> None:
    rules = Rules(gpus=("A100",), deny=frozenset({"no"}))
    asks = {"request": {"uid": "u", "object": pod("a", limits={"nvidia.com/gpu": 1})}}
    assert not decide(Stub("no"), rules, asks)[0]["allowed"]
    assert decide(Stub("no"), rules, {"request": {"uid": "u", "object": pod("a")}})[0] == {"uid": "u", "allowed": True}
    assert decide(Stub("no"), Rules(deny=rules.deny), asks)[0]["allowed"]


# Over HTTPS


class Endpoint:
    """The endpoint as a process of its own, with a certificate of its own."""

    def __init__(self, store: str, folder: pathlib.Path, *arguments: str) -> None:
        self.certificate = folder / "cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", self.certificate],
            check=True, stderr=subprocess.DEVNULL)  # fmt: skip
        self.process = subprocess.Popen(
            command("gate", "--store", store, "--listen", "127.0.0.1:0", "--tls-cert", str(self.certificate),
                    "--tls-key", str(folder / "key.pem"), *arguments),
            stderr=subprocess.PIPE, text=True)  # fmt: skip
        assert self.process.stderr is not None
        first = self.process.stderr.readline()
        assert "listens on" in first, first + self.process.stderr.read()
        self.port = int(first.rpartition(":")[2])
        self.log: list[str] = []
        threading.Thread(target=lambda stream: self.log.extend(stream), args=(self.process.stderr,), daemon=True).start()

    def send(self, body: bytes, method: str = "POST", path: str = "/", length: Optional[str] = None) -> tuple[int, bytes]:
        context = ssl.create_default_context(cafile=str(self.certificate))
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=30)
        connection.request(method, path, body=body, headers={"Content-Length": length} if length else {})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content

    def review(self, image: str, **labels: str) -> dict[str, Any]:
        selector = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", **labels}
        document = {"kind": "AdmissionReview", "request": {"uid": image, "object": pod(image, nodeSelector=selector)}}
        status, content = self.send(json.dumps(document).encode())
        assert status == 200
        response: dict[str, Any] = json.loads(content)["response"]
        assert response["uid"] == image
        return response


def test_reviews_over_https(store: str, server: Server, tmp_path: pathlib.Path) -> None:
    endpoint = Endpoint(store, tmp_path, "--deny", "no")
    name = f"{server.name}/team/app"
    try:
        assert endpoint.send(b"", "GET", "/healthz") == (200, b"ok\n")
        assert endpoint.review(f"{name}:new") == {"uid": f"{name}:new", "allowed": True}
        assert endpoint.review(f"{name}:plain")["allowed"]
        refused = endpoint.review(f"{name}:old")
        assert not refused["allowed"] and "no code for H100" in refused["status"]["message"]
        assert endpoint.review(f"{name}@{OLD.digest}")["allowed"] is False
        # A driver that the node's labels name.
        old = endpoint.review(f"{name}:new", **{"nvidia.com/cuda.driver.major": "450"})
        assert not old["allowed"] and "driver 450" in old["status"]["message"]
        # What is new is let in, and read meanwhile.
        assert server.fetched() == {}
        first = endpoint.review(f"{name}:later")
        assert first["allowed"] and "not read yet" in first["warnings"][0]
        while endpoint.review(f"{name}:later")["allowed"]:
            time.sleep(0.05)
        assert max(server.fetched().values()) == 1
        # What is no review.
        assert endpoint.send(b"{")[0] == 400
        assert endpoint.send(b"", length="999999999")[0] == 413
        assert json.loads(endpoint.send(b"[]")[1])["response"]["allowed"]
        # Somebody who says nothing holds up nobody.
        with ssl.create_default_context(cafile=str(endpoint.certificate)).wrap_socket(
            socket.create_connection(("127.0.0.1", endpoint.port)), server_hostname="localhost"
        ):
            with socket.create_connection(("127.0.0.1", endpoint.port)):
                results = []
                threads = [threading.Thread(target=lambda: results.append(endpoint.review(f"{name}:old")["allowed"])) for _ in range(8)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert results == [False] * 8
    finally:
        endpoint.process.send_signal(signal.SIGTERM)
        assert endpoint.process.wait(30) == 0
    assert any("refused" in line for line in endpoint.log)


def test_what_an_endpoint_needs(tmp_path: pathlib.Path) -> None:
    assert "TLS" in run("gate", "--store", str(tmp_path), "--listen", "0.0.0.0:1", status=2)
    assert "HOST:PORT" in run("gate", "--store", str(tmp_path), "--listen", "127.0.0.1:http", status=2)
    assert "--image or --listen" in run("gate", "--store", str(tmp_path), status=2)
