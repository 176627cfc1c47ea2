"""Triggers: what may invoke a function. They are declared, never guessed from a payload's keys.

A trigger is a small value object with a `kind`; a plugin adds its own by subclassing `Trigger`.
`describe()` is what goes into the manifest, so its values are plain JSON.
"""

from polyfn.errors import DeclarationError


class Trigger:
    """Base of all triggers.

    `kind` is the word for it in manifests, messages and provider tables. `delivers` says how the
    core calls the handler: `one` event, or `messages` that are settled one by one.
    """

    kind = "trigger"
    delivers = "one"
    __slots__ = ()

    def describe(self) -> "dict[str, object]":
        """Return the trigger as plain JSON: its kind and its settings that are not None."""
        settings: dict[str, object] = {}
        for cls in reversed(type(self).__mro__):
            slots = cls.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                settings[slot] = getattr(self, slot, None)
        # A plugin's trigger need not have slots.
        settings.update(getattr(self, "__dict__", {}))
        described: dict[str, object] = {"kind": self.kind}
        described.update((k, v) for k, v in settings.items() if v is not None and not k.startswith("_"))
        return described

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v!r}" for k, v in self.describe().items() if k != "kind")
        return f"{type(self).__name__}({settings})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.describe() == self.describe()

    def __hash__(self) -> int:
        return hash(repr(self))


class Call(Trigger):
    """JSON in, JSON out: reachable by direct invoke and over HTTP alike. The default."""

    kind = "call"
    __slots__ = ()


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")


class Http(Trigger):
    """An HTTP request.

    `method` is one method name, or None for all; a function for GET answers HEAD as well. `route`
    is a path with `{name}` for one segment and `{name...}` for the rest of the path, or None for
    every path. Segments arrive percent-decoded in `request.params`.
    """

    kind = "http"
    __slots__ = ("method", "route")

    def __init__(self, method: str | None = None, route: str | None = None) -> None:
        if method is not None:
            if not isinstance(method, str) or method.upper() not in METHODS:
                what = f"Http({method!r}): expected an HTTP method such as 'GET', or None for all"
                hint = "the method comes first and the route second: Http('GET', '/orders/{order_id}')"
                raise DeclarationError(what, hint=hint)
            method = method.upper()
        if route is not None:
            _check_route(route)
        self.method = method
        self.route = route


def _check_route(route: str) -> None:
    """Refuse a route that could never match as it was meant."""
    if not isinstance(route, str) or not route.startswith("/"):
        raise DeclarationError(f"Http route {route!r}: expected a path that starts with '/'")
    if "?" in route or "#" in route:
        raise DeclarationError(
            f"Http route {route!r}: a route is a path, without a query or a fragment",
            hint="query parameters are in request.query, whatever the route",
        )
    names: list[str] = []
    segments = route.split("/")
    for segment in segments:
        if "{" not in segment and "}" not in segment:
            continue
        rest = segment.endswith("...}")
        name = segment[1 : -4 if rest else -1]
        if segment[0] != "{" or segment[-1] != "}" or not name.isidentifier():
            raise DeclarationError(
                f"Http route {route!r}: {segment!r} is no parameter; expected {{name}} or {{name...}}",
                hint="a parameter takes a whole segment: split it in the handler if it has parts",
            )
        if rest and segment is not segments[-1]:
            raise DeclarationError(f"Http route {route!r}: {segment!r} takes the rest, so it must be last")
        if name in names:
            raise DeclarationError(f"Http route {route!r}: two parameters are named {name!r}")
        names.append(name)


class _Delivery(Trigger):
    """What queues, topics and streams share: messages, each settled on its own."""

    delivers = "messages"
    __slots__ = ("concurrency", "name")

    def __init__(self, name: str, *, concurrency: int = 1) -> None:
        if not name or not isinstance(name, str):
            raise DeclarationError(f"{type(self).__name__}({name!r}): expected a name")
        if type(concurrency) is not int or concurrency < 1:
            raise DeclarationError(
                f"{type(self).__name__}({name!r}, concurrency={concurrency!r}): expected an integer >= 1"
            )
        self.name = name
        self.concurrency = concurrency


class Queue(_Delivery):
    """Messages of a queue, each deleted when its call succeeds.

    `concurrency` bounds how many calls of one delivered batch run at once: 1 keeps the order;
    more runs async handlers as tasks and sync handlers in threads. FIFO queues keep their order
    whatever it says.
    """

    kind = "queue"
    __slots__ = ()


class Topic(_Delivery):
    """Messages that are published to every subscriber of a topic."""

    kind = "topic"
    __slots__ = ()


class Stream(_Delivery):
    """Records of an ordered, partitioned log. Calls run in order and stop at the first failure."""

    kind = "stream"
    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(name)


class Schedule(Trigger):
    """A timer: `cron` is a five-field cron expression, in UTC."""

    kind = "schedule"
    __slots__ = ("cron",)

    def __init__(self, cron: str) -> None:
        if not isinstance(cron, str) or len(cron.split()) != 5:
            raise DeclarationError(
                f"Schedule({cron!r}): expected a cron expression of five fields "
                "(minute hour day-of-month month day-of-week), such as '0 6 * * *'"
            )
        self.cron = cron


class Storage(Trigger):
    """A change of an object in a bucket: `on` is `created`, `deleted` or `any`."""

    kind = "storage"
    __slots__ = ("bucket", "on")

    def __init__(self, bucket: str, *, on: str = "created") -> None:
        if not bucket or not isinstance(bucket, str):
            raise DeclarationError(f"Storage({bucket!r}): expected a bucket's name")
        if on not in ("created", "deleted", "any"):
            raise DeclarationError(f"Storage({bucket!r}, on={on!r}): expected 'created', 'deleted' or 'any'")
        self.bucket = bucket
        self.on = on


class Events(Trigger):
    """Events of an event bus (CloudEvents, EventBridge, Event Grid).

    `type` is the one event type to take, `source` the one source; None takes all.
    """

    kind = "events"
    __slots__ = ("source", "type")

    def __init__(self, type: str | None = None, *, source: str | None = None) -> None:  # noqa: A002
        self.type = type
        self.source = source
