"""The Runtime API, as runtimes that behave and misbehave see it."""

import json
import re

import pytest


async def invoked(bench, source, event=b"{}", **settings):
    async with bench.emulate(bench.artifact(source), **settings) as emulator:
        return await emulator.invoke(event)


def test_second_answer_is_403_with_the_platforms_text(bench, run):
    result = run(
        invoked(
            bench,
            """
            id, _, _ = next_invocation()
            respond(id, {"first": True})
            print(*respond(id, {"second": True}), flush=True)
            next_invocation()
            """,
        )
    )
    assert json.loads(result.payload) == {"first": True}
    text = (
        "State transition from RuntimeResponseSentState to InvocationResponse failed for runtime. "
        "Error: State transition is not allowed"
    )
    assert str((403, {"errorMessage": text, "errorType": "InvalidStateTransition"})[1]) in "\n".join(
        bench.log
    )
    assert any(line.startswith("403 ") for line in bench.log)


@pytest.mark.parametrize(
    ("answer", "status", "error_type"),
    [
        ('respond("another-id", 1)', 400, "InvalidRequestID"),
        ('respond("another-id", 1, kind="error")', 400, "InvalidRequestID"),
        ('respond(id, 1, {"Lambda-Runtime-Invocation-Id": "stale"})', 410, "InvokeTimeout"),
        ('respond(id, 1, {"Lambda-Runtime-Invocation-Id": "stale"}, kind="error")', 410, "InvokeTimeout"),
        ('respond(id, b"x" * 6291557)', 413, "RequestEntityTooLarge"),
        (
            'respond(id, 1, {"Lambda-Runtime-Function-Response-Mode": "buffered"})',
            400,
            "InvalidFunctionResponseMode",
        ),
    ],
)
def test_wrong_answers(bench, run, answer, status, error_type):
    run(
        invoked(
            bench,
            f"""
            id, headers, _ = next_invocation()
            status, body = {answer}
            print("got", status, body["errorType"], flush=True)
            respond(id, "late")
            next_invocation()
            """,
        )
    )
    assert f"got {status} {error_type}" in bench.log


def test_an_old_answer_after_its_invocation_is_over(bench, run):
    async def work():
        source = """
            old, told, _ = next_invocation()
            respond(old, 1, {"Lambda-Runtime-Invocation-Id": told["lambda-runtime-invocation-id"]})
            id, _, _ = next_invocation()
            print("without", respond(old, 1)[0], flush=True)
            nonce = {"Lambda-Runtime-Invocation-Id": told["lambda-runtime-invocation-id"]}
            print("with", respond(old, 1, nonce)[0], flush=True)
            respond(id, 2)
            next_invocation()
            """
        async with bench.emulate(bench.artifact(source)) as emulator:
            return [(await emulator.invoke(b"{}")).payload for _ in range(2)]

    assert run(work()) == [b"1", b"2"]
    assert "without 400" in bench.log
    assert "with 410" in bench.log


def test_too_large_a_response_fails_the_invocation_alone(bench, run):
    async def work():
        source = """
            serve(lambda event, headers: "x" * event["size"])
            """
        async with bench.emulate(bench.artifact(source)) as emulator:
            return [await emulator.invoke(b'{"size": %d}' % size) for size in (6291557 - 2, 6291556 - 2, 3)]

    large, largest, small = run(work())
    assert large.error == "Unhandled"
    assert json.loads(large.payload)["errorType"] == "Function.ResponseSizeTooLarge"
    assert len(largest.payload) == 6291556
    assert largest.error is None
    assert small.payload == b'"xxx"'
    assert len([line for line in bench.reports() if "Init Duration" in line]) == 1


def test_an_illegal_mode_makes_the_following_next_fail(bench, run):
    result = run(
        invoked(
            bench,
            """
            id, _, _ = next_invocation()
            respond(id, 1, {"Lambda-Runtime-Function-Response-Mode": "buffered"})
            next_invocation()
            """,
        )
    )
    assert json.loads(result.payload)["errorType"] == "Runtime.InvalidResponseModeHeader"
    assert any(line.startswith("next answered 403") for line in bench.log)


def test_next_while_working_gives_the_same_again(bench, run):
    result = run(
        invoked(
            bench,
            """
            first, second = next_invocation(), next_invocation()
            respond(first[0], first[0] == second[0] and first[2] == second[2])
            next_invocation()
            """,
        )
    )
    assert result.payload == b"true"


def test_an_answer_before_the_first_next(bench, run):
    run(invoked(bench, 'print(*respond("x", 1), flush=True); serve(lambda e, h: 1)'))
    assert any(line.startswith("400 ") for line in bench.log)


