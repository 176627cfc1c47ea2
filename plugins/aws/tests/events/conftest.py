"""What these tests share: dispatchers, and a model of what AWS does to a request and with a reply."""

import base64
import json
from collections import defaultdict
from types import SimpleNamespace
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import settings

from polyfn.context import Context
from polyfn.functions import Declaration
from polyfn.invoke import Invoker
from polyfn.runtime import logs
from polyfn_aws.runtime.answers import Answer, Streamed
from polyfn_aws.runtime.dispatch import dispatcher

# A busy machine is no failure: what is slow here is an import on the first example.
if settings.get_current_profile_name() == "default":
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")


class Wire:
    """One HTTP request as a client writes it."""

    def __init__(self, method="GET", path="/", query="", headers=(), body=b""):
        self.method, self.path, self.query = method, path, query
        self.headers, self.body = list(headers), body


def grouped(pairs):
    groups = defaultdict(list)
    for name, value in pairs:
        groups[name].append(value)
    return dict(groups)


def last(pairs):
    return dict(pairs) or None


def body_of(wire, binary=None):
    """What a gateway makes of a body: text if it can, else (or if it is set to) base64."""
    if binary is None:
        try:
            return {"body": wire.body.decode() or None, "isBase64Encoded": False}
        except UnicodeDecodeError:
            binary = True
    if not binary:
        return {"body": wire.body.decode(), "isBase64Encoded": False}
    return {"body": base64.b64encode(wire.body).decode(), "isBase64Encoded": True}


def rest(wire, *, stage="prod", domain="x1y2.execute-api.eu-west-3.amazonaws.com", binary=None, **over):
    """API Gateway REST: the query decoded, everything twice."""
    pairs = parse_qsl(wire.query, keep_blank_values=True)
    return {
        "resource": "/{proxy+}",
        "path": wire.path,
        "httpMethod": wire.method,
        "headers": last(wire.headers),
        "multiValueHeaders": grouped(wire.headers) or None,
        "queryStringParameters": last(pairs),
        "multiValueQueryStringParameters": grouped(pairs) or None,
        "pathParameters": {"proxy": wire.path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": "444455556666",
            "apiId": "x1y2",
            "domainName": domain,
            "httpMethod": wire.method,
            "identity": {"sourceIp": "198.51.100.4", "userAgent": "test"},
            "path": f"/{stage}{wire.path}" if ".execute-api." in domain else wire.path,
            "protocol": "HTTP/1.1",
            "requestId": "2f4e7d1c-0001-4a4a-9b9b-0123456789ab",
            "requestTimeEpoch": 1700000000123,
            "resourceId": "r3s0u",
            "resourcePath": "/{proxy+}",
            "stage": stage,
        },
        **body_of(wire, binary),
        **over,
    }


def http_api(
    wire,
    *,
    stage="$default",
    domain="z9.execute-api.eu-west-3.amazonaws.com",
    decodes=True,
    binary=None,
    **over,
):
    """API Gateway HTTP API, format 2.0: repeated headers joined, cookies apart, the path decoded."""
    prefix = "" if stage == "$default" else f"/{stage}"
    path = prefix + (unquote(wire.path) if decodes else wire.path)
    joined = {}
    cookies = []
    for name, value in wire.headers:
        if name.lower() == "cookie":
            cookies += value.split("; ")
        else:
            low = name.lower()
            joined[low] = f"{joined[low]},{value}" if low in joined else value
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": wire.query,
        "headers": joined,
        "requestContext": {
            "accountId": "444455556666",
            "apiId": "z9",
            "domainName": domain,
            "domainPrefix": "z9",
            "http": {
                "method": wire.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "198.51.100.5",
                "userAgent": "test",
            },
            "requestId": "Req=Id=",
            "routeKey": "$default",
            "stage": stage,
            "time": "14/Nov/2023:22:13:20 +0000",
            "timeEpoch": 1700000000456,
        },
        **body_of(wire, binary),
    }
    if cookies:
        event["cookies"] = cookies
    return event | over


