"""The invocation loop: GET /next, call, POST /response or /error, again.

An invocation is not complete until the next /next is asked for: what runs before that runs with
CPU and is billed. What the Runtime API may answer, and what follows from it, is documented at
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; where that page is silent, the
source of the Runtime Interface Emulator tells.
"""

import sys
from posix import environ, putenv, unsetenv

from polyfn import __version__
from polyfn_aws.runtime import logs
from polyfn_aws.runtime.wire import LostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from polyfn.context import Context
    from polyfn_aws.runtime.answers import Answer, Streamed
    from polyfn_aws.runtime.wire import Connection, Reply

    Dispatch = Callable[[bytes, str, Context], bytes | Answer | Streamed]

#: The largest buffered response that Lambda takes, in bytes.
LIMIT = 6291556
#: Where the X-Ray SDK and others look for the trace header of the current invocation.
TRACE_VARIABLE = b"_X_AMZN_TRACE_ID"

#: What the process is doing, for whoever interrupts it: waiting for /next; in the user's code; sending.
IDLE, HANDLING, ANSWERING = 0, 1, 2


def common_headers(host: bytes) -> bytes:
    """Return the headers that every request to the Runtime API bears."""
    return b"Host: %s\r\nUser-Agent: aws-lambda-polyfn/%s\r\n" % (host, __version__.encode())


