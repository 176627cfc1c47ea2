"""The neutral events: what a handler is given, whatever platform delivered it.

They are lossless: what the platform told is here, with the vendor's own payload at `native`; what
it did not tell is None and never an invented value. Payloads are decoded and validated only when
somebody asks for them.
"""

from polyfn.errors import PayloadError, SettlementError
from polyfn.outcomes import Drop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from types import TracebackType
    from typing import Any, Generic

    from typing_extensions import TypeVar

    # The default lets a handler say `tick: Tick` or `request: Request` and no more. For type checkers
    # alone: at run time nothing of this is imported.
    T = TypeVar("T", default=Any)

    class _Generic(Generic[T]):
        __slots__ = ()
else:
    T = object()

    class _Generic:
        """`Message[Order]` at run time, without importing typing."""

        __slots__ = ()
        __class_getitem__ = classmethod(type(list[int]))


#: Marks what has not been computed yet, where None is a value.
UNSET: "Any" = object()


class _Native:
    """What has the vendor's own object."""

    __slots__ = ("_native",)
    _native: "Any"

    @property
    def native(self) -> "Any":
        """The vendor's own object. A provider may pass a callable that makes it on first use."""
        if callable(self._native):
            self._native = self._native()
        return self._native

    @native.setter
    def native(self, native: "Any") -> None:
        self._native = native


class Event(_Native, _Generic[T]):
    """Something that happened, with the CloudEvents attributes that the platform told.

    | attribute | content |
    |---|---|
    | `id`, `source`, `type`, `subject` | CloudEvents context attributes, or None |
    | `time` | aware `datetime`, or None |
    | `content_type` | media type of `raw`, or None |
    | `attributes` | every other named fact of the delivery: name to str, bytes or JSON |
    | `attempt` | 1 for the first delivery, or None if the platform does not count |
    | `raw` | the payload as bytes, as delivered |
    | `payload` | the payload decoded from JSON |
    | `data` | the payload bound to `T`: what `Event[T]` names |
    | `native` | the vendor's own object: using it ties the function to one platform |
    """

    __slots__ = (
        "_data", "_payload", "_raw", "_time", "attempt", "attributes", "binder", "content_type",
        "id", "source", "subject", "type",
    )  # fmt: skip

    id: str | None
    source: str | None
    type: str | None
    subject: str | None
    content_type: str | None
    attributes: "Mapping[str, Any]"
    attempt: int | None
    binder: "Callable[[Event[Any]], Any] | None"

    def __init__(
        self,
        *,
        raw: "bytes | None" = None,
        payload: "Any" = UNSET,
        id: str | None = None,  # noqa: A002  CloudEvents names it so
        source: str | None = None,
        type: str | None = None,  # noqa: A002
        subject: str | None = None,
        time: "datetime | str | float | None" = None,
        content_type: str | None = None,
        attributes: "Mapping[str, Any] | None" = None,
        attempt: int | None = None,
        native: "Any" = None,
    ) -> None:
        # No payload at all is no bytes, which is not the payload null.
        self._raw = b"" if raw is None and payload is UNSET else raw
        self._payload = payload
        self._data = UNSET
        self._time = time
        self.id = id
        self.source = source
        self.type = type
        self.subject = subject
        self.content_type = content_type
        self.attributes = {} if attributes is None else attributes
        self.attempt = attempt
        self._native = native
        self.binder = None

    @property
    def raw(self) -> bytes:
        """The payload as bytes: as delivered, or encoded from what the platform delivered decoded."""
        if self._raw is None:
            from polyfn.runtime import json

            self._raw = json.dumps(self._payload)
        return self._raw

    @property
    def text(self) -> str:
        """The payload as text. Raises PayloadError if it is not UTF-8."""
        try:
            return str(self.raw, "utf-8")
        except UnicodeDecodeError as error:
            raise PayloadError(f"the payload is not UTF-8 text: {error.reason} at {error.start}") from None

    @property
    def payload(self) -> "Any":
        """The payload decoded from JSON; None if it is empty. Raises PayloadError if it is not JSON."""
        if self._payload is UNSET:
            raw = self._raw
            if not raw:
                self._payload = None
            else:
                from polyfn.runtime import json

                try:
                    self._payload = json.loads(raw)
                except ValueError as error:
                    hint = "bytes as its type takes any payload: `event: bytes`, `message: Message[bytes]`"
                    raise PayloadError(f"the payload is not JSON: {error}", hint=hint) from None
        return self._payload

    @property
    def data(self) -> "T":
        """The payload bound to the type that the annotation names; `payload` where it names none.

        Raises PayloadError if the payload does not fit.
        """
        if self._data is UNSET:
            self._data = self.payload if self.binder is None else self.binder(self)
        bound: T = self._data
        return bound

    @property
    def time(self) -> "datetime | None":
        """When it happened, as the platform told it: aware, or None."""
        if self._time is not None and isinstance(self._time, (str, int, float)):
            from polyfn.runtime import times

            self._time = times.parse(self._time)
        return self._time

    def __repr__(self) -> str:
        # No payload: an event that ends up in a log line must not take a customer's data with it.
        return f"<{type(self).__name__} id={self.id!r} type={self.type!r} source={self.source!r}>"


