"""Binding: the annotation of the first parameter chooses what arrives."""

import dataclasses
import enum
import functools
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from polyfn import (
    Batch,
    Call,
    Context,
    Event,
    Events,
    Http,
    Message,
    ObjectChange,
    Queue,
    Request,
    Schedule,
    Storage,
    Stream,
    Tick,
    Topic,
)
from polyfn.binding import Binding, bind
from polyfn.errors import DeclarationError, PayloadError
from polyfn.functions import Declaration
from polyfn.runtime import json
from polyfn.triggers import Trigger

if TYPE_CHECKING:
    from decimal import Decimal

SECRET = "s3cr3t-of-the-sender"


class Order(BaseModel):
    id: int
    note: str = ""


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Entry(TypedDict):
    name: str


class Colour(enum.Enum):
    RED = "red"


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


def bound(handler: Any, trigger: Trigger | None = None) -> Binding:
    return bind(Declaration("f", trigger or Call(), handler))


def annotated(annotation: Any, trigger: Trigger | None = None) -> Binding:
    def handler(event): ...  # type: ignore[no-untyped-def]

    handler.__annotations__["event"] = annotation
    return bound(handler, trigger)


def arrives(annotation: Any, raw: bytes) -> Any:
    return annotated(annotation).argument(Event(raw=raw))


ROWS: list[tuple[Any, str, bytes, Any]] = [
    (None, "payload", b'{"a":1}', {"a": 1}),
    (Any, "payload", b"[1]", [1]),
    (object, "payload", b"null", None),
    (dict, "payload", b'{"a":1}', {"a": 1}),
    (list, "payload", b"[1]", [1]),
    (str, "payload", b'"a"', "a"),
    (int, "payload", b"7", 7),
    (float, "payload", b"7", 7),
    (float, "payload", b"7.5", 7.5),
    (bool, "payload", b"true", True),
    (dict | list, "payload", b"[]", []),
    (int | None, "payload", b"null", None),
    (dict[str, Any], "payload", b"{}", {}),
    (dict[str, object], "payload", b"{}", {}),
    (list[Any], "payload", b"[1]", [1]),
    (dict[str, Any] | None, "payload", b"null", None),
    (dict[str, Any] | list[Any], "payload", b"[1]", [1]),
    (bytes, "bytes", b"\xff\x00", b"\xff\x00"),
    (Order, "validated", b'{"id":1}', Order(id=1)),
    (Point, "validated", b'{"x":1}', Point(1)),
    (Entry, "validated", b'{"name":"a"}', {"name": "a"}),
    (list[Order], "validated", b'[{"id":1}]', [Order(id=1)]),
    (dict[str, int], "validated", b'{"a":1}', {"a": 1}),
    (Optional[Order], "validated", b"null", None),  # noqa: UP045  an old spelling must do as well
    (Order | None, "validated", b'{"id":2}', Order(id=2)),
    (Union[Order, Point], "validated", b'{"x":2}', Point(2)),  # noqa: UP007
    (Colour, "validated", b'"red"', Colour.RED),
    (Annotated[int, Field(gt=1)], "validated", b"2", 2),
    (tuple[int, str], "validated", b'[1,"a"]', (1, "a")),
]


@pytest.mark.parametrize(("annotation", "level", "raw", "expected"), ROWS, ids=lambda value: str(value)[:40])
def test_each_annotation_gives_its_level(annotation: Any, level: str, raw: bytes, expected: Any) -> None:
    binding = annotated(annotation)
    assert binding.level == level
    assert binding.needs == (("pydantic",) if level == "validated" else ())
    given = binding.argument(Event(raw=raw))
    assert given == expected
    assert type(given) is type(expected)


@pytest.mark.parametrize("annotation", [Order, dict, dict[str, Any] | None, Point, Colour])
def test_a_payload_that_came_decoded_binds_as_the_raw_one(annotation: Any) -> None:
    payload = "red" if annotation is Colour else {"id": 1, "x": 1}
    binding = annotated(annotation)
    assert binding.argument(Event(payload=payload)) == binding.argument(Event(raw=json.dumps(payload)))


