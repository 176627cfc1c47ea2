"""What `polyfn check` finds: whether a provider can honour what the functions ask of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from polyfn.toolchain.errors import CapabilityError, PluginError
from polyfn.toolchain.provider import Capability

if TYPE_CHECKING:
    from pydantic import BaseModel

    from polyfn.toolchain.manifest import FunctionEntry, Manifest
    from polyfn.toolchain.provider import Provider

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing to know before deploying: an `error` fails on the target, a `note` only ties to it."""

    severity: Severity
    target: str
    message: str
    function: str | None = None
    place: str | None = None

    def describe(self) -> dict[str, Any]:
        """Return the finding as plain JSON."""
        return asdict(self)


def check(manifest: Manifest, provider: Provider, settings: BaseModel, hook: Any) -> list[Finding]:
    """Return every finding for one target, the worst first.

    `hook` is `Plugins.hook`. Raises PluginError if a plugin's check fails or answers with something
    other than (severity, message) pairs.
    """
    found = list(capabilities(manifest, provider, settings))
    if provider.checks is not None:
        found += _of_plugin(lambda: [provider.checks(manifest, settings)], provider, "checks()")
    found += _of_plugin(
        lambda: hook.polyfn_checks(manifest=manifest, provider=provider), provider, "polyfn_checks()"
    )
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def refuse(manifest: Manifest, provider: Provider) -> None:
    """Raise CapabilityError if the provider cannot run one of the functions at all."""
    errors = [finding for finding in capabilities(manifest, provider) if finding.severity == "error"]
    if errors:
        raise CapabilityError(
            "; ".join(finding.message for finding in errors),
            hint=f"polyfn check --target {provider.name} says more; choose other functions or another target",
        )


def capabilities(
    manifest: Manifest, provider: Provider, settings: BaseModel | None = None
) -> Iterator[Finding]:
    """Compare what the functions ask with what the provider declares."""
    for function in manifest.functions:
        for severity, message in _asks(function, provider, settings):
            place = f"{function.module}:{function.line}" if function.line else function.module
            yield Finding(severity, provider.name, message, function.name, place)
        for place in function.native:
            message = f"{function.name} uses .native, which ties it to one platform"
            yield Finding("note", provider.name, message, function.name, place)
        yield from _uses(function, provider)
        if function.application is not None:
            yield from _of_application(function, provider)
    if manifest.stop_hooks and Capability.STOP_HOOKS not in provider.capabilities:
        message = (
            f"{provider.name} ends processes without warning: on_stop hooks and resources are not closed"
        )
        yield Finding("warning", provider.name, message)


def _asks(
    function: FunctionEntry, provider: Provider, settings: BaseModel | None
) -> Iterator[tuple[Severity, str]]:
    kind = str(function.trigger.get("kind"))
    can = provider.capabilities
    if kind not in can:
        yield "error", f"{function.name} is triggered by {kind}, which {provider.name} does not deliver"
        return
    if kind == "http" and function.style.endswith("generator") and Capability.HTTP_STREAMING not in can:
        message = f"{function.name} streams its reply; {provider.name} sends it only when it is complete"
        yield "warning", message
    if kind in ("queue", "stream") and Capability.PARTIAL_BATCH not in can:
        if settings is not None and provider.one_by_one and provider.one_by_one(function, settings):
            return
        message = f"{provider.name} takes no partial failure: one failed message of {function.name}"
        yield "warning", f"{message} has its whole delivery repeated"


def _uses(function: FunctionEntry, provider: Provider) -> Iterator[Finding]:
    """What the source uses that the provider cannot honour, place by place."""
    can = provider.capabilities
    # Over HTTP the delay is a Retry-After header, which every platform can send.
    if Capability.RETRY_DELAY not in can and function.trigger.get("kind") not in ("http", "call"):
        for place in function.retry_delays:
            message = (
                f"{provider.name} cannot pass on the delay that {function.name} asks of Retry(after=...)"
            )
            yield Finding("warning", provider.name, message, function.name, place)
    if Capability.DEFER not in can:
        for place in function.defers:
            message = (
                f"{provider.name} gives no CPU after the reply: what {function.name} defers may never run"
            )
            yield Finding("warning", provider.name, message, function.name, place)


def _of_application(function: FunctionEntry, provider: Provider) -> Iterator[Finding]:
    """What an ASGI application may do that cannot be seen from outside."""
    name, target = function.name, provider.name
    lacks = {
        Capability.HTTP_STREAMING: f"what {name} streams, {target} sends only when it is complete",
        Capability.DEFER: f"{target} gives no CPU after the reply: background tasks of {name} may never run",
        Capability.STOP_HOOKS: f"{target} ends processes without warning: {name} is not told to shut down",
    }
    for capability, message in lacks.items():
        if capability not in provider.capabilities:
            yield Finding("warning", target, message, name, f"{function.module}:{function.line}")


def _of_plugin(ask: Any, provider: Provider, what: str) -> list[Finding]:
    from polyfn.toolchain.plugin_faults import one_line

    try:
        answers = ask()
        pairs = [pair for answer in answers for pair in answer]
    except Exception as error:
        raise PluginError(
            f"{what} failed for target {provider.name!r}: {one_line(error)}",
            hint="polyfn providers names the installed plugins; report it to the author of the one at fault",
        ) from error
    return [_finding(pair, provider, what) for pair in pairs]


def _finding(pair: object, provider: Provider, what: str) -> Finding:
    if isinstance(pair, Iterable) and not isinstance(pair, str):
        parts = tuple(pair)
        if len(parts) == 2 and parts[0] in SEVERITIES and isinstance(parts[1], str):
            return Finding(cast("Severity", parts[0]), provider.name, parts[1])
    raise PluginError(
        f"{what} for target {provider.name!r} answered {pair!r}",
        hint=f"expected pairs (severity, message) with a severity of {', '.join(SEVERITIES)}",
    )