class Message(Event[T]):
    """One message of a queue, a topic or a stream.

    Beyond `Event`: `key` is the ordering key (FIFO message group, partition key, Kafka key),
    `sequence` the position that the platform gives it in its queue or shard, `origin` the name of
    the queue, topic or stream.

    A handler of a `Batch` settles messages itself: `with message:` fails this message alone when
    its block raises, and `fail()` does so without a block. A message that nobody failed succeeded.
    """

    __slots__ = ("error", "failed", "key", "open", "origin", "sequence")

    key: str | bytes | None
    sequence: str | int | None
    origin: str | None
    failed: bool
    error: BaseException | None

    def __init__(
        self,
        *,
        key: "str | bytes | None" = None,
        sequence: "str | int | None" = None,
        origin: str | None = None,
        **facts: "Any",
    ) -> None:
        super().__init__(**facts)
        self.key = key
        self.sequence = sequence
        self.origin = origin
        self.failed = False
        self.error = None
        self.open = True

    def fail(self, error: BaseException | None = None) -> None:
        """Have this message delivered again. Raises SettlementError once the batch was answered."""
        if not self.open:
            raise SettlementError(
                f"message {self.id!r} was failed after its batch had been answered",
                hint="settle messages before the handler returns; work after the reply cannot change it",
            )
        self.failed = True
        self.error = error

    def __enter__(self) -> "Message[T]":
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> bool:
        if error is None:
            return False
        if not isinstance(error, Exception):
            return False
        from polyfn.runtime import logs

        if isinstance(error, Drop):
            logs.report("ERROR", f"message dropped: {error.reason}", message_id=self.id)
        else:
            self.fail(error)
            logs.report("ERROR", "message failed", error=error, message_id=self.id)
        return True


class Batch(_Native, _Generic[T]):
    """Every message of one delivery, in the platform's order; `native` is the vendor's envelope."""

    __slots__ = ("messages",)

    def __init__(self, messages: "list[Message[T]]", *, native: "Any" = None) -> None:
        self.messages = messages
        self._native = native

    def __iter__(self) -> "Iterator[Message[T]]":
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)

    def __getitem__(self, index: int) -> "Message[T]":
        return self.messages[index]

    def fail(self, message: "Message[T] | str") -> None:
        """Fail a message by itself or by its id. Raises SettlementError if it is not of this batch.

        Platforms take one unknown id as a reason to deliver the whole batch again, so an id is
        checked here and not there.
        """
        for mine in self.messages:
            if mine is message or (message is not None and mine.id == message):
                mine.fail()
                return
        raise SettlementError(f"{message!r} is not in this batch of {len(self.messages)} messages")

    def __repr__(self) -> str:
        return f"<Batch of {len(self.messages)}>"


class Tick(Event[T]):
    """A schedule has fired. `time` is when it was due, `schedule` the platform's name for it."""

    __slots__ = ("schedule",)

    schedule: str | None

    def __init__(self, *, schedule: str | None = None, **facts: "Any") -> None:
        super().__init__(**facts)
        self.schedule = schedule


class ObjectChange(Event[T]):
    """An object in a bucket was created or deleted.

    | attribute | content |
    |---|---|
    | `bucket`, `key` | where it is; the key is decoded, as the storage API takes it |
    | `change` | `created`, `deleted`, or the platform's own word for anything else |
    | `size` | bytes, or None (deletions have none) |
    | `etag`, `version` | as the platform gives them, or None |
    """

    __slots__ = ("bucket", "change", "etag", "key", "size", "version")

    bucket: str
    key: str
    change: str
    size: int | None
    etag: str | None
    version: str | None

    def __init__(
        self,
        *,
        bucket: str,
        key: str,
        change: str,
        size: int | None = None,
        etag: str | None = None,
        version: str | None = None,
        **facts: "Any",
    ) -> None:
        super().__init__(**facts)
        self.bucket = bucket
        self.key = key
        self.change = change
        self.size = size
        self.etag = etag
        self.version = version
