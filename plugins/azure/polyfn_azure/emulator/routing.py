"""Which function an HTTP request is for: route templates as ASP.NET Core reads them.

Literal parts win over parameters, constrained parameters over free ones, and all over catch-alls
(RoutePrecedence.ComputeInbound); a request whose method the function does not take finds no route: 404.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from polyfn_azure.emulator.application import Application
from polyfn_azure.emulator.bindings import Function


class RouteError(Exception):
    """The template is none; the message says why."""


@dataclass(frozen=True)
class Parameter:
    """`{name:constraint=default}`; `catch` tells that it takes the rest of the path."""

    name: str
    tests: tuple[Callable[[str], bool], ...] = ()
    default: str | None = None
    optional: bool = False
    catch: bool = False


Part = str | Parameter
Segment = tuple[Part, ...]


@dataclass(frozen=True)
class Route:
    """A function's route. `methods` is None if it takes all."""

    function: Function
    segments: tuple[Segment, ...]
    methods: frozenset[str] | None

    @property
    def order(self) -> tuple[int, ...]:
        """Sort key: the more literal, the earlier."""
        return tuple(_rank(segment) for segment in self.segments)

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """Return the parameters if the path's parts fit, else None."""
        found: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            only = segment[0]
            if isinstance(only, Parameter) and only.catch:
                return found if _take(only, "/".join(parts[index:]) or None, found) else None
            text = parts[index] if index < len(parts) else None
            if not _segment(segment, text, found):
                return None
        return found if len(parts) <= len(self.segments) else None


class Routes:
    """The routes of an app, in the order that they are tried. Raises RouteError."""

    def __init__(self, application: Application) -> None:
        prefix = application.prefix
        routes = [_route(function, prefix) for function in application.functions if function.http]
        self._routes = sorted(routes, key=lambda route: route.order)

    def find(self, method: str, path: str) -> tuple[Function, dict[str, str]] | None:
        """Return the function for a request and its route's parameters."""
        # The parts are told from each other before they are decoded: %2F is no slash.
        raw = path.strip("/")
        parts = [unquote(part) for part in raw.split("/")] if raw else []
        for route in self._routes:
            if route.methods is not None and method.upper() not in route.methods:
                continue
            if (found := route.match(parts)) is not None:
                return route.function, found
        return None


def _route(function: Function, prefix: str) -> Route:
    keys = function.trigger.keys
    given = keys.get("methods")
    methods = frozenset(str(each).upper() for each in given) if isinstance(given, list) and given else None
    # An empty route is the function's name (WebScriptHostHttpRoutesManager).
    template = function.trigger.text("route").strip("/") or function.name
    try:
        segments = parse("/".join(filter(None, (prefix, template))))
    except RouteError as error:
        raise RouteError(f"{function.name}/function.json: route {template!r}: {error}") from None
    return Route(function, segments, methods)


def parse(template: str) -> tuple[Segment, ...]:
    """Read a template. Raises RouteError."""
    segments = tuple(_parsed(text) for text in _split(template))
    names = [part.name.lower() for segment in segments for part in segment if isinstance(part, Parameter)]
    if twice := [name for name in names if names.count(name) > 1]:
        raise RouteError(f"the parameter {twice[0]!r} is there twice")
    for segment in segments[:-1]:
        if isinstance(segment[0], Parameter) and segment[0].catch:
            raise RouteError("a catch-all parameter has to be the last")
    return segments


def _split(template: str) -> list[str]:
    """Split at slashes that are in no parameter: a regex may hold some."""
    parts, depth = [""], 0
    for letter in template:
        depth += (letter == "{") - (letter == "}")
        if letter == "/" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    if depth:
        raise RouteError("a { has no } or the other way round")
    return [part for part in parts if part]


def _parsed(text: str) -> Segment:
    parts: list[Part] = []
    depth, begin = 0, 0
    for index, letter in enumerate(text):
        if letter == "{":
            if depth == 0 and index > begin:
                parts.append(text[begin:index])
            begin = index if depth == 0 else begin
            depth += 1
        elif letter == "}":
            depth -= 1
            if depth == 0:
                parts.append(_parameter(text[begin + 1 : index]))
                begin = index + 1
    if begin < len(text):
        parts.append(text[begin:])
    return tuple(parts)


