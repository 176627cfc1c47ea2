"""An HTTP request as it stands in the envelope (HttpRequestExtensions.GetRequestAsJObject)."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from polyfn.toolchain.emulation.exchange import Exchange
from polyfn_azure.emulator.promotion import promote

_CLAIMS = "http://schemas.microsoft.com/2017/07/functions/claims/"


def request_value(
    exchange: Exchange, body: bytes, params: Mapping[str, str], level: str | None
) -> dict[str, Any]:
    """Return the object that is the trigger's value. `level` is that of the key that was given, or None.

    Body is there only if the request had a Content-Length above 0: what was sent in chunks is lost.
    """
    host = exchange.header("Host") or f"localhost:{exchange.local_port}"
    told: dict[str, Any] = {
        "Url": f"http://{host}{exchange.target}",
        "Method": exchange.method,
        "Query": query(exchange.query),
        "Headers": listed(exchange.headers),
        "Params": dict(params),
        "Identities": [_identity(level)],
    }
    if sized(exchange):
        told["Body"] = b64encode(body).decode() if _binary(exchange) else text_of(body)
    return told


def request_facts(exchange: Exchange, body: bytes, params: Mapping[str, str]) -> dict[str, Any]:
    """Return a request's facts: fields of a JSON body, the query's, the route's, the host's own."""
    facts: dict[str, Any] = {}
    if sized(exchange) and not _binary(exchange):
        promote(text_of(body), facts)
    facts.update({name: value for name, value in query(exchange.query).items() if name.lower() != "code"})
    facts.update(params)
    facts["Params"] = dict(params)
    facts["Query"] = query(exchange.query)
    facts["Headers"] = {name: ",".join(values) for name, values in listed(exchange.headers).items()}
    return facts


def sized(exchange: Exchange) -> bool:
    """Whether the request has a Content-Length above 0."""
    told = exchange.header("Content-Length") or ""
    return told.isdigit() and int(told) > 0


def text_of(body: bytes) -> str:
    """Read a body as text. What is no UTF-8 is lost."""
    return body.decode("utf-8-sig", "replace")


def query(text: str) -> dict[str, str]:
    """Return the query's parameters; the values of one that is given twice are joined with commas."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="replace"):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def listed(headers: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Return headers as lists by name, as they were first spelled."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        known = next((key for key in found if key.lower() == name.lower()), name)
        found.setdefault(known, []).append(value)
    return found


def _binary(exchange: Exchange) -> bool:
    kind = (exchange.header("Content-Type") or "").partition(";")[0].strip().lower()
    return kind == "application/octet-stream" or "multipart/" in kind


def _identity(level: str | None) -> dict[str, Any]:
    """Return who called, as a WebJobsAuthLevel identity."""
    claims = [
        {
            "Issuer": "LOCAL AUTHORITY", "OriginalIssuer": "LOCAL AUTHORITY", "Properties": {},
            "Type": f"{_CLAIMS}authlevel", "Value": level.capitalize() if level else "Anonymous",
            "ValueType": "http://www.w3.org/2001/XMLSchema#string",
        }
    ]  # fmt: skip
    return {
        "AuthenticationType": "WebJobsAuthLevel" if level else None,
        "IsAuthenticated": level is not None,
        "Actor": None,
        "BootstrapContext": None,
        "Claims": claims if level else [],
        "Label": None,
        "Name": None,
        "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
    }
