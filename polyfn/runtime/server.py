"""The HTTP server of a process: from its start hooks to its exit status.

    start hooks -> listen -> serve -> SIGTERM or SIGINT -> drain -> stop hooks

Nothing of a server is imported before `run`. uvicorn with httptools is the default; granian, and
uvloop for the loop, are options that must be in the bundle.
"""

from polyfn.runtime import aio, logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Mapping
    from socket import socket
    from typing import Any

    from polyfn.runtime.asgi import Application

SERVERS = ("uvicorn", "granian")
LOOPS = ("asyncio", "uvloop")


class Settings:
    """How to serve. What is not given, or None, is as here; names that are not of these are ignored.

    | name | content |
    |---|---|
    | `server` | `uvicorn` or `granian` |
    | `loop` | `asyncio` or `uvloop` |
    | `concurrency` | requests served at once, others wait; None does not bound them |
    | `threads` | sync handlers at once; with a concurrency of 1 they run on the loop itself |
    | `grace` | seconds that running requests get after SIGTERM |
    | `keep_alive` | seconds that an idle connection is kept |
    """

    __slots__ = ("concurrency", "grace", "keep_alive", "loop", "server", "threads")

    def __init__(self, given: "Mapping[str, Any]") -> None:
        def chosen(name: str, otherwise: "Any") -> "Any":
            value = given.get(name)
            return otherwise if value is None else value

        self.server: str = chosen("server", "uvicorn")
        self.loop: str = chosen("loop", "asyncio")
        self.concurrency: int | None = chosen("concurrency", None)
        self.threads: int = chosen("threads", 80)
        self.grace: float = chosen("grace", 8.0)
        self.keep_alive: int = chosen("keep_alive", 75)
        _refuse("server", self.server, SERVERS)
        _refuse("loop", self.loop, LOOPS)


def _refuse(name: str, value: str, known: "tuple[str, ...]") -> None:
    if value not in known:
        from polyfn.errors import UnsupportedError

        raise UnsupportedError(f"the setting {name} is {value!r}; expected {' or '.join(known)}")


class Signals:
    """SIGTERM and SIGINT: `count` of them came, `last` was the number of the last one."""

    __slots__ = ("_arrived", "_loop", "count", "last")

    def __init__(self, loop: "AbstractEventLoop") -> None:
        from asyncio import Event

        self._loop = loop
        self._arrived = Event()
        self.count = 0
        self.last = 0

    def watch(self) -> None:
        """Take the signals, while the loop runs."""
        from signal import SIGINT, SIGTERM

        for number in (SIGTERM, SIGINT):
            self._loop.add_signal_handler(number, self._note, number)

    def _note(self, number: int) -> None:
        self.count += 1
        self.last = number
        self._arrived.set()

    def unwatch(self) -> None:
        """Give them back: whoever sends one now wants the process gone."""
        from signal import SIG_DFL, SIGINT, SIGTERM, signal

        for number in (SIGTERM, SIGINT):
            self._loop.remove_signal_handler(number)
            signal(number, SIG_DFL)

    async def came(self, count: int, *, timeout: float) -> bool:
        """Wait for so many signals, but not longer than `timeout` seconds; tell whether they came."""
        from asyncio import wait_for

        while self.count < count:
            self._arrived.clear()
            try:
                await wait_for(self._arrived.wait(), timeout)
            except TimeoutError:
                return self.count >= count
        return True


def run(app: "Application", *, host: str, port: int, settings: "Mapping[str, Any]") -> int:
    """Serve until a signal; return the process's exit status. See `Settings`.

    0 after a drain, 1 where the process could not start (which is logged, and the port never
    opens) or the server failed, 128 and the signal's number where a second signal cut requests short.
    """
    from polyfn import lifecycle

    try:
        chosen = Settings(settings)
        _prepare(app, chosen)
        lifecycle.start()
    except Stopped as stopped:
        return 128 + stopped.number
    except BaseException as error:  # noqa: BLE001  sys.exit() in a start hook is a failed start as well
        logs.report("CRITICAL", "the process could not start", error=error)
        return 1
    try:
        status = _serve(app, host, port, chosen)
    except Stopped as stopped:
        status = 128 + stopped.number
    except BaseException as error:  # noqa: BLE001  however it ends, the stop hooks run
        logs.report("CRITICAL", "the server failed", error=error)
        status = 1
    lifecycle.stop()
    _tell_of_threads()
    aio.close()
    return status


class Stopped(BaseException):
    """A signal came before the server listened."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _prepare(app: "Application", settings: Settings) -> None:
    """Choose the loop and the threads, and take signals: PID 1 of a container has none by default."""
    from signal import SIGINT, SIGTERM, signal

    from polyfn.runtime import threads

    def stop(number: int, _frame: object) -> None:
        raise Stopped(number)

    for number in (SIGTERM, SIGINT):
        signal(number, stop)
    if settings.loop == "uvloop":
        from uvloop import new_event_loop

        aio.factory = new_event_loop
    app.limit(settings.concurrency)
    threads.use(settings.threads, on_loop=settings.concurrency == 1)


def _serve(app: "Application", host: str, port: int, settings: Settings) -> int:
    loop = aio.loop()
    signals = Signals(loop)
    aio.adopt()
    try:
        return loop.run_until_complete(_running(app, host, port, settings, signals))
    finally:
        aio.release()
        signals.unwatch()


async def _running(app: "Application", host: str, port: int, settings: Settings, signals: Signals) -> int:
    signals.watch()
    if settings.server == "granian":
        from polyfn.runtime import on_granian

        await on_granian.serve(app, host, port, settings, signals)
    else:
        from polyfn.runtime import on_uvicorn

        await on_uvicorn.serve(app, _listening(host, port), settings, signals)
    return 0 if signals.count < 2 else 128 + signals.last


def _listening(host: str, port: int) -> "socket":
    from socket import AF_INET, AF_INET6, IPPROTO_TCP, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket

    # Of TCP by name: asyncio sets TCP_NODELAY on no other, and a reply's two writes would wait 40 ms.
    sock = socket(AF_INET6 if ":" in host else AF_INET, SOCK_STREAM, IPPROTO_TCP)
    try:
        sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        from polyfn.errors import UnsupportedError

        raise UnsupportedError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="is another process listening there? PORT says which port is wanted",
        ) from error
    return sock


def _tell_of_threads() -> None:
    from polyfn.runtime import threads

    if threads.busy():
        logs.report("WARNING", f"{threads.busy()} sync handlers still run: the process ends without them")
