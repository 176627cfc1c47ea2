"""The cost of `polyfn.asgi` on an API Gateway event, side by side with Mangum in one run.

    python benchmarks/asgi_bridge.py [--rounds N] [--invocations N] [--json] [--check]

Both serve the same FastAPI application for the same event of format 2.0, from the payload's bytes to
the reply's. Subjects take turns, round by round; figures are medians over the rounds of the CPU time
per invocation, in microseconds, which a busy machine blurs less than wall time.

- polyfn: decode, bridge, application, encode, with the deadline that Lambda gives
- Mangum: as its documentation has it, json.loads and json.dumps around it, as Lambda's own client does
- Mangum, no lifespan: `lifespan="off"`, so the application's startup and shutdown never run
- application alone: a scope that is there already, messages that nobody reads

The aim is against Mangum as documented: both then honour the application's lifespan, polyfn once per
process and Mangum once per invocation.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable

from fastapi import FastAPI
from mangum import Mangum

import polyfn
from polyfn import lifecycle
from polyfn.context import Context
from polyfn.invoke import Invoker
from polyfn.runtime import aio
from polyfn_aws.runtime.dispatch import dispatcher

AIM = 0.8
EVENT = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": "/items/7",
    "rawQueryString": "q=abc",
    "headers": {
        "accept": "application/json",
        "accept-encoding": "gzip, deflate, br",
        "authorization": "Bearer 0123456789",
        "content-length": "0",
        "host": "z9.execute-api.eu-west-3.amazonaws.com",
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "x-amzn-trace-id": "Root=1-65f0c0de-0123456789abcdef01234567",
        "x-forwarded-for": "198.51.100.5",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    },
    "requestContext": {
        "accountId": "444455556666",
        "apiId": "z9",
        "domainName": "z9.execute-api.eu-west-3.amazonaws.com",
        "domainPrefix": "z9",
        "http": {
            "method": "GET",
            "path": "/items/7",
            "protocol": "HTTP/1.1",
            "sourceIp": "198.51.100.5",
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
        },
        "requestId": "Req=Id=",
        "routeKey": "$default",
        "stage": "$default",
        "time": "14/Nov/2023:22:13:20 +0000",
        "timeEpoch": 1700000000456,
    },
    "isBase64Encoded": False,
}
BODY = json.dumps(EVENT).encode()


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/items/{item}")
    async def read(item: int, q: str = "") -> dict[str, object]:
        return {"item": item, "q": q}

    return app


def by_polyfn() -> Callable[[], object]:
    handler = polyfn.asgi(application())
    dispatch = dispatcher(Invoker(polyfn.functions.declared["api"]), {})
    assert handler.__asgi__ is not None
    lifecycle.start()

    def once() -> object:
        deadline = time.time() + 30
        context = Context(request_id="r", function="api", provider="aws", deadline=deadline)
        return dispatch(BODY, "application/json", context)

    return once


def by_mangum(**options: str) -> Callable[[], object]:
    handler = Mangum(application(), **options)  # type: ignore[arg-type]
    return lambda: json.dumps(handler(json.loads(BODY), None)).encode()


def alone() -> Callable[[], object]:
    app, loop = application(), aio.loop()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": "/items/7",
        "raw_path": b"/items/7",
        "query_string": b"q=abc",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in EVENT["headers"].items()],
        "client": ("198.51.100.5", 0),
        "server": ("z9.example", 443),
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: object) -> None: ...

    return lambda: loop.run_until_complete(app(scope.copy(), receive, send))


def told(reply: object) -> tuple[int, object]:
    answer = json.loads(reply)  # type: ignore[arg-type]
    return answer["statusCode"], json.loads(answer["body"])


def measure(once: Callable[[], object], invocations: int) -> float:
    began = time.process_time()
    for _ in range(invocations):
        once()
    return (time.process_time() - began) / invocations * 1e6


def run(rounds: int, invocations: int) -> dict[str, float]:
    subjects = {
        "polyfn": by_polyfn(),
        "Mangum": by_mangum(),
        "Mangum, no lifespan": by_mangum(lifespan="off"),
        "application alone": alone(),
    }
    for name in ("polyfn", "Mangum", "Mangum, no lifespan"):
        assert told(subjects[name]()) == (200, {"item": 7, "q": "abc"}), name
    figures: dict[str, list[float]] = {name: [] for name in subjects}
    for once in subjects.values():
        measure(once, invocations)
    for _ in range(rounds):
        for name, once in subjects.items():
            figures[name].append(measure(once, invocations))
    return {name: round(statistics.median(values), 1) for name, values in figures.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure polyfn.asgi against Mangum.")
    parser.add_argument("--rounds", type=int, default=25, help="turns of each subject")
    parser.add_argument("--invocations", type=int, default=200, help="invocations in a turn")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 if the aim is missed")
    given = parser.parse_args()
    # Mangum works on the thread's current loop.
    asyncio.set_event_loop(asyncio.new_event_loop())
    medians = run(given.rounds, given.invocations)
    ratio = round(medians["polyfn"] / medians["Mangum"], 3)
    if given.json:
        print(json.dumps({"us": medians, "ratio": ratio, "aim": AIM}))
    else:
        print("| subject | CPU per invocation, us | against Mangum |\n|---|---:|---:|")
        for name, value in medians.items():
            print(f"| {name} | {value} | {value / medians['Mangum']:.3f} |")
        print(f"\npolyfn against Mangum: {ratio}, aim: at most {AIM}")
    if given.check and ratio > AIM:
        print(f"missed: {ratio} is more than {AIM}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
