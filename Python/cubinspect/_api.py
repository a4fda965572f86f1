"""The functions of the package: each runs the program once, and reads what it writes.

What is asked is what their arguments say: neither variables that stand for options nor a ``cubinspect.toml`` change it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from typing import Optional, Union

from cubinspect._program import environment, find_program, how_ended, said
from cubinspect.report import ReleaseReport, Report

StrPath = Union[str, "os.PathLike[str]"]

# Problems of these kinds do not make a report incomplete; the program does not count them either.
_HARMLESS = {"unknownValue", "absent"}


class Error(Exception):
    """The program could not do what was asked for. The text is what it said."""


class UsageError(Error):
    """A value that cannot be used, such as a GPU that is not known, or a file of tables that does not fit."""


class ProgramError(Error):
    """The program is not there, or has ended before its time."""


class IncompleteError(Error):
    """Something could not be read as it should, so that the result may lack what is there."""

    def __init__(self, message: str, *, report: Optional[Report] = None, facts: Optional[Facts] = None) -> None:
        super().__init__(message)
        #: What was found nevertheless, of :func:`scan`, :func:`check` and :func:`judge`.
        self.report = report
        #: What was found nevertheless, of :func:`facts`.
        self.facts = facts


class Facts:
    """What is under some paths, to be judged for any GPU and driver: a document as ``cubinspect facts`` writes it."""

    def __init__(self, document: bytes) -> None:
        """Takes a document that :attr:`document` has given, or that a file holds."""
        self.document = document

    @classmethod
    def load(cls, path: StrPath) -> Facts:
        """Reads what :meth:`save` or ``cubinspect facts -o`` has written."""
        with open(path, "rb") as file:
            return cls(file.read())

    def save(self, path: StrPath) -> None:
        """Writes the document into a file, which ``cubinspect scan`` takes as a path."""
        with open(path, "wb") as file:
            file.write(self.document)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Facts) and self.document == other.document

    def __hash__(self) -> int:
        return hash(self.document)

    def __repr__(self) -> str:
        return f"<cubinspect.Facts of {len(self.document)} bytes>"


def scan(
    paths: Union[StrPath, Iterable[StrPath]],
    *,
    gpus: Union[str, Iterable[str]] = (),
    driver: Optional[str] = None,
    host: Optional[StrPath] = None,
    require: Iterable[str] = (),
    image_config: Iterable[StrPath] = (),
    data: Iterable[StrPath] = (),
    follow_links: Iterable[StrPath] = (),
    platform: Optional[str] = None,
    blobs: Optional[StrPath] = None,
    python: Optional[str] = None,
    limits: Optional[Mapping[str, Union[int, str]]] = None,
    jobs: Optional[int] = None,
    cache: Optional[StrPath] = None,
    allow_incomplete: bool = False,
    timeout: Optional[float] = None,
) -> Report:
    """Says on which GPUs the software under some paths runs.

    The arguments are those of ``cubinspect scan``, which ``cubinspect help scan`` explains.

    :param paths: folders, wheels, images, files, or what is fetched first, such as ``docker:app`` and
        ``pypi:torch==2.9.1``; or one of them.
    :param gpus: names, compute capabilities, targets; ``"auto"`` for those of this machine. Without any, one GPU of each
        current generation.
    :param driver: a release, a branch, a CUDA version, or ``"auto"``.
    :param host: a file with what ``nvidia-smi`` has printed, whose GPUs and driver are meant.
    :param require: targets that every library must carry, as ``--require`` takes them; a view's libraries tell what is
        missing.
    :param follow_links: folders that symbolic links out of directories are followed into.
    :param blobs: a folder with the blobs that OCI layouts share.
    :param python: the version of Python for which ``pypi:`` fetches a wheel.
    :param cache: a folder in which what was found is kept, so that looking again at what has not changed takes no time.
    :param allow_incomplete: return the report also where something could not be read; :attr:`View.problems` tells what.
    :param timeout: seconds after which the program is ended.
    :raises UsageError: a value cannot be used.
    :raises IncompleteError: something could not be read, and ``allow_incomplete`` is false.
    :raises ProgramError: the program is missing or has ended before its time.
    :raises subprocess.TimeoutExpired: it took longer than ``timeout``.
    """
    arguments = ["scan", *_judging(gpus, driver, host, require)]
    arguments += _reading(image_config, data, follow_links, platform, blobs, python, limits, jobs, cache)
    return _report(arguments, paths, allow_incomplete, timeout)


def check(
    paths: Union[StrPath, Iterable[StrPath]] = (),
    *,
    gpus: Union[str, Iterable[str]] = (),
    driver: Optional[str] = None,
    host: Optional[StrPath] = None,
    require: Iterable[str] = (),
    image_config: Iterable[StrPath] = (),
    data: Iterable[StrPath] = (),
    follow_links: Iterable[StrPath] = (),
    platform: Optional[str] = None,
    blobs: Optional[StrPath] = None,
    python: Optional[str] = None,
    limits: Optional[Mapping[str, Union[int, str]]] = None,
    jobs: Optional[int] = None,
    cache: Optional[StrPath] = None,
    allow_incomplete: bool = False,
    timeout: Optional[float] = None,
) -> Report:
    """Says whether what is here runs here: the active Python environment, on the GPUs and the driver of this machine.

    The arguments are those of ``cubinspect check``, which ``cubinspect help check`` explains; the others and the errors are
    those of :func:`scan`.

    :param paths: what to look at in place of the environment that ``VIRTUAL_ENV``, ``CONDA_PREFIX`` and ``PATH`` tell.
    :param gpus: GPUs in place of those of this machine. Where it has none, one of each current generation.
    :return: the report; :attr:`Report.here` has what was looked at, and how it was found.
    :raises UsageError: there is no environment, or a value cannot be used.
    """
    arguments = ["check", *_judging(gpus, driver, host, require)]
    arguments += _reading(image_config, data, follow_links, platform, blobs, python, limits, jobs, cache)
    return _report(arguments, paths, allow_incomplete, timeout)


def facts(
    paths: Union[StrPath, Iterable[StrPath]],
    *,
    image_config: Iterable[StrPath] = (),
    data: Iterable[StrPath] = (),
    follow_links: Iterable[StrPath] = (),
    platform: Optional[str] = None,
    blobs: Optional[StrPath] = None,
    python: Optional[str] = None,
    limits: Optional[Mapping[str, Union[int, str]]] = None,
    jobs: Optional[int] = None,
    cache: Optional[StrPath] = None,
    allow_incomplete: bool = False,
    timeout: Optional[float] = None,
) -> Facts:
    """Reads once what :func:`judge` judges often. The arguments and the errors are those of :func:`scan`."""
    arguments = ["facts", *_reading(image_config, data, follow_links, platform, blobs, python, limits, jobs, cache)]
    with tempfile.TemporaryDirectory(prefix="cubinspect-") as folder:
        # A file, so that the exit status alone tells whether there is a document.
        path = os.path.join(folder, "facts.json")
        _, messages = _run([*arguments, f"--output={path}"], _several(paths), timeout, result=path)
        found = Facts.load(path)
    if messages and not allow_incomplete:
        raise IncompleteError(messages, facts=found)
    return found


def judge(
    facts: Facts,
    *,
    gpus: Union[str, Iterable[str]] = (),
    driver: Optional[str] = None,
    host: Optional[StrPath] = None,
    require: Iterable[str] = (),
    image_config: Iterable[StrPath] = (),
    data: Iterable[StrPath] = (),
    allow_incomplete: bool = False,
    timeout: Optional[float] = None,
) -> Report:
    """Says what :func:`scan` would say of the files that the facts are about, without them. So are its errors."""
    with tempfile.TemporaryDirectory(prefix="cubinspect-") as folder:
        path = os.path.join(folder, "facts.json")
        facts.save(path)
        return scan(
            path,
            gpus=gpus,
            driver=driver,
            host=host,
            require=require,
            image_config=image_config,
            data=data,
            allow_incomplete=allow_incomplete,
            timeout=timeout,
        )


def which(
    package: str,
    *,
    gpus: Union[str, Iterable[str]] = (),
    driver: Optional[str] = None,
    host: Optional[StrPath] = None,
    python: Optional[str] = None,
    cuda: Optional[str] = None,
    machine: Optional[str] = None,
    data: Iterable[StrPath] = (),
    timeout: Optional[float] = None,
) -> ReleaseReport:
    """Says which release of a package on PyPI runs on some GPUs, from what was measured in its wheels.

    The arguments are those of ``cubinspect which``, which ``cubinspect help which`` explains.

    :param package: its name on PyPI, such as ``"bitsandbytes"``.
    :param gpus: the GPUs, as for :func:`scan`; one at least, here or in ``host``.
    :param python: only releases with a wheel for this version of Python.
    :param cuda: only wheels that are built for this version of CUDA, or for an older one of its major version.
    :param machine: only wheels for this processor: ``"x86_64"`` or ``"aarch64"``.
    :return: the releases; :attr:`ReleaseReport.best` is None where none runs.
    :raises UsageError: a value cannot be used, or the package was not measured.
    :raises ProgramError: the program is missing or has ended before its time.
    :raises subprocess.TimeoutExpired: it took longer than ``timeout``.
    """
    arguments = ["which", "--output=json", *(f"--gpu={gpu}" for gpu in _several(gpus))]
    arguments += [f"--data={path}" for path in _several(data)]
    options = {"driver": driver, "python": python, "cuda": cuda, "machine": machine}
    if host is not None:
        options["host"] = os.fspath(host)
    arguments += [f"--{name}={value}" for name, value in options.items() if value is not None]
    output, _ = _run(arguments, [package], timeout)
    return ReleaseReport.from_json(json.loads(output))


def _several(values: Union[StrPath, Iterable[StrPath]]) -> list[str]:
    """One value, or several, as arguments of the program."""
    if isinstance(values, (str, os.PathLike)):
        return [os.fspath(values)]
    return [os.fspath(value) for value in values]


def _judging(
    gpus: Union[str, Iterable[str]], driver: Optional[str], host: Optional[StrPath], require: Iterable[str]
) -> list[str]:
    """The arguments about what is asked."""
    arguments = ["--output=json", "--fail-on=never", *(f"--gpu={gpu}" for gpu in _several(gpus))]
    if driver is not None:
        arguments.append(f"--driver={driver}")
    if host is not None:
        arguments.append(f"--host={os.fspath(host)}")
    return arguments + [f"--require={targets}" for targets in _several(require)]


def _reading(
    image_config: Iterable[StrPath],
    data: Iterable[StrPath],
    follow_links: Iterable[StrPath],
    platform: Optional[str],
    blobs: Optional[StrPath],
    python: Optional[str],
    limits: Optional[Mapping[str, Union[int, str]]],
    jobs: Optional[int],
    cache: Optional[StrPath],
) -> list[str]:
    """The arguments about how paths are read."""
    arguments = [f"--image-config={path}" for path in _several(image_config)]
    arguments += [f"--data={path}" for path in _several(data)]
    arguments += [f"--limit={name}={value}" for name, value in (limits or {}).items()]
    arguments += [f"--follow-links={os.fspath(path)}" for path in _several(follow_links)]
    if platform is not None:
        arguments.append(f"--platform={platform}")
    if blobs is not None:
        arguments.append(f"--blobs={os.fspath(blobs)}")
    if python is not None:
        arguments.append(f"--python={python}")
    if jobs is not None:
        arguments.append(f"--jobs={jobs}")
    if cache is not None:
        arguments.append(f"--cache={os.fspath(cache)}")
    return arguments


def _report(
    arguments: list[str], paths: Union[StrPath, Iterable[StrPath]], allow_incomplete: bool, timeout: Optional[float]
) -> Report:
    """The report that the program writes."""
    output, messages = _run(arguments, _several(paths), timeout)
    report = Report.from_json(json.loads(output))
    problems = [problem for view in report.views for problem in view.problems if problem.code not in _HARMLESS]
    if problems and not allow_incomplete:
        raise IncompleteError(messages or "\n".join(problem.message for problem in problems), report=report)
    return report


def _run(
    arguments: list[str], paths: list[str], timeout: Optional[float], *, result: Optional[str] = None
) -> tuple[bytes, str]:
    """Runs the program; returns what it wrote, and what it said on standard error where its status was not 0.

    :param result: the file that it writes in place of standard output.
    """
    try:
        done = subprocess.run(
            [find_program(), *arguments, "--color=never", "--", *paths],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise ProgramError(str(error)) from error
    messages = "\n".join(said(done.stderr))
    if not 0 <= done.returncode <= 2:
        raise ProgramError(how_ended(done.returncode, messages))
    if not (os.path.exists(result) if result else done.stdout):
        raise UsageError(messages)
    return done.stdout, messages if done.returncode else ""