def _parameter(text: str) -> Parameter:
    name = text.lstrip("*")
    catch = name != text
    name, equals, default = _cut(name)
    name, *constraints = _constraints(name)
    optional = bool(constraints or name) and (constraints[-1] if constraints else name).endswith("?")
    if optional:
        if constraints:
            constraints[-1] = constraints[-1][:-1]
        else:
            name = name[:-1]
    if not name or not re.fullmatch(r"[^/{}?*:=]+", name):
        raise RouteError(f"{text!r} names no parameter")
    tests = tuple(_constraint(each) for each in constraints if each)
    return Parameter(name, tests, default if equals else None, optional, catch)


def _cut(text: str) -> tuple[str, str, str]:
    """Part the default, whose = is in no bracket."""
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "=" and depth == 0:
            return text[:index], "=", text[index + 1 :]
    return text, "", ""


def _constraints(text: str) -> list[str]:
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == ":" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _readable(reader: Callable[[str], Any]) -> Callable[[str], bool]:
    def test(text: str) -> bool:
        try:
            reader(text)
        except ValueError:
            return False
        return True

    return test


def _within(low: float, high: float) -> Callable[[str], bool]:
    return lambda text: bool(re.fullmatch(r"[+-]?\d+", text.strip(), re.ASCII)) and low <= int(text) <= high


_SIMPLE: dict[str, Callable[[str], bool]] = {
    "int": _within(-(1 << 31), (1 << 31) - 1),
    "long": _within(-(1 << 63), (1 << 63) - 1),
    "bool": lambda text: text.lower() in ("true", "false"),
    "datetime": _readable(datetime.fromisoformat),
    "decimal": _readable(float),
    "double": _readable(float),
    "float": _readable(float),
    "guid": _readable(UUID),
    "alpha": lambda text: bool(re.fullmatch(r"[a-z]*", text, re.IGNORECASE | re.ASCII)),
    "required": bool,
}
_SIZED: dict[str, Callable[..., Callable[[str], bool]]] = {
    "minlength": lambda low: lambda text: len(text) >= low,
    "maxlength": lambda high: lambda text: len(text) <= high,
    "length": lambda low, high=None: lambda text: low <= len(text) <= (low if high is None else high),
    "min": lambda low: _within(low, float("inf")),
    "max": lambda high: _within(float("-inf"), high),
    "range": _within,
}


def _constraint(text: str) -> Callable[[str], bool]:
    found = re.fullmatch(r"([a-z]+)(?:\((.*)\))?", text, re.IGNORECASE | re.DOTALL)
    name, arguments = (found[1].lower(), found[2]) if found else ("", None)
    try:
        if name == "regex" and arguments is not None:
            pattern = re.compile(arguments.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
            return lambda told: pattern.search(told) is not None
        if name in _SIZED and arguments is not None:
            return _SIZED[name](*(int(each) for each in arguments.split(",")))
    except (ValueError, TypeError, re.error):
        raise RouteError(f"the constraint {text!r} cannot be read") from None
    if name in _SIMPLE and arguments is None:
        return _SIMPLE[name]
    raise RouteError(f"there is no constraint {text!r}")


def _rank(segment: Segment) -> int:
    only = segment[0]
    if len(segment) > 1:
        return 2
    if isinstance(only, str):
        return 1
    return (4 if only.catch else 2) + (not only.tests)


def _segment(segment: Segment, text: str | None, found: dict[str, str]) -> bool:
    only = segment[0]
    if len(segment) == 1:
        if isinstance(only, Parameter):
            return _take(only, text, found)
        return text is not None and text.lower() == only.lower()
    pattern = "".join(re.escape(part) if isinstance(part, str) else "(.+)" for part in segment)
    match = re.fullmatch(pattern, text or "", re.IGNORECASE | re.DOTALL)
    parameters = [part for part in segment if isinstance(part, Parameter)]
    return match is not None and all(
        _take(part, value, found) for part, value in zip(parameters, match.groups(), strict=True)
    )


def _take(parameter: Parameter, text: str | None, found: dict[str, str]) -> bool:
    if not text:
        if parameter.default is not None:
            found[parameter.name] = parameter.default
            return True
        return parameter.optional or parameter.catch
    if not all(test(text) for test in parameter.tests):
        return False
    found[parameter.name] = text
    return True
