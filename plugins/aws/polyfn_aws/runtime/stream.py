"""Response streaming: a chunked POST, each chunk sent at once, errors in real trailers."""

from polyfn_aws.runtime.wire import JOINED, LostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyfn_aws.runtime.answers import Streamed
    from polyfn_aws.runtime.loop import Loop
    from polyfn_aws.runtime.wire import Connection

#: `streaming` is the only legal mode; even `buffered` fails the invocation.
HEADERS = (
    b"Content-Type: %s\r\n"
    b"Lambda-Runtime-Function-Response-Mode: streaming\r\n"
    b"Transfer-Encoding: chunked\r\n"
    b"Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n"
)


def respond(loop: "Loop", headers: "dict[str, str]", answer: "Streamed") -> None:
    """Send a streamed response. What is raised before the first chunk becomes an ordinary error."""
    chunks = iter(answer.chunks)
    pieces = _pieces(chunks)
    try:
        try:
            first = next(pieces, b"")
        except Exception as error:  # noqa: BLE001  whatever the user's code raises is the answer
            loop.fail(headers, error)
            return
        head = loop.head(headers, "response", HEADERS % answer.content_type.encode())
        _send(loop, headers, head, answer.head + first, pieces)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()


def _send(
    loop: "Loop", headers: "dict[str, str]", head: bytes, first: bytes, pieces: "Iterator[bytes]"
) -> None:
    api = loop.api
    try:
        api.send(head + frame(first))
        try:
            for chunk in pieces:
                send_chunk(api, chunk)
            api.send(b"0\r\n\r\n")
        except LostError:
            raise
        except BaseException as error:
            api.send(trailers(error, headers["lambda-runtime-aws-request-id"]))
            if not isinstance(error, Exception):
                raise
    except LostError:
        # The caller may have gone away. If Lambda said so before it closed, life goes on.
        reply = api.reply()
        api.close()
    else:
        reply = api.reply()
    if reply[0] != 202:
        loop.refused(reply, "response", 0)


def _pieces(chunks: "Iterator[bytes]") -> "Iterator[bytes]":
    """The chunks that are not empty: an empty one would end the body."""
    for chunk in chunks:
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise TypeError(f"a stream yields bytes; this one yielded {type(chunk).__name__}")
        if len(chunk):
            yield bytes(chunk)


def frame(chunk: bytes) -> bytes:
    """Return a chunk as chunked encoding has it; nothing for an empty one."""
    return b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunk else b""


def send_chunk(api: "Connection", chunk: bytes) -> None:
    """Send one chunk at once, without copying it if it is large."""
    if len(chunk) <= JOINED:
        api.send(frame(chunk))
    else:
        api.send(b"%x\r\n" % len(chunk), more=True)
        api.send(chunk, more=True)
        api.send(b"\r\n")


def trailers(error: BaseException, request_id: str) -> bytes:
    """Log an error that came in mid-stream and return the end of the body that tells Lambda of it."""
    from binascii import b2a_base64

    from polyfn_aws.runtime import faults, logs

    logs.emit_error("ERROR", "", error)
    fault = faults.describe(error, request_id)
    return (
        b"0\r\nLambda-Runtime-Function-Error-Type: %s\r\nLambda-Runtime-Function-Error-Body: %s\r\n\r\n"
        % (fault.kind.encode(), b2a_base64(fault.body, newline=False))
    )
