"""HTTP through API Gateway, Function URLs and load balancers: decode, serve, encode.

`http_in` and `http_out` say what the sources do to requests and want of replies.
"""

from polyfn.runtime import replies
from polyfn_aws.runtime.http_in import request_of
from polyfn_aws.runtime.http_out import encode, stream
from polyfn_aws.runtime.verify import FUNCTION_URL, REST, http_form, mismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.context import Context
    from polyfn.events import Event
    from polyfn.functions import Declaration
    from polyfn.invoke import Invoker
    from polyfn_aws.runtime.dispatch import Reply, Serve


def server(invoker: "Invoker", settings: "dict[str, object]") -> "Serve":
    """Return what serves a function with an Http trigger; it raises TriggerMismatchError for other events."""
    base_path = str(settings.get("base_path") or "")
    streaming = _streaming(settings)

    def serve(event: "Any", context: "Context") -> "Reply":
        form = http_form(event)
        if form is None:
            raise mismatch(
                event,
                repr(invoker.declaration.trigger),
                "requests of API Gateway (REST and HTTP APIs), Function URLs and load balancers",
            )
        reply = replies.serve(invoker, request_of(event, form, base_path), context)
        return _answer(reply, form, event, form in streaming, context)

    return serve


def call_server(invoker: "Invoker", settings: "dict[str, object]") -> "Serve":
    """Return what serves a Call function over HTTP. Its events have passed `http_form` before."""
    return server(_Calls(invoker), settings)  # type: ignore[arg-type]


class _Calls:
    """An invoker that gives a Call function the JSON body, and makes JSON of whatever it returns.

    A body that is empty is `{}` to a handler of JSON, as an empty payload is on a direct invoke.
    """

    __slots__ = ("_invoker", "_wants_json", "declaration")

    def __init__(self, invoker: "Invoker") -> None:
        self._invoker = invoker
        self._wants_json = invoker.binding.level not in ("bytes", "event")
        self.declaration: Declaration = invoker.declaration

    def call(self, request: "Event[Any]", context: "Context") -> "replies.Reply":
        if self._wants_json and not request.raw:
            from polyfn.events import Event

            request = Event(raw=b"{}", id=request.id, native=request.native)
        return replies.from_call(self._invoker.call(request, context))


def _streaming(settings: "dict[str, object]") -> "tuple[str, ...]":
    chosen = settings.get("stream")
    return tuple(chosen) if isinstance(chosen, (list, tuple)) else (FUNCTION_URL,)


def _answer(
    reply: "replies.Reply", form: str, event: "dict[str, Any]", streams: bool, context: "Context"
) -> "Reply":
    """Encode a reply. What fails only now, at its last chunk or for its size, is still a clean 500."""
    # A REST API that is set to stream wants every reply so; a Function URL takes both.
    if streams and (reply.stream is not None or form == REST):
        return stream(reply, form)
    try:
        reply.read()
        return encode(reply, form, event)
    except Exception as error:  # noqa: BLE001  the handler's own, from its generator
        failed = replies.from_error(error)
        replies.report(error, failed, context)
        return encode(failed, form, event)
