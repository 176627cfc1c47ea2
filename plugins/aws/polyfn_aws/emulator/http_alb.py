"""Application Load Balancers with a Lambda target group.

Source: AWS documentation, "Use Lambda functions as targets of an Application Load Balancer", and the
public sample events.
"""

from dataclasses import dataclass
from typing import Any

from polyfn_aws.emulator.configuration import ACCOUNT, REGION
from polyfn_aws.emulator.http_reply import (
    HttpReply,
    MalformedReply,
    body_of,
    finished,
    multiple,
    parsed,
    single,
    status_of,
)
from polyfn_aws.emulator.http_request import HttpRequest, last, listed


@dataclass(frozen=True)
class Alb:
    """A target group, with or without multi-value headers."""

    multi: bool = False
    name: str = "a load balancer"
    streams: bool = False

    def event(self, request: HttpRequest) -> dict[str, Any]:
        """Return the event of a request; query parameters stay percent-encoded."""
        headers = [(name.lower(), value) for name, value in request.forwarded()]
        query = request.pairs(decoded=False)
        body, encoded = request.text() if request.body else ("", False)
        group = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/polyfn/0123456789abcdef"
        event: dict[str, Any] = {
            "requestContext": {"elb": {"targetGroupArn": group}},
            "httpMethod": request.method,
            "path": request.path,
        }
        if self.multi:
            event |= {"multiValueQueryStringParameters": listed(query), "multiValueHeaders": listed(headers)}
        else:
            event |= {"queryStringParameters": last(query), "headers": last(headers)}
        return event | {"body": body, "isBase64Encoded": encoded}

    def reply(self, payload: bytes, request: HttpRequest) -> HttpReply:  # noqa: ARG002  as the other forms
        """Return the response. Raises MalformedReply, also for headers in the mode that was not asked."""
        answer = parsed(payload)
        if not isinstance(answer, dict):
            raise MalformedReply("the answer is not an object with statusCode, headers and body")
        wanted, other = ("multiValueHeaders", "headers") if self.multi else ("headers", "multiValueHeaders")
        if answer.get(other) and not answer.get(wanted):
            raise MalformedReply(f"the answer has {other} where the request had {wanted}")
        headers = multiple(answer) if self.multi else single(answer)
        return finished(status_of(answer), headers, body_of(answer), default_type="application/octet-stream")

    def failure(self, request: HttpRequest) -> HttpReply:  # noqa: ARG002
        """Return what a client gets when the function failed."""
        body = (
            b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
            b"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
        )
        return HttpReply(502, [("server", "awselb/2.0"), ("content-type", "text/html")], body)
