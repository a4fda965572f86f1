"""HTTP with patience: connections that are kept, attempts that are repeated, rates that are held."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import http.client
import random
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Callable, Optional

import cubinspect

# Seconds that one read or write may take.
SOCKET_SECONDS = 60.0
# The longest pause between two attempts, and the first.
_LONGEST_PAUSE = 60.0
_FIRST_PAUSE = 0.5
# A server that says one of these may give another answer later. RFC 9110, and RFC 6585 for 429.
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})

Errors = (OSError, http.client.HTTPException)


class Rate:
    """At most so many units a second over all threads; what was not used in a second is lost."""

    def __init__(self, units: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = 1 / units
        self._clock = clock
        self._lock = threading.Lock()
        self._free = clock()

    def wait(self, stop: threading.Event, units: float = 1) -> None:
        """Waits until the units may be used, or until the event is set."""
        with self._lock:
            now = self._clock()
            start = max(self._free, now - 1)
            self._free = start + units * self._seconds
        if start > now:
            stop.wait(start - now)


class Patience:
    """How long something is tried again: until nothing has got further for so many seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self.progress()

    def progress(self) -> None:
        """Something has got further."""
        self._end = self._clock() + self._seconds
        self._attempts = 0

    def pause(self, asked_for: Optional[float] = None) -> Optional[float]:
        """Seconds until the next attempt; None where patience has ended.

        Attempts of many clients spread, because each waits for a random part of a time that doubles.

        :param asked_for: seconds that the server asked for, in ``Retry-After``.
        """
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._attempts)
        self._attempts += 1
        pause = random.uniform(0, longest) + (asked_for or 0)
        left = self._end - self._clock()
        if left <= 0 or (asked_for or 0) > left:
            return None
        return min(pause, left)


def retry_after(value: Optional[str]) -> Optional[float]:
    """Seconds of a header ``Retry-After``, which has a number or a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        date = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.timezone.utc)
    return max(0.0, (date - datetime.datetime.now(datetime.timezone.utc)).total_seconds())


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what credentials are given to."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


class Transport:
    """Connections, one for each thread and server, through the proxies that the environment names."""

    def __init__(self, tls: Optional[ssl.SSLContext] = None) -> None:
        self._tls = tls or ssl.create_default_context()
        self._local = threading.local()

    @contextlib.contextmanager
    def open(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Iterator[http.client.HTTPResponse]:
        """One request and its response; no redirection is followed.

        :raises OSError: there is no connection, or it broke.
        :raises http.client.HTTPException: the answer is no HTTP.
        """
        connections: dict[tuple[str, str, int], http.client.HTTPConnection] = self._local.__dict__.setdefault("kept", {})
        place = origin(url)
        kept = connections.pop(place, None)
        try:
            connection = kept or self._connect(place)
            response = self._send(connection, method, url, headers, body)
        except (ConnectionError, http.client.BadStatusLine, http.client.CannotSendRequest):
            if kept is None:
                raise
            # A server may close a connection that waits; a new one tells whether it still answers.
            kept.close()
            connection = self._connect(place)
            response = self._send(connection, method, url, headers, body)
        try:
            yield response
        finally:
            # What was not read to its end cannot carry another response.
            if response.isclosed() and not response.will_close:
                connections[place] = connection
            else:
                connection.close()

    def _connect(self, place: tuple[str, str, int]) -> http.client.HTTPConnection:
        scheme, host, port = place
        proxy = None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(scheme)
        if proxy is not None:
            _, proxy_host, proxy_port = origin(proxy if "://" in proxy else f"http://{proxy}")
            if scheme == "http":
                return http.client.HTTPConnection(proxy_host, proxy_port, timeout=SOCKET_SECONDS)
            tunnel = http.client.HTTPSConnection(proxy_host, proxy_port, timeout=SOCKET_SECONDS, context=self._tls)
            tunnel.set_tunnel(host, port)
            return tunnel
        if scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=SOCKET_SECONDS, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=SOCKET_SECONDS)

    def _send(
        self, connection: http.client.HTTPConnection, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> http.client.HTTPResponse:
        parts = urllib.parse.urlsplit(url)
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        _, host, port = origin(url)
        if parts.scheme == "http" and (connection.host, connection.port) != (host, port):
            target = url  # A proxy of HTTP wants to know the server.
        try:
            connection.request(
                method,
                target,
                body=body or None,
                headers={"Host": parts.netloc, "User-Agent": f"cubinspect/{cubinspect.__version__}", **headers},
            )
            return connection.getresponse()
        except BaseException:
            connection.close()
            raise
