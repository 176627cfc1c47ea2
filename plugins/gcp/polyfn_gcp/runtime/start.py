"""Where a bundle's start script hands over: from the environment to a server, or to a job's task."""

import gc
import sys
from posix import _exit

from polyfn.errors import PolyfnError
from polyfn_gcp.runtime import logs
from polyfn_gcp.runtime.native import variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from polyfn.invoke import Invoker

#: Where a container listens unless PORT says otherwise.
PORT = 8080


class PortError(PolyfnError):
    """PORT, which Cloud Run sets, is no number of a port."""

    code = "PF331"


def main(start: "dict[str, Any]") -> None:
    """Serve the artifact's functions, or the one that FUNCTION_TARGET names, until SIGTERM.

    In a Cloud Run job, call the one function once. Ends the process; returns only in a child of
    multiprocessing, which runs the start script again to find what it defines.
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
        hint = getattr(error, "hint", None)
        advice = f" ({hint})" if hint else ""
        logs.sink("CRITICAL", f"the service cannot start{advice}", error, {})
        leave(1)
    gc.freeze()
    if gc.get_threshold()[0] == 0:
        gc.set_threshold(*thresholds)
    leave(begin())


def prepare(start: "dict[str, Any]") -> "Callable[[], int]":
    """Load the functions and return what runs them and gives the exit status."""
    from polyfn.invoke import Invoker
    from polyfn.runtime.start import load

    if variable("CLOUD_RUN_JOB") is not None:
        from polyfn_gcp.runtime import job

        invoker = Invoker(load(start, one(start)))
        job.refuse(invoker)
        return lambda: job.run(invoker)
    place = port()
    return serving([Invoker(load(start, name)) for name in names(start)], start["settings"], place)


def names(start: "dict[str, Any]") -> "list[str]":
    """The functions to serve: the one that FUNCTION_TARGET names, or all."""
    return list(start["functions"]) if variable("FUNCTION_TARGET") is None else [one(start)]


def one(start: "dict[str, Any]") -> str:
    """The one function to run. Raises FunctionNotFoundError where FUNCTION_TARGET leaves a choice open."""
    from polyfn.errors import FunctionNotFoundError
    from polyfn.runtime.start import choose

    try:
        return choose(start, variable("FUNCTION_TARGET"))
    except FunctionNotFoundError as error:
        error.hint = "set FUNCTION_TARGET to the name of one of them"
        raise


def port() -> int:
    """Return the port to listen on. Raises PortError."""
    told = variable("PORT")
    number = PORT if told is None else int(told) if told.isdecimal() else 0
    if not 0 < number < 65536:
        raise PortError(
            f"PORT is {told!r}; expected a number from 1 to 65535", hint="Cloud Run sets PORT itself"
        )
    return number


def serving(invokers: "list[Invoker]", settings: "dict[str, Any]", port: int) -> "Callable[[], int]":
    """Return what serves until SIGTERM, everything imported that it needs."""
    from polyfn.runtime import server
    from polyfn.runtime.asgi import Application
    from polyfn_gcp.runtime.context import maker
    from polyfn_gcp.runtime.dispatch import direct, dispatcher

    name = invokers[0].declaration.name if len(invokers) == 1 else variable("K_SERVICE") or "service"
    app = Application(dispatcher(invokers, settings), maker(name, settings), direct=direct(invokers))
    # On every interface: Cloud Run does not connect to the loopback.
    return lambda: server.run(app, host="0.0.0.0", port=port, settings=settings)  # noqa: S104


def leave(status: int) -> "NoReturn":
    """End the process at once. Threads that the user's code left behind cannot hold it back."""
    for file in (sys.stdout, sys.stderr):
        try:
            file.flush()
        except (OSError, ValueError, AttributeError):
            pass
    _exit(status)
