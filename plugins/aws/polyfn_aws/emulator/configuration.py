"""The function's configuration, as it would be set on the platform."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyfn.toolchain.emulation.options import choice, count, flag, seconds
from polyfn.toolchain.errors import EmulationError
from polyfn.toolchain.provider import Emulation
from polyfn_aws import shim
from polyfn_aws.settings import AwsSettings

ACCOUNT = "123456789012"
REGION = "us-east-1"
VERSION = "$LATEST"

#: Bytes of a synchronous invocation's event (documented: 6 MB).
LARGEST_EVENT = 6 * 1024 * 1024

#: What the option `http` takes.
FORMS = ("v2", "v1", "alb", "alb-multi", "function-url")
OPTIONS = ("http", "freeze", "throttle", "init-timeout", "redrive")


@dataclass(frozen=True)
class Configuration:
    """What the platform knows of the function. `timeout` and `init_timeout` are seconds, `memory` is MB.

    `streams` names the HTTP sources whose mode is to stream; `partial_batch` tells whether event source
    mappings report batch item failures; `redrive` is how often a batch given to invoke is delivered.
    """

    name: str
    handler: str
    root: Path
    timeout: float
    memory: int
    environment: dict[str, str] = field(default_factory=dict)
    http: str = "v2"
    freeze: bool = True
    throttle: bool = True
    init_timeout: float = 10.0
    region: str = REGION
    streams: tuple[str, ...] = ("function-url",)
    partial_batch: bool = True
    redrive: int = 0

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return f"arn:aws:lambda:{self.region}:{ACCOUNT}:function:{self.name}"


def configuration(emulation: Emulation, root: Path) -> Configuration:
    """Read the configuration of an artifact unpacked at `root`. Raises UsageError, EmulationError."""
    options = emulation.options
    environment = dict(emulation.environment)
    settings = emulation.settings if isinstance(emulation.settings, AwsSettings) else AwsSettings()
    return Configuration(
        name=emulation.function or _project(root) or "function",
        # The name of the bootstrap is what most people configure where no function is chosen.
        handler=emulation.function or "bootstrap",
        root=root,
        timeout=emulation.timeout,
        memory=emulation.memory,
        environment=environment,
        http=choice(options, "http", FORMS, known=OPTIONS),
        freeze=flag(options, "freeze", default=True),
        throttle=flag(options, "throttle", default=True),
        init_timeout=seconds(options, "init-timeout", default=10.0),
        region=environment.get("AWS_REGION", REGION),
        streams=settings.stream,
        partial_batch=settings.partial_batch,
        redrive=count(options, "redrive"),
    )


def bootstrap(root: Path) -> Path:
    """Return the artifact's bootstrap. Raises EmulationError if the platform could not start it."""
    path = root / "bootstrap"
    if (root / f"{shim.MODULE}.py").is_file():
        raise EmulationError(
            "the artifact has no interpreter of its own: it is for Lambda's managed runtime, "
            "which cannot be had here",
            hint="package it without `--interpreter platform` to run it here; the function is the same",
        )
    if not path.is_file():
        raise EmulationError(
            "the artifact has no file `bootstrap` at its root, so Lambda could not start it",
            hint="package it with `polyfn package --target aws`",
        )
    if not path.stat().st_mode & 0o111:
        raise EmulationError(
            "`bootstrap` is not executable, so Lambda could not start it",
            hint="make it executable (chmod 755) before zipping; zip on Linux keeps the mode",
        )
    return path


def _project(root: Path) -> str | None:
    try:
        manifest: Any = json.loads((root / "polyfn.json").read_bytes())
    except (OSError, ValueError):
        return None
    name = manifest.get("project") if isinstance(manifest, dict) else None
    return name if isinstance(name, str) and name else None
