"""Invoking: from a decoded event to the handler's result, the same for every provider.

    platform payload --decode--> Event --bind--> handler(event, context) --> result --encode--> reply

Decode and encode belong to the provider; bind and call are here.
"""

from polyfn.binding import bind
from polyfn.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from polyfn.binding import Binding
    from polyfn.context import Context
    from polyfn.events import Event, Message
    from polyfn.functions import Declaration


class Invoker:
    """Calls one declared function. Made once per process; raises DeclarationError for what cannot work."""

    __slots__ = ("_argument", "_arity", "_handler", "_sync", "binding", "declaration")

    def __init__(self, declaration: "Declaration") -> None:
        self.declaration = declaration
        self.binding: Binding = bind(declaration)
        if self.binding.prepare is not None:
            # Now, and not at the first event: platforms give more CPU while a process starts.
            self.binding.prepare()
        if declaration.prepare is not None:
            declaration.prepare()
        self._handler: Callable[..., Any] = declaration.call or declaration.handler
        self._argument = self.binding.argument
        self._arity = self.binding.arity
        self._sync = self.binding.style == "sync"

    def call(self, event: "Event[Any]", context: "Context") -> "Any":
        """Bind the event, call the handler, and return its result.

        A generator's chunks come back as a plain iterator. An async handler runs on the process's
        loop and is cancelled shortly before the context's deadline, which raises DeadlineError.
        Raises PayloadError if the payload does not fit, and whatever the handler raises.
        """
        arity = self._arity
        if arity == 2:
            result = self._handler(self._argument(event), context)
        elif arity == 1:
            result = self._handler(self._argument(event))
        else:
            result = self._handler()
        if self._sync and not (hasattr(result, "__await__") or hasattr(result, "__anext__")):
            return result
        return self._finish(result, context)

    def _finish(self, result: "Any", context: "Context") -> "Any":
        # By what came back and not by the style alone: a sync wrapper may return a coroutine.
        if hasattr(result, "__await__"):
            from polyfn.runtime import aio

            return aio.run(result, until=context.deadline)
        if hasattr(result, "__anext__"):
            from polyfn.runtime import aio

            return aio.iterate(result, until=context.deadline)
        return result

    def begin(self, event: "Event[Any]", context: "Context") -> "Any":
        """Bind and call, and return what the handler gives: of an async one that is its coroutine."""
        arity = self._arity
        if arity == 2:
            return self._handler(self._argument(event), context)
        if arity == 1:
            return self._handler(self._argument(event))
        return self._handler()

    async def acall(self, event: "Event[Any]", context: "Context") -> "Any":
        """Call from a running loop: like `call`, without a deadline, async results not iterated."""
        result = self.begin(event, context)
        return await result if hasattr(result, "__await__") else result

    def deliver(
        self,
        messages: "list[Message[Any]]",
        context: "Context",
        *,
        native: "Any" = None,
        ordered: bool = False,
    ) -> "list[Message[Any]]":
        """Call for a delivery of messages; return those that failed, in the platform's order.

        Once with the `Batch`, or per message, as the annotation asks. With `ordered` nothing runs
        after the first failure, and it comes back with everything behind it. A message's own
        failure is logged and never raised.
        """
        from polyfn.runtime import delivery

        return delivery.deliver(self, messages, context, native=native, ordered=ordered)


def run_deferred(context: "Context") -> None:
    """Run what `context.defer` collected, after the reply was sent. Failures are logged."""
    while context.deferred:
        work = context.deferred.pop(0)
        try:
            result = work()
            if hasattr(result, "__await__"):
                from polyfn.runtime import aio

                aio.run(result, until=context.deadline)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001  the reply is out: nothing may stop the rest
            logs.report("ERROR", "deferred work failed", error=error, request_id=context.request_id)
