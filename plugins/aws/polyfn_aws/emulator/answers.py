"""What the Runtime API answers."""

import json
from typing import Any

from polyfn.toolchain.emulation.exchange import Exchange, Headers


async def json_answer(exchange: Exchange, status: int, content: Any, headers: Headers = ()) -> None:
    """Send JSON."""
    body = json.dumps(content, separators=(",", ":")).encode() + b"\n"
    await exchange.reply(status, [("Content-Type", "application/json"), *headers], body)


async def accepted(exchange: Exchange) -> None:
    """Say that an answer was taken."""
    await json_answer(exchange, 202, {"status": "OK"})


async def refused(exchange: Exchange, status: int, error_type: str, message: str) -> None:
    """Say that it was not, and why."""
    await json_answer(exchange, status, {"errorMessage": message, "errorType": error_type})


async def forbidden(exchange: Exchange, error_type: str, message: str) -> None:
    """Say that this must not be called now."""
    await refused(exchange, 403, error_type, message)