def test_headers_of_next(bench, run):
    async def work():
        source = "serve(lambda event, headers: headers)"
        async with bench.emulate(bench.artifact(source), function="orders") as emulator:
            plain = json.loads((await emulator.invoke(b"{}")).payload)
            answer = await emulator.http.post(
                "/2015-03-31/functions/orders/invocations",
                headers={
                    "X-Amz-Client-Context": "eyJjdXN0b20iOiB7ImEiOiAiw6kifX0=",
                    "X-Amz-Tenant-Id": "acme",
                    "X-Polyfn-Cognito-Identity": '{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}',
                    "X-Amzn-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1",
                },
                content=b"{}",
            )
            return plain, answer.json()

    plain, rich = run(work())
    for headers in (plain, rich):
        assert re.fullmatch(
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["lambda-runtime-aws-request-id"]
        )
        assert headers["lambda-runtime-invoked-function-arn"].endswith(":function:orders")
        assert headers["content-type"] == "application/json"
    assert plain["lambda-runtime-invocation-id"] != rich["lambda-runtime-invocation-id"]
    assert re.fullmatch(
        r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0", plain["lambda-runtime-trace-id"]
    )
    absent = {
        "lambda-runtime-client-context",
        "lambda-runtime-cognito-identity",
        "lambda-runtime-aws-tenant-id",
    }
    assert absent.isdisjoint(plain)
    assert json.loads(rich["lambda-runtime-client-context"]) == {"custom": {"a": "é"}}
    assert json.loads(rich["lambda-runtime-cognito-identity"])["cognitoIdentityPoolId"] == "p"
    assert rich["lambda-runtime-aws-tenant-id"] == "acme"
    assert rich["lambda-runtime-trace-id"] == "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("Function.MyError", "Function.MyError"),
        ("Runtime.Oops", "Runtime.Oops"),
        ("Function.lower", "Function.Unknown"),
        ("unhandled", "Runtime.Unknown"),
        (None, "Runtime.Unknown"),
    ],
)
def test_error_types(bench, run, told, kept):
    headers = {} if told is None else {"Lambda-Runtime-Function-Error-Type": told}
    result = run(
        invoked(
            bench,
            f"""
            id, _, _ = next_invocation()
            respond(id, {{"errorMessage": "m"}}, {headers!r}, kind="error")
            next_invocation()
            """,
        )
    )
    assert result.error == "Unhandled"
    assert json.loads(result.payload) == {"errorMessage": "m"}
    assert result.report["error_type"] == kept


def test_an_xray_cause_of_nearly_a_megabyte_fits_into_a_header(bench, run):
    result = run(
        invoked(
            bench,
            """
            id, _, _ = next_invocation()
            cause = {"Lambda-Runtime-Function-XRay-Error-Cause": "x" * 1_000_000}
            respond(id, {"errorMessage": "m"}, cause, kind="error")
            next_invocation()
            """,
        )
    )
    assert json.loads(result.payload) == {"errorMessage": "m"}


def test_extensions_register_before_the_first_next_alone(bench, run):
    result = run(
        invoked(
            bench,
            """
            import threading
            watch = register("watch", ["INVOKE"])
            seen = []
            def listen():
                client = http.client.HTTPConnection(API)
                while True:
                    seen.append(extension_next(watch, client))
            threading.Thread(target=listen, daemon=True).start()
            bad = register("bad", ["SHUTDOWN"]), register("watch")
            def handler(event, headers):
                import time
                while not seen:
                    time.sleep(0.001)
                return [seen[0], bad, register("late"), headers["lambda-runtime-aws-request-id"]]
            serve(handler)
            """,
        )
    )
    event, bad, late, request_id = json.loads(result.payload)
    assert event["eventType"] == "INVOKE"
    assert event["requestId"] == request_id
    assert [one[1]["errorType"] for one in bad] == [
        "Extension.InvalidEventType", "Extension.InvalidExtensionState",
    ]  # fmt: skip
    assert late[0] == 403
    assert late[1]["errorType"] == "Extension.RegistrationClosed"


def test_init_lasts_until_every_extension_asks_for_its_next_event(bench, run):
    result = run(
        invoked(
            bench,
            """
            import threading, time
            watch = register()
            def listen():
                time.sleep(0.3)
                extension_next(watch)
            threading.Thread(target=listen, daemon=True).start()
            serve(lambda event, headers: 1)
            """,
        )
    )
    assert result.report["init_ms"] > 300


def test_unknown_extensions_and_unknown_paths(bench, run):
    run(
        invoked(
            bench,
            """
            for headers in {}, {"Lambda-Extension-Identifier": "x"}:
                status, _, body = call("GET", "/2020-01-01/extension/event/next", headers=headers)
                print(status, json.loads(body)["errorType"], flush=True)
            restored = call("GET", "/2018-06-01/runtime/restore/next")
            print(restored[0], call("GET", "/2018-06-01/ping")[2], flush=True)
            serve(lambda event, headers: 1)
            """,
        )
    )
    assert "403 Extension.MissingExtensionIdentifier" in bench.log
    assert "403 Extension.InvalidExtensionIdentifier" in bench.log
    assert "404 b'pong'" in bench.log
