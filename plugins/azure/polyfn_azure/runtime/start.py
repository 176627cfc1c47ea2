"""Where a bundle's start script hands over: from the environment to a server that the host talks to."""

import gc
import sys
from posix import _exit

from polyfn.errors import PolyfnError
from polyfn_azure.runtime import logs
from polyfn_azure.runtime.native import variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from polyfn.invoke import Invoker

#: Where the host connects to, and nowhere else.
HOST = "127.0.0.1"
#: The names of the variable that tells the port: today's, and that of old hosts.
PORTS = ("FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT")
#: The largest body that is read, in bytes. What a client may send, the host bounds; an envelope is larger
#: than what it carries by the third that base64 adds.
BODY_LIMIT = 256 * 1024 * 1024


class PortError(PolyfnError):
    """The variable that the host tells the port by is not there, or no number of a port."""

    code = "PF341"


def main(start: "dict[str, Any]") -> None:
    """Serve all functions of the artifact until the process is killed, or SIGTERM.

    Ends the process; returns only in a child of multiprocessing, which runs the start script again to
    find what it defines.
    """
    if sys._getframe(1).f_globals.get("__name__") == "__mp_main__":  # noqa: SLF001
        return
    # What starting makes, stays: looking for garbage in it only slows imports down.
    thresholds = gc.get_threshold()
    gc.set_threshold(0)
    logs.install(start["settings"])
    try:
        begin = prepare(start)
    except BaseException as error:  # noqa: BLE001  sys.exit() in a module is a failed start as well
        fail(error)
    gc.freeze()
    if gc.get_threshold()[0] == 0:
        gc.set_threshold(*thresholds)
    leave(begin())


def fail(error: BaseException) -> "NoReturn":
    """Say why there will be no process: in the log, and on standard error, where the host sees an error."""
    hint = getattr(error, "hint", None)
    advice = f" ({hint})" if hint else ""
    logs.sink("CRITICAL", f"the handler cannot start{advice}", error, {})
    if sys.stderr is not None:
        sys.stderr.write(f"polyfn: the handler cannot start: {logs.summary(error)}{advice}\n")
    leave(1)


def prepare(start: "dict[str, Any]") -> "Callable[[], int]":
    """Load the functions and return what serves them and gives the exit status."""
    from polyfn.invoke import Invoker
    from polyfn.runtime.start import load

    place = port()
    return serving([Invoker(load(start, name)) for name in start["functions"]], start["settings"], place)


def port() -> int:
    """Return the port to listen on. Raises PortError."""
    name = next((name for name in PORTS if variable(name) is not None), PORTS[0])
    told = variable(name)
    number = int(told) if told is not None and told.isascii() and told.isdecimal() and len(told) < 6 else 0
    if not 0 < number < 65536:
        what = "not set" if told is None else f"{told!r}"
        raise PortError(
            f"{name} is {what}; expected a number from 1 to 65535",
            hint="the Functions host sets it; without one: polyfn run --target azure",
        )
    return number


def serving(invokers: "list[Invoker]", settings: "dict[str, Any]", port: int) -> "Callable[[], int]":
    """Return what serves, everything imported that it needs."""
    from polyfn.runtime import server
    from polyfn_azure.runtime.context import maker
    from polyfn_azure.runtime.dispatch import direct, dispatcher
    from polyfn_azure.runtime.ping import Pinged

    name = invokers[0].declaration.name if len(invokers) == 1 else variable("WEBSITE_SITE_NAME") or "app"
    authority = f"{HOST}:{port}"
    app = Pinged(
        dispatcher(invokers, settings, authority=authority),
        maker(name, settings),
        direct=direct(invokers, settings, authority=authority),
        body_limit=BODY_LIMIT,
    )
    return lambda: server.run(app, host=HOST, port=port, settings=settings)


def leave(status: int) -> "NoReturn":
    """End the process at once. Threads that the user's code left behind cannot hold it back."""
    logs.flush()
    _exit(status)
