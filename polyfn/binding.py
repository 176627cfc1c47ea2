"""Binding: how a handler wants to be called, read once from its signature.

The annotation of the first parameter chooses the level at which the event is served:

| annotation | level | what arrives |
|---|---|---|
| none, `Any`, `object` | payload | the payload decoded from JSON |
| `dict`, `list`, `str`, `int`, `float`, `bool`, unions of them and None | payload | the same, type checked |
| `bytes` | bytes | the raw payload |
| `Request`, `Message[T]`, `Tick`, `ObjectChange`, `Event[T]` | event | the event, `.data` bound to `T` |
| `Batch[T]` | batch | every message of the delivery |
| anything else | validated | the payload, validated by pydantic |

The second parameter is given the context. One that has a default keeps it, unless its name or its
annotation says context.

Reading a signature needs neither inspect nor typing, which cost more than the rest of a cold start.
"""

from polyfn.errors import DeclarationError, PayloadError
from polyfn.events import Batch, Event, Message, ObjectChange, Tick

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from polyfn.functions import Declaration

# Flags of code objects, as inspect.CO_* has them.
_VARIADIC = 0x04
_GENERATOR = 0x20
_COROUTINE = 0x80
_ASYNC_GENERATOR = 0x200

_PLAIN: "dict[str, type]" = {kind.__name__: kind for kind in (dict, list, str, int, float, bool)}
_GenericAlias: "Any" = type(list[int])
_Union: "Any" = type(int | str)
_NoneType = type(None)


class Binding:
    """How to call one handler.

    `style` is `sync`, `async`, `generator` or `async generator`; `awaits` whether calling the handler
    runs none of its code, so that a running loop may do it; `arity` how many parameters the handler
    takes (0, 1 or 2); `level` see the module; `needs` the distributions that binding imports at run
    time; `argument` makes the first argument of an event, raising PayloadError; `data` binds one
    event's `.data`, or None where it is the plain payload; `target` is the type that payloads are
    bound to, or None; `prepare` builds its validator, or None.
    """

    __slots__ = ("argument", "arity", "awaits", "data", "level", "needs", "prepare", "style", "target")

    argument: "Callable[[Event[Any]], Any]"

    def __init__(self, style: str, arity: int, *, awaits: bool = False) -> None:
        self.style = style
        self.awaits = awaits
        self.arity = arity
        self.level = "payload"
        self.needs: tuple[str, ...] = ()
        self.data: Callable[[Event[Any]], Any] | None = None
        self.target: Any = None
        self.prepare: Callable[[], object] | None = None
        self.argument = _payload


def bind(declaration: "Declaration") -> Binding:
    """Read a declared handler's signature. Raises DeclarationError for one that cannot be called."""
    handler = declaration.handler
    style, names, annotations = _signature(declaration)
    binding = Binding(style, len(names), awaits=awaits(handler))
    if not names:
        return binding
    annotation = _resolve(annotations.get(names[0]), handler, declaration.name)
    _choose_level(binding, annotation, declaration)
    return binding


def _signature(declaration: "Declaration") -> "tuple[str, tuple[str, ...], dict[str, Any]]":
    """Return the handler's style, the names of its positional parameters, and its annotations."""
    handler = declaration.handler
    inner, skipped = underlying(handler)
    code = getattr(inner, "__code__", None)
    if code is None:
        raise DeclarationError(
            f"function {declaration.name!r}: {handler!r} has no Python code to read a signature from",
            hint="decorate a def or an async def that calls it",
        )
    names = code.co_varnames[skipped : code.co_argcount]
    if not names and code.co_flags & _VARIADIC:
        raise DeclarationError(
            f"function {declaration.name!r}: the handler takes *args, which does not say what it wants",
            hint="name its parameters; a decorator around it must use functools.wraps",
        )
    _check_parameters(declaration.name, inner, code, names)
    annotations = _annotations(inner)
    return _style(handler, code.co_flags), names[: _arity(inner, names, annotations)], annotations


