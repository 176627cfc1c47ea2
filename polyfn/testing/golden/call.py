"""Golden functions that are called, with JSON in and JSON out."""

import logging

from pydantic import BaseModel

import polyfn
from polyfn import Context

log = logging.getLogger("golden")
started: list[str] = []
made: list[str] = []


class Greeting(BaseModel):
    """A validated payload."""

    name: str
    times: int = 1


@polyfn.on_start
def begin() -> None:
    """Count the starts of this process."""
    started.append("start")


@polyfn.on_stop
def end() -> None:
    """Leave a trace of the end."""
    print("golden: stopped", flush=True)


@polyfn.resource
def connection() -> object:
    """Made once per process."""
    made.append("connection")
    return object()


@polyfn.function
def echoed(event):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  it takes any JSON
    """Return what came."""
    return {"got": event}


@polyfn.function
async def greeted(event: Greeting) -> dict[str, str]:
    """Use a validated payload, asynchronously."""
    return {"message": " ".join(["hello,", *[event.name] * event.times])}


@polyfn.function
def sized(event: bytes) -> dict[str, int]:
    """Take the payload as bytes."""
    return {"size": len(event)}


@polyfn.function
def met(event: dict, context: Context) -> dict[str, object]:  # type: ignore[type-arg]  # noqa: ARG001
    """Tell of the context, of the start hook and of the resource."""
    same = connection() is connection()
    return {
        "function": context.function,
        "identified": bool(context.request_id),
        "time": context.remaining() > 0,
        "started": len(started),
        "made": len(made),
        "same": same,
    }


@polyfn.function
def levels(event: dict) -> str:  # type: ignore[type-arg]  # noqa: ARG001
    """Log at every level, print, and log an exception."""
    log.debug("at debug")
    log.info("at %s", "info")
    log.warning("at warning")
    log.error("at error")
    log.critical("at critical")
    print("golden: printed", flush=True)
    try:
        dict[str, str]()["no such key"]
    except KeyError:
        log.exception("caught")
    return "logged"


@polyfn.function
def failing(event: dict) -> None:  # type: ignore[type-arg]  # noqa: ARG001
    """Raise what nobody expected."""
    raise ValueError("golden secret")


@polyfn.function
def deferring(event: dict, context: Context) -> str:  # type: ignore[type-arg]  # noqa: ARG001
    """Leave work for after the reply."""
    context.defer(lambda: log.info("deferred work was done"))
    return "replied"
