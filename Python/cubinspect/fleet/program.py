"""The program as a fleet runs it: one layer from a stream, one image from its layers, verdicts on many facts."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

import cubinspect
from cubinspect._program import environment, how_ended, said


class ProgramFailure(Exception):
    """The program gave no result for an input. The text is what it said."""


class Program:
    """Runs of ``cubinspect``; threads may share it."""

    def __init__(self, path: Optional[str] = None, *, data: Sequence[str] = (), timeout: float = 3600) -> None:
        """
        :param path: the program; by default that of this package.
        :param data: files of tables, as ``--data`` takes them.
        :param timeout: seconds after which a run is ended.
        :raises FileNotFoundError: there is no such program.
        """
        # Whole paths, because it does not always run in this folder.
        self.path = os.path.abspath(path or cubinspect.find_program())
        if not os.access(self.path, os.X_OK):
            raise FileNotFoundError(errno.ENOENT, "there is no such program", self.path)
        self._data = [f"--data={os.path.abspath(file)}" for file in data]
        self._timeout = timeout
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()

    def stop(self) -> None:
        """Ends all runs."""
        with self._lock:
            for process in self._running:
                process.kill()

    def layer_facts(self, pieces: Iterable[bytes]) -> bytes:
        """The facts of a layer whose bytes come in pieces. All pieces are taken, also those after the end of its tar.

        :raises ProgramFailure: there are no facts. What the pieces raise is raised as it is.
        """
        with tempfile.TemporaryDirectory(prefix="cubinspect-fleet-") as folder:
            result = os.path.join(folder, "facts.json")
            arguments = ["facts", "--layer", "-", "-o", result, "--jobs=1", "--color=never", *self._data]
            # A file, because a pipe could fill up while the layer is written, and the program would wait.
            with open(os.path.join(folder, "messages"), "w+b") as messages:
                with self._started(arguments, stdin=subprocess.PIPE, stderr=messages) as process:
                    _feed(process, pieces)
                    status = process.wait()
                messages.seek(0)
                return _result(status, result, messages.read())

    def image_facts(self, layout: Path, layers: Path) -> bytes:
        """The facts of the image in an OCI layout without blobs of layers, whose facts are in a folder.

        Of the place of the layout they have its last name alone, so that they are the same wherever they are made.
        """
        return self._facts([f"oci:{layout.name}", f"--layers={layers.absolute()}"], layout.parent)

    def file_facts(self, path: str) -> bytes:
        """The facts of a wheel or an archive."""
        return self._facts(["--", os.path.abspath(path)])

    def scan(self, facts: Sequence[str], gpus: Sequence[str], driver: Optional[str]) -> dict[str, Any]:
        """The report on files of facts, without plans: one view for each of theirs, in their order.

        :raises ProgramFailure: there is no report.
        """
        arguments = ["scan", "--output=json", "--no-plan", "--fail-on=never", "--color=never", *(f"--gpu={gpu}" for gpu in gpus)]
        if driver is not None:
            arguments.append(f"--driver={driver}")
        done = self._run([*arguments, *self._data, "--", *facts])
        try:
            report: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise ProgramFailure(how_ended(done.returncode, "; ".join(said(done.stderr)))) from None
        return report

    def check(self, gpus: Sequence[str], drivers: Iterable[str]) -> dict[str, Any]:
        """The program that judges: its name, its version, and the date of its tables.

        :raises ProgramFailure: it does not know a GPU or a driver, or takes one for several.
        """
        with tempfile.TemporaryDirectory(prefix="cubinspect-fleet-") as nothing:
            for driver in [*drivers, None]:
                report = self.scan([nothing], gpus, driver)
                answers = report["answers"]
                if [answer["query"] for answer in answers] != list(gpus):
                    raise ProgramFailure(f"{', '.join(gpus)} are {len(answers)} GPUs: name each by itself")
        tool: dict[str, Any] = report["tool"]
        return tool

    def _facts(self, arguments: list[str], working: Optional[Path] = None) -> bytes:
        with tempfile.TemporaryDirectory(prefix="cubinspect-fleet-") as folder:
            result = os.path.join(folder, "facts.json")
            done = self._run(["facts", "-o", result, "--jobs=1", "--color=never", *self._data, *arguments], working)
            return _result(done.returncode, result, done.stderr)

    def _run(self, arguments: list[str], working: Optional[Path] = None) -> subprocess.CompletedProcess[bytes]:
        with self._started(
            arguments, cwd=working, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            output, messages = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, output, messages)

    @contextlib.contextmanager
    def _started(self, arguments: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        """A run, which is ended when its time is over, or what is done with it fails."""
        process = subprocess.Popen([self.path, *arguments], env=environment(), **options)
        timer = threading.Timer(self._timeout, process.kill)
        timer.daemon = True
        timer.start()
        with self._lock:
            self._running.add(process)
        try:
            yield process
        finally:
            with self._lock:
                self._running.discard(process)
            timer.cancel()
            if process.poll() is None:
                process.kill()
            if process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
            process.wait()


def _feed(process: subprocess.Popen[bytes], pieces: Iterable[bytes]) -> None:
    assert process.stdin is not None
    iterator: Iterator[bytes] = iter(pieces)
    try:
        for piece in iterator:
            process.stdin.write(piece)
        process.stdin.close()
    except BrokenPipeError:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        # It needs no more, or has failed. The rest is taken nevertheless, because at its end the digest is verified.
        if process.wait() == 0:
            for _ in iterator:
                pass


def _result(status: int, path: str, messages: bytes) -> bytes:
    """What was written, also where something in the input could not be read: the facts tell what."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        content = b""
    if status < 0 or not content:
        raise ProgramFailure(how_ended(status, "; ".join(said(messages))))
    return content
