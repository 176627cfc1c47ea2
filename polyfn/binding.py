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

Reading a signature needs neither inspect nor typing, which cost more than the rest of a cold start.
"""

from polyfn.errors import DeclarationError, PayloadError
from polyfn.events import Batch, Event, Message, ObjectChange, Tick

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from polyfn.functions import Declaration

_GENERATOR = 0x20
_COROUTINE = 0x80
_ASYNC_GENERATOR = 0x200

_PLAIN: "dict[str, type]" = {kind.__name__: kind for kind in (dict, list, str, int, float, bool)}
_GenericAlias: "Any" = type(list[int])
_Union: "Any" = type(int | str)
_NoneType = type(None)


class Binding:
    """How to call one handler.

    `style` is `sync`, `async`, `generator` or `async generator`; `arity` how many parameters the
    handler takes (0, 1 or 2); `level` see the module; `needs` the distributions that binding
    imports at run time; `argument` makes the first argument of an event, raising PayloadError;
    `data` binds one event's `.data`, or None where it is the plain payload; `target` is the type
    that payloads are bound to, or None.
    """

    __slots__ = ("argument", "arity", "data", "level", "needs", "style", "target")

    argument: "Callable[[Event[Any]], Any]"

    def __init__(self, style: str, arity: int) -> None:
        self.style = style
        self.arity = arity
        self.level = "payload"
        self.needs: tuple[str, ...] = ()
        self.data: Callable[[Event[Any]], Any] | None = None
        self.target: Any = None
        self.argument = _payload


def bind(declaration: "Declaration") -> Binding:
    """Read a declared handler's signature. Raises DeclarationError for one that cannot be called."""
    handler = declaration.handler
    style, names, annotations = _signature(declaration)
    binding = Binding(style, len(names))
    if not names:
        return binding
    annotation = _resolve(annotations.get(names[0]), handler, declaration.name)
    _choose_level(binding, annotation, declaration)
    return binding


def _signature(declaration: "Declaration") -> "tuple[str, tuple[str, ...], dict[str, Any]]":
    """Return the handler's style, the names of its positional parameters, and its annotations."""
    handler = declaration.handler
    inner = _underlying(handler)
    code = getattr(inner, "__code__", None)
    if code is None:
        raise DeclarationError(
            f"function {declaration.name!r}: {handler!r} has no Python code to read a signature from",
            hint="decorate a def or an async def that calls it",
        )
    flags = code.co_flags
    if flags & _ASYNC_GENERATOR:
        style = "async generator"
    elif flags & _COROUTINE:
        style = "async"
    else:
        style = "generator" if flags & _GENERATOR else "sync"
    count = code.co_argcount
    names = code.co_varnames[:count]
    # A method or a callable object has its self bound already.
    if inner is not handler or hasattr(handler, "__self__"):
        bound = getattr(inner, "__self__", None) is not None or not hasattr(handler, "__code__")
        names = names[1:] if bound and names[:1] in (("self",), ("cls",)) else names
    _check_parameters(declaration.name, inner, code, names)
    return style, names[:2], getattr(inner, "__annotations__", {})


def _underlying(handler: "Callable[..., Any]") -> "Any":
    """Return the function whose signature counts, looking through functools.wraps and callables."""
    inner: Any = handler
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    if not hasattr(inner, "__code__") and not hasattr(inner, "func"):
        called = getattr(type(inner), "__call__", None)  # noqa: B004  its code is wanted
        if hasattr(called, "__code__"):
            return called
    return inner


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
    scope = getattr(_underlying(handler), "__globals__", {})
    try:
        # The annotation is the author's own source text, evaluated where it was written.
        return eval(annotation, scope)  # noqa: S307
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
            _bind_data(binding, annotation.__args__[0])
        if origin is Batch:
            binding.level = "batch"
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
    _bind_data(binding, annotation)
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


def _bind_data(binding: Binding, target: "Any") -> None:
    """Set how payloads become `target`: nothing to do, a type check, bytes, or pydantic."""
    if target is None or target is object or _is_any(target):
        return
    binding.target = target
    if target is bytes:
        binding.data = _raw
        return
    checked = _checked_type(target)
    if checked is not None:
        binding.data = _check(checked, target)
        return
    binding.needs = ("pydantic",)
    binding.data = _validate(target)


def _is_any(target: "Any") -> bool:
    if getattr(target, "__module__", None) != "typing":
        return False
    return getattr(target, "__name__", None) == "Any" or repr(target) == "typing.Any"


def _checked_type(target: "Any") -> "Any":
    """Return what isinstance can check about a plain JSON type, or None for any other type."""
    if isinstance(target, type) and not isinstance(target, _GenericAlias):
        return target if _PLAIN.get(target.__name__) is target else None
    if isinstance(target, _Union):
        members = target.__args__
        return target if all(m is _NoneType or _checked_type(m) is m for m in members) else None
    if isinstance(target, _GenericAlias):
        args = target.__args__
        free = _is_any(args[-1]) or args[-1] is object
        if target.__origin__ is dict and args[0] is str and free:
            return dict
        if target.__origin__ is list and free:
            return list
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


def _check(checked: "Any", target: "Any") -> "Callable[[Event[Any]], Any]":
    members = checked.__args__ if isinstance(checked, _Union) else (checked,)
    takes_bool = bool in members
    takes_float = float in members
    accepted = tuple(members) + ((int,) if takes_float else ())

    def check(event: "Event[Any]") -> "Any":
        payload = event.payload
        if isinstance(payload, accepted) and (takes_bool or not isinstance(payload, bool)):
            return payload
        wanted = " or ".join(_JSON_WORDS[member.__name__] for member in members)
        given = "nothing" if not event.raw else _JSON_WORDS.get(type(payload).__name__, "something else")
        raise PayloadError(
            f"the payload is {given}; expected {wanted}",
            details=[{"loc": [], "msg": f"expected {wanted}", "type": "json_type"}],
            hint=f"the handler's first parameter is annotated as {getattr(target, '__name__', target)}",
        )

    return check


def _validate(target: "Any") -> "Callable[[Event[Any]], Any]":
    validator: Any = None

    def validate(event: "Event[Any]") -> "Any":
        nonlocal validator
        if validator is None:
            validator = _validator(target)
        raw = event.raw
        if not raw:
            raise PayloadError(
                "the payload is empty; expected JSON",
                details=[{"loc": [], "msg": "the payload is empty", "type": "missing"}],
            )
        try:
            return validator(raw)
        except ValueError as error:
            raise _misfit(error, target) from None

    return validate


def _validator(target: "Any") -> "Any":
    if hasattr(target, "model_validate_json"):
        return target.model_validate_json
    try:
        from pydantic import TypeAdapter
    except ImportError as error:
        raise DeclarationError(
            f"binding payloads to {target!r} needs pydantic, which cannot be imported: {error}",
            hint="add pydantic to the project's dependencies, or annotate the parameter with a plain type",
        ) from error
    return TypeAdapter(target).validate_json


def _misfit(error: ValueError, target: "Any") -> PayloadError:
    """Turn pydantic's ValidationError into ours, leaving the sender's values out."""
    name = getattr(target, "__name__", str(target))
    if not hasattr(error, "errors"):
        return PayloadError(f"the payload does not fit {name}: {error}")
    details: list[dict[str, Any]] = [
        {"loc": list(item["loc"]), "msg": item["msg"], "type": item["type"]}
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    lines = "; ".join(
        f"{'.'.join(map(str, item['loc'])) or 'payload'}: {item['msg']}" for item in details[:5]
    )
    return PayloadError(f"the payload does not fit {name}: {lines}", details=details)
