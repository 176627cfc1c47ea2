"""The life of a process: start hooks, resources made on first use, stop hooks.

A process serves many invocations and is frozen between them on some platforms, so connections
belong into a `resource`: made once, when first needed, and closed when the process stops.
"""

from polyfn.errors import DeclarationError
from polyfn.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
    from typing import Any, Generic, TypeVar, overload

    T = TypeVar("T")
    H = TypeVar("H", bound=Callable[[], Any])

    class _Generic(Generic[T]):
        __slots__ = ()
else:
    T = object()

    class _Generic:
        __slots__ = ()
        __class_getitem__ = classmethod(type(list[int]))

    def overload(declared):  # noqa: ANN001, ANN201
        return declared


_start_hooks: "list[Callable[[], Any]]" = []
_stop_hooks: "list[Callable[[], Any]]" = []
_resources: "list[Resource[Any]]" = []
#: Resources that were made, in the order of their making.
_made: "list[Resource[Any]]" = []

#: Seconds that one hook of many steps may take to stop. A provider whose platform gives less says so.
grace = 5.0


def on_start(hook: "H") -> "H":
    """Run `hook` once, before the first invocation. It may be a coroutine function.

    What it raises ends the process: an instance that could not start must not take traffic.
    """
    _start_hooks.append(hook)
    return hook


def on_stop(hook: "H") -> "H":
    """Run `hook` once, when the platform stops the process: last declared, first run.

    Platforms give little time (Lambda some 150 ms), so flush and let go. Failures are logged.
    """
    _stop_hooks.append(hook)
    return hook


class Resource(_Generic[T]):
    """Something made on first use, once per process, and closed when the process stops.

    Calling it gives the thing. An async factory gives an awaitable of it: `await orders()`. A
    generator factory yields the thing and cleans up after its `yield`; otherwise the thing's
    `aclose()` or `close()` is called, if it has one.
    """

    __slots__ = ("__name__", "_cleanup", "_factory", "_lock", "_making", "_pending", "_value")

    def __init__(self, factory: "Callable[[], Any]") -> None:
        from _thread import RLock

        self._factory = factory
        self._lock = RLock()
        self._value: Any = _NOTHING
        self._cleanup: Any = None
        #: What an async factory gave and nobody awaited yet; None where the thing is made at once.
        self._making: Any = None
        self._pending: Any = None
        self.__name__ = getattr(factory, "__name__", "resource")
        _resources.append(self)

    def __call__(self) -> "T":
        """Return the thing, making it first if nobody has."""
        given: T = self._get()
        return given

    def _get(self) -> "Any":
        if self._value is _NOTHING:
            with self._lock:
                if self._value is _NOTHING and self._making is None:
                    self._make()
        return self._value if self._making is None else _Shared(self)

    def _make(self) -> None:
        made = self._factory()
        # By its very type: files, cursors and consumers are iterators as well, and are the thing itself.
        if type(made) is _Generator:
            value = next(made, _NOTHING)
            if value is _NOTHING:
                raise self._fruitless()
            self._cleanup = made
            self._keep(value)
        elif type(made) is _AsyncGenerator or hasattr(made, "__await__"):
            self._making = made
        else:
            self._keep(made)

    def _fruitless(self) -> DeclarationError:
        return DeclarationError(f"resource {self.__name__!r}: its factory ended without a yield")

    def _keep(self, value: "Any") -> None:
        self._value = value
        _made.append(self)

    async def _share(self) -> "Any":
        """Make the thing in one task for everybody who asks meanwhile; a failed one may be tried again."""
        import asyncio

        if self._value is not _NOTHING:
            return self._value
        if self._pending is None or self._pending.done():
            self._pending = asyncio.ensure_future(self._make_async())
        # Shielded: who asked first may be cancelled, and the others still want it.
        return await asyncio.shield(self._pending)

    async def _make_async(self) -> "Any":
        if self._making is _SPENT:
            # The last attempt failed or was cut short, and an awaitable serves but once.
            self._making = self._factory()
        made, self._making = self._making, _SPENT
        if type(made) is _AsyncGenerator:
            value = await anext(made, _NOTHING)
            if value is _NOTHING:
                raise self._fruitless()
            self._cleanup = made
        else:
            value = await made
        self._keep(value)
        return value

    def reset(self) -> None:
        """Forget the thing without closing it, so that the next call makes another (for tests)."""
        from polyfn.runtime.aio import is_coroutine

        if is_coroutine(self._making):
            # A coroutine that nobody awaited would be complained about when it is collected.
            self._making.close()
        self._value = _NOTHING
        self._cleanup = None
        self._making = None
        self._pending = None
        if self in _made:
            _made.remove(self)

    def _close(self) -> None:
        from polyfn.runtime import aio

        value, cleanup = self._value, self._cleanup
        self.reset()
        if cleanup is not None:
            _finish(cleanup)
            return
        close = getattr(value, "aclose", None) or getattr(value, "close", None)
        if close is not None and not isinstance(value, type):
            result = close()
            if hasattr(result, "__await__"):
                aio.run(result)


