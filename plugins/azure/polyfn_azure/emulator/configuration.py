"""What the emulator was told: options, app settings, limits."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import uuid4

from polyfn.toolchain.emulation.options import choice, flag, seconds
from polyfn.toolchain.errors import EmulationError, UsageError
from polyfn.toolchain.provider import Emulation
from polyfn_azure.emulator.application import Application
from polyfn_azure.emulator.timespan import seconds as span

OPTIONS = ("body", "key", "master-key", "idle-timeout", "poll", "listen", "proxying")
#: What the host sends as its version.
VERSION = "4.1052.200.0"
#: Seconds that a handler has to answer its first ping (azure-functions-host, WorkerConstants).
INITIALIZATION = 30.0
#: Seconds that nothing may pass through a proxied exchange (DefaultHttpProxyService).
IDLE = 240.0
#: Seconds between two looks at a queue that is empty, at most. In the cloud it is a minute.
POLL = 2.0


@dataclass(frozen=True)
class Configuration:
    """What the host knows besides the app. Times are seconds.

    `settings` are the app settings; `chunked` tells how bodies of envelopes are framed; `generated` that the
    keys were made up here, so that they have to be told.
    """

    application: Application
    settings: Mapping[str, str]
    worker: str
    timeout: float
    initialization: float
    chunked: bool
    key: str
    master: str
    generated: bool
    idle: float
    poll: float
    listens: bool
    target: str | None = None
    port: int = 0


def configuration(emulation: Emulation, application: Application) -> Configuration:
    """Read the options. Raises UsageError and EmulationError."""
    options = emulation.options
    # First, because it also tells of options that are not known.
    chunked = choice(options, "body", ("chunked", "length"), known=OPTIONS) == "chunked"
    application = replace(application, proxying=flag(options, "proxying", default=True))
    timeout = application.timeout
    return Configuration(
        application=application,
        settings=dict(emulation.environment),
        worker=str(uuid4()),
        timeout=emulation.timeout if timeout is None else min(timeout, emulation.timeout),
        initialization=_initialization(application),
        chunked=chunked,
        key=_key(options, "key"),
        master=_key(options, "master-key"),
        generated="key" not in options or "master-key" not in options,
        idle=seconds(options, "idle-timeout", default=IDLE),
        poll=seconds(options, "poll", default=POLL),
        listens=flag(options, "listen", default=True),
        target=emulation.function,
        port=_port(application),
    )


def _key(options: Mapping[str, str], name: str) -> str:
    given = options.get(name)
    if given is None:
        return secrets.token_urlsafe(24)
    if not given:
        raise UsageError(f"the emulator's option {name!r} is empty", hint="give some text, or leave it out")
    return given


def _initialization(application: Application) -> float:
    told = application.section("customHandler").get("initializationTimeout")
    value = span(told) if isinstance(told, str) else None
    if told is not None and (value is None or value <= 0):
        raise EmulationError(
            f"host.json: customHandler.initializationTimeout is {told!r}", hint='write it as "00:01:00"'
        )
    return INITIALIZATION if value is None else value


def _port(application: Application) -> int:
    told = application.section("customHandler").get("port")
    if told is None:
        return 0
    text = str(told)
    if isinstance(told, bool) or not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise EmulationError(
            f"host.json: customHandler.port is {told!r}", hint="give a number to 65535, or leave it out"
        )
    return int(text)
