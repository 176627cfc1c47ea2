"""`@polyfn.function`, and the list of what it declared in this process."""

import sys

from polyfn.errors import DeclarationError
from polyfn.triggers import Call, Trigger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, overload

    F = TypeVar("F", bound=Callable[..., Any])
else:

    def overload(declared):  # noqa: ANN001, ANN201
        return declared


class Declaration:
    """One declared function: its `name`, its `trigger` and the author's `handler`."""

    __slots__ = ("call", "handler", "line", "name", "prepare", "run", "trigger")

    def __init__(self, name: str, trigger: Trigger, handler: "Callable[..., Any]") -> None:
        self.name = name
        self.trigger = trigger
        self.handler = handler
        #: The execution of the module that declared it; tells a reload from two functions of one name.
        self.run: object = None
        #: Where in its module it was declared, if the handler's own code does not say.
        self.line: int | None = None
        #: What an invoker calls in the handler's place, if that is quicker.
        self.call: Callable[..., Any] | None = None
        #: Called in a process that is about to serve this function, before the start hooks run.
        self.prepare: Callable[[], object] | None = None

    def __repr__(self) -> str:
        return f"Declaration({self.name!r}, {self.trigger!r})"


#: Every function declared in this process, by name, in the order of declaration.
declared: "dict[str, Declaration]" = {}


@overload
def function(handler: "F", /) -> "F": ...
@overload
def function(trigger: Trigger | None = None, /, *, name: str | None = None) -> "Callable[[F], F]": ...
def function(
    trigger: "Trigger | Callable[..., Any] | None" = None, /, *, name: str | None = None
) -> "Callable[..., Any]":
    """Declare a function: `@function`, `@function()` or `@function(Queue("orders"), name="fulfil")`.

    The decorated callable is returned as it is, so a unit test calls the author's own code; the
    declaration is at its `__polyfn__`, unless it takes no attributes. `name` is what the function is
    called in artifacts and on the command line, the callable's own name unless given.

    Raises DeclarationError for what is no trigger, for a name that is taken, and for a callable
    that has no name of its own and was given none.
    """
    if trigger is None or isinstance(trigger, Trigger):
        chosen = trigger or Call()
        return lambda handler: _declare(handler, chosen, name)
    if callable(trigger) and not isinstance(trigger, type):
        return _declare(trigger, Call(), name)
    raise DeclarationError(
        f"polyfn.function({trigger!r}): expected a trigger such as polyfn.Http('GET', '/'), or a function",
        hint="triggers are objects: write polyfn.Queue('orders'), not polyfn.Queue",
    )


def _declare(handler: "F", trigger: Trigger, name: str | None) -> "F":
    if not callable(handler):
        raise DeclarationError(f"polyfn.function decorates a callable; it was given {handler!r}")
    chosen = getattr(handler, "__name__", None) if name is None else name
    if chosen is None or chosen == "<lambda>":
        raise DeclarationError(f"{handler!r} has no name of its own: write polyfn.function(name='...')")
    if not isinstance(chosen, str) or not chosen.replace("-", "_").isidentifier():
        # Names become parts of file names, of handler settings and of environment values.
        raise DeclarationError(
            f"a function cannot be named {chosen!r}: expected letters, digits, '_' and '-'",
            hint="give it another name: @polyfn.function(name='...')",
        )
    taken = declared.get(chosen)
    run = _run_of(handler)
    if taken is not None and (not _same_place(taken.handler, handler) or taken.run is run is not None):
        raise DeclarationError(
            f"two functions are named {chosen!r}: in {taken.handler.__module__} and {handler.__module__}",
            hint="give one of them another name: @polyfn.function(name='...')",
        )
    declaration = Declaration(chosen, trigger, handler)
    declaration.run = run
    declared[chosen] = declaration
    try:
        handler.__polyfn__ = declaration  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        # A bound method, a builtin or an object with slots takes no attribute; the list above counts.
        pass
    return handler


def _run_of(handler: "Callable[..., Any]") -> object:
    """What stands for one execution of the handler's module: a reload makes a new spec.

    None where there is none, as in a script, or where the same lines may well run twice, as in a test.
    """
    if "<locals>" in getattr(handler, "__qualname__", ""):
        return None
    return getattr(sys.modules.get(handler.__module__), "__spec__", None)


def _same_place(one: "Callable[..., Any]", other: "Callable[..., Any]") -> bool:
    """Whether both come from the same definition: a reloaded module declares its functions again."""
    return (one.__module__, getattr(one, "__qualname__", None)) == (
        other.__module__,
        getattr(other, "__qualname__", None),
    )
