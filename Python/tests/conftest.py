"""What the tests of the Python packages share. They run against installed wheels: see `make test-python`."""

from __future__ import annotations

import json
import pathlib
import subprocess
from typing import Any, Callable, Iterator

import pytest

import cubinspect

from registries import Server

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def fixtures() -> pathlib.Path:
    """Files that NVIDIA's compilers made."""
    return PROJECT / "Fixtures"


@pytest.fixture
def program() -> Callable[..., Any]:
    """Runs the program, and returns the document that it writes."""

    def run(*arguments: str) -> Any:
        done = subprocess.run(
            [cubinspect.find_program(), *arguments], stdout=subprocess.PIPE, check=False, stdin=subprocess.DEVNULL
        )
        return json.loads(done.stdout)

    return run


@pytest.fixture
def server() -> Iterator[Server]:
    """A registry without images, on the loopback address."""
    one = Server()
    yield one
    one.close()
