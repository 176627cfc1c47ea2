"""API Gateway REST APIs (payload format 1.0, proxy integration).

Source: AWS documentation, "Lambda proxy integrations in API Gateway", and the public sample events.
"""

from dataclasses import dataclass
from typing import Any

from polyfn_aws.emulator.configuration import ACCOUNT, REGION
from polyfn_aws.emulator.http_reply import (
    HttpReply,
    MalformedReply,
    body_of,
    finished,
    message,
    multiple,
    parsed,
    single,
    status_of,
)
from polyfn_aws.emulator.http_request import HttpRequest, last, listed


@dataclass(frozen=True)
class V1:
    """The proxy integration of a REST API, on a catch-all resource."""

    name: str = "a REST API (payload format 1.0)"
    streams: bool = False

    def event(self, request: HttpRequest) -> dict[str, Any]:
        """Return the event of a request. What is empty is null, as the platform does."""
        headers, query = request.forwarded(), request.pairs(decoded=True)
        body, encoded = request.text() if request.body else (None, False)
        proxy = request.path.lstrip("/")
        return {
            "resource": "/{proxy+}" if proxy else "/",
            "path": request.path,
            "httpMethod": request.method,
            "headers": last(headers),
            "multiValueHeaders": listed(headers),
            "queryStringParameters": last(query) or None,
            "multiValueQueryStringParameters": listed(query) or None,
            "pathParameters": {"proxy": proxy} if proxy else None,
            "stageVariables": None,
            "requestContext": self._context(request, "/{proxy+}" if proxy else "/"),
            "body": body,
            "isBase64Encoded": encoded,
        }

    def _context(self, request: HttpRequest, resource: str) -> dict[str, Any]:
        return {
            "accountId": ACCOUNT,
            "apiId": "polyfnlocal",
            "domainName": f"polyfnlocal.execute-api.{REGION}.amazonaws.com",
            "domainPrefix": "polyfnlocal",
            "extendedRequestId": request.id.replace("-", "")[:16],
            "httpMethod": request.method,
            "identity": {"sourceIp": request.source_ip, "userAgent": request.header("user-agent") or None},
            "path": f"/local{request.path}",
            "protocol": "HTTP/1.1",
            "requestId": request.id,
            "requestTime": request.clock(),
            "requestTimeEpoch": int(request.at * 1000),
            "resourceId": "polyfn",
            "resourcePath": resource,
            "stage": "local",
        }

    def reply(self, payload: bytes, request: HttpRequest) -> HttpReply:  # noqa: ARG002  as the other forms
        """Return the response. Raises MalformedReply: nothing is inferred here."""
        answer = parsed(payload)
        if not isinstance(answer, dict):
            raise MalformedReply("the answer is not an object with statusCode, headers and body")
        many = multiple(answer)
        named = {name.lower() for name, _ in many}
        headers = [*many, *(pair for pair in single(answer) if pair[0].lower() not in named)]
        return finished(status_of(answer), headers, body_of(answer), default_type="application/json")

    def failure(self, request: HttpRequest) -> HttpReply:
        """Return what a client gets when the function failed."""
        return message(502, "Internal server error", request.id)
