"""Which of a service's functions takes a request: by its path and its method.

The most specific route comes first: segment by segment, a literal before `{name}`, and that before
`{name...}`; a function without a route takes what nobody else does. Where the first route that fits
does not take the method, a less specific one that does is asked.
"""

from polyfn.errors import DeclarationError
from polyfn.http import Headers, Request
from polyfn.runtime import routes
from polyfn.runtime.replies import Reply, problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping
    from typing import Any

    from polyfn.invoke import Invoker

#: How specific a segment is; a route of None comes after all others.
_LITERAL, _PARAMETER, _REST, _ALL = range(4)


class Entry:
    """One route of one function. `method` is None for all methods."""

    __slots__ = ("invoker", "method", "rank", "route")

    def __init__(self, route: str | None, method: str | None, invoker: "Invoker") -> None:
        self.route = route
        self.method = method
        self.invoker = invoker
        self.rank = [_ALL] if route is None else [_specific(segment) for segment in route.split("/")]

    def takes(self, method: str) -> bool:
        """Whether this is a method of the route; one for GET answers HEAD as well."""
        return self.method is None or self.method == method or (self.method == "GET" and method == "HEAD")


def _specific(segment: str) -> int:
    if not segment.startswith("{"):
        return _LITERAL
    return _REST if segment.endswith("...}") else _PARAMETER


class Router:
    """The routes of Http and Call functions; others are left out.

    A Call function is at `/NAME`, and at `/` if it is the only one. Raises DeclarationError where two
    functions take the same method of the same route.
    """

    __slots__ = ("_applications", "_entries", "_literal")

    def __init__(self, invokers: "Iterable[Invoker]") -> None:
        invokers = list(invokers)
        self._applications = any(hasattr(one.declaration.handler, "__asgi__") for one in invokers)
        calls = [one for one in invokers if one.declaration.trigger.kind == "call"]
        entries = [_declared(one) for one in invokers if one.declaration.trigger.kind == "http"]
        _refuse_twins(entries)
        entries += [Entry(f"/{one.declaration.name}", None, one) for one in calls]
        if len(calls) == 1:
            entries.append(Entry("/", None, calls[0]))
        # Sorting is stable: what is declared by route comes before what has one by its name.
        self._entries = sorted(entries, key=lambda entry: entry.rank)
        self._literal: dict[str, Entry] = {}
        for entry in self._entries:
            if entry.route is not None and not any(entry.rank):
                self._literal.setdefault(entry.route, entry)

    def resolve(self, request: "Request[Any]") -> "Invoker | Reply":
        """Return the function's invoker, with the request's params filled in, or 404, 405 or OPTIONS."""
        entry = self._literal.get(request.raw_path)
        if entry is not None and entry.takes(request.method):
            return entry.invoker
        found = []
        for entry in self._entries:
            params = routes.match(entry.route, request.raw_path)
            if params is None:
                continue
            if entry.takes(request.method):
                request.params.update(params)
                return entry.invoker
            found.append(entry)
        return _refusal(found, request.method)

    def direct(self, scope: "MutableMapping[str, Any]") -> "Any":
        """Return the ASGI application (the handler's `__asgi__`) that takes this scope, or None.

        The scope gets the state that the application's lifespan left, a copy for each request.
        """
        if not self._applications:
            return None
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        found = self.resolve(
            Request(method=scope["method"], raw_path=raw.partition(b"?")[0].decode("latin-1"))
        )
        if isinstance(found, Reply):
            return None
        handler = found.declaration.handler
        if state := getattr(handler, "state", None):
            scope["state"] = state.copy()
        return getattr(handler, "__asgi__", None)


def _declared(invoker: "Invoker") -> Entry:
    trigger: Any = invoker.declaration.trigger
    return Entry(trigger.route, trigger.method, invoker)


def _refuse_twins(entries: "list[Entry]") -> None:
    taken: dict[tuple[str | None, str | None], Entry] = {}
    for entry in entries:
        twin = taken.setdefault((_shape(entry.route), entry.method), entry)
        if twin is not entry:
            names = sorted(one.invoker.declaration.name for one in (twin, entry))
            raise DeclarationError(
                f"functions {names[0]!r} and {names[1]!r} both take "
                f"{entry.method or 'every method'} of {entry.route or 'every path'}",
                hint="give one of them another route or method, or serve them apart",
            )


def _shape(route: str | None) -> str | None:
    """The route without its parameters' names, which tell no request from another."""
    if route is None or "{" not in route:
        return route
    kinds = ("{}", "{...}")
    return "/".join(
        kinds[segment.endswith("...}")] if segment.startswith("{") else segment
        for segment in route.split("/")
    )


def _refusal(found: "list[Entry]", method: str) -> Reply:
    if not found:
        return problem(404)
    allowed = {entry.method for entry in found if entry.method is not None}
    if "GET" in allowed:
        allowed.add("HEAD")
    if method == "OPTIONS":
        return Reply(204, Headers({"allow": ", ".join(sorted(allowed | {"OPTIONS"}))}))
    return problem(405, headers=Headers({"allow": ", ".join(sorted(allowed))}))
