"""A plain HTTP response, made from what a function answered."""

import json
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polyfn_aws.emulator.http_request import HOP_BY_HOP

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
#: The front writes these itself.
_OWN = HOP_BY_HOP | {"content-length"}


class MalformedReply(Exception):  # noqa: N818  the front answers with it
    """The function's answer is none that the front understands; the text says why."""


@dataclass(frozen=True)
class HttpReply:
    """Status, headers in order, body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def message(status: int, text: str, request_id: str | None = None) -> HttpReply:
    """Return a front's own JSON message."""
    headers = [("content-type", "application/json")]
    if request_id is not None:
        headers.append(("apigw-requestid", request_id))
    return HttpReply(status, headers, json.dumps({"message": text}, separators=(",", ":")).encode())


def parsed(payload: bytes) -> Any:
    """Return the function's answer decoded. Raises MalformedReply."""
    try:
        return json.loads(payload)
    except ValueError:
        raise MalformedReply("the answer is not JSON") from None
    except RecursionError:
        raise MalformedReply("the answer is nested too deeply to be read") from None


def status_of(answer: Mapping[str, Any]) -> int:
    """Return `statusCode`, which may be text. Raises MalformedReply."""
    told = answer.get("statusCode")
    if isinstance(told, str) and told.isascii() and told.isdigit():
        told = int(told)
    if not isinstance(told, int) or isinstance(told, bool) or not 100 <= told <= 599:
        raise MalformedReply(f"statusCode is {told!r}, not an HTTP status")
    if told < 200:
        raise MalformedReply(f"statusCode {told} is not final")
    return told


def body_of(answer: Mapping[str, Any]) -> bytes:
    """Return `body`, decoded if `isBase64Encoded`. Raises MalformedReply."""
    told = answer.get("body")
    if told is None:
        return b""
    if not isinstance(told, str):
        raise MalformedReply(f"body is of type {type(told).__name__}, not a string")
    if answer.get("isBase64Encoded") is not True:
        try:
            return told.encode("utf-8")
        except UnicodeEncodeError:
            raise MalformedReply("body holds lone surrogates") from None
    try:
        return b64decode(told, validate=True)
    except (Base64Error, ValueError):
        raise MalformedReply("isBase64Encoded is true and body is not base64") from None


def single(answer: Mapping[str, Any], key: str = "headers") -> list[tuple[str, str]]:
    """Return the headers of one value each. Raises MalformedReply."""
    return [checked(name, value) for name, value in _mapping(answer, key).items()]


def multiple(answer: Mapping[str, Any], key: str = "multiValueHeaders") -> list[tuple[str, str]]:
    """Return the headers of several values each. Raises MalformedReply."""
    pairs = []
    for name, values in _mapping(answer, key).items():
        if not isinstance(values, list):
            raise MalformedReply(f"{key}[{name!r}] is not a list")
        pairs += [checked(name, value) for value in values]
    return pairs


def _mapping(answer: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    told = answer.get(key)
    if told is None:
        return {}
    if not isinstance(told, dict):
        raise MalformedReply(f"{key} is of type {type(told).__name__}, not an object")
    return told


def checked(name: str, value: Any) -> tuple[str, str]:
    """Return a header; its value may be any JSON scalar. Raises MalformedReply if HTTP cannot carry it."""
    if isinstance(value, bool | int | float):
        value = json.dumps(value)
    if not isinstance(value, str):
        raise MalformedReply(f"the header {name!r} is of type {type(value).__name__}, not a string")
    value = value.strip(" \t")
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or not _latin(value):
        raise MalformedReply(f"the header {name!r} cannot be sent over HTTP")
    return name, value


def _latin(value: str) -> bool:
    return all(ord(letter) < 256 for letter in value)


def finished(
    status: int, headers: list[tuple[str, str]], body: bytes, *, default_type: str | None = None
) -> HttpReply:
    """Return the reply without headers that are the front's own, with a content type if none is told."""
    kept = [(name, value) for name, value in headers if name.lower() not in _OWN]
    if default_type is not None and not any(name.lower() == "content-type" for name, _ in kept):
        kept.append(("content-type", default_type))
    return HttpReply(status, kept, body)
