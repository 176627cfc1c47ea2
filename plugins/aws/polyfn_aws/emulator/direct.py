"""Direct invocations, on the paths of the real service, so that its clients can be pointed here.

Source: AWS API reference of Lambda, Invoke and InvokeWithResponseStream.
"""

import base64
import binascii
import json
import re
from urllib.parse import unquote

from polyfn.toolchain.emulation.exchange import Exchange
from polyfn.toolchain.errors import EventFileError
from polyfn_aws.emulator.configuration import LARGEST_EVENT, VERSION, Configuration
from polyfn_aws.emulator.eventstream import CONTENT_TYPE, frame
from polyfn_aws.emulator.invocation import Invocation, new_trace
from polyfn_aws.emulator.lifecycle import Finished, Lifecycle
from polyfn_aws.emulator.redrive import Redrive
from polyfn_aws.emulator.reply import Fault
from polyfn_aws.emulator.retries import Background

PATH = re.compile(r"/20\d\d-\d\d-\d\d/functions/([^/]+)/(invocations|response-streaming-invocations)")
LARGEST_ASYNC = 1024 * 1024
_TAIL = 4096


class Refusal(Exception):  # noqa: N818  it is the service's answer
    """The service does not take the request."""

    def __init__(self, status: int, type_: str, message: str) -> None:
        super().__init__(message)
        self.status, self.type = status, type_


class DirectFront:
    """Serves Invoke and InvokeWithResponseStream."""

    def __init__(self, configuration: Configuration, lifecycle: Lifecycle, background: Background) -> None:
        self._configuration = configuration
        self._lifecycle = lifecycle
        self._background = background

    async def handle(self, exchange: Exchange, function: str, call: str) -> None:
        """Answer one request of the service."""
        try:
            self._check(exchange.method, unquote(function))
            invocation = await _invocation(exchange)
            kind = exchange.header("X-Amz-Invocation-Type") or "RequestResponse"
            if call == "response-streaming-invocations":
                await self._stream(exchange, invocation)
            elif attempts := exchange.header("X-Polyfn-Redrive"):
                await self._redrive(exchange, invocation, attempts)
            else:
                await self._invoke(exchange, invocation, kind)
        except Refusal as refusal:
            body = json.dumps({"Type": "User", "Message": str(refusal), "message": str(refusal)}).encode()
            headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", refusal.type)]
            await exchange.reply(refusal.status, headers, body)

    def _check(self, method: str, told: str) -> None:
        # A name, a partial or a whole ARN; any may end with a version or alias.
        names = [part for part in told.split(":") if part not in ("", VERSION)]
        known = {self._configuration.name, "function"}
        if not names or not (known & set(names[-2:])):
            raise Refusal(404, "ResourceNotFoundException", f"Function not found: {told}")
        if method != "POST":
            raise Refusal(405, "MethodNotAllowedException", f"{method} is not POST")

    async def _invoke(self, exchange: Exchange, invocation: Invocation, kind: str) -> None:
        headers = [("x-amzn-RequestId", invocation.request_id)]
        if kind == "DryRun":
            await exchange.reply(204, headers)
        elif kind == "Event":
            if len(invocation.payload) > LARGEST_ASYNC:
                raise _too_large(len(invocation.payload), LARGEST_ASYNC)
            self._background.accept(invocation)
            await exchange.reply(202, headers)
        elif kind == "RequestResponse":
            finished = await self._lifecycle.run(invocation)
            headers += _outcome(invocation.reply.fault)
            if exchange.header("X-Amz-Log-Type") == "Tail":
                headers.append(("X-Amz-Log-Result", _tail(finished)))
            await exchange.reply(
                200, [("Content-Type", "application/json"), *headers], await invocation.reply.payload()
            )
        else:
            raise Refusal(
                400,
                "InvalidParameterValueException",
                f"X-Amz-Invocation-Type {kind!r} is none of RequestResponse, Event, DryRun",
            )

    async def _redrive(self, exchange: Exchange, invocation: Invocation, attempts: str) -> None:
        if not attempts.isdigit() or int(attempts) < 1:
            raise Refusal(
                400, "InvalidParameterValueException", f"X-Polyfn-Redrive: {attempts!r} is not 1 or more"
            )
        try:
            redrive = Redrive(self._lifecycle, partial=self._configuration.partial_batch)
            invoked = await redrive.run(invocation.payload, int(attempts))
        except EventFileError as error:
            raise Refusal(400, "InvalidRequestContentException", str(error)) from None
        body = json.dumps(invoked.report).encode()
        await exchange.reply(200, [("Content-Type", "application/json")], body)

    async def _stream(self, exchange: Exchange, invocation: Invocation) -> None:
        running = self._lifecycle.submit(invocation)
        reply = invocation.reply
        await reply.wait_begun()
        head = [("Content-Type", CONTENT_TYPE), ("x-amzn-RequestId", invocation.request_id)]
        told = [("X-Amz-Executed-Version", VERSION), ("X-Amzn-Remapped-Content-Type", reply.content_type)]
        await exchange.start(200, [*head, *told])
        async for piece in reply.pieces():
            await exchange.send(frame("PayloadChunk", piece))
        complete: dict[str, str] = {}
        if reply.fault is not None:
            complete["ErrorCode"] = reply.fault.type
            complete["ErrorDetails"] = reply.fault.payload.decode("utf-8", "replace")
        if exchange.header("X-Amz-Log-Type") == "Tail":
            complete["LogResult"] = _tail(await running)
        await exchange.send(frame("InvokeComplete", json.dumps(complete).encode(), "application/json"))
        await exchange.finish()


async def _invocation(exchange: Exchange) -> Invocation:
    payload = await exchange.body() or b"{}"
    if len(payload) > LARGEST_EVENT:
        raise _too_large(len(payload), LARGEST_EVENT)
    _check_json(payload)
    return Invocation(
        payload=payload,
        trace_id=exchange.header("X-Amzn-Trace-Id") or new_trace(),
        client_context=_client_context(exchange.header("X-Amz-Client-Context")),
        cognito_identity=exchange.header("X-Polyfn-Cognito-Identity"),
        tenant_id=exchange.header("X-Amz-Tenant-Id"),
    )


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


#: JSON as RFC 8259 has it. Numbers stay text: Python limits the digits of an int, JSON does not.
_JSON = json.JSONDecoder(parse_int=str, parse_constant=_no_constant)


def _check_json(payload: bytes) -> None:
    try:
        _JSON.decode(payload.decode("utf-8-sig"))
    except RecursionError:
        # Deeper than can be followed here. The function is given it, and says what it makes of it.
        return
    except ValueError as error:
        raise Refusal(
            400, "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from None


def _client_context(told: str | None) -> str | None:
    if not told:
        return None
    try:
        text = base64.b64decode(told, validate=True).decode("utf-8")
        # One line of ASCII, since it travels in a header.
        return json.dumps(json.loads(text), separators=(",", ":"))
    except (binascii.Error, ValueError, RecursionError):
        raise Refusal(
            400,
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        ) from None


def _too_large(size: int, limit: int) -> Refusal:
    return Refusal(
        413, "RequestTooLargeException", f"{size} byte payload is too large for the limit of {limit} bytes"
    )


def _outcome(fault: Fault | None) -> list[tuple[str, str]]:
    headers = [("X-Amz-Executed-Version", VERSION)]
    return headers if fault is None else [*headers, ("X-Amz-Function-Error", "Unhandled")]


def _tail(finished: Finished) -> str:
    log = "".join(f"{line}\n" for line in finished.lines).encode()
    return base64.b64encode(log[-_TAIL:]).decode("ascii")
