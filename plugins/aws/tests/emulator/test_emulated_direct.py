"""The service's own API, driven by AWS's own client."""

import asyncio
import base64
import json
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest

SOURCE = """
    def handler(event, headers):
        return {"event": event, "context": headers.get("lambda-runtime-client-context")}
    serve(handler)
    """
FAILING = """
    while True:
        id, _, body = next_invocation()
        print("tried", id, flush=True)
        error = {"errorMessage": "no", "errorType": "ValueError"}
        respond(id, error, kind="error") if json.loads(body) == "fail" else respond(id, body)
    """


@pytest.fixture(scope="module")
def session():
    """One for all, because reading the service's model takes its time."""
    return boto3.session.Session()


@pytest.fixture
def service(bench, run, session):
    """Calls work(client) in a thread while the emulator runs."""

    def call(source, work, after=None, **settings):
        async def go():
            async with bench.emulate(bench.artifact(source), **settings) as emulator:
                client = session.client(
                    "lambda", endpoint_url=emulator.url, region_name="us-east-1",
                    aws_access_key_id="x", aws_secret_access_key="x",
                    config=botocore.config.Config(retries={"max_attempts": 0}, proxies={}),
                )  # fmt: skip
                try:
                    result = await asyncio.to_thread(work, client)
                    if after is not None:
                        await after()
                    return result
                finally:
                    client.close()

        return run(go())

    return call


def test_invoke(service, bench):
    context = base64.b64encode(b'{"custom": {"a": 1}}').decode()
    answer = service(
        SOURCE,
        lambda client: (
            client.invoke(FunctionName="orders", Payload=b'{"n": 1}', LogType="Tail", ClientContext=context)
            | {}
        ),
        function="orders",
    )
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    log = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert [line.split()[0] for line in log] == ["START", "END", "REPORT"]
    assert log == bench.log


def test_payload_and_client_context_arrive(service):
    context = base64.b64encode(b'{"custom": {"a": 1}}').decode()

    def work(client):
        answer = client.invoke(FunctionName="function", Payload=b'{"n": 1}', ClientContext=context)
        return json.loads(answer["Payload"].read())

    assert service(SOURCE, work) == {"event": {"n": 1}, "context": '{"custom":{"a":1}}'}


def test_no_payload_is_an_empty_object(service):
    def work(client):
        return json.loads(client.invoke(FunctionName="function")["Payload"].read())

    assert service(SOURCE, work)["event"] == {}


@pytest.mark.parametrize("payload", [b"1" * 5000, b"[" * 100_000 + b"]" * 100_000])
def test_what_python_cannot_hold_is_still_delivered(service, payload):
    def work(client):
        return client.invoke(FunctionName="function", Payload=payload)["Payload"].read()

    echo = """
        while True:
            id, _, body = next_invocation()
            respond(id, body)
        """
    assert service(echo, work) == payload


def test_function_error(service):
    def work(client):
        answer = client.invoke(FunctionName="function", Payload=b'"fail"')
        return answer["StatusCode"], answer["FunctionError"], json.loads(answer["Payload"].read())

    assert service(FAILING, work) == (200, "Unhandled", {"errorMessage": "no", "errorType": "ValueError"})


def test_dry_run_starts_nothing(service, bench):
    def work(client):
        return client.invoke(FunctionName="function", InvocationType="DryRun")["StatusCode"]

    assert service(SOURCE, work) == 204
    assert bench.log == []


