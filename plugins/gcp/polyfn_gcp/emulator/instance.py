"""One container instance: its start, the requests in flight, its freezes, its memory, its end."""

import asyncio
import socket
import time
from collections.abc import Callable

from polyfn.toolchain.emulation.upstream import Call, Upstream
from polyfn_gcp.emulator import texts
from polyfn_gcp.emulator.configuration import Configuration
from polyfn_gcp.emulator.environment import service_environment
from polyfn_gcp.emulator.launch import GRACE, Launched, launch
from polyfn_gcp.emulator.memory import MemoryWatch

#: Where requests are sent. Cloud Run reaches a container from outside, so what listens on 127.0.0.1
#: alone is not found; on this machine another loopback address makes the same difference.
ADDRESS = "127.0.0.2"
#: Where they come from: no address that a server trusts for being its own machine's.
SOURCE = "127.0.0.3"
LOOPBACK = "127.0.0.1"

#: Seconds between two tries to connect.
TRY = 0.01
#: Seconds that it takes at most to notice that a client left.
MOMENT = 0.5
#: Seconds that a container may listen on the loopback address alone before that is taken for its mistake.
PATIENCE = 1.0

Log = Callable[[str], None]


class NotStarted(Exception):  # noqa: N818  it is an outcome here
    """The container did not come to listen; the log says why."""


class Instance:
    """A container instance. It is started once, ends once, and is then replaced.

    `took` is the seconds of its start, `in_flight` the requests that hold one of its slots.
    """

    def __init__(self, configuration: Configuration, launched: Launched, port: int, log: Log) -> None:
        self._configuration = configuration
        self._launched = launched
        self._log = log
        self._awake = 0
        self._memory = MemoryWatch(launched, configuration.memory, log)
        self._watch = asyncio.create_task(self._memory.run())
        self._lingering: set[asyncio.Task[None]] = set()
        self.process = launched.process
        self.port = port
        self.upstream = Upstream(ADDRESS, port, source=SOURCE)
        self.process.ended.add_done_callback(lambda _: self.upstream.close())
        self.in_flight = 0
        self.took = 0.0
        self.stopping = False

    @property
    def serves(self) -> bool:
        """Whether it can be given a request."""
        return self.process.alive and not self.stopping

    @property
    def overfull(self) -> bool:
        """Whether it was ended for its memory."""
        return self._memory.exceeded

    async def initialise(self) -> None:
        """Wait until it listens. Raises NotStarted."""
        self._awake += 1
        try:
            failure = await self._probed(self.process.began + self._configuration.startup)
        finally:
            self._awake -= 1
        self.took = time.monotonic() - self.process.began
        self._log(texts.probe_line(self._configuration.service, self.port, failure))
        if failure is not None:
            self._log(texts.FAILED_TO_START)
            raise NotStarted(failure)
        self.rest()

    async def _probed(self, deadline: float) -> str | None:
        """Return None once it listens, or the status that the platform's probe fails with."""
        alone: float | None = None
        while self.process.alive:
            if await _accepts(ADDRESS, self.port):
                return None
            now = time.monotonic()
            if now >= deadline:
                return "DEADLINE_EXCEEDED"
            alone = (alone or now) if await _accepts(LOOPBACK, self.port) else None
            if alone is not None and now - alone >= PATIENCE:
                self._log(
                    f"polyfn: the container listens on {LOOPBACK}:{self.port} alone, where Cloud Run does "
                    "not reach it: let it listen on 0.0.0.0"
                )
                return "DEADLINE_EXCEEDED"
            await asyncio.wait({self.process.ended}, timeout=TRY)
        return "CANCELLED"

    def enter(self) -> None:
        """Take a slot: the container has a processor until `leave`."""
        self.in_flight += 1
        self.wake()

    def leave(self) -> None:
        """Give the slot back."""
        self.in_flight -= 1
        self.sleep()

    def wake(self) -> None:
        """Let it run until `sleep` was called as often."""
        self._awake += 1
        self.process.thaw()

    def sleep(self) -> None:
        """Undo one `wake`."""
        self._awake -= 1
        self.rest()

    def rest(self) -> None:
        """Stop its processes if nothing is in flight and its processor is only given for requests."""
        if not self._awake and self._configuration.throttled and self.serves:
            self.process.freeze()
            self.process.drain()

    def nudge(self) -> None:
        """Let it run for a moment, so that it can notice that a connection was cut."""
        self.wake()
        asyncio.get_running_loop().call_later(MOMENT, self.sleep)

    def linger(self, call: Call, over: Callable[[Call], None]) -> None:
        """Let an exchange run to its end although nobody waits for its answer; then call `over`."""
        self.wake()
        task = asyncio.create_task(self._drained(call, over))
        self._lingering.add(task)
        task.add_done_callback(self._lingering.discard)

    async def _drained(self, call: Call, over: Callable[[Call], None]) -> None:
        try:
            await call.drain()
        finally:
            await call.close()
            self.sleep()
            over(call)

    async def stop(self, grace: float = GRACE) -> None:
        """End it: SIGTERM to its first process, up to `grace` seconds, then SIGKILL."""
        self.stopping = True
        await self._launched.stop(grace)
        for task in self._lingering:
            task.cancel()
        await asyncio.gather(*self._lingering, self._watch, return_exceptions=True)


async def start(configuration: Configuration, log: Log) -> Instance:
    """Start an instance and wait until it listens. Raises NotStarted, UsageError."""
    port = _free_port()
    try:
        launched = launch(configuration, service_environment(configuration, port), log)
    except OSError as error:
        log(f"polyfn: {configuration.container.command[0]} cannot be executed: {error.strerror}")
        log(texts.FAILED_TO_START)
        raise NotStarted from None
    instance = Instance(configuration, launched, port, log)
    try:
        await instance.initialise()
    except BaseException:
        await instance.stop(0)
        raise
    return instance


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104  as the container will
        port: int = taken.getsockname()[1]
        return port


async def _accepts(address: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.close()
    return True
