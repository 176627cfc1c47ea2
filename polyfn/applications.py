"""`polyfn.asgi`: an existing ASGI application as a function."""

import sys

from polyfn.binding import underlying
from polyfn.errors import DeclarationError
from polyfn.functions import declared, function
from polyfn.http import Request, Response
from polyfn.triggers import Http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, TypeAlias

    from polyfn.context import Context
    from polyfn.runtime.bridge import Exchange

    #: scope, receive and send, which every framework types in its own way.
    Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

# Flags of code objects, as inspect.CO_* has them.
_VARIADIC = 0x04
_COROUTINE = 0x80
_GENERATORS = 0x220


class ApplicationHandler:
    """The handler of a function that is an ASGI application: `await handler(request, context)`.

    `__asgi__` is the application. A server that speaks ASGI itself may call it with a scope of its
    own: see `polyfn.runtime.bridge.scope_of` for the keys that polyfn adds. `state` is the lifespan's.
    """

    def __init__(self, app: "Application", qualified: str, module: str) -> None:
        self.__asgi__ = app
        self.__name__ = qualified.rpartition(".")[2]
        self.__qualname__ = qualified
        # The module that declares the function is the one that an artifact imports.
        self.__module__ = module
        self.state: dict[str, Any] = {}
        self._prepared = False

    async def __call__(self, request: Request, context: "Context") -> Response:
        """Drive the application through one request."""
        return await self.exchange(request, context)

    def exchange(self, request: Request, context: "Context") -> "Exchange":
        """Return what gives the reply when it is awaited."""
        from polyfn.runtime.bridge import Exchange

        return Exchange(self.__asgi__, request, context, self.state)

    def prepare(self) -> None:
        """Have the application's lifespan start with this process, since it serves the application."""
        if not self._prepared:
            from polyfn.runtime.lifespan import Lifespan

            self._prepared = True
            Lifespan(self.__asgi__, self.state).register()

    def __repr__(self) -> str:
        return f"<polyfn.asgi {describe(self.__asgi__)} {self.__name__!r}>"


def asgi(app: "Application", *, name: str = "api") -> ApplicationHandler:
    """Declare an ASGI 3 application (FastAPI, Starlette, Litestar, ...) as a function.

    It answers every method and path over HTTP. Its lifespan runs once per process, started before
    the first request and stopped with the process. What is returned is the function's handler.

    Raises DeclarationError for what is no ASGI 3 application, and for a name that is taken.
    """
    _check(app)
    frame = sys._getframe(1)  # noqa: SLF001
    place = frame.f_code.co_qualname
    # As a def has it: what is declared inside a function may be declared again.
    qualified = name if place == "<module>" else f"{place}.<locals>.{name}"
    handler = ApplicationHandler(app, qualified, frame.f_globals.get("__name__", "__main__"))
    function(Http(), name=name)(handler)
    declaration = declared[name]
    declaration.line = frame.f_lineno
    declaration.prepare = handler.prepare
    declaration.call = handler.exchange
    return handler


def describe(app: object) -> str:
    """Return the dotted name of an application's class, or of the function that it is."""
    named = app if hasattr(app, "__qualname__") else type(app)
    return f"{named.__module__}.{named.__qualname__}"


def _check(app: object) -> None:
    reason = _misfit(app)
    if reason is not None:
        what, hint = reason
        raise DeclarationError(f"polyfn.asgi({app!r}): {what}", hint=hint)


_CALLED = "an ASGI application is called with (scope, receive, send)"
_WSGI = "wrap it: polyfn.asgi(a2wsgi.WSGIMiddleware(app)), from the distribution a2wsgi"

_DOUBLE = "wrap it: polyfn.asgi(asgiref.compatibility.guarantee_single_callable(app))"


def _misfit(app: object) -> "tuple[str, str] | None":
    """Say why this is no ASGI 3 application, and what to do; None for what may well be one."""
    if isinstance(app, str):
        return "expected the application itself", "import it: from main import app; polyfn.asgi(app)"
    if isinstance(app, type):
        return "expected an application, not its class", f"make one: polyfn.asgi({app.__name__}())"
    if not callable(app):
        return f"it cannot be called; {_CALLED}", "give the object that a server such as uvicorn is given"
    if hasattr(app, "wsgi_app"):
        return f"this is a WSGI application; {_CALLED}", _WSGI
    inner, skipped = underlying(app)
    code = getattr(inner, "__code__", None)
    return None if code is None else _misfit_of(inner, code, skipped)


def _misfit_of(inner: "Any", code: "Any", skipped: int) -> "tuple[str, str] | None":
    """Judge by the signature of what is called, of which the first `skipped` parameters are bound."""
    takes = code.co_argcount - skipped
    needs = takes - len(inner.__defaults__ or ())
    if code.co_flags & _GENERATORS:
        return f"it is a generator; {_CALLED}", "send the body's pieces with more_body=True"
    if needs <= 3 and (takes >= 3 or code.co_flags & _VARIADIC):
        return None
    what = f"it takes {takes} positional parameter{'' if takes == 1 else 's'}; {_CALLED}"
    if takes == 2 and not code.co_flags & _COROUTINE:
        return what, f"is it a WSGI application? {_WSGI}"
    if takes == 1 and not code.co_flags & _COROUTINE:
        return what, f"is it an ASGI 2 application? {_DOUBLE}"
    return what, "a handler of polyfn's own is declared by @polyfn.function(polyfn.Http())"
