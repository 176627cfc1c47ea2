"""Who may call a function over HTTP: its authLevel, and the key that a request brings."""

import hmac
from collections.abc import Callable

from polyfn.toolchain.emulation.exchange import Exchange
from polyfn_azure.emulator.bindings import Function
from polyfn_azure.emulator.configuration import Configuration
from polyfn_azure.emulator.http_value import query

LEVELS = ("anonymous", "function", "admin")


class Keys:
    """The keys of an app: one for functions, and the master key."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    def level(self, exchange: Exchange) -> str | None:
        """Return what a request's key is good for: "function", "admin", or None."""
        given = exchange.header("x-functions-key") or query(exchange.query).get("code") or ""
        if _same(given, self._configuration.master):
            return "admin"
        return "function" if _same(given, self._configuration.key) else None

    def admits(self, function: Function, level: str | None) -> bool:
        """Whether a request with such a key may call a function."""
        return LEVELS.index(level or "anonymous") >= LEVELS.index(wanted(function))

    def tell(self, log: Callable[[str], None]) -> None:
        """Show the keys that were made up here, if any function asks for one."""
        configuration = self._configuration
        asked = {wanted(function) for function in configuration.application.functions if function.http}
        if not configuration.generated or asked <= {"anonymous"}:
            return
        if "function" in asked:
            log(f"polyfn: functions ask for a key: x-functions-key: {configuration.key} (or ?code=)")
        if "admin" in asked:
            log(f"polyfn: the master key, for authLevel admin: {configuration.master}")


def wanted(function: Function) -> str:
    """Return a function's authLevel; it is "function" unless it says otherwise."""
    told = function.trigger.text("authLevel", "function").lower()
    return told if told in LEVELS else "function"


def _same(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), key.encode())
