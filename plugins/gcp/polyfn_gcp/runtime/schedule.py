"""Schedules: Cloud Scheduler's requests, and its messages through Pub/Sub.

Cloud Scheduler sends any method and any body, with `application/octet-stream` unless the job says
otherwise (https://cloud.google.com/scheduler/docs/reference/rpc/google.cloud.scheduler.v1#httptarget).
A job whose target is Pub/Sub leaves no trace of itself in the message.
"""

from polyfn.events import Tick
from polyfn_gcp.runtime.verify import EXACT, NOT, OTHER, TICK, UNTOLD, mismatch, short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.functions import Declaration
    from polyfn_gcp.runtime.pubsub import Published
    from polyfn_gcp.runtime.verify import Arrival

TAKES = "jobs of Cloud Scheduler, by HTTP or through Pub/Sub"

_PREFIX = "x-cloudscheduler-"


def fit(arrival: "Arrival", declaration: "Declaration") -> int:
    """How well what came fits; a job is known by the function's name."""
    if arrival.form == TICK:
        return EXACT if _job(arrival) == declaration.name else UNTOLD
    # Any message may be a schedule's, so a function for messages comes first.
    return NOT if arrival.published is None else OTHER


def decode(arrival: "Arrival", declaration: "Declaration") -> "Tick[Any]":
    """Make a tick of what came. Raises TriggerMismatchError for what is none."""
    if arrival.form == TICK:
        return _scheduled(arrival)
    if arrival.published is None:
        raise mismatch(arrival, repr(declaration.trigger), TAKES)
    return _published(arrival.published)


def _job(arrival: "Arrival") -> str | None:
    return short(arrival.headers.get(f"{_PREFIX}jobname"))


def _scheduled(arrival: "Arrival") -> "Tick[Any]":
    from polyfn_gcp.runtime.pubsub import attributes_of

    headers = arrival.headers
    return Tick(
        schedule=_job(arrival),
        raw=arrival.request.raw,
        time=headers.get(f"{_PREFIX}scheduletime"),
        content_type=headers.get("content-type"),
        attributes=attributes_of(headers),
        native=arrival.request,
    )


def _published(found: "Published") -> "Tick[Any]":
    return Tick(
        raw=found.raw,
        id=found.id,
        source=found.topic or found.subscription,
        time=found.time,
        content_type=found.content_type(),
        attributes=found.attributes,
        attempt=found.attempt,
        native=found.native,
    )