def function_url(wire, **over):
    """A Function URL: as the HTTP API, but the path stays as it was sent."""
    return http_api(wire, domain="q7w8.lambda-url.eu-west-3.on.aws", decodes=False, **over)


def alb(wire, *, multi=False, binary=None, **over):
    """A load balancer: nothing decoded, one value per name unless it is set otherwise."""
    pairs = [(part.partition("=")[0], part.partition("=")[2]) for part in wire.query.split("&") if part]
    headers = [(name.lower(), value) for name, value in wire.headers]
    event = {
        "requestContext": {
            "elb": {
                "targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-3:444455556666:targetgroup/t/0a1b"
            }
        },
        "httpMethod": wire.method,
        "path": wire.path,
        **body_of(wire, binary),
    }
    if multi:
        event |= {
            "multiValueHeaders": grouped(headers),
            "multiValueQueryStringParameters": grouped(pairs),
        }
    else:
        event |= {"headers": dict(headers), "queryStringParameters": dict(pairs)}
    return event | over


def alb_multi(wire, **over):
    return alb(wire, multi=True, **over)


SOURCES = {
    "rest": rest,
    "http-api": http_api,
    "function-url": function_url,
    "alb": alb,
    "alb-multi": alb_multi,
}


def reply_of(source, told):
    """Send a function's reply on as the source would: refuse what makes it answer 502, else the wire form."""
    told = json.loads(told)
    allowed = {"statusCode", "body", "isBase64Encoded"} | {
        "rest": {"headers", "multiValueHeaders"},
        "http-api": {"headers", "cookies"},
        "function-url": {"headers", "cookies"},
        "alb": {"headers", "statusDescription"},
        "alb-multi": {"multiValueHeaders", "statusDescription"},
    }[source]
    assert set(told) <= allowed, f"502: malformed proxy response, {set(told) - allowed}"
    assert isinstance(told["statusCode"], int)
    assert isinstance(told["body"], str)
    pairs = []
    for name, value in told.get("headers", {}).items():
        assert isinstance(value, str)
        assert value.isascii()
        pairs.append((name, value))
    for name, values in told.get("multiValueHeaders", {}).items():
        assert isinstance(values, list)
        pairs += [(name, value) for value in values]
    pairs += [("set-cookie", cookie) for cookie in told.get("cookies", [])]
    body = base64.b64decode(told["body"]) if told["isBase64Encoded"] else told["body"].encode()
    return SimpleNamespace(
        status=told["statusCode"],
        headers=pairs,
        body=body,
        told=told,
        all=lambda name: [value for key, value in pairs if key.lower() == name],
    )


@pytest.fixture(scope="session")
def aws():
    """The model: `Wire`, the envelope makers, `SOURCES`, `reply_of`."""
    return SimpleNamespace(
        Wire=Wire,
        rest=rest,
        http_api=http_api,
        function_url=function_url,
        alb=alb,
        alb_multi=alb_multi,
        SOURCES=SOURCES,
        reply_of=reply_of,
    )


@pytest.fixture(params=list(SOURCES))
def source(request):
    return request.param


def new_context(**over):
    return Context(**{"request_id": "req-1", "function": "f", "provider": "aws"} | over)


@pytest.fixture(scope="session")
def deliver():
    """Run one event through a new dispatcher: `deliver(trigger, handler, event, **settings)`."""

    def run(trigger, handler, event, *, content_type="application/json", context=None, **settings):
        dispatch = dispatcher(Invoker(Declaration("f", trigger, handler)), settings)
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return dispatch(body, content_type, context or new_context())

    return run


@pytest.fixture(scope="session")
def kinds():
    """The two kinds of reply that are not JSON."""
    return SimpleNamespace(Answer=Answer, Streamed=Streamed)


@pytest.fixture
def log(monkeypatch):
    """polyfn's own log lines, as (level, message, error, fields)."""
    lines = []
    monkeypatch.setattr(logs, "sink", lambda *line: lines.append(line))
    return lines


@pytest.fixture(scope="session")
def silent():
    """Drop polyfn's log lines: for property tests, which cannot use a fixture per example."""
    before = logs.sink
    logs.sink = lambda *line: None
    yield
    logs.sink = before