def _annotations(inner: "Any") -> "dict[str, Any]":
    try:
        given: dict[str, Any] = getattr(inner, "__annotations__", {})
    except NameError:
        # Python 3.14 evaluates them only when they are asked for. As text, each is on its own, and a
        # name that exists for type checkers alone matters only where it chooses what arrives.
        library = __import__("annotationlib")  # there is none before 3.14
        given = library.get_annotations(inner, format=library.Format.STRING)
    return given


def _arity(inner: "Any", names: "tuple[str, ...]", annotations: "dict[str, Any]") -> int:
    if len(names) < 2:
        return len(names)
    if len(names) - len(inner.__defaults__ or ()) > 1:
        return 2
    # A second parameter with a default (retries=3) keeps it, unless it clearly waits for the context.
    name = names[1].lower()
    waits = "context" in name or "ctx" in name or "Context" in str(annotations.get(names[1]))
    return 2 if waits else 1


def _style(handler: "Callable[..., Any]", inner_flags: int) -> str:
    # An async wrapper makes any handler async; a sync wrapper hands on what the handler gives.
    for flags in (_flags(handler), inner_flags):
        if flags & _ASYNC_GENERATOR:
            return "async generator"
        if flags & _COROUTINE:
            return "async"
        if flags & _GENERATOR:
            return "generator"
    return "sync"


def awaits(handler: "Callable[..., Any]") -> bool:
    """Whether calling it runs none of its code, but gives something to be awaited or iterated."""
    return bool(_flags(handler) & (_COROUTINE | _ASYNC_GENERATOR))


def _flags(handler: "Callable[..., Any]") -> int:
    """The flags of the code that runs first when the handler is called."""
    outer = getattr(handler, "__code__", None) or getattr(type(handler).__call__, "__code__", None)
    return outer.co_flags if outer is not None else 0


def underlying(handler: "Callable[..., Any]") -> "tuple[Any, int]":
    """Return the function whose signature counts, and how many of its parameters are bound already.

    Looks through functools.wraps, bound methods and objects with a `__call__`.
    """
    inner: Any = handler
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    # A bound method shows the code of its function.
    if hasattr(inner, "__code__"):
        return inner, 1 if getattr(inner, "__self__", None) is not None else 0
    called = getattr(type(inner), "__call__", None)  # noqa: B004  its code is wanted
    return (called, 1) if hasattr(called, "__code__") else (inner, 0)


def _check_parameters(name: str, inner: "Any", code: "Any", names: "tuple[str, ...]") -> None:
    defaults = len(getattr(inner, "__defaults__", None) or ())
    if len(names) - defaults > 2:
        raise DeclarationError(
            f"function {name!r}: the handler takes {len(names)} parameters ({', '.join(names)})",
            hint="a handler takes none, (event), or (event, context)",
        )
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    given = getattr(inner, "__kwdefaults__", None) or {}
    required = [word for word in keywords if word not in given]
    if required:
        raise DeclarationError(
            f"function {name!r}: the handler needs the keyword argument {required[0]!r}, which nothing gives",
            hint="give it a default, or use polyfn.resource for what the handler needs",
        )


def _resolve(annotation: "Any", handler: "Callable[..., Any]", name: str) -> "Any":
    if not isinstance(annotation, str):
        return annotation
    plain = _PLAIN.get(annotation)
    if plain is not None:
        return plain
    scope = getattr(underlying(handler)[0], "__globals__", {})
    try:
        # The annotation is the author's own source text, evaluated where it was written.
        found = eval(annotation, scope)  # noqa: S307
        # Quoted in a module whose annotations are text anyway, it is text twice.
        return eval(found, scope) if isinstance(found, str) else found  # noqa: S307
    except Exception as error:
        raise DeclarationError(
            f"function {name!r}: the annotation {annotation!r} cannot be evaluated: {error}",
            hint="import the type at run time, not only under TYPE_CHECKING: it chooses what arrives",
        ) from error


