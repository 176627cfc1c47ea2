"""The service's configuration, as it would be set on the platform."""

import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field

from polyfn.toolchain.emulation.container import Container
from polyfn.toolchain.emulation.options import choice, count, flag, seconds
from polyfn.toolchain.errors import UsageError
from polyfn.toolchain.provider import Emulation
from polyfn_gcp.emulator.image import Image
from polyfn_gcp.settings import GcpSettings

#: Requests that an instance can be given at once at most.
MOST_CONCURRENCY = 1000
#: Seconds until a container has to listen.
STARTUP = 240.0
#: How often a job's failed task is tried again unless configured otherwise, and the most.
RETRIES, MOST_RETRIES = 3, 10

OPTIONS = (
    "sandbox", "cpu", "concurrency", "startup-timeout", "disconnect", "proto", "redrive",
    "job", "task-index", "task-count", "attempt", "max-retries",
)  # fmt: skip
_LETTERS = string.ascii_lowercase


@dataclass(frozen=True)
class Task:
    """Which tasks of a job are run: all of `count`, or the one at `index`. `attempt` is that of the first."""

    index: int | None = None
    count: int = 1
    attempt: int = 0
    retries: int = RETRIES


@dataclass(frozen=True)
class Configuration:
    """What the platform knows of the service or job. `timeout` is seconds, `memory` is MiB.

    `throttled` tells that the container has a processor only while a request is in flight, `disconnects`
    that it is told when a client leaves. `job` is None for a service.
    """

    service: str
    revision: str
    image: Image
    timeout: float
    memory: int
    target: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    concurrency: int = 80
    startup: float = STARTUP
    throttled: bool = True
    disconnects: bool = False
    proto: str = "http"
    sandbox: str = "auto"
    redrive: int = 0
    job: Task | None = None

    @property
    def container(self) -> Container:
        """The image's container."""
        return self.image.container


def configuration(emulation: Emulation, image: Image) -> Configuration:
    """Read the configuration of an image. Raises UsageError."""
    options = emulation.options
    settings = emulation.settings if isinstance(emulation.settings, GcpSettings) else GcpSettings()
    service = _name(image.project or emulation.function or "service")
    return Configuration(
        service=service,
        revision=f"{service}-00001-{''.join(secrets.choice(_LETTERS) for _ in range(3))}",
        image=image,
        timeout=emulation.timeout,
        memory=emulation.memory,
        target=emulation.function,
        environment={**settings.env, **emulation.environment},
        # First, because it also tells of options that are not known.
        sandbox=choice(options, "sandbox", ("auto", "on", "off"), known=OPTIONS),
        concurrency=_concurrency(options, settings),
        startup=seconds(options, "startup-timeout", default=STARTUP),
        throttled=choice(options, "cpu", ("request", "always"), known=OPTIONS) == "request",
        disconnects=flag(options, "disconnect", default=False),
        proto=choice(options, "proto", ("http", "https"), known=OPTIONS),
        redrive=count(options, "redrive"),
        job=_task(options) if flag(options, "job", default=False) else None,
    )


def _concurrency(options: Mapping[str, str], settings: GcpSettings) -> int:
    value = count(options, "concurrency") or settings.concurrency
    if value > MOST_CONCURRENCY:
        raise UsageError(
            f"concurrency={value}: Cloud Run gives an instance at most {MOST_CONCURRENCY} requests at once",
            hint=f"give a number from 1 to {MOST_CONCURRENCY}",
        )
    return value


def _task(options: Mapping[str, str]) -> Task:
    tasks = count(options, "task-count") or 1
    index = _whole(options, "task-index", default=None, most=tasks - 1)
    attempt = _whole(options, "attempt", default=0, most=MOST_RETRIES) or 0
    retries = _whole(options, "max-retries", default=RETRIES, most=MOST_RETRIES)
    return Task(index, tasks, attempt, RETRIES if retries is None else retries)


def _whole(options: Mapping[str, str], name: str, *, default: int | None, most: int) -> int | None:
    text = options.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and int(text) <= most):
        raise UsageError(
            f"the emulator's option {name!r} cannot be {text!r}", hint=f"give a number from 0 to {most}"
        )
    return int(text)


def _name(text: str) -> str:
    """Make a name that a service can have: letters, digits and hyphens, at most 49, a letter first."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:49].rstrip("-")
    return name if name[:1].isalpha() else f"s-{name}".rstrip("-")