@pytest.mark.parametrize(
    ("annotation", "raw", "wanted"),
    [
        (dict, b"[]", "an object"), (list, b"{}", "an array"), (str, b"1", "a string"),
        (int, b"1.0", "an integer"), (int, b"true", "an integer"), (float, b"true", "a number"),
        (float, b'"1"', "a number"), (bool, b"1", "true or false"),
        (int | None, b'"a"', "an integer or null"), (dict[str, Any], b"null", "an object"),
        (dict[str, Any] | None, b"3", "an object or null"),
    ],
)  # fmt: skip
def test_a_plain_type_is_checked(annotation: Any, raw: bytes, wanted: str) -> None:
    with pytest.raises(PayloadError, match=f"expected {wanted}") as caught:
        arrives(annotation, raw)
    assert caught.value.details == [{"loc": [], "msg": f"expected {wanted}", "type": "json_type"}]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_a_plain_type_takes_what_pydantic_takes_strictly(value: Any) -> None:
    """The cheap check and the dear one must not tell two stories."""
    from pydantic import TypeAdapter, ValidationError

    raw = json.dumps(value)
    for annotation in (dict, list, str, int, float, bool, int | None, dict[str, Any] | None):
        try:
            TypeAdapter(annotation).validate_json(raw, strict=True)
            fits = True
        except ValidationError:
            fits = False
        try:
            arrives(annotation, raw)
            taken = True
        except PayloadError:
            taken = False
        assert taken is fits, (annotation, value)


@pytest.mark.parametrize("annotation", [None, dict, Order, list[Order], Point])
@pytest.mark.parametrize("raw", [b"{", b"\xff", b"{} {}", b"nan", b"'a'"])
def test_what_is_no_json_is_said_to_be_none(annotation: Any, raw: bytes) -> None:
    with pytest.raises(PayloadError, match="the payload is not JSON: ") as caught:
        arrives(annotation, raw)
    # Without details: the client's syntax is wrong, not its values (400 and not 422).
    assert caught.value.details == []


@pytest.mark.parametrize("annotation", [dict, Order, Point, list[Order], int])
def test_case_7_an_empty_payload_is_a_clear_error(annotation: Any) -> None:
    with pytest.raises(PayloadError, match="the payload is empty; expected") as caught:
        arrives(annotation, b"")
    assert caught.value.details == []


def test_case_7_an_empty_payload_is_none_where_anything_goes() -> None:
    assert arrives(None, b"") is None
    assert arrives(dict | None, b"") is None
    assert arrives(bytes, b"") == b""


def test_a_misfit_says_where_and_why() -> None:
    with pytest.raises(PayloadError) as caught:
        arrives(list[Order], b'[{"id":1},{"id":"x"},{}]')
    assert [detail["loc"] for detail in caught.value.details] == [[1, "id"], [2, "id"]]
    assert "1.id: Input should be a valid integer" in str(caught.value)
    assert set(caught.value.details[0]) == {"loc", "msg", "type"}


@pytest.mark.parametrize(
    ("annotation", "payload"),
    [
        (Order, {"id": SECRET}), (Order, SECRET), (Order, [SECRET]), (Point, {"x": SECRET}),
        (dict, SECRET), (int, SECRET), (Colour, SECRET), (list[int], [SECRET]), (float | None, SECRET),
        (Annotated[Cat | Dog, Field(discriminator="kind")], {"kind": SECRET}),
        (Annotated[str, Field(max_length=3)], SECRET), (Annotated[str, Field(pattern="^x")], SECRET),
        (Literal["a", "b"], SECRET), (Cat, {"kind": SECRET}), (Cat | Dog, {"kind": SECRET}),
    ],
)  # fmt: skip
def test_an_error_never_quotes_the_senders_values(annotation: Any, payload: Any) -> None:
    with pytest.raises(PayloadError) as caught:
        arrives(annotation, json.dumps(payload))
    error = caught.value
    assert SECRET not in f"{error} {error.hint} {error.details}"
    # Nor its cause, which a logged traceback would show.
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


def test_a_validators_own_error_is_a_misfit() -> None:
    class Even(BaseModel):
        n: int

        @field_validator("n")
        @classmethod
        def even(cls, value: int) -> int:
            if value % 2:
                raise ValueError("expected an even number")
            return value

    with pytest.raises(PayloadError, match="n: Value error, expected an even number"):
        arrives(Even, b'{"n":3}')