def _choose_level(binding: Binding, annotation: "Any", declaration: "Declaration") -> None:
    origin = annotation.__origin__ if isinstance(annotation, _GenericAlias) else annotation
    if isinstance(origin, type) and issubclass(origin, (Event, Batch)):
        _check_event(origin, declaration)
        if isinstance(annotation, _GenericAlias):
            _bind_data(binding, annotation.__args__[0], declaration.name)
        if origin is Batch:
            binding.level = "batch"
            binding.argument = _event
        else:
            binding.level = "event"
            binding.argument = _event if binding.data is None else _bound_event(binding.data)
        return
    if annotation is bytes:
        binding.level = "bytes"
        binding.argument = _raw
        return
    if isinstance(annotation, type) and annotation.__name__ == "Context":
        from polyfn.context import Context

        if issubclass(annotation, Context):
            raise DeclarationError(
                f"function {declaration.name!r}: its first parameter is annotated as Context",
                hint="the event comes first and the context second: def handler(event, context: Context)",
            )
    _bind_data(binding, annotation, declaration.name)
    if binding.data is not None:
        binding.level = "validated" if binding.needs else "payload"
        binding.argument = binding.data


def _check_event(origin: type, declaration: "Declaration") -> None:
    """An event type belongs to a trigger: a Tick never comes out of a queue."""
    trigger = declaration.trigger
    fits: dict[str, tuple[type, ...]] = {
        "call": (Event,),
        "http": (Event,),
        "queue": (Event, Message, Batch),
        "topic": (Event, Message, Batch),
        "stream": (Event, Message, Batch),
        "schedule": (Event, Tick),
        "storage": (Event, ObjectChange),
        "events": (Event,),
    }
    allowed = fits.get(trigger.kind)
    if allowed is None or origin in allowed:
        return
    if trigger.kind == "http" and origin.__name__ == "Request":
        return
    known = ", ".join(kind.__name__ for kind in allowed)
    if trigger.kind == "http":
        known += ", Request"
    raise DeclarationError(
        f"function {declaration.name!r}: {trigger!r} never delivers {origin.__name__}; it delivers {known}",
        hint="change the annotation of the first parameter, or the trigger",
    )


def _bind_data(binding: Binding, target: "Any", name: str) -> None:
    """Set how payloads become `target`: nothing to do, a type check, bytes, or pydantic."""
    if target is None or target is object or _is_any(target):
        return
    binding.target = target
    if target is bytes:
        binding.data = _raw
        return
    checked = _checked_types(target)
    if checked is not None:
        binding.data = _check(checked, target)
        return
    binding.needs = ("pydantic",)
    binding.data, binding.prepare = _validate(target, name)


def _is_any(target: "Any") -> bool:
    if getattr(target, "__module__", None) != "typing":
        return False
    return getattr(target, "__name__", None) == "Any" or repr(target) == "typing.Any"


def _checked_types(target: "Any") -> "tuple[type, ...] | None":
    """Return what isinstance can check about plain JSON types, or None for any other type."""
    if isinstance(target, _Union):
        found: tuple[type, ...] = ()
        for member in target.__args__:
            more = (_NoneType,) if member is _NoneType else _checked_types(member)
            if more is None:
                return None
            found += more
        return found
    if isinstance(target, _GenericAlias):
        args = target.__args__
        free = _is_any(args[-1]) or args[-1] is object
        if target.__origin__ is dict and args[0] is str and free:
            return (dict,)
        return (list,) if target.__origin__ is list and free else None
    if isinstance(target, type) and _PLAIN.get(target.__name__) is target:
        return (target,)
    return None


def _payload(event: "Event[Any]") -> "Any":
    return event.payload


def _event(event: "Event[Any]") -> "Event[Any]":
    return event


def _raw(event: "Event[Any]") -> bytes:
    return event.raw


def _bound_event(data: "Callable[[Event[Any]], Any]") -> "Callable[[Event[Any]], Event[Any]]":
    def bound(event: "Event[Any]") -> "Event[Any]":
        event.binder = data
        event.data  # noqa: B018  binds now, so that a misfit is reported before the handler runs
        return event

    return bound


