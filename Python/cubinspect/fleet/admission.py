"""Decides about pods: the endpoint of a ``ValidatingWebhookConfiguration`` of Kubernetes.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

import concurrent.futures
import http.server
import json
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional

from cubinspect.fleet.documents import mapping, mappings, parsed
from cubinspect.fleet.gate import Answer, Gate, NotKnown, Reader

# What NVIDIA's GPU feature discovery writes on nodes.
# https://github.com/NVIDIA/k8s-device-plugin/blob/main/docs/gpu-feature-discovery/README.md
PRODUCT = "nvidia.com/gpu.product"
_DRIVER_FULL = "nvidia.com/cuda.driver-version.full"
_DRIVER_PARTS = (
    [f"nvidia.com/cuda.driver-version.{part}" for part in ("major", "minor", "revision")],
    [f"nvidia.com/cuda.driver.{part}" for part in ("major", "minor", "rev")],
)
_RESOURCE = re.compile(r"nvidia\.com/(gpu(\.shared)?|mig-[\w.]+)")
# What the server of Kubernetes takes as a request and shows of a warning.
_REQUEST_BYTES = 8 << 20
_WARNING_LENGTH = 250
_MOST_IMAGES = 100

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Rules:
    """What is asked, and what follows."""

    #: GPUs of pods that ask for one and do not say which.
    gpus: tuple[str, ...] = ()
    driver: str = ""
    #: Answers for which a pod is refused; for others it is only warned.
    deny: frozenset[str] = frozenset()
    #: Seconds after which a pod is let in whatever the answer would be.
    seconds: float = 5


@dataclass(frozen=True)
class Wish:
    """What a pod wants: images, and the GPUs and the driver of the nodes that it may run on."""

    images: tuple[str, ...]
    gpus: tuple[str, ...]
    driver: str
    asks_for_gpu: bool


def wish_of(pod: Mapping[str, Any]) -> Wish:
    """Reads the ``spec`` of a pod; what is not as Kubernetes describes it counts as not there."""
    spec = mapping(pod.get("spec"))
    containers = [one for name in ("containers", "initContainers", "ephemeralContainers") for one in mappings(spec.get(name))]
    images = tuple(dict.fromkeys(str(one["image"]) for one in containers if one.get("image")))
    resources = [mapping(mapping(one.get("resources")).get(kind)) for one in containers for kind in ("limits", "requests")]
    asks = any(_RESOURCE.fullmatch(str(name)) for resource in resources for name in resource)
    labels = dict(_selected(spec))
    products = tuple(dict.fromkeys(product_name(value) for value in labels.get(PRODUCT, ())))
    return Wish(images[:_MOST_IMAGES], products, _driver(labels), asks or bool(products))


def product_name(label: str) -> str:
    """The GPU that a label means. A GPU that several pods share has a suffix, one with MIG the profile."""
    return re.sub(r"(-MIG-\w+(\.\w+)*)?(-SHARED)?$", "", label)


def _selected(spec: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The labels that the nodes of a pod must have, with their possible values."""
    found: dict[str, list[str]] = {}
    affinity = mapping(mapping(spec.get("affinity")).get("nodeAffinity"))
    required = mapping(affinity.get("requiredDuringSchedulingIgnoredDuringExecution"))
    for term in mappings(required.get("nodeSelectorTerms")):
        for expression in mappings(term.get("matchExpressions")):
            if expression.get("operator") == "In" and isinstance(expression.get("values"), list):
                found.setdefault(str(expression.get("key")), []).extend(map(str, expression["values"]))
    for name, value in mapping(spec.get("nodeSelector")).items():
        found[str(name)] = [str(value)]
    for name, values in found.items():
        yield name, tuple(values)


def _driver(labels: Mapping[str, Sequence[str]]) -> str:
    if labels.get(_DRIVER_FULL):
        return labels[_DRIVER_FULL][0]
    for names in _DRIVER_PARTS:
        parts = []
        for name in names:
            if not labels.get(name):
                break
            parts.append(labels[name][0])
        if parts:
            return ".".join(parts)
    return ""