@pytest.mark.parametrize(("event", "deliveries"), [(b'"fail"', 3), (b'"fine"', 1)])
def test_event_is_answered_at_once_and_retried_twice(service, bench, event, deliveries):
    async def settle():
        end = time.monotonic() + 5
        while len(bench.reports()) < deliveries:
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)

    def work(client):
        return client.invoke(FunctionName="function", InvocationType="Event", Payload=event)["StatusCode"]

    assert service(FAILING, work, settle) == 202
    tried = [line for line in bench.log if line.startswith("tried")]
    assert len(tried) == deliveries
    assert len(set(tried)) == 1, "a retry keeps the request id"
    assert any("failed 3 times" in line for line in bench.log) is (deliveries == 3)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"FunctionName": "other"}, "ResourceNotFoundException"),
        ({"FunctionName": "function", "Payload": b"{no json"}, "InvalidRequestContentException"),
        ({"FunctionName": "function", "Payload": b"NaN"}, "InvalidRequestContentException"),
        ({"FunctionName": "function", "Payload": b'"\xff"'}, "InvalidRequestContentException"),
        ({"FunctionName": "function", "Payload": b'"' + b"x" * (6 << 20) + b'"'}, "RequestTooLargeException"),
        (
            {
                "FunctionName": "function",
                "InvocationType": "Event",
                "Payload": b'"' + b"x" * (1 << 20) + b'"',
            },
            "RequestTooLargeException",
        ),
        ({"FunctionName": "function", "ClientContext": "e30"}, "InvalidRequestContentException"),
        (
            {"FunctionName": "function", "ClientContext": base64.b64encode(b"[" * 2600).decode()},
            "InvalidRequestContentException",
        ),
    ],
)
def test_refusals(service, bench, request_, code):
    def work(client):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            client.invoke(**request_)
        return caught.value.response["Error"]["Code"]

    assert service(SOURCE, work) == code
    assert bench.log == []


@pytest.mark.parametrize(
    "name",
    [
        "orders",
        "orders:$LATEST",
        "123456789012:function:orders",
        "arn:aws:lambda:us-east-1:123456789012:function:orders",
    ],
)
def test_names_and_arns(service, name):
    def work(client):
        return client.invoke(FunctionName=name)["StatusCode"]

    assert service(SOURCE, work, function="orders") == 200


def test_response_stream(service):
    source = """
        while True:
            id, _, body = next_invocation()
            stream(id, [b"one", body], pause=lambda: time.sleep(0.1))
        """

    def work(client):
        answer = client.invoke_with_response_stream(FunctionName="function", Payload=b'"two"', LogType="Tail")
        return list(answer["EventStream"])

    *chunks, end = service(source, work)
    assert [chunk["PayloadChunk"]["Payload"] for chunk in chunks] == [b"one", b'"two"']
    assert base64.b64decode(end["InvokeComplete"]["LogResult"]).startswith(b"START")
    assert "ErrorCode" not in end["InvokeComplete"]


def test_response_stream_of_an_error(service):
    def work(client):
        answer = client.invoke_with_response_stream(FunctionName="function", Payload=b'"fail"')
        return list(answer["EventStream"])

    (end,) = service(FAILING, work)
    assert end["InvokeComplete"]["ErrorCode"] == "Runtime.Unknown"
    assert json.loads(end["InvokeComplete"]["ErrorDetails"])["errorType"] == "ValueError"


def test_unknown_invocation_type_and_wrong_method(bench, run):
    async def work():
        async with bench.emulate(bench.artifact(SOURCE)) as emulator:
            path = "/2015-03-31/functions/function/invocations"
            wrong = await emulator.http.post(path, headers={"X-Amz-Invocation-Type": "Later"})
            return wrong, await emulator.http.get(path)

    wrong, got = run(work())
    assert (wrong.status_code, wrong.headers["x-amzn-errortype"]) == (400, "InvalidParameterValueException")
    assert got.status_code == 405


def test_the_log_tail_is_the_last_four_kilobytes(bench, run):
    async def work():
        source = 'serve(lambda event, headers: print("é" * 4000, flush=True))'
        async with bench.emulate(bench.artifact(source)) as emulator:
            path = "/2015-03-31/functions/function/invocations"
            answer = await emulator.http.post(path, headers={"X-Amz-Log-Type": "Tail"})
            return base64.b64decode(answer.headers["x-amz-log-result"])

    tail = run(work())
    assert len(tail) == 4096
    assert tail.endswith(b"MB\n") or b"Init Duration" in tail
