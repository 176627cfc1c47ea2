"""The smallest provider that serves HTTP: `python provider.py FOLDER PORT SETTINGS`.

FOLDER/user.py declares the functions. Http and Call functions are routed; one that takes messages is
given a JSON list of payloads by POST to /deliver/NAME, and the ids of those that failed come back.
A request has TIMEOUT seconds (the environment says how many).
"""

import itertools
import os
import sys
import time
from typing import Any

sys.path.insert(0, sys.argv[1])

import user  # noqa: F401

from polyfn.context import Context
from polyfn.events import Message
from polyfn.functions import declared
from polyfn.invoke import Invoker
from polyfn.runtime import asgi, current, json, logs, replies, router, server, serving

invokers = {name: Invoker(declaration) for name, declaration in declared.items()}
routed = router.Router(invokers.values())
numbers = itertools.count(1)
timeout = float(os.environ.get("TIMEOUT", "300"))


def sink(level: str, message: str, error: BaseException | None, fields: dict[str, Any]) -> None:
    """Say which request the code belongs to that writes, beside the one that it says itself."""
    here = current.request.get()
    logs.to_stderr(level, message, error, {**fields, "current": here.request_id if here else None})


logs.sink = sink


def make_context(request: Any) -> Context:
    return Context(
        request_id=request.headers.get("x-id", f"r{next(numbers)}"),
        function="",
        provider="test",
        deadline=time.time() + float(request.headers.get("x-timeout", timeout)),
    )


async def serve(request: Any, context: Context) -> replies.Reply:
    if request.raw_path.startswith("/deliver/"):
        messages: list[Message[Any]] = [
            Message(payload=payload, id=f"m{index}") for index, payload in enumerate(request.json())
        ]
        invoker = invokers[request.raw_path.removeprefix("/deliver/")]
        failed = await serving.deliver(invoker, messages, context)
        return replies.from_result([message.id for message in failed])
    found = routed.resolve(request)
    if isinstance(found, replies.Reply):
        return found
    return await serving.serve(found, request, context)


if __name__ == "__main__":
    application = asgi.Application(serve, make_context, body_limit=1_000_000)
    status = server.run(
        application, host="127.0.0.1", port=int(sys.argv[2]), settings=json.loads(sys.argv[3])
    )
    sys.stderr.flush()
    os._exit(status)