class Decider:
    """Answers reviews. Whatever goes wrong, a pod is let in, and a line of the log says what went wrong."""

    def __init__(self, gate: Gate, rules: Rules, tell: Tell) -> None:
        self._gate = gate
        self._rules = rules
        self._tell = tell
        self._reader = Reader(gate, tell)
        self._pool = concurrent.futures.ThreadPoolExecutor(16)

    def review(self, document: Any) -> dict[str, Any]:
        """The answer to an ``AdmissionReview``."""
        request = mapping(mapping(document).get("request"))
        response: dict[str, Any] = {"uid": str(request.get("uid", "")), "allowed": True}
        # In another thread, because a run of the program that takes too long must not hold up the answer.
        future = self._pool.submit(self._answers, mapping(request.get("object")))
        try:
            answers, notes = future.result(self._rules.seconds)
        except concurrent.futures.TimeoutError:
            future.cancel()
            self._tell(f"let in unjudged: no answer in {self._rules.seconds:g} s")
            answers, notes = [], []
        except Exception as error:  # Fails open.
            self._tell(f"let in unjudged: {type(error).__name__}: {error}")
            answers, notes = [], []
        bad = [answer for answer in answers if answer.answer in ("no", "partly")]
        refused = [answer.text for answer in bad if answer.answer in self._rules.deny]
        if refused:
            response.update(allowed=False, status={"code": 403, "message": "cubinspect: " + "; ".join(refused)})
            self._tell(f"refused: {'; '.join(refused)}")
        warnings = [_shortened(f"cubinspect: {text}") for text in [*(answer.text for answer in bad), *notes]]
        if warnings and not refused:
            response["warnings"] = warnings
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}

    def _answers(self, pod: Mapping[str, Any]) -> tuple[list[Answer], list[str]]:
        """What is known of a pod's images, and what is to be said besides."""
        wish = wish_of(pod)
        gpus = wish.gpus or (self._rules.gpus if wish.asks_for_gpu else ())
        found: list[Answer] = []
        notes = []
        for image in wish.images if gpus else ():
            try:
                found += self._gate.ask(image, gpus, wish.driver or self._rules.driver)
            except NotKnown as error:
                self._tell(f"let in unjudged: {error}")
                notes.append(f"{image} was not judged, because it was not read yet")
                self._reader.ask_for(image)
            except Exception as error:  # One image that fails is no reason to judge no other.
                self._tell(f"let in unjudged: {image}: {error}")
        return found, notes


def _shortened(text: str) -> str:
    return text if len(text) <= _WARNING_LENGTH else text[: _WARNING_LENGTH - 1] + "…"


def server(address: tuple[str, int], decider: Decider, tell: Tell, tls: Optional[ssl.SSLContext]) -> http.server.ThreadingHTTPServer:
    """The endpoint: ``POST /`` with reviews, and ``GET /healthz``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16
        timeout = 30

        def do_GET(self) -> None:
            self.reply(200, "text/plain", b"ok\n") if self.path == "/healthz" else self.reply(404, "text/plain", b"")

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length") or ""
            if not length.isdecimal() or int(length) > _REQUEST_BYTES:
                self.close_connection = True
                self.reply(413, "text/plain", b"a review of at most 8 MiB is needed\n")
                return
            try:
                document = parsed(self.rfile.read(int(length)))
            except ValueError:
                self.reply(400, "text/plain", b"no JSON\n")
                return
            self.reply(200, "application/json", json.dumps(decider.review(document)).encode())

        def reply(self, status: int, media_type: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def setup(self) -> None:
            if isinstance(self.request, ssl.SSLSocket):
                # In the thread of the connection, so that a client that sends nothing does not hold up the others.
                self.request.settimeout(self.timeout)
                self.request.do_handshake()
            super().setup()

    class Listener(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            tell(f"a connection of {client_address} broke")

    listener = Listener(address, Handler)
    if tls is not None:
        listener.socket = tls.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    return listener
