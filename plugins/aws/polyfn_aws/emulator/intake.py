"""Takes in what a runtime answers: a buffered response, a streamed one, or an error."""

import base64
import binascii

from polyfn.toolchain.emulation.exchange import Exchange, TooLarge, Truncated
from polyfn_aws.emulator import states
from polyfn_aws.emulator.answers import accepted, refused
from polyfn_aws.emulator.errortype import error_type
from polyfn_aws.emulator.invocation import Invocation
from polyfn_aws.emulator.reply import Fault
from polyfn_aws.emulator.throttle import Throttle

#: 6 MiB and 100 bytes.
LARGEST = 6 * 1024 * 1024 + 100
_EXCEEDED = f"exceeded maximum allowed payload size ({LARGEST} bytes)."
_TYPE = "Lambda-Runtime-Function-Error-Type"
_BODY = "Lambda-Runtime-Function-Error-Body"


async def take_response(
    exchange: Exchange, invocation: Invocation, state: states.State, *, throttled: bool
) -> None:
    """Take a response in, in the mode that its headers name."""
    mode = exchange.header("Lambda-Runtime-Function-Response-Mode")
    if mode is not None and mode.lower() != "streaming":
        # The state stays: the platform lets such a runtime fail at its following /next.
        invocation.reply.end(_fault(invocation, "Runtime.InvalidResponseModeHeader", f"mode {mode!r}"))
        await refused(exchange, 400, "InvalidFunctionResponseMode", "Invalid function response mode")
        return
    try:
        if mode is None:
            await _buffered(exchange, invocation)
        else:
            await _streamed(exchange, invocation, Throttle() if throttled else None)
    except Truncated:
        invocation.reply.end(_fault(invocation, "Runtime.TruncatedResponse", "the response ended too early"))
        state.to(states.SENT)
        await refused(exchange, 400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
    except TooLarge:
        invocation.reply.end(Fault.of("Function.ResponseSizeTooLarge", f"Response payload size {_EXCEEDED}"))
        state.to(states.SENT)
        await refused(exchange, 413, "RequestEntityTooLarge", _EXCEEDED.capitalize())
    else:
        state.to(states.SENT)
        await accepted(exchange)


async def take_error(
    exchange: Exchange,
    invocation: Invocation,
    state: states.State,
    *,
    throttled: bool,  # noqa: ARG001  as take_response
) -> None:
    """Take an error in."""
    try:
        body = await exchange.body()
    except Truncated:
        body = b""
    reply = invocation.reply
    reply.begin(exchange.header("Content-Type") or "application/json", streaming=False)
    reply.end(Fault(error_type(exchange.header(_TYPE)), body))
    state.to(states.SENT)
    await accepted(exchange)


async def _buffered(exchange: Exchange, invocation: Invocation) -> None:
    body = await exchange.body(LARGEST)
    reply = invocation.reply
    reply.begin(exchange.header("Content-Type") or "application/octet-stream", streaming=False)
    reply.write(body)
    reply.end()


async def _streamed(exchange: Exchange, invocation: Invocation, throttle: Throttle | None) -> None:
    reply = invocation.reply
    reply.begin(exchange.header("Content-Type") or "application/octet-stream", streaming=True)
    async for chunk in exchange.chunks():
        if throttle is not None:
            await throttle.take(len(chunk))
        reply.write(chunk)
    reply.end(_trailed(exchange))


def _trailed(exchange: Exchange) -> Fault | None:
    told, body = exchange.trailer(_TYPE), exchange.trailer(_BODY)
    if told is None and body is None:
        return None
    try:
        payload = base64.b64decode(body or "", validate=True)
    except (binascii.Error, ValueError):
        payload = b""
    return Fault(error_type(told), payload)


def _fault(invocation: Invocation, type_: str, message: str) -> Fault:
    return Fault.of(type_, message, invocation.request_id)
