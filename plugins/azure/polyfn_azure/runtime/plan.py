"""How each function is reached: by HTTP that the host passes on, or by its JSON envelope.

The host proxies or forwards a request only to a function whose one input and one output are HTTP. All
else it POSTs as an envelope to `/NAME`, on the same port. What is proxied has a header that nothing else
has; what is forwarded looks like an envelope if a route of the app takes `POST /NAME` itself. So
forwarding is off where one does. What packaging writes into host.json and what the process tells apart
come from here alike.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeAlias

    #: The name of a function, and Trigger.describe() of it.
    Described: TypeAlias = tuple[str, Mapping[str, Any]]


class Plan:
    """The transports of an app.

    | attribute | content |
    |---|---|
    | `proxying` | host.json turns proxying on: requests stream, and are marked |
    | `forwarding` | host.json turns forwarding on, for hosts that know no proxying |
    | `passed` | names of the functions that HTTP may be passed on to as it is |
    | `enveloped` | names that an unmarked `POST /NAME` with an invocation id is an envelope for |
    | `clashes` | (route or None, name) pairs: a request to the route could be an envelope for the function |
    """

    __slots__ = ("clashes", "enveloped", "forwarding", "passed", "proxying")

    def __init__(
        self,
        *,
        proxying: bool,
        forwarding: bool,
        passed: "frozenset[str]",
        enveloped: "frozenset[str]",
        clashes: "tuple[tuple[str | None, str], ...]" = (),
    ) -> None:
        self.proxying = proxying
        self.forwarding = forwarding
        self.passed = passed
        self.enveloped = enveloped
        self.clashes = clashes


def plan(functions: "Iterable[Described]", settings: "Mapping[str, Any]") -> Plan:
    """Decide the transports from the functions and `[tool.polyfn.azure]` as JSON.

    With clashes nothing is forwarded, whatever the setting says: whoever packages refuses `forward` then.
    """
    every = dict(functions)
    transport = settings.get("transport") or "proxy"
    pure = {name: trigger for name, trigger in every.items() if _is_pure(name, trigger, settings)}
    passed = {} if transport == "envelope" else pure
    others = sorted(every.keys() - passed.keys())
    clashes = tuple(_clashes(passed, others, settings.get("route_prefix") or ""))
    forwarding = bool(passed) and not clashes
    return Plan(
        proxying=bool(passed) and transport == "proxy",
        forwarding=forwarding,
        passed=frozenset(pure),
        # Without forwarding, a host that knows no proxying sends everything as an envelope.
        enveloped=frozenset(others if forwarding else every),
        clashes=clashes,
    )


def _is_pure(name: str, trigger: "Mapping[str, Any]", settings: "Mapping[str, Any]") -> bool:
    """Whether HTTP is all that goes in and out of it."""
    own = (settings.get("functions") or {}).get(name) or {}
    return trigger["kind"] in ("http", "call") and not own.get("outputs")


def _clashes(
    passed: "Mapping[str, Mapping[str, Any]]", others: "list[str]", prefix: str
) -> "Iterable[tuple[str | None, str]]":
    for own, trigger in passed.items():
        route = f"/{own}" if trigger["kind"] == "call" else trigger.get("route")
        if trigger.get("method") in (None, "POST"):
            for name in others:
                if could_match(route, prefix, name):
                    yield route, name


def could_match(route: str | None, prefix: str, name: str) -> bool:
    """Whether the host's router may take `/name` for this route: it minds neither case nor a last slash."""
    path = f"{prefix}/{'{path...}' if route is None else route}"
    wanted = [part for part in path.split("/") if part]
    rest = bool(wanted) and wanted[-1].endswith("...}")
    if rest:
        del wanted[-1]
    if not wanted:
        return rest
    return len(wanted) == 1 and (wanted[0].startswith("{") or _plain(wanted[0]) == name.casefold())


def _plain(segment: str) -> str:
    from polyfn.runtime.percent import unquote

    return unquote(segment).casefold()
