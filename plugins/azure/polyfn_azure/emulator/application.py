"""The app as its files describe it: host.json and one function.json in each function's folder.

A function whose function.json is broken is dropped by the host, which says so in a log that few read. Here it
is refused. Sources: azure-functions-host, HttpWorkerOptionsSetup, HostFunctionMetadataProvider,
HttpWorkerFunctionProvider.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyfn.toolchain.errors import EmulationError
from polyfn_azure.emulator.bindings import Binding, Function, RetryPolicy
from polyfn_azure.emulator.names import resolved
from polyfn_azure.emulator.timespan import seconds

#: What a function may be called. `host` is taken.
_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE)
_PROFILES = ("mcp-custom-handler", "web-app-custom-handler")
_EVERY_METHOD = ["get", "post", "put", "delete", "patch", "head", "options"]


@dataclass(frozen=True)
class Application:
    """`host` is host.json, `functions` those that are not disabled.

    Without `proxying` the host is one that does not know it: those before about 4.1041.
    """

    root: Path
    host: Mapping[str, Any]
    functions: tuple[Function, ...]
    proxying: bool = True

    def section(self, *path: str) -> dict[str, Any]:
        """Return an object within host.json, empty if it is not there."""
        return _section(self.host, *path)

    def function(self, name: str) -> Function | None:
        """Return the function of this name, in any case."""
        return next((each for each in self.functions if each.name.lower() == name.lower()), None)

    @property
    def profiled(self) -> bool:
        """Whether host.json names one of the profiles that stand for settings."""
        return self.host.get("configurationProfile") in _PROFILES

    @property
    def proxies(self) -> bool:
        """Whether HTTP is proxied where it can be."""
        handler = self.section("customHandler")
        told = (
            handler.get("enableProxyingHttpRequest"),
            self.section("customHandler", "http").get("enableProxying"),
        )
        return self.proxying and (self.profiled or True in told)

    @property
    def forwards(self) -> bool:
        """Whether HTTP is forwarded where it can be, and is not proxied."""
        return self.section("customHandler").get("enableForwardingHttpRequest") is True

    @property
    def prefix(self) -> str:
        """What stands before every route."""
        given = self.section("extensions", "http").get("routePrefix")
        default = "" if self.profiled else "api"
        return (given if isinstance(given, str) else default).strip("/")

    @property
    def timeout(self) -> float | None:
        """Seconds of `functionTimeout`; None if it is not given or there is no limit."""
        given = self.host.get("functionTimeout")
        told = seconds(given) if isinstance(given, str) else None
        return told if told is not None and told > 0 else None


def read(root: Path, settings: Mapping[str, str]) -> Application:
    """Read an app. `settings` are the app settings that %NAME% stands for. Raises EmulationError."""
    host = _object(root / "host.json", "host.json")
    if host.get("version") != "2.0":
        raise EmulationError(
            f'host.json has version {host.get("version")!r}: the host runs "2.0" alone',
            hint='write "version": "2.0"',
        )
    functions = [_function(file, settings) for file in sorted(root.glob("*/function.json"))]
    functions += _routed(host, functions)
    if not functions:
        raise EmulationError(
            "the app has no functions: no folder holds a function.json",
            hint="give a zip or folder with host.json at its top and <function>/function.json beside it",
        )
    _once(functions)
    return Application(root, host, tuple(each for each in functions if not each.disabled))


def _once(functions: list[Function]) -> None:
    names = [each.name.lower() for each in functions]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise EmulationError(
            f"two functions are called {twice[0]!r}: the host does not tell case apart", hint="rename one"
        )


def _routed(host: Mapping[str, Any], functions: list[Function]) -> list[Function]:
    """Make the functions that customHandler.http.routes stands for."""
    http = _section(host, "customHandler", "http")
    routes = http.get("routes")
    if not isinstance(routes, list) and host.get("configurationProfile") in _PROFILES:
        routes = [{"route": "{*route}"}]
    if not isinstance(routes, list) or not routes:
        return []
    if functions:
        raise EmulationError(
            "host.json has customHandler.http.routes, and there are function.json files: the host takes one "
            "or the other",
            hint=f"remove the routes, or {functions[0].name}/function.json and its like",
        )
    level = http.get("defaultAuthorizationLevel", "function")
    return [_from_route(number, route, level) for number, route in enumerate(routes, 1)]


def _from_route(number: int, told: Any, level: Any) -> Function:
    route = told.get("route") if isinstance(told, dict) else None
    if not isinstance(route, str) or " " in route or "//" in route or "{}" in route or not _balanced(route):
        raise EmulationError(
            f"host.json: customHandler.http.routes has {route!r}, which is no route",
            hint='such as {"route": "orders/{id}"}: no blanks, no //, every { closed, every parameter named',
        )
    keys = {"route": route, "methods": _EVERY_METHOD, "authLevel": told.get("authorizationLevel", level)}
    trigger = Binding("req", "httptrigger", "in", None, keys)
    return Function(f"http-handler{number}", (trigger, Binding("res", "http", "out")))


def _balanced(route: str) -> bool:
    depth = 0
    for letter in route:
        depth += (letter == "{") - (letter == "}")
        if depth < 0:
            return False
    return not depth


def _function(file: Path, settings: Mapping[str, str]) -> Function:
    name, where = file.parent.name, f"{file.parent.name}/function.json"
    if not _NAME.fullmatch(name) or name.lower() == "host":
        raise EmulationError(
            f"a function cannot be called {name!r}: the host drops it",
            hint="a letter, then up to 127 letters, digits, _ and -; not `host`",
        )
    told = _object(file, where)
    script = told.get("scriptFile")
    if isinstance(script, str) and script and not (file.parent / script).is_file():
        raise EmulationError(
            f"{where}: scriptFile is {script!r}, and {name}/{script} does not exist: the host drops {name}",
            hint="leave scriptFile out: a custom handler has none",
        )
    bindings = tuple(_binding(each, where, settings) for each in _bindings(told, where))
    _check(bindings, where)
    disabled = told.get("disabled") is True or settings.get(f"AzureWebJobs.{name}.Disabled", "").lower() in (
        "true",
        "1",
    )
    return Function(name, bindings, _retry(told.get("retry"), where), disabled)


def _bindings(told: Mapping[str, Any], where: str) -> list[Any]:
    bindings = told.get("bindings")
    if not isinstance(bindings, list) or not bindings:
        raise EmulationError(
            f"{where}: there are no bindings: the host drops the function",
            hint='such as {"bindings": [{"name": "req", "type": "httpTrigger", "direction": "in"}]}',
        )
    return bindings


def _binding(told: Any, where: str, settings: Mapping[str, str]) -> Binding:
    hint = 'a binding is {"name": ..., "type": ..., "direction": "in" or "out"} and its own keys'
    if not isinstance(told, dict):
        raise EmulationError(f"{where}: a binding is {told!r}, not an object", hint=hint)
    words = {key: told.get(key) for key in ("name", "type", "direction")}
    for key, value in words.items():
        if not isinstance(value, str) or not value:
            raise EmulationError(f"{where}: a binding's {key} is {value!r}", hint=hint)
    direction = str(words["direction"]).lower()
    if direction not in ("in", "out", "inout"):
        raise EmulationError(f"{where}: {words['name']!r} has direction {words['direction']!r}", hint=hint)
    data_type = told.get("dataType")
    keys = {key: resolved(value, settings) for key, value in told.items()}
    kind = data_type.lower() if isinstance(data_type, str) else None
    return Binding(str(words["name"]), str(words["type"]).lower(), direction, kind, keys)


def _check(bindings: tuple[Binding, ...], where: str) -> None:
    triggers = [binding.name for binding in bindings if binding.is_trigger]
    if len(triggers) != 1:
        raise EmulationError(
            f"{where}: there are {len(triggers)} triggers: the host drops the function",
            hint="a function has one binding whose type ends in Trigger",
        )
    names = [binding.name for binding in bindings]
    if twice := [name for name in names if names.count(name) > 1]:
        raise EmulationError(f"{where}: two bindings are named {twice[0]!r}", hint="rename one")


def _retry(told: Any, where: str) -> RetryPolicy | None:
    if told is None:
        return None
    hint = 'such as {"strategy": "fixedDelay", "maxRetryCount": 5, "delayInterval": "00:00:10"}'
    count = told.get("maxRetryCount") if isinstance(told, dict) else None
    strategy = str(told.get("strategy")).lower() if isinstance(told, dict) else ""
    if not isinstance(count, int) or strategy not in ("fixeddelay", "exponentialbackoff"):
        raise EmulationError(f"{where}: retry is {json.dumps(told)}, which is no policy", hint=hint)
    names = ("delayInterval",) if strategy == "fixeddelay" else ("minimumInterval", "maximumInterval")
    spans = [seconds(str(told.get(name))) for name in names]
    if None in spans:
        raise EmulationError(f"{where}: retry has no {names[spans.index(None)]} as hh:mm:ss", hint=hint)
    return RetryPolicy(strategy != "fixeddelay", count, spans[0] or 0.0, spans[-1] or 0.0)


def _object(file: Path, where: str) -> dict[str, Any]:
    try:
        told = json.loads(file.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise EmulationError(
            f"there is no {where}: this is no function app",
            hint="give a zip or folder with host.json at its top, such as polyfn package makes",
        ) from None
    except (OSError, ValueError) as error:
        raise EmulationError(f"{where} cannot be read: {error}", hint="it has to be JSON in UTF-8") from None
    if not isinstance(told, dict):
        raise EmulationError(f"{where} is not an object", hint="it has to be a JSON object")
    return told


def _section(told: Mapping[str, Any], *path: str) -> dict[str, Any]:
    for name in path:
        within = told.get(name)
        told = within if isinstance(within, dict) else {}
    return dict(told)
