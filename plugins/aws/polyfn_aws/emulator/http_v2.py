"""API Gateway HTTP APIs with payload format 2.0, and Function URLs, which speak the same form.

Source: AWS documentation, "Create AWS Lambda proxy integrations for HTTP APIs", and the public
sample events.
"""

import json
from dataclasses import dataclass
from typing import Any

from polyfn_aws.emulator.configuration import ACCOUNT, REGION
from polyfn_aws.emulator.http_reply import (
    HttpReply,
    MalformedReply,
    body_of,
    checked,
    finished,
    message,
    parsed,
    single,
    status_of,
)
from polyfn_aws.emulator.http_request import HttpRequest, joined


@dataclass(frozen=True)
class V2:
    """Payload format 2.0 of an HTTP API."""

    name: str = "an HTTP API (payload format 2.0)"
    streams: bool = False
    domain: str = f"polyfnlocal.execute-api.{REGION}.amazonaws.com"

    def event(self, request: HttpRequest) -> dict[str, Any]:
        """Return the event of a request. What is empty is left out, as the platform does."""
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": request.path,
            "rawQueryString": request.query,
        }
        if cookies := _cookies(request):
            event["cookies"] = cookies
        event["headers"] = joined(
            ((n, v) for n, v in request.forwarded() if n.lower() != "cookie"), lower=True
        )
        if query := joined(request.pairs(decoded=True)):
            event["queryStringParameters"] = query
        event["requestContext"] = self._context(request)
        if request.body:
            event["body"], event["isBase64Encoded"] = request.text()
        else:
            event["isBase64Encoded"] = False
        return event

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {
            "accountId": ACCOUNT,
            "apiId": self.domain.partition(".")[0],
            "domainName": self.domain,
            "domainPrefix": self.domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": request.header("user-agent"),
            },
            "requestId": request.id,
            "routeKey": "$default",
            "stage": "$default",
            "time": request.clock(),
            "timeEpoch": int(request.at * 1000),
        }

    def reply(self, payload: bytes, request: HttpRequest) -> HttpReply:  # noqa: ARG002  as the other forms
        """Return the response: as told, or inferred from a result without a status. Raises MalformedReply."""
        answer = parsed(payload)
        if not isinstance(answer, dict) or "statusCode" not in answer:
            body = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
            return finished(200, [("content-type", "application/json")], body.encode("utf-8"))
        headers = [*single(answer), *_set_cookies(answer)]
        return finished(status_of(answer), headers, body_of(answer), default_type="text/plain;charset=utf-8")

    def failure(self, request: HttpRequest) -> HttpReply:
        """Return what a client gets when the function failed."""
        # An HTTP API says 500 where a REST API says 502.
        return message(500, "Internal Server Error", request.id)


@dataclass(frozen=True)
class FunctionUrl(V2):
    """A Function URL; `streams` is its invoke mode, RESPONSE_STREAM or BUFFERED."""

    name: str = "a Function URL"
    streams: bool = True
    domain: str = f"polyfnlocal.lambda-url.{REGION}.on.aws"

    def failure(self, request: HttpRequest) -> HttpReply:
        """Return what a client gets when the function failed."""
        return HttpReply(
            502,
            [("content-type", "application/json"), ("x-amzn-requestid", request.id)],
            b"Internal Server Error",
        )


def _cookies(request: HttpRequest) -> list[str]:
    lines = [value for name, value in request.headers if name.lower() == "cookie"]
    return [cookie.strip() for line in lines for cookie in line.split(";") if cookie.strip()]


def _set_cookies(answer: dict[str, Any]) -> list[tuple[str, str]]:
    cookies = answer.get("cookies") or []
    if not isinstance(cookies, list):
        raise MalformedReply("cookies is not a list")
    return [checked("set-cookie", cookie) for cookie in cookies]