def test_case_28_what_looks_like_an_envelope_is_not_unwrapped() -> None:
    lookalike = {
        "payload": 1,
        "headers": {},
        "httpMethod": "GET",
        "body": "x",
        "Records": [],
        "isBase64Encoded": True,
    }
    assert arrives(dict, json.dumps(lookalike)) == lookalike
    assert arrives(None, json.dumps(lookalike)) == lookalike


EVENTS: list[tuple[Any, Trigger, Event[Any], Any]] = [
    (Event[Order], Call(), Event(raw=b'{"id":1}'), Order(id=1)),
    (Event, Call(), Event(raw=b'{"id":1}'), {"id": 1}),
    (Event[bytes], Events(), Event(raw=b"\xff"), b"\xff"),
    (Message[Order], Queue("q"), Message(raw=b'{"id":1}'), Order(id=1)),
    (Message[dict], Topic("t"), Message(raw=b'{"id":1}'), {"id": 1}),
    (Message[Entry], Stream("s"), Message(raw=b'{"name":"a"}'), {"name": "a"}),
    (Message[list[Order]], Queue("q"), Message(raw=b'[{"id":1}]'), [Order(id=1)]),
    (Tick, Schedule("* * * * *"), Tick(), None),
    (ObjectChange, Storage("b"), ObjectChange(bucket="b", key="k", change="created"), None),
    (Request[Order], Http(), Request(method="POST", raw_path="/", body=b'{"id":1}'), Order(id=1)),
    (Request, Http(), Request(method="GET", raw_path="/"), None),
]


@pytest.mark.parametrize(
    ("annotation", "trigger", "event", "data"), EVENTS, ids=lambda value: str(value)[:40]
)
def test_an_event_arrives_with_its_data_bound(
    annotation: Any, trigger: Trigger, event: Event[Any], data: Any
) -> None:
    binding = annotated(annotation, trigger)
    assert binding.level == "event"
    assert binding.argument(event) is event
    assert event.data == data


def test_an_events_data_is_bound_before_the_handler_runs() -> None:
    with pytest.raises(PayloadError):
        annotated(Message[Order], Queue("q")).argument(Message(raw=b"{}"))


def test_a_batch_binds_each_message_when_it_is_asked_for() -> None:
    binding = annotated(Batch[Order], Queue("q"))
    assert (binding.level, binding.needs, binding.target) == ("batch", ("pydantic",), Order)
    assert binding.data is not None
    assert binding.data(Message(raw=b'{"id":3}')) == Order(id=3)


@pytest.mark.parametrize(
    ("annotation", "trigger"),
    [
        (Tick, Queue("q")), (Message, Http()), (Batch, Schedule("* * * * *")), (Request, Queue("q")),
        (Request, Call()), (ObjectChange, Events()), (Message[Order], Call()), (Batch[Order], Storage("b")),
    ],
)  # fmt: skip
def test_an_event_that_the_trigger_never_delivers_is_refused(annotation: Any, trigger: Trigger) -> None:
    with pytest.raises(DeclarationError, match="never delivers"):
        annotated(annotation, trigger)


def test_a_plugins_trigger_may_deliver_any_event() -> None:
    class Alarm(Trigger):
        kind = "alarm"

    assert annotated(Tick, Alarm()).level == "event"


def test_annotations_that_are_text_are_evaluated_where_they_stand() -> None:
    for text, level in [
        ("dict", "payload"), ("Order", "validated"), ("'Order'", "validated"), ("bytes", "bytes"),
        ("Event[Order]", "event"), ("dict[str, Any] | None", "payload"), ("None", "payload"),
    ]:  # fmt: skip
        assert annotated(text).level == level, text


def test_a_name_that_exists_for_type_checkers_alone_is_explained() -> None:
    def handler(event: "Decimal") -> None: ...

    with pytest.raises(DeclarationError, match="'Decimal' cannot be evaluated") as caught:
        bound(handler)
    assert "not only under TYPE_CHECKING" in str(caught.value.hint)


def test_a_type_that_pydantic_does_not_know_is_a_declaration_error() -> None:
    class Plain: ...

    with pytest.raises(DeclarationError, match="pydantic cannot validate payloads as"):
        arrives(Plain, b"{}")


# The signature.


def test_case_16_zero_argument_handler() -> None:
    binding = bound(lambda: 1)
    assert (binding.arity, binding.level, binding.style) == (0, "payload", "sync")


