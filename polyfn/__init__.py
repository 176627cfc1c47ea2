"""polyfn: one Python function, unchanged, on every serverless platform.

Everything public is named here and loaded on first use, because this module travels inside every
artifact and its import is part of every cold start.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from polyfn.applications import asgi
    from polyfn.context import Context
    from polyfn.errors import PolyfnError
    from polyfn.events import Batch, Event, Message, ObjectChange, Tick
    from polyfn.functions import function
    from polyfn.http import Headers, HTTPError, Request, Response
    from polyfn.lifecycle import on_start, on_stop, resource
    from polyfn.outcomes import Drop, Retry
    from polyfn.triggers import Call, Events, Http, Queue, Schedule, Storage, Stream, Topic, Trigger

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "Call",
    "Context",
    "Drop",
    "Event",
    "Events",
    "HTTPError",
    "Headers",
    "Http",
    "Message",
    "ObjectChange",
    "PolyfnError",
    "Queue",
    "Request",
    "Response",
    "Retry",
    "Schedule",
    "Storage",
    "Stream",
    "Tick",
    "Topic",
    "Trigger",
    "__version__",
    "asgi",
    "function",
    "on_start",
    "on_stop",
    "resource",
]

_HOMES = {
    "Batch": "events",
    "Call": "triggers",
    "Context": "context",
    "Drop": "outcomes",
    "Event": "events",
    "Events": "triggers",
    "HTTPError": "http",
    "Headers": "http",
    "Http": "triggers",
    "Message": "events",
    "ObjectChange": "events",
    "PolyfnError": "errors",
    "Queue": "triggers",
    "Request": "http",
    "Response": "http",
    "Retry": "outcomes",
    "Schedule": "triggers",
    "Storage": "triggers",
    "Stream": "triggers",
    "Tick": "events",
    "Topic": "triggers",
    "Trigger": "triggers",
    "asgi": "applications",
    "function": "functions",
    "on_start": "lifecycle",
    "on_stop": "lifecycle",
    "resource": "lifecycle",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'polyfn' has no attribute {name!r}")
    # __import__ with a fromlist returns the submodule, without importlib.
    value = getattr(__import__(f"polyfn.{home}", fromlist=[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
