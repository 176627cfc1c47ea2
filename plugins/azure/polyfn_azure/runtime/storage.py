"""Changes of blobs: blob triggers for what is created, Event Grid for the rest.

A blob trigger comes without the content (deferred binding) or with it, as text or as Base64. Its path is
not in the metadata, whose names that end in `trigger` the host leaves out: the key is the parameter `name`
of the trigger's path, or in `Uri`. Storage's events are those of
https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage.
"""

from polyfn.events import ObjectChange
from polyfn.runtime import logs
from polyfn_azure.runtime.envelope import EnvelopeError
from polyfn_azure.runtime.metadata import whole
from polyfn_azure.runtime.values import OBJECT
from polyfn_azure.runtime.verify import BLOB, arrival, form_of, grid_event, mismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.functions import Declaration
    from polyfn_azure.runtime.envelope import Invocation
    from polyfn_azure.runtime.metadata import Facts

TAKES = "blob triggers and events of Blob Storage"

_TYPES = "Microsoft.Storage."
#: What happened, in the words of events. Any other word stays as it is.
_CHANGES = {"BlobCreated": "created", "BlobDeleted": "deleted"}


def decode(
    invocation: "Invocation",
    declaration: "Declaration",
    settings: "dict[str, Any]",  # noqa: ARG001
) -> "ObjectChange[Any] | None":
    """Make a change of what came; None for an event of another bucket or change than the trigger asks for.

    A storage account has one topic for all its containers, so such events are nobody's mistake: they are
    logged and succeed. `raw` is the blob's content where it was sent: the exact bytes if function.json says
    `dataType: binary`, else without a byte order mark and with U+FFFD for what was no UTF-8. Of an event it
    is the event's data. Raises TriggerMismatchError for what is no change of a blob, EnvelopeError for one
    that names none.
    """
    facts = arrival(invocation, "blob")
    trigger: Any = declaration.trigger
    told = grid_event(facts, nested=trigger.on != "created")
    if told is not None:
        return _published(told, facts, declaration)
    form = form_of(facts)
    if form != BLOB and not (form is None and facts.value.kind != OBJECT):
        raise mismatch(facts, declaration, TAKES)
    return _triggered(facts, declaration)


def _triggered(facts: "Facts", declaration: "Declaration") -> "ObjectChange[Any]":
    bucket: str = declaration.trigger.bucket  # type: ignore[attr-defined]  # it is a Storage
    properties = facts.mapping("Properties")
    uri = facts.text("Uri")
    deferred = facts.value.kind == OBJECT
    size = properties.get("ContentLength", properties.get("Length"))
    etag = properties.get("ETag")
    return ObjectChange(
        bucket=bucket,
        key=_key(facts, uri, bucket),
        change="created",
        size=_size(size),
        etag=etag if isinstance(etag, str) else None,
        source=uri,
        time=_text(properties.get("LastModified")),
        content_type=_text(properties.get("ContentType")),
        # What the blob's writer set.
        attributes=facts.mapping("Metadata"),
        attempt=facts.retries(),
        native=facts.native(),
        raw=b"" if deferred else facts.value.raw,
    )


def _key(facts: "Facts", uri: str | None, bucket: str) -> str:
    found = None if uri is None else _in_uri(uri, bucket)
    if uri is not None and found is None:
        raise EnvelopeError(f"the blob's Uri is not of the container {bucket!r} that the trigger declares")
    key = facts.text("name") or found
    if key is None:
        raise EnvelopeError(
            "the metadata names no blob, or only by names that the blob's own content has as well; a binding "
            "with supportsDeferredBinding does not send the content"
        )
    return key


def _in_uri(uri: str, bucket: str) -> str | None:
    """The key in a blob's URI: behind the container, which is behind the account where that has no host."""
    from polyfn.runtime.percent import unquote

    host, _, path = uri.partition("://")[2].partition("?")[0].partition("/")
    served = ".blob." in host or ".dfs." in host
    for candidate in (path,) if served else (path, path.partition("/")[2]):
        container, _, key = candidate.partition("/")
        if unquote(container) == bucket and key:
            return unquote(key)
    return None


def _published(
    event: "dict[str, Any]", facts: "Facts", declaration: "Declaration"
) -> "ObjectChange[Any] | None":
    from polyfn_azure.runtime import eventgrid

    told = eventgrid.read(event, "Data.event")
    if not told["type"].startswith(_TYPES):
        raise mismatch(facts, declaration, TAKES)
    where = _subject(told["subject"])
    word = told["type"].removeprefix(_TYPES)
    change = _CHANGES.get(word, word)
    trigger: Any = declaration.trigger
    if where is None or where[0] != trigger.bucket or trigger.on not in ("any", change):
        logs.report("INFO", f"an event was skipped that {trigger!r} does not ask for")
        return None
    return _change(told, where, change, facts)


def _subject(subject: str | None) -> "tuple[str, str] | None":
    """Container and key of `/blobServices/default/containers/C/blobs/K`; None for anything else."""
    _, found, rest = (subject or "").partition("blobServices/default/containers/")
    container, found, key = rest.partition("/blobs/")
    return (container, key) if found and container and key else None


def _change(
    told: "dict[str, Any]", where: "tuple[str, str]", change: str, facts: "Facts"
) -> "ObjectChange[Any]":
    payload = told.get("payload")
    data = payload if isinstance(payload, dict) else {}
    url = data.get("url")
    key = _in_uri(url, where[0]) if isinstance(url, str) else None
    version = data.get("blobVersion")
    return ObjectChange(
        bucket=where[0],
        key=key or where[1],
        change=change,
        size=None if change == "deleted" else _size(data.get("contentLength")),
        etag=_text(data.get("eTag")),
        version=_text(version),
        native=facts.native(),
        **told,
    )


def _size(told: "Any") -> int | None:
    """A number of bytes; some JSON has it as text."""
    return int(told) if isinstance(told, str) and told.isascii() and told.isdigit() else whole(told)


def _text(told: "Any") -> str | None:
    return told if isinstance(told, str) and told else None
