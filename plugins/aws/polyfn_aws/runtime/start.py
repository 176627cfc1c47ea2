"""Where a bundle's start script hands over: from the environment to the running loop."""

import gc
import sys
from posix import _exit, environ, register_at_fork

from polyfn.errors import PolyfnError
from polyfn_aws.runtime import logs
from polyfn_aws.runtime.wire import Connection, LostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from polyfn_aws.runtime.loop import Loop


class ModuleConflictError(PolyfnError):
    """The function's module has the name of one that is built into Python, and would never be found."""

    code = "PF321"


def main(start: "dict[str, Any]") -> None:
    """Serve the function that `start` and `_HANDLER` name, for as long as the process lives.

    Ends with status 0 after SIGTERM, and with 1 when initialisation fails or the Runtime API is lost.
    Returns only in a child of multiprocessing (spawn and forkserver), which runs the start script
    again under another name to find what it defines: one that served there would steal invocations.
    """
    if sys._getframe(1).f_globals.get("__name__") == "__mp_main__":  # noqa: SLF001
        return
    # What initialisation makes, stays: looking for garbage in it only slows large imports, and every
    # full collection in later invocations would walk it again. Not gc.disable(), which is the user's.
    thresholds = gc.get_threshold()
    gc.set_threshold(0)
    logs.install()
    address = environ.get(b"AWS_LAMBDA_RUNTIME_API", b"").decode()
    if not address:
        logs.emit(
            "CRITICAL",
            "AWS_LAMBDA_RUNTIME_API is not set: this program is started by AWS Lambda. "
            "To try it here, use `polyfn run` or `polyfn invoke`",
        )
        leave(1)
    api = Connection(address)
    register_at_fork(after_in_child=api.sever)
    try:
        loop = initialise(start, api)
    except BaseException as error:  # noqa: BLE001  sys.exit() in a module is an init error as well
        report_init_error(api, error)
        leave(1)
    gc.freeze()
    if gc.get_threshold()[0] == 0:
        gc.set_threshold(*thresholds)
    serve(loop)


def initialise(start: "dict[str, Any]", api: Connection) -> "Loop":
    """Load the function, run its start hooks and return the loop that serves it."""
    from polyfn import lifecycle
    from polyfn.invoke import Invoker
    from polyfn.runtime.start import choose, load
    from polyfn_aws.runtime import context, loop
    from polyfn_aws.runtime.dispatch import dispatcher

    refuse_concurrency()
    name = choose(start, environ.get(b"_HANDLER", b"").decode("utf-8", "replace"))
    refuse_builtin(start["functions"][name])
    declaration = load(start, name)
    dispatch = dispatcher(Invoker(declaration), start["settings"])
    lifecycle.start()
    made = loop.Loop(api, context.maker(declaration.name, environ), dispatch)
    if lifecycle.needs_stop():
        from polyfn_aws.runtime import shutdown

        made.extension = shutdown.register(api.address)
        shutdown.watch(made)
    return made


def serve(loop: "Loop") -> "NoReturn":
    """Run the loop to its end; then the stop hooks, unless the Runtime API is gone."""
    from polyfn import lifecycle

    try:
        loop.run()
    except LostError as error:
        logs.request_id = ""
        logs.emit("CRITICAL", f"the process ends: {error}")
        leave(1)
    except BaseException as error:  # noqa: BLE001  however it ends, the stop hooks run
        ended = error
    # What a forked process holds belongs to its parent, who will close it: no stop hooks there.
    if not loop.api.severed:
        if loop.leaving:
            from polyfn_aws.runtime import shutdown

            shutdown.settle()
        lifecycle.stop()
        if isinstance(ended, KeyboardInterrupt):
            leave(130)
        if isinstance(ended, SystemExit) and threads_remain():
            # Python would wait for them, and Lambda for the process, until the invocation times out.
            import atexit

            atexit._run_exitfuncs()  # noqa: SLF001
            leave(ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1)
    raise ended


def threads_remain() -> bool:
    """Whether the user's code left threads that Python would wait for at its end."""
    threading = sys.modules.get("threading")
    if threading is None:
        return False
    main_thread = threading.main_thread()
    return any(thread is not main_thread and not thread.daemon for thread in threading.enumerate())


def refuse_concurrency() -> None:
    """Raise UnsupportedError if the platform wants several invocations at once."""
    wanted = environ.get(b"AWS_LAMBDA_MAX_CONCURRENCY", b"").decode("ascii", "replace")
    if wanted.strip() in ("", "0", "1"):
        return
    from polyfn.errors import UnsupportedError

    raise UnsupportedError(
        f"AWS_LAMBDA_MAX_CONCURRENCY is {wanted!r}: this version of polyfn serves one invocation at a time",
        hint="deploy the function on standard Lambda capacity, or set its concurrency per environment to 1",
    )


def refuse_builtin(module: str) -> None:
    """Raise ModuleConflictError if the function's module bears the name of a built-in module."""
    if module.partition(".")[0] in sys.builtin_module_names:
        raise ModuleConflictError(
            f"the module {module!r} has the name of a module that is built into Python",
            hint="rename the file that declares the function",
        )


def report_init_error(api: Connection, error: BaseException) -> None:
    """Log why initialisation failed and post it. A sibling or a lost platform changes nothing."""
    from polyfn_aws.runtime import faults
    from polyfn_aws.runtime.loop import common_headers

    logs.emit_error("CRITICAL", "initialisation failed", error)
    fault = faults.describe(error)
    head = (
        b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\n%sContent-Type: application/json\r\n"
        b"%sContent-Length: %d\r\n\r\n" % (common_headers(api.host), fault.headers, len(fault.body))
    )
    try:
        status = api.request(head, fault.body)[0]
    except LostError as lost:
        logs.emit("ERROR", f"the error could not be reported: {lost}")
        return
    if status != 202:
        logs.emit("ERROR", f"the error could not be reported: /init/error was answered {status}")


def leave(status: int) -> "NoReturn":
    """End the process at once. Threads that the user's code left behind cannot hold it back."""
    for file in (sys.stdout, sys.stderr):
        try:
            file.flush()
        except (OSError, ValueError):
            pass
    _exit(status)