class Loop:
    """The state machine of one process.

    `state` is IDLE, HANDLING or ANSWERING; setting `leaving` ends the process with SystemExit(0)
    after the invocation in flight. `extension` is a connection that must stay open as long as the loop.
    """

    __slots__ = (
        "_arm", "_common", "_disarm", "_dispatch", "_make", "_next", "api", "extension", "leaving", "state",
    )  # fmt: skip

    def __init__(
        self,
        api: "Connection",
        make_context: "Callable[[dict[str, str]], Context]",
        dispatch: "Dispatch",
    ) -> None:
        self.api = api
        self.state = IDLE
        self.leaving = False
        self.extension: Connection | None = None
        self._make = make_context
        self._dispatch = dispatch
        self._arm = self._arm_first
        self._disarm = _nothing
        self._common = common_headers(api.host)
        self._next = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n%s\r\n" % self._common

    def run(self) -> "NoReturn":
        """Serve until the process is told to leave (SystemExit) or the Runtime API fails (LostError)."""
        while True:
            self.state = IDLE
            if self.leaving:
                raise SystemExit(0)
            # Kept in no variable here: a payload must not stay in memory until the next one comes.
            self.invoke(*self.take())

    def take(self) -> "tuple[dict[str, str], bytes]":
        """Wait for the next invocation: its headers and its payload."""
        while True:
            status, headers, body = self.api.request(self._next)
            if status == 200:
                if not headers.get("lambda-runtime-aws-request-id"):
                    raise LostError("GET /next was answered without a request id")
                return headers, body
            # 204 is no answer of Lambda's: local stand-ins send it when a poll of theirs runs out.
            if status != 204:
                raise LostError(f"GET /next was answered {status}: {_excerpt(body)}")

    def invoke(self, headers: "dict[str, str]", body: bytes) -> None:
        """Run one invocation from its headers to its answer and the work that was put off behind it."""
        self.state = HANDLING
        logs.request_id = headers["lambda-runtime-aws-request-id"]
        logs.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        set_trace(headers.get("lambda-runtime-trace-id"))
        context = None
        try:
            context = self._make(headers)
            if context.deadline is not None:
                self._arm(context.deadline)
            answer = self._dispatch(body, headers.get("content-type", "application/json"), context)
        except BaseException as error:
            if (self.leaving or self.api.severed) and not isinstance(error, Exception):
                raise
            self.fail(headers, error)
            # sys.exit() in a handler. Lambda alone would say no more than that the process exited.
            if isinstance(error, (SystemExit, KeyboardInterrupt)):
                raise
        else:
            self._answer(headers, answer)
        if context is not None:
            if context.deferred:
                from polyfn.invoke import run_deferred

                run_deferred(context)
            if context.deadline is not None:
                self._disarm()
        flush()

    def _arm_first(self, until: float) -> None:
        """Arm the deadline's stack dump for the first time; it is imported when it is needed."""
        from polyfn_aws.runtime import deadline

        self._arm = deadline.arm
        self._disarm = deadline.disarm
        deadline.arm(until)

    def _answer(self, headers: "dict[str, str]", answer: "bytes | Answer | Streamed") -> None:
        if type(answer) is bytes:
            self.respond(headers, b"application/json", answer)
            return
        from polyfn_aws.runtime.answers import Answer, Streamed

        if isinstance(answer, Answer):
            self.respond(headers, answer.content_type.encode(), answer.body)
        elif isinstance(answer, Streamed):
            from polyfn_aws.runtime import stream

            stream.respond(self, headers, answer)
        else:
            error = TypeError(f"the dispatcher answered {type(answer).__name__}; expected bytes")
            self.fail(headers, error)

    def head(self, headers: "dict[str, str]", verb: str, more: bytes) -> bytes:
        """Return the head of a POST for an invocation, up to and with the empty line.

        The invocation id is a nonce against answers that come too late: it is echoed if it was
        sent, and only then.
        """
        path = f"{headers['lambda-runtime-aws-request-id']}/{verb}"
        nonce = headers.get("lambda-runtime-invocation-id")
        if nonce is not None:
            more = b"Lambda-Runtime-Invocation-Id: %s\r\n%s" % (
                nonce.encode("utf-8", "surrogateescape"),
                more,
            )
        return b"POST /2018-06-01/runtime/invocation/%s HTTP/1.1\r\n%s%s\r\n" % (
            path.encode("utf-8", "surrogateescape"),
            self._common,
            more,
        )

    def respond(self, headers: "dict[str, str]", content_type: bytes, body: bytes) -> None:
        """Post a buffered response."""
        self.state = ANSWERING
        more = b"Content-Type: %s\r\nContent-Length: %d\r\n" % (content_type, len(body))
        reply = self.api.request(self.head(headers, "response", more), body)
        if reply[0] != 202:
            self.refused(reply, "response", len(body))
        self.state = HANDLING

    def fail(self, headers: "dict[str, str]", error: BaseException) -> None:
        """Log an error, unless it was logged where it is known what it means, and post it."""
        from polyfn_aws.runtime import faults

        if error is not logs.told:
            logs.emit_error("ERROR", "", error)
        logs.told = None
        self.state = ANSWERING
        fault = faults.describe(error, headers["lambda-runtime-aws-request-id"])
        more = b"Content-Type: application/json\r\n%sContent-Length: %d\r\n" % (
            fault.headers,
            len(fault.body),
        )
        reply = self.api.request(self.head(headers, "error", more), fault.body)
        if reply[0] != 202:
            self.refused(reply, "error", len(fault.body))
        self.state = HANDLING

    def refused(self, reply: "Reply", verb: str, size: int) -> None:
        """Log why a post was refused. Raises LostError if the process cannot go on after it.

        What the client did (400, 403, 410, 413) concerns one invocation, and the platform has
        told its caller. Anything from 500 means that the Runtime API itself is broken.
        """
        status, _, body = reply
        if 200 <= status < 300:
            return
        if not 400 <= status < 500:
            raise LostError(f"POST /{verb} was answered {status}: {_excerpt(body)}")
        if status == 413:
            what = f"the {verb} has {size} bytes; Lambda takes at most {LIMIT} at once"
            if verb == "response":
                what += (
                    ". Stream it (make the handler a generator), or put it into S3 and return a presigned URL"
                )
        elif status == 410:
            what = f"the {verb} came too late: the invocation had timed out (410)"
        else:
            what = f"Lambda refused the {verb} with {status}: {_excerpt(body)}"
        logs.emit("ERROR", what)


def _nothing() -> None:
    """Stand in for what there is nothing to do for yet."""


def set_trace(header: str | None) -> None:
    """Set or delete the trace variable, where os.environ and child processes see it.

    `posix.environ` is the very dict that os.environ keeps its values in, whether or not os is
    imported yet.
    """
    if header is not None:
        raw = header.encode("utf-8", "surrogateescape")
        environ[TRACE_VARIABLE] = raw
        putenv(TRACE_VARIABLE, raw)
    elif TRACE_VARIABLE in environ:
        del environ[TRACE_VARIABLE]
        unsetenv(TRACE_VARIABLE)


def flush() -> None:
    """Push out what was printed: what is still buffered at the freeze appears minutes later or never."""
    for file in (sys.stdout, sys.stderr):
        try:
            file.flush()
        except Exception:  # noqa: BLE001, S110  user code may have replaced or closed it
            pass


def _excerpt(body: bytes) -> str:
    """The start of what the Runtime API said, on one line."""
    return " ".join(str(body[:300], "utf-8", "replace").split())
