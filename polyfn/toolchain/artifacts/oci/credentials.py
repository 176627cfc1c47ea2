"""Who to be at a registry: what docker, podman and their helpers know.

In this order: DOCKER_AUTH_CONFIG (a config as text, as CI systems give it), REGISTRY_AUTH_FILE, docker's
config.json (DOCKER_CONFIG), podman's auth.json. Of each, a helper for the host wins over what is written
down, and that over the helper for all.

Facts: https://docs.docker.com/reference/cli/docker/login/ (credHelpers, credsStore, the helpers' protocol),
containers-auth.json(5) (keys with a path in them, the most exact first).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyfn.toolchain.artifacts.oci.reference import HUB
from polyfn.toolchain.errors import RegistryError

#: What docker calls Docker Hub in its config.
_HUB_KEY = "https://index.docker.io/v1/"
_HUB_NAMES = (HUB, "index.docker.io", "registry-1.docker.io")
#: A helper says so where it knows nobody (docker-credential-helpers, credentials/error.go).
_NOT_FOUND = "credentials not found"
#: The user name by which a helper says that the secret is an identity token.
_TOKEN_USER = "<token>"  # noqa: S105
_PATIENCE = 60


@dataclass(frozen=True)
class Credential:
    """Who to be. Neither field shows in a traceback or a log."""

    user: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    #: Changed for an access token at the registry's own service (OAuth 2).
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str | None:
        """The value of a header `Authorization`, if there is a password."""
        if not self.user:
            return None
        return f"Basic {base64.b64encode(f'{self.user}:{self.secret}'.encode()).decode()}"


def find(host: str, repository: str, log: Callable[[str], None]) -> Credential | None:
    """Return the credential for a repository, None for nobody in particular.

    `log` is told what is skipped. Raises RegistryError for a helper that fails.
    """
    for config in _configs(log):
        if (found := _in(config, host, repository, log)) is not None:
            return found
    return None


def _configs(log: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    if text := os.environ.get("DOCKER_AUTH_CONFIG"):
        yield _parsed(text, "DOCKER_AUTH_CONFIG", log)
    for path in _places():
        try:
            text = path.read_text(encoding="utf-8")
        except OSError:
            continue
        yield _parsed(text, str(path), log)


def _places() -> Iterator[Path]:
    home = Path(os.environ.get("HOME") or Path.home())
    if chosen := os.environ.get("REGISTRY_AUTH_FILE"):
        yield Path(chosen)
    yield Path(os.environ.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    if running := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(running) / "containers" / "auth.json"
    yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "containers" / "auth.json"


def _parsed(text: str, place: str, log: Callable[[str], None]) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except ValueError:
        config = None
    if not isinstance(config, dict):
        log(f"{place} is no JSON object: no credentials are taken from it")
        return {}
    return config


def _in(
    config: Mapping[str, Any], host: str, repository: str, log: Callable[[str], None]
) -> Credential | None:
    server = _HUB_KEY if host in _HUB_NAMES else host
    helpers = config.get("credHelpers")
    if isinstance(helpers, dict):
        for key in (server, host):
            if isinstance(helpers.get(key), str):
                return _ask(helpers[key], server, log)
    if (found := _written(config.get("auths"), host, repository)) is not None:
        return found
    if isinstance(helper := config.get("credsStore"), str) and helper:
        return _ask(helper, server, log)
    return None


def _written(auths: Any, host: str, repository: str) -> Credential | None:
    entries = {_plain(key): entry for key, entry in auths.items()} if isinstance(auths, dict) else {}
    path = repository.split("/")
    keys = ["/".join([host, *path[:count]]) for count in range(len(path), -1, -1)]
    if host in _HUB_NAMES:
        keys += _HUB_NAMES
    for key in keys:
        if (found := _decoded(entries.get(key))) is not None:
            return found
    return None


def _plain(key: str) -> str:
    """Return a key without scheme, and without what docker puts behind a host."""
    return re.sub(r"/(v1|v2)/?$", "", key.removeprefix("https://").removeprefix("http://")).rstrip("/")


def _decoded(entry: Any) -> Credential | None:
    if not isinstance(entry, dict):
        return None
    token = entry.get("identitytoken") or ""
    user, secret = entry.get("username") or "", entry.get("password") or ""
    if isinstance(entry.get("auth"), str) and entry["auth"]:
        try:
            text = base64.b64decode(entry["auth"], validate=True).decode().rstrip("\0")
        except (binascii.Error, UnicodeDecodeError):
            return None
        user, _, secret = text.partition(":")
    return Credential(str(user), str(secret), str(token)) if user or token else None


def _ask(helper: str, server: str, log: Callable[[str], None]) -> Credential | None:
    program = f"docker-credential-{helper}"
    if not re.fullmatch(r"[A-Za-z0-9._-]+", helper):
        log("the name of a credential helper is not one of a program: it is not asked")
        return None
    try:
        asked = subprocess.run(
            [program, "get"], input=server, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except FileNotFoundError:
        log(f"{program} is not installed: going on without credentials for {server}")
        return None
    except subprocess.TimeoutExpired:
        raise _failed(program, f"did not answer within {_PATIENCE} s") from None
    if asked.returncode != 0:
        # What it says may have a secret in it, so it is not told.
        if _NOT_FOUND in asked.stdout or _NOT_FOUND in asked.stderr:
            return None
        raise _failed(program, f"failed with exit status {asked.returncode}")
    return _answered(program, asked.stdout)


def _answered(program: str, text: str) -> Credential | None:
    try:
        answer = json.loads(text)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise _failed(program, "answered something that is no credential") from None
    if user == _TOKEN_USER:
        return Credential(identity_token=secret)
    return Credential(user, secret) if user else None


def _failed(program: str, what: str) -> RegistryError:
    return RegistryError(f"the credential helper {program} {what}", hint=f"try it: echo HOST | {program} get")
