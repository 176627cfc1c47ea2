"""What these tests share: dispatchers on a loop of their own, and requests as senders write them."""

import asyncio
import base64
import json
from types import SimpleNamespace

import pytest
from hypothesis import settings

from polyfn.context import Context
from polyfn.functions import Declaration
from polyfn.http import Headers, Request
from polyfn.invoke import Invoker
from polyfn.runtime import logs, threads
from polyfn_gcp.runtime.dispatch import dispatcher

# A busy machine is no failure: what is slow here is an import on the first example.
if settings.get_current_profile_name() == "default":
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")


def request_of(body=b"", headers=(), *, method="POST", path="/"):
    """A request as the server hands it over."""
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(method=method, raw_path=path, headers=Headers(pairs), body=raw)


def push(data=b"{}", *, subscription="projects/p/subscriptions/orders-sub", attempt=None, **message):
    """A wrapped push in both spellings, unless `message` says otherwise."""
    told = {"messageId": "m1", "message_id": "m1"}
    told |= {"publishTime": "2026-01-15T06:00:00.123Z", "publish_time": "2026-01-15T06:00:00.123Z"}
    if data is not None:
        told["data"] = base64.b64encode(data).decode()
    envelope = {"message": told | message, "subscription": subscription}
    return envelope if attempt is None else envelope | {"deliveryAttempt": attempt}


def unwrapped(**more):
    return {
        "x-goog-pubsub-subscription-name": "projects/p/subscriptions/orders-sub",
        "x-goog-pubsub-message-id": "m1",
        "x-goog-pubsub-publish-time": "2026-01-15T06:00:00.123Z",
        "user-agent": "CloudPubSub-Google",
        "authorization": "Bearer x",
    } | {name.replace("_", "-"): value for name, value in more.items()}


def task(**more):
    return {"x-cloudtasks-queuename": "orders", "x-cloudtasks-taskname": "t1"} | {
        f"x-cloudtasks-{name}": value for name, value in more.items()
    }


def binary(**more):
    """The headers of a CloudEvent in binary mode."""
    told = {"specversion": "1.0", "id": "e1", "source": "//s", "type": "com.example.made"} | more
    return {f"ce-{name}": value for name, value in told.items() if value is not None} | {
        "content-type": "application/json; charset=utf-8"
    }


def new_context(**over):
    return Context(**{"request_id": "req-1", "function": "service", "provider": "gcp"} | over)


def new_serve(functions, **settings):
    """A dispatcher of `{name: (trigger, handler)}`; `serve(request)` gives the reply."""
    invokers = [Invoker(Declaration(name, *made)) for name, made in functions.items()]
    serve = dispatcher(invokers, settings)

    def run(request, context=None):
        return asyncio.run(_once(serve, request, context or new_context()))

    return run


async def _once(serve, request, context):
    return await serve(request, context)


@pytest.fixture(autouse=True, scope="session")
def inline():
    """Sync handlers run on the loop: a loop per request would leave threads behind."""
    threads.use(1, on_loop=True)
    yield
    threads.use(threads.LIMIT)


@pytest.fixture(scope="session")
def gcp():
    return SimpleNamespace(
        request=request_of, push=push, unwrapped=unwrapped, task=task, binary=binary, context=new_context,
        serve=new_serve,
    )  # fmt: skip


@pytest.fixture(scope="session")
def see():
    """What a trigger's handler sees of one request, which must succeed."""

    def run(trigger, kind, request, **settings):
        seen = []

        def handler(event):
            seen.append(event)

        handler.__annotations__["event"] = kind
        reply = new_serve({"f": (trigger, handler)}, **settings)(request)
        assert (reply.status, reply.read()) == (204, b"")
        return seen

    return run


@pytest.fixture
def log(monkeypatch):
    """polyfn's own log lines, as (level, message, error, fields)."""
    lines = []
    monkeypatch.setattr(logs, "sink", lambda *line: lines.append(line))
    return lines