def test_the_style_is_read_from_the_code() -> None:
    def sync(event): ...  # type: ignore[no-untyped-def]
    def generator(event):  # type: ignore[no-untyped-def]
        yield

    async def coroutine(event): ...  # type: ignore[no-untyped-def]
    async def chunks(event):  # type: ignore[no-untyped-def]
        yield

    styles = [bound(handler).style for handler in (sync, generator, coroutine, chunks)]
    assert styles == ["sync", "generator", "async", "async generator"]


def test_a_decorated_handler_is_read_through_wraps() -> None:
    def handler(event: Order, context: Context) -> None: ...

    @functools.wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> None: ...

    binding = bound(wrapper)
    assert (binding.arity, binding.level, binding.style) == (2, "validated", "sync")

    @functools.wraps(handler)
    async def later(*args: Any) -> None: ...

    assert bound(later).style == "async"

    async def inner(event: Order) -> None: ...

    @functools.wraps(inner)
    def early(*args: Any) -> Any: ...

    assert bound(early).style == "async"


def test_a_wrapper_that_hides_the_signature_is_refused() -> None:
    def wrapper(*args: Any, **kwargs: Any) -> None: ...

    with pytest.raises(DeclarationError) as caught:
        bound(wrapper)
    assert "functools.wraps" in str(caught.value.hint)


def test_methods_and_callable_objects_have_their_self_already() -> None:
    class Service:
        def handle(this, event: Order, context: Context) -> None: ...  # noqa: N805

        @classmethod
        def of_class(cls, event: Order) -> None: ...

        @staticmethod
        def plain(event: Order) -> None: ...

        def nothing(self) -> None: ...

        async def __call__(self, event: Order) -> None: ...

    service = Service()
    arities = [
        bound(h).arity for h in (service.handle, Service.of_class, service.plain, service.nothing, service)
    ]
    assert arities == [2, 1, 1, 0, 1]
    assert {bound(h).level for h in (service.handle, Service.of_class, service.plain, service)} == {
        "validated"
    }
    assert bound(service).style == "async"


def test_an_object_that_wraps_a_handler_is_read_as_the_handler() -> None:
    class Timed:
        def __init__(self, handler: Any) -> None:
            functools.update_wrapper(self, handler)

        def __call__(self, *args: Any) -> None: ...

    @Timed
    def handler(event: Order, context: Context) -> None: ...

    assert (bound(handler).arity, bound(handler).level) == (2, "validated")


@pytest.mark.parametrize("handler", [functools.partial(max, 1), len, dict, object()])
def test_what_has_no_python_code_is_refused(handler: Any) -> None:
    with pytest.raises(DeclarationError, match="no Python code"):
        bound(handler)


def test_context_first_is_explained() -> None:
    def handler(context: Context) -> None: ...
    def texts(context: "Context", event: dict) -> None: ...  # type: ignore[type-arg]

    for each in (handler, texts):
        with pytest.raises(DeclarationError, match="first parameter is annotated as Context") as caught:
            bound(each)
        assert "the event comes first" in str(caught.value.hint)


def test_parameters_that_nothing_gives_are_refused() -> None:
    def three(event: Any, context: Any, more: Any) -> None: ...
    def defaulted(event: Any, context: Any, more: Any = 1) -> None: ...
    def keyword(event: Any, *, db: Any) -> None: ...
    def optional(event: Any, *, db: Any = None) -> None: ...
    def positional(event: Any, context: Any, /) -> None: ...

    with pytest.raises(DeclarationError, match=r"takes 3 parameters \(event, context, more\)"):
        bound(three)
    with pytest.raises(DeclarationError, match="keyword argument 'db'"):
        bound(keyword)
    assert [bound(h).arity for h in (defaulted, optional, positional)] == [2, 1, 2]


def test_a_default_is_kept_unless_it_waits_for_the_context() -> None:
    def retries(event: Any, retries: int = 3) -> None: ...
    def named(event: Any, context: Any = None) -> None: ...
    def short(event: Any = None, ctx: Any = None) -> None: ...
    def typed(event: Any, c: Context | None = None) -> None: ...
    def quoted(event: Any, c: "Context | None" = None) -> None: ...
    def event(event: Any = None) -> None: ...

    assert [bound(h).arity for h in (retries, named, short, typed, quoted, event)] == [1, 2, 2, 2, 2, 1]