class _Shared:
    """What calling an async resource gives: awaiting it starts the making, or joins it."""

    __slots__ = ("_resource",)

    def __init__(self, resource: "Resource[Any]") -> None:
        self._resource = resource

    def __await__(self) -> "Generator[Any, None, Any]":
        return self._resource._share().__await__()  # noqa: SLF001  same room


_NOTHING: "Any" = object()
_SPENT: "Any" = object()


def _types() -> "tuple[Any, Any]":
    # types.GeneratorType and types.AsyncGeneratorType without importing types.
    def one() -> "Iterator[None]":
        yield

    async def other() -> "AsyncIterator[None]":
        yield

    return type(one()), type(other())


_Generator, _AsyncGenerator = _types()


def _finish(generator: "Any") -> None:
    """Run a generator factory past its yield."""
    if hasattr(generator, "__anext__"):
        from polyfn.runtime import aio

        async def run_on() -> None:
            async for _ in generator:
                pass

        aio.run(run_on())
        return
    for _ in generator:
        pass


@overload
def resource(factory: "Callable[[], Coroutine[Any, Any, T]]") -> "Resource[Awaitable[T]]": ...
@overload
def resource(factory: "Callable[[], AsyncIterator[T]]") -> "Resource[Awaitable[T]]": ...
@overload
def resource(factory: "Callable[[], Iterator[T]]") -> "Resource[T]": ...
@overload
def resource(factory: "Callable[[], T]") -> "Resource[T]": ...
def resource(factory: "Callable[[], Any]") -> "Resource[Any]":
    """Declare a resource: `@polyfn.resource` over a factory without parameters. See `Resource`."""
    return Resource(factory)


def start() -> None:
    """Run the start hooks in the order of their declaration. Raises what a hook raises."""
    for hook in _start_hooks:
        result = hook()
        if hasattr(result, "__await__"):
            from polyfn.runtime import aio

            aio.run(result)


def needs_stop() -> bool:
    """Whether there is anything to do when the process stops."""
    return bool(_stop_hooks or _resources)


def stop() -> None:
    """Run the stop hooks, last declared first, then close the resources, last made first.

    Every one runs whatever the others raise; failures are logged. A second call does nothing more.
    """
    hooks = _stop_hooks[::-1]
    _stop_hooks.clear()
    for hook in hooks:
        try:
            result = hook()
            if hasattr(result, "__await__"):
                from polyfn.runtime import aio

                aio.run(result)
        except BaseException as error:  # noqa: BLE001  the others must run, even if this one calls sys.exit()
            logs.report("ERROR", f"stop hook {getattr(hook, '__name__', hook)!r} failed", error=error)
    while _made:
        made = _made[-1]
        try:
            made._close()  # noqa: SLF001  same room
        except BaseException as error:  # noqa: BLE001  the others must be closed too
            logs.report("ERROR", f"closing resource {made.__name__!r} failed", error=error)


def counts() -> "tuple[int, int]":
    """How many start hooks, and how many stop hooks and resources, are declared."""
    return len(_start_hooks), len(_stop_hooks) + len(_resources)
