"""host.json: what the host is told of the whole app.

https://learn.microsoft.com/azure/azure-functions/functions-host-json and functions-custom-handlers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from polyfn_azure.function_json import span
from polyfn_azure.runtime.plan import Plan
from polyfn_azure.settings import AzureSettings

#: The extensions that the host has in itself. All others are in the bundle of extensions.
BUILT_IN = frozenset({"httpTrigger", "http", "timerTrigger"})
_BUNDLE = "Microsoft.Azure.Functions.ExtensionBundle"


def host_json(
    types: Iterable[str], settings: AzureSettings, plan: Plan | None = None, command: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the content of host.json.

    `types` are those of all bindings. `command` is what the host starts, and `plan` how it passes HTTP
    on; both are None for the native Python model, which has no custom handler.
    """
    used = set(types)
    written: dict[str, Any] = {
        "version": "2.0",
        "logging": {"logLevel": {"default": settings.log_level}},
        "extensions": _extensions(used, settings),
        "functionTimeout": span(settings.timeout),
    }
    if used - BUILT_IN:
        written["extensionBundle"] = {"id": _BUNDLE, "version": settings.extension_bundle}
    if plan is not None:
        written["customHandler"] = custom_handler(plan, command)
    return written


def custom_handler(plan: Plan, command: Sequence[str]) -> dict[str, Any]:
    """Return the section that makes the app a custom handler. Raises ValueError for a word with a blank."""
    if spaced := [word for word in command if any(sign.isspace() for sign in word)]:
        # The host joins them with a blank and does not quote.
        raise ValueError(
            f"{spaced[0]!r} is a word of the command with a blank, which the host cannot pass on"
        )
    description = {
        "defaultExecutablePath": command[0],
        "arguments": list(command[1:]),
        "workingDirectory": "",
    }
    return {
        "description": description,
        "enableProxyingHttpRequest": plan.proxying,
        "enableForwardingHttpRequest": plan.forwarding,
    }


def _extensions(used: set[str], settings: AzureSettings) -> dict[str, Any]:
    told: dict[str, Any] = {"http": {"routePrefix": settings.route_prefix}}
    if used & {"queueTrigger", "queue"}:
        told["queues"] = {"messageEncoding": settings.message_encoding}
    return told
