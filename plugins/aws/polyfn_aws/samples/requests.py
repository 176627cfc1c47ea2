"""Requests as API Gateway, load balancers and Function URLs would deliver them."""

from __future__ import annotations

import re
from typing import Any

from polyfn_aws.samples.facts import ACCOUNT, EPOCH, ID, REGION, WHEN_GATEWAY, Made, arn, text

_BODILESS = ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE")


def path_of(route: str | None) -> tuple[str, dict[str, str]]:
    """Fill a route's parameters with their own names; return the path and the parameters."""
    names = [name.removesuffix("...") for name in re.findall(r"{(.+?)}", route or "")]
    path = re.sub(r"{(.+?)}", lambda found: found[1].removesuffix("..."), route or "/")
    return path, {name: name for name in names}


def http(trigger: dict[str, Any], data: Any | None) -> Made:
    """Return one request in the form of each HTTP source; the route's parameters are their own names."""
    method = trigger.get("method") or ("GET" if data is None else "POST")
    path, params = path_of(trigger.get("route"))
    has_body = data is not None or method not in _BODILESS
    body = text(data) if has_body else None
    second = _second_format(method, path, body)
    return [
        ("http-api", second | {"pathParameters": params} if params else second),
        ("rest", _rest(method, path, trigger.get("route"), params, body)),
        ("alb", _alb(method, path, body)),
        ("function-url", _function_url(second)),
    ]


def _headers(host: str, body: str | None) -> dict[str, str]:
    headers = {
        "accept": "*/*",
        "host": host,
        "user-agent": "curl/8.5.0",
        "x-amzn-trace-id": "Root=1-69688ae0-0123456789abcdef01234567",
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    if body is not None:
        headers |= {"content-length": str(len(body.encode())), "content-type": "application/json"}
    return headers


def _second_format(method: str, path: str, body: str | None) -> dict[str, Any]:
    host = f"a1b2c3d4e5.execute-api.{REGION}.amazonaws.com"
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": _headers(host, body),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "a1b2c3d4e5",
            "domainName": host,
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "XJ3Zkh4uFiAEMRQ=",
            "routeKey": "$default",
            "stage": "$default",
            "time": WHEN_GATEWAY,
            "timeEpoch": EPOCH * 1000,
        },
        "isBase64Encoded": False,
    }
    return event if body is None else event | {"body": body}


def _function_url(event: dict[str, Any]) -> dict[str, Any]:
    host = f"a1b2c3d4e5f6g7h8.lambda-url.{REGION}.on.aws"
    prefix = host.partition(".")[0]
    return event | {
        "headers": event["headers"] | {"host": host},
        "requestContext": event["requestContext"]
        | {"apiId": prefix, "domainName": host, "domainPrefix": prefix, "requestId": ID},
    }


def _rest(
    method: str, path: str, route: str | None, params: dict[str, str], body: str | None
) -> dict[str, Any]:
    host = f"f6e7d8c9b0.execute-api.{REGION}.amazonaws.com"
    headers = _headers(host, body)
    resource = (route or "/{proxy+}").replace("...}", "+}")
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": params or None,
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "f6e7d8c9b0",
            "domainName": host,
            "domainPrefix": "f6e7d8c9b0",
            "extendedRequestId": "XJ3ZmFF3liAEMpw=",
            "httpMethod": method,
            "identity": {"sourceIp": "203.0.113.7", "userAgent": "curl/8.5.0"},
            "path": f"/prod{path}",
            "protocol": "HTTP/1.1",
            "requestId": ID,
            "requestTime": WHEN_GATEWAY,
            "requestTimeEpoch": EPOCH * 1000,
            "resourceId": "k3x9wq",
            "resourcePath": resource,
            "stage": "prod",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _alb(method: str, path: str, body: str | None) -> dict[str, Any]:
    group = arn("elasticloadbalancing", "targetgroup/functions/0123456789abcdef")
    return {
        "requestContext": {"elb": {"targetGroupArn": group}},
        "httpMethod": method,
        "path": path,
        "queryStringParameters": {},
        "headers": _headers(f"functions-1234567890.{REGION}.elb.amazonaws.com", body),
        "body": body or "",
        "isBase64Encoded": False,
    }
