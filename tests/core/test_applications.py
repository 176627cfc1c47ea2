"""`polyfn.asgi`: what it declares, what it refuses, and that declaring starts nothing."""

import functools
import os
import subprocess
import sys

import pytest

import polyfn
from polyfn import lifecycle
from polyfn.applications import describe
from polyfn.binding import bind
from polyfn.context import Context
from polyfn.errors import DeclarationError
from polyfn.functions import declared
from polyfn.http import Request
from polyfn.invoke import Invoker


async def app(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


class Framework:
    async def __call__(self, scope, receive, send):
        await app(scope, receive, send)

    async def method(self, scope, receive, send):
        await app(scope, receive, send)


class Variadic:
    def __call__(self, *args, **kwargs):
        return app(*args, **kwargs)


def test_it_is_a_function_of_this_module_for_every_request():
    api = polyfn.asgi(app)
    declaration = declared["api"]
    assert api.__polyfn__ is declaration
    assert declaration.handler is api
    assert declaration.trigger == polyfn.Http()
    assert (api.__module__, api.__name__, api.__asgi__) == (__name__, "api", app)
    assert api.__qualname__ == "test_it_is_a_function_of_this_module_for_every_request.<locals>.api"
    assert (
        declaration.line == test_it_is_a_function_of_this_module_for_every_request.__code__.co_firstlineno + 1
    )
    binding = bind(declaration)
    assert (binding.style, binding.arity, binding.level) == ("async", 2, "event")
    assert repr(api) == f"<polyfn.asgi {__name__}.app 'api'>"


def test_several_in_one_project_have_names_of_their_own():
    first, second = polyfn.asgi(app, name="first"), polyfn.asgi(Framework(), name="second-one")
    assert list(declared) == ["first", "second-one"]
    assert (first.__name__, second.__name__) == ("first", "second-one")
    with pytest.raises(DeclarationError, match="cannot be named 'a b'"):
        polyfn.asgi(app, name="a b")


def test_two_of_one_name_in_one_module_are_a_mistake(tmp_path):
    (tmp_path / "twice.py").write_text(
        "import polyfn\nasync def app(scope, receive, send): ...\n"
        "one = polyfn.asgi(app)\ntwo = polyfn.asgi(app)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import twice"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )  # fmt: skip
    assert "DeclarationError: two functions are named 'api': in twice and twice" in done.stderr


def applications():
    return [
        app,
        Framework(),
        Framework().method,
        Variadic(),
        functools.partial(app),
        lambda scope, receive, send: app(scope, receive, send),
        functools.wraps(app)(lambda *args: app(*args)),
        lambda scope, receive=None, send=None, *more: app(scope, receive, send),
    ]


@pytest.mark.parametrize("index", range(len(applications())))
def test_whatever_can_be_called_with_three_is_taken(index, context):
    invoker = Invoker(polyfn.asgi(applications()[index]).__polyfn__)
    assert invoker.call(Request(method="GET", raw_path="/a"), context).body == b"/a"


class Wsgi:
    def __call__(self, environ, start_response):
        return []


class Flask(Wsgi):
    def wsgi_app(self, environ, start_response):
        return []


async def generator(scope, receive, send):
    yield b""


async def handler(request, context):
    return {}


class Asgi2:
    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send): ...


@pytest.mark.parametrize(
    ("given", "what", "hint"),
    [
        ("main:app", "expected the application itself", "import it: from main import app"),
        (Framework, "expected an application, not its class", "make one: polyfn.asgi(Framework())"),
        (Asgi2, "expected an application, not its class", "make one"),
        (None, "it cannot be called", "uvicorn"),
        (Wsgi(), "it takes 2 positional parameters; an ASGI application is called with", "a2wsgi"),
        (Flask(), "this is a WSGI application", "a2wsgi"),
        (lambda scope: app, "it takes 1 positional parameter;", "guarantee_single_callable"),
        (generator, "it is a generator", "more_body=True"),
        (handler, "it takes 2 positional parameters", "@polyfn.function(polyfn.Http())"),
        (lambda a, b, c, d: None, "it takes 4 positional parameters", "@polyfn.function"),
    ],
)
def test_what_is_no_application_is_refused_with_advice(given, what, hint):
    with pytest.raises(DeclarationError) as caught:
        polyfn.asgi(given)
    assert what in caught.value.message
    assert hint in caught.value.hint
    assert declared == {}


def test_declaring_and_binding_start_nothing():
    bind(polyfn.asgi(app).__polyfn__)
    assert lifecycle.counts() == (0, 0)
    assert not lifecycle.needs_stop()


def test_only_a_process_that_serves_it_starts_its_lifespan():
    polyfn.asgi(app)
    other = polyfn.function(name="other")(handler)
    Invoker(other.__polyfn__)
    assert lifecycle.counts() == (0, 0)
    for _ in range(2):
        Invoker(declared["api"])
    assert lifecycle.counts() == (1, 0)


def test_the_handler_is_a_plain_coroutine_function_for_unit_tests():
    import asyncio

    api = polyfn.asgi(app)
    context = Context(request_id="r", function="api", provider="test")
    reply = asyncio.run(api(Request(method="GET", raw_path="/x"), context))
    assert (reply.status, reply.body) == (200, b"/x")


def test_an_application_is_named_by_its_class_or_its_own_name():
    assert describe(Framework()) == f"{__name__}.Framework"
    assert describe(app) == f"{__name__}.app"
    assert describe(functools.partial(app)) == "functools.partial"
