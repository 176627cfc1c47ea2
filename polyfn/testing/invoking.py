"""Calls a decorated function with a neutral event, in this process, as an artifact would.

    from polyfn.testing import invoke, message

    answer = invoke(fulfil, message({"order": 7}))
    assert answer.failed == []

The payload is bound and validated, async handlers are run, resources are made: all is the runtime's own
work. A test on the function's plain code needs none of this: a decorated function can simply be called.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from polyfn.context import Context
from polyfn.events import Event, Message
from polyfn.functions import Declaration
from polyfn.http import Headers, Request
from polyfn.invoke import Invoker, run_deferred


@dataclass(frozen=True)
class Answer:
    """What an invocation gave.

    | attribute | content |
    |---|---|
    | `result` | what a function without HTTP returned, or the list of what it yielded |
    | `failed` | the messages that the platform would deliver again |
    | `status`, `headers`, `body` | the reply to a request |
    """

    result: Any = None
    failed: Sequence[Message[Any]] = ()
    status: int | None = None
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def json(self) -> Any:
        """The reply's body, decoded."""
        return json.loads(self.body)


def invoke(function: Any, *events: Event[Any], context: Context | None = None) -> Answer:
    """Invoke a function with a Request, with messages, or with one other event.

    Work that it deferred is done before this returns. Raises TypeError for what is no decorated function
    or no event for it, and whatever the handler raises where there is neither a reply nor a message to
    tell of it: Retry and Drop among them.
    """
    invoker = Invoker(_declaration(function))
    context = context or Context(request_id="test", function=invoker.declaration.name, provider="test")
    answer = _answered(invoker, events, context)
    if context.deferred:
        run_deferred(context)
    return answer


async def ainvoke(function: Any, *events: Event[Any], context: Context | None = None) -> Answer:
    """Invoke as `invoke` does, in a thread: for tests that run in a loop of their own."""
    return await asyncio.to_thread(invoke, function, *events, context=context)


def _declaration(function: Any) -> Declaration:
    declaration = getattr(function, "__polyfn__", None)
    if not isinstance(declaration, Declaration):
        raise TypeError(f"{function!r} is no function of polyfn: decorate it with @polyfn.function")
    return declaration


def _answered(invoker: Invoker, events: Sequence[Event[Any]], context: Context) -> Answer:
    trigger = invoker.declaration.trigger
    if trigger.delivers == "messages":
        messages = [_as(Message, one, trigger) for one in events]
        return Answer(failed=invoker.deliver(messages, context))
    if len(events) != 1:
        raise TypeError(f"{trigger!r} takes one event, not {len(events)}")
    if trigger.kind == "http":
        return _replied(invoker, _as(Request, events[0], trigger), context)
    result = invoker.call(events[0], context)
    return Answer(result=list(result) if hasattr(result, "__next__") else result)


def _replied(invoker: Invoker, request: Request[Any], context: Context) -> Answer:
    from polyfn.runtime import replies

    reply = replies.serve(invoker, request, context)
    reply.read()
    return Answer(status=reply.status, headers=reply.headers, body=reply.body)


def _as(kind: type[Any], event: Any, trigger: Any) -> Any:
    if not isinstance(event, kind):
        raise TypeError(f"{trigger!r} takes {kind.__name__}, not {event!r}")
    return event
