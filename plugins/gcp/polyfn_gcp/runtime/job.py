"""A Cloud Run job: one function called once per task, without HTTP.

https://cloud.google.com/run/docs/container-contract#jobs-env-vars. A task that exits with 0 succeeded;
with anything else it is tried again, as often as the job is set to.
"""

from polyfn.context import Context
from polyfn.events import Event, Tick
from polyfn.outcomes import Drop, Retry
from polyfn.runtime import json, logs
from polyfn_gcp.runtime.context import region
from polyfn_gcp.runtime.native import Native, variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.invoke import Invoker

#: What a function is given as its payload in place of the task's numbers, as JSON.
PAYLOAD = "POLYFN_PAYLOAD"
#: The status of a process that SIGTERM ended.
TERMINATED = 128 + 15
#: Seconds that an async handler gets to clean up after SIGTERM; Cloud Run gives ten for everything.
GRACE = 5.0


def run(invoker: "Invoker") -> int:
    """Run the start hooks, the task and the stop hooks; return the exit status.

    0 for success and for Drop; 1 for Retry and whatever else was raised; 143 after SIGTERM.
    """
    from polyfn import lifecycle
    from polyfn.runtime import current

    native = Native()
    context = context_of(invoker, native)
    current.request.set(context)
    status = TERMINATED
    _watch()
    try:
        lifecycle.start()
        status = _call(invoker, context, native)
        if context.deferred:
            from polyfn.invoke import run_deferred

            run_deferred(context)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        _settle()
    except Exception as error:  # noqa: BLE001  a start hook's
        logs.report("CRITICAL", "the job could not start", error=error)
        status = 1
    lifecycle.stop()
    return status


def refuse(invoker: "Invoker") -> None:
    """Raise UnsupportedError for a trigger that needs somebody to send requests."""
    declaration = invoker.declaration
    if declaration.trigger.kind not in ("call", "schedule"):
        from polyfn.errors import UnsupportedError

        raise UnsupportedError(
            f"function {declaration.name!r} declares {declaration.trigger!r}: a Cloud Run job has no "
            "requests to deliver to it",
            hint="a job runs a Call or a Schedule function; deploy any other as a service",
        )


def context_of(invoker: "Invoker", native: Native) -> Context:
    """Return the context of the task. Its deadline is not told, so there is none."""
    attempt = native.task_attempt
    return Context(
        request_id=f"{native.execution or native.job}-{native.task_index or 0}",
        function=invoker.declaration.name,
        provider="gcp",
        region=region,
        attempt=None if attempt is None else attempt + 1,
        cold_start=True,
        native=native,
    )


def event_of(invoker: "Invoker", native: Native) -> "Event[Any]":
    """Return what the function is given: the payload in the environment, or the task's numbers."""
    told = variable(PAYLOAD)
    if told is None:
        numbers = {name: getattr(native, name) for name in ("task_index", "task_count", "task_attempt")}
        raw = json.dumps({name: number for name, number in numbers.items() if number is not None})
    else:
        raw = told.encode()
    if invoker.declaration.trigger.kind == "schedule":
        return Tick(raw=raw, schedule=native.job, content_type="application/json", native=native)
    return Event(raw=raw, content_type="application/json", native=native)


def _call(invoker: "Invoker", context: Context, native: Native) -> int:
    try:
        result = invoker.call(event_of(invoker, native), context)
        if hasattr(result, "__next__"):
            for _ in result:
                pass
    except Drop as drop:
        logs.report("ERROR", f"dropped: {drop.reason}")
        return 0
    except Retry as retry:
        logs.report("WARNING", f"to be retried: {retry.reason}")
        return 1
    except Exception as error:  # noqa: BLE001  it becomes the exit status
        logs.report("ERROR", "the task failed", error=error)
        return 1
    return 0


def _watch() -> None:
    """Have SIGTERM end the task like sys.exit(), so that `finally` blocks and stop hooks run."""
    from signal import SIGTERM, signal

    def terminate(*_: object) -> None:
        raise SystemExit(TERMINATED)

    signal(SIGTERM, terminate)


def _settle() -> None:
    """Have the `finally` blocks of an async handler run that was cut short."""
    from signal import SIG_IGN, SIGTERM, signal
    from sys import modules

    signal(SIGTERM, SIG_IGN)
    asyncio, aio = modules.get("asyncio"), modules.get("polyfn.runtime.aio")
    if asyncio is None or aio is None:
        return
    loop = aio.loop()
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=GRACE))
