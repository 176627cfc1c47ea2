"""From an invocation's payload to the reply: decode, call, encode, as the declared trigger says.

The dispatcher is chosen once per process. The module that decodes a trigger's events is imported
then and no other, so a function on plain JSON never pays for HTTP.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from polyfn.context import Context
    from polyfn.invoke import Invoker
    from polyfn_aws.runtime.answers import Answer, Streamed

    Reply = bytes | Answer | Streamed
    Dispatch = Callable[[bytes, str, Context], Reply]
    Serve = Callable[[Any, Context], Reply]

#: Trigger kind to the module of this package that serves it, by its `server(invoker, settings)`.
_HOMES = {
    "http": "http",
    "queue": "messages",
    "topic": "messages",
    "stream": "messages",
    "storage": "storage",
    "schedule": "schedule",
    "events": "events",
}


def dispatcher(invoker: "Invoker", settings: "dict[str, object]") -> "Dispatch":
    """Return what serves this process's function: `(body, content_type, context) -> reply`.

    The reply is JSON as bytes, an `Answer` of another content type, or a `Streamed`. Whatever the
    dispatcher raises is a failed invocation: on asynchronous sources that is how a delivery is
    asked for again. Raises UnsupportedError for a kind of trigger that Lambda does not have.
    """
    kind = invoker.declaration.trigger.kind
    if kind == "call":
        from polyfn_aws.runtime.call import caller

        return caller(invoker, settings)
    home = _HOMES.get(kind)
    if home is None:
        from polyfn.errors import UnsupportedError

        raise UnsupportedError(
            f"function {invoker.declaration.name!r} declares {invoker.declaration.trigger!r}, "
            f"a kind of trigger ({kind!r}) that AWS Lambda does not deliver",
            hint=f"triggers for target aws: call, {', '.join(_HOMES)}",
        )
    module = __import__(f"polyfn_aws.runtime.{home}", fromlist=["server"])
    serve: Serve = module.server(invoker, settings)
    return lambda body, content_type, context: serve(decode(body, content_type), context)


def decode(body: bytes, content_type: str) -> "Any":
    """Decode the JSON that every AWS event source sends. Raises PayloadError for anything else."""
    from polyfn.errors import PayloadError
    from polyfn.runtime import json

    if content_type and content_type != "application/json":
        raise PayloadError(f"the invocation's payload is {content_type}; an event source sends JSON")
    try:
        return json.loads(body)
    except ValueError as error:
        raise PayloadError(f"the invocation's payload is not JSON: {error}") from None
