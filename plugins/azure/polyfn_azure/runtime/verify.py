"""What an envelope holds, by its structure: used to verify what a trigger declares.

Objects are the host's own and are known by their keys: a message comes as a string or as bytes. Messages
are told by facts of theirs that no message can have written.
"""

from polyfn.errors import TriggerMismatchError
from polyfn_azure.runtime.metadata import Facts
from polyfn_azure.runtime.values import BYTES, JSON, OBJECT, TEXT, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.functions import Declaration
    from polyfn_azure.runtime.envelope import Invocation
    from polyfn_azure.runtime.values import Value

#: The forms of what comes, in the words of messages.
QUEUE = "a message of a Storage queue"
BUS = "a message of Service Bus"
HUB = "events of an event hub"
BLOB = "a blob"
TIMER = "a timer"
GRID = "an event of Event Grid"
HTTP = "an HTTP request"
DEFERRED = "a message of a Storage queue without its content"

_OBJECTS = (
    (TIMER, ("IsPastDue", "Schedule")),
    (GRID, ("specversion", "type")),
    (GRID, ("eventType", "subject")),
    (HTTP, ("Url", "Method")),
)
_WORDS = {
    TEXT: "a text that says nothing of its source",
    BYTES: "bytes that say nothing of their source",
    JSON: "JSON that says nothing of its source",
    OBJECT: "an object that no known trigger sends",
}
#: Sources of deferred bindings (the extensions' ParameterBindingData).
_DEFERRED = {"AzureStorageBlobs": BLOB, "AzureStorageQueues": DEFERRED}
_FACTS = (
    (QUEUE, ("DequeueCount", "PopReceipt")),
    (BUS, ("LockToken", "LockTokenArray", "DeliveryCount", "DeliveryCountArray")),
    (HUB, ("TriggerPartitionContext", "PartitionContext", "OffsetArray", "Offset")),
    (BLOB, ("Uri",)),
)


def arrival(invocation: "Invocation", name: str) -> Facts:
    """Read what the trigger's binding delivered, by its usual name or as the only one there is.

    Raises EnvelopeError for a value that no host sends, TriggerMismatchError where nothing came.
    """
    data = invocation.data
    if name not in data:
        if len(data) != 1:
            came = f"data for {len(data)} bindings, none of them {name!r}," if data else "no data"
            raise TriggerMismatchError(
                f"{came} arrived for {invocation.name!r}, whose trigger is the binding {name!r}",
                hint="the function.json beside the host is not the artifact's own: package and deploy again",
            )
        (name,) = data
    return Facts(invocation, read(data[name], f"Data.{name}"))


def form_of(facts: Facts) -> str | None:
    """Tell what came, in one of the words above; None if nothing tells."""
    value = facts.value
    if value.kind == OBJECT:
        return form_of_object(value.value)
    for form, names in _FACTS:
        if any(name in facts.genuine for name in names):
            return form
    return None


def form_of_object(told: "dict[str, Any]") -> str | None:
    """Tell what an object of the host's is."""
    source = told.get("Source")
    if isinstance(source, str) and "Content" in told and source in _DEFERRED:
        return _DEFERRED[source]
    for form, keys in _OBJECTS:
        if all(key in told for key in keys):
            return form
    return None


def grid_event(facts: Facts, *, nested: bool) -> "dict[str, Any] | None":
    """The event of Event Grid that came, or None.

    It comes as an object, and as text where function.json says so. Only where nothing but Event Grid can
    come may it be `nested` in a text: anybody's message may look like it.
    """
    told = facts.value.value if facts.value.kind == OBJECT else facts.payload if nested else None
    return told if isinstance(told, dict) and form_of_object(told) == GRID else None


def what_came(facts: Facts) -> str:
    """Name what came, in words that quote nothing of it."""
    form = form_of(facts)
    if form is not None:
        return form
    return _WORDS[facts.value.kind]


def mismatch(facts: Facts, declaration: "Declaration", takes: str) -> TriggerMismatchError:
    """Return the error for what came to a function whose trigger is for something else."""
    return TriggerMismatchError(
        f"{what_came(facts)} arrived, but the function declares {declaration.trigger!r}, which takes {takes}",
        hint="deploy the function.json that was packaged with this code, or declare the trigger anew",
    )


def kind_of(declaration: "Declaration", settings: "dict[str, Any]", default: str) -> str:
    """Which service the trigger reads, by the settings: the function's own, the app's, or the default."""
    key = declaration.trigger.kind
    functions = settings.get("functions") or {}
    own = (functions.get(declaration.name) or {}).get(key)
    return str(own or settings.get(key) or default)


def payload_of(value: "Value", facts: Facts) -> "dict[str, Any]":
    """The payload as Event takes it: bytes, and decoded where it is so already."""
    if value.kind == OBJECT:
        return {"payload": value.value}
    return {"raw": value.raw, "payload": facts.payload}