_JSON_WORDS = {
    "dict": "an object", "list": "an array", "str": "a string", "int": "an integer", "float": "a number",
    "bool": "true or false", "NoneType": "null",
}  # fmt: skip


def _check(members: "tuple[type, ...]", target: "Any") -> "Callable[[Event[Any]], Any]":
    takes_bool = bool in members
    # JSON has one kind of number: 1 is a float as well.
    accepted = (*members, int) if float in members else members

    def check(event: "Event[Any]") -> "Any":
        payload = event.payload
        if isinstance(payload, accepted) and (takes_bool or not isinstance(payload, bool)):
            return payload
        wanted = " or ".join(_JSON_WORDS[member.__name__] for member in members)
        hint = f"the handler's first parameter is annotated as {getattr(target, '__name__', target)}"
        if payload is None and not event.raw:
            raise PayloadError(f"the payload is empty; expected {wanted}", hint=hint)
        given = _JSON_WORDS.get(type(payload).__name__, "something else")
        raise PayloadError(
            f"the payload is {given}; expected {wanted}",
            details=[{"loc": [], "msg": f"expected {wanted}", "type": "json_type"}],
            hint=hint,
        )

    return check


def _validate(
    target: "Any", name: str
) -> "tuple[Callable[[Event[Any]], Any], Callable[[], Callable[[bytes], Any]]]":
    """Return what validates an event, and what builds its validator before the first one comes."""
    validator: Any = None

    def prepare() -> "Any":
        nonlocal validator
        if validator is None:
            validator = _validator(target, name)
        return validator

    def validate(event: "Event[Any]") -> "Any":
        raw = event.raw
        if not raw:
            raise PayloadError("the payload is empty; expected JSON")
        check = validator or prepare()
        try:
            return check(raw)
        except ValueError as error:
            raise _misfit(error, target) from None

    return validate, prepare


def _validator(target: "Any", name: str) -> "Any":
    if hasattr(target, "model_validate_json"):
        return target.model_validate_json
    try:
        from pydantic import TypeAdapter
    except ImportError as error:
        raise DeclarationError(
            f"function {name!r}: binding payloads to {target!r} needs pydantic: {error}",
            hint="add pydantic to the project's dependencies, or annotate the parameter with a plain type",
        ) from error
    try:
        return TypeAdapter(target).validate_json
    except Exception as error:
        raise DeclarationError(
            f"function {name!r}: pydantic cannot validate payloads as {target!r}: {error}",
            hint="annotate the first parameter with a type that pydantic knows, or leave it unannotated",
        ) from error


def _misfit(error: ValueError, target: "Any") -> PayloadError:
    """Turn pydantic's ValidationError into ours, leaving the sender's values out.

    A text that is no JSON at all comes without details, as it does where pydantic is not asked.
    """
    name = getattr(target, "__name__", str(target))
    if not hasattr(error, "errors"):
        return PayloadError(f"the payload does not fit {name}")
    details: list[dict[str, Any]] = [
        {"loc": list(item["loc"]), "msg": _said(item), "type": item["type"]}
        for item in error.errors(include_url=False, include_input=False)
    ]
    if details and details[0]["type"] == "json_invalid":
        reason = str(details[0]["msg"]).removeprefix("Invalid JSON: ")
        return PayloadError(f"the payload is not JSON: {reason}")
    lines = "; ".join(
        f"{'.'.join(map(str, item['loc'])) or 'payload'}: {item['msg']}" for item in details[:5]
    )
    return PayloadError(f"the payload does not fit {name}: {lines}", details=details)


def _said(item: "dict[str, Any]") -> str:
    # The one message of pydantic's own that quotes what the sender sent.
    if item["type"] == "union_tag_invalid":
        return f"The tag is none of the expected tags: {item['ctx']['expected_tags']}"
    return str(item["msg"])
