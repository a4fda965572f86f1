"""Credentials for registries, as ``docker login`` and ``podman login`` keep them."""

from __future__ import annotations

import base64
import binascii
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from cubinspect.fleet.documents import mapping
from cubinspect.fleet.references import DOCKER_HUB

# What Docker calls Docker Hub in its files.
_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_SECONDS = 60
# A user of this name has an identity token for a secret.
_TOKEN_USER = "<token>"


class CredentialsError(Exception):
    """A file or a helper that should give credentials and does not."""


@dataclass(frozen=True)
class Credentials:
    """A user with a password, or an identity token in place of both. Neither is ever printed."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of a header ``Authorization``."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def files(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Where credentials may be: the files of podman and skopeo, then those of docker."""
    paths = []
    if "REGISTRY_AUTH_FILE" in environment:
        return [environment["REGISTRY_AUTH_FILE"]]
    if "XDG_RUNTIME_DIR" in environment:
        paths.append(os.path.join(environment["XDG_RUNTIME_DIR"], "containers", "auth.json"))
    home = environment.get("HOME", "")
    if "DOCKER_CONFIG" in environment or home:
        folder = environment.get("DOCKER_CONFIG") or os.path.join(home, ".docker")
        paths.append(os.path.join(folder, "config.json"))
    return paths


def find(registry: str, repository: str = "", environment: Mapping[str, str] = os.environ) -> Optional[Credentials]:
    """The credentials for a repository of a registry; None where nobody has logged in.

    :raises CredentialsError: a file cannot be read, or a helper fails.
    """
    for path in files(environment):
        try:
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise CredentialsError(f"{path}: {error}") from error
        if not isinstance(document, dict):
            raise CredentialsError(f"{path}: a JSON object is needed")
        found = _in_file(document, path, registry, repository)
        if found is not None:
            return found
    return None


def _in_file(document: Mapping[str, Any], path: str, registry: str, repository: str) -> Optional[Credentials]:
    server = _HUB_KEY if registry == DOCKER_HUB else registry
    helpers = mapping(document.get("credHelpers"))
    helper = helpers.get(registry) or helpers.get(server) or document.get("credsStore")
    if helper:
        found = _of_helper(str(helper), server)
        if found is not None:
            return found
    entries = {_key(name): entry for name, entry in mapping(document.get("auths")).items()}
    # podman keeps credentials of parts of a registry too: the longest name that fits counts.
    parts = [registry, *repository.split("/")] if repository else [registry]
    for length in range(len(parts), 0, -1):
        entry = entries.get("/".join(parts[:length]))
        if isinstance(entry, dict):
            return _of_entry(entry, path)
    return None


def _key(name: str) -> str:
    """The registry or the part of it that a key of ``auths`` means."""
    if name == _HUB_KEY:
        return DOCKER_HUB
    for prefix in ("https://", "http://"):
        if name.startswith(prefix):
            return name[len(prefix) :].split("/", 1)[0]
    return name.rstrip("/")


def _of_entry(entry: Mapping[str, Any], path: str) -> Optional[Credentials]:
    token = str(entry.get("identitytoken") or "")
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            text = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise CredentialsError(f"{path}: an entry of auths is not in base64") from error
        user, _, password = text.rstrip("\0").partition(":")
    if not (token or user):
        return None
    return Credentials(user, password, token)


def _of_helper(helper: str, server: str) -> Optional[Credentials]:
    """What ``docker-credential-HELPER get`` says."""
    program = f"docker-credential-{helper}"
    if os.sep in helper:
        raise CredentialsError(f"{program} is no name of a credential helper")
    try:
        done = subprocess.run(
            [program, "get"],
            input=server,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CredentialsError(f"{program}: {error}") from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()
        if "credentials not found" in said:
            return None
        raise CredentialsError(f"{program} failed: {said or f'status {done.returncode}'}")
    try:
        answer = json.loads(done.stdout)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        # Not what it has said: that may be a secret.
        raise CredentialsError(f"{program} gave no user and secret") from error
    return Credentials(identity_token=secret) if user == _TOKEN_USER else Credentials(user, secret)
