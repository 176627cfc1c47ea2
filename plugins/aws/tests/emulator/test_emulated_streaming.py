"""Streamed responses: they stream, they end badly where they end badly, they keep the platform's pace."""

import asyncio
import base64
import json
import time

import httpx
import pytest

from polyfn_aws.emulator.eventstream import frame
from polyfn_aws.emulator.throttle import Throttle
from polyfn_aws.settings import AwsSettings

HTTP = "application/vnd.awslambda.http-integration-response"
PRELUDE = (
    'PRELUDE = json.dumps({"statusCode": 201, "headers": {"content-type": "text/plain", "x-a": "1"}, '
    '"cookies": ["a=1", "b=2; Path=/"]}).encode() + bytes(8)\n'
)
ERROR = [
    ("Lambda-Runtime-Function-Error-Type", "Function.Broken"),
    ("Lambda-Runtime-Function-Error-Body", base64.b64encode(b'{"errorMessage":"half way"}').decode()),
]


def streamer(call: str, before: str = "") -> str:
    """A bootstrap that answers every invocation with a streamed response."""
    lines = [
        PRELUDE.strip(),
        *before.splitlines(),
        "while True:",
        "    id, _, _ = next_invocation()",
        f"    {call}",
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("form", ["function-url", "v1"])
def test_prelude_headers_cookies_and_raw_bytes(bench, run, form):
    source = streamer(
        f"print(stream(id, [PRELUDE[:20], PRELUDE[20:] + b'\\xff\\x00', b'raw'], (), {HTTP!r}), flush=True)"
    )

    async def work():
        settings = AwsSettings(stream=("function-url", "rest"))
        options = {"http": form}
        async with bench.emulate(bench.artifact(source), options=options, settings=settings) as emulator:
            answer = await emulator.http.get("/")
            await emulator.invoke(b"{}")  # the one before is over then
            return answer

    answer = run(work())
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2; Path=/"]
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.content == b"\xff\x00raw"
    assert "HTTP/1.1 202 Accepted" in bench.log


def test_the_first_bytes_arrive_before_the_last_are_made(bench, run):
    source = streamer("stream(id, [b'first', b'last'], pause=lambda: time.sleep(0.3))")

    async def work():
        times = []
        async with bench.emulate(bench.artifact(source), options={"http": "function-url"}) as emulator:
            await emulator.http.get("/")  # warm
            begin = time.monotonic()
            async with emulator.http.stream("GET", "/") as answer:
                async for chunk in answer.aiter_raw():
                    times.append((chunk, time.monotonic() - begin))
        return times

    first, last = run(work())
    assert (first[0], last[0]) == (b"first", b"last")
    assert last[1] - first[1] > 0.2


@pytest.mark.parametrize("call", [f"stream(id, [b'some'], {ERROR!r})", "stream(id, [b'some'], None)"])
def test_an_error_in_mid_stream_cuts_the_response_off(bench, run, call):
    async def work():
        async with bench.emulate(
            bench.artifact(streamer(call)), options={"http": "function-url"}
        ) as emulator:
            received = []
            with pytest.raises(httpx.RemoteProtocolError):
                async with emulator.http.stream("GET", "/") as answer:
                    async for chunk in answer.aiter_raw():
                        received.append(chunk)
            return received

    assert run(work()) == [b"some"]


def test_trailers_carry_the_error_of_a_direct_invocation(bench, run):
    async def work():
        async with bench.emulate(bench.artifact(streamer(f"stream(id, [b'some'], {ERROR!r})"))) as emulator:
            return await emulator.invoke(b"{}")

    result = run(work())
    assert result.error == "Unhandled"
    assert result.payload == b'{"errorMessage":"half way"}'
    assert result.report["error_type"] == "Function.Broken"


def test_a_response_cut_off_is_truncated(bench, run):
    async def work():
        source = streamer("stream(id, [b'some'], None)")
        async with bench.emulate(bench.artifact(source)) as emulator:
            return [await emulator.invoke(b"{}") for _ in range(2)]

    for result in run(work()):
        assert json.loads(result.payload)["errorType"] == "Runtime.TruncatedResponse"
    assert "Init Duration" not in bench.reports()[1]


def test_a_buffered_invocation_of_a_stream_gets_its_raw_bytes(bench, run):
    async def work():
        source = streamer(f"stream(id, [PRELUDE, b'body'], (), {HTTP!r})")
        async with bench.emulate(bench.artifact(source)) as emulator:
            return await emulator.invoke(b"{}")

    prelude, _, body = run(work()).payload.partition(bytes(8))
    assert json.loads(prelude)["statusCode"] == 201
    assert body == b"body"


@pytest.mark.parametrize(("form", "status"), [("v2", 500), ("alb", 502), ("v1", 502), ("function-url", 502)])
def test_fronts_that_do_not_stream_fail_and_say_so(bench, run, form, status):
    async def work():
        source = streamer(f"stream(id, [PRELUDE, b'body'], (), {HTTP!r})")
        options, settings = {"http": form}, AwsSettings(stream=())
        async with bench.emulate(bench.artifact(source), options=options, settings=settings) as emulator:
            return await emulator.http.get("/")

    assert run(work()).status_code == status
    assert any("streamed" in line and "function-url" in line for line in bench.log)


@pytest.mark.parametrize(
    "pieces", ["[b'no prelude']", "[b'x' * 20000]", "[b'{' + bytes(8)]", "[b'[]' + bytes(8)]", "[]"]
)
def test_a_broken_prelude_is_502(bench, run, pieces):
    async def work():
        source = streamer(f"stream(id, {pieces}, (), {HTTP!r})")
        async with bench.emulate(bench.artifact(source), options={"http": "function-url"}) as emulator:
            return await emulator.http.get("/")

    assert run(work()).status_code == 502


def test_an_error_before_the_first_byte_is_502(bench, run):
    async def work():
        source = streamer(f"stream(id, [], {ERROR!r}, {HTTP!r})")
        async with bench.emulate(bench.artifact(source), options={"http": "function-url"}) as emulator:
            return await emulator.http.get("/")

    assert run(work()).status_code == 502


def test_the_deadline_cuts_a_stream_off(bench, run):
    async def work():
        source = streamer("stream(id, [b'some', b'more'], pause=lambda: time.sleep(30))")
        async with bench.emulate(
            bench.artifact(source), options={"http": "function-url"}, timeout=0.3
        ) as emulator:
            with pytest.raises(httpx.RemoteProtocolError):
                await emulator.http.get("/")
            # The client is told before the process is ended: once that is done, this one's turn comes.
            await emulator.invoke(b"{}")

    run(work())
    assert len([line for line in bench.log if "Task timed out after 0.30 seconds" in line]) == 2


def test_a_client_that_leaves_does_not_disturb_the_next(bench, run):
    async def work():
        source = streamer("stream(id, [b'x' * 1000] * 3, pause=lambda: time.sleep(0.05))")
        async with bench.emulate(bench.artifact(source), options={"http": "function-url"}) as emulator:
            async with emulator.http.stream("GET", "/") as answer:
                async for _ in answer.aiter_raw():
                    break
            return await emulator.http.get("/")

    assert run(work()).content == b"x" * 3000


def test_after_six_mebibytes_two_a_second(bench, run):
    async def work():
        source = streamer("stream(id, [bytes(1 << 20)] * 8)")
        async with bench.emulate(bench.artifact(source), options={"http": "function-url"}) as emulator:
            begin = time.monotonic()
            answer = await emulator.http.get("/")
            return len(answer.content), time.monotonic() - begin

    size, seconds = run(work())
    assert size == 8 << 20
    assert seconds >= 0.95


@pytest.mark.parametrize(("throttle", "made"), [("on", 1), ("off", 0)])
def test_the_pace_can_be_switched_off(bench, run, monkeypatch, throttle, made):
    throttles = []
    monkeypatch.setattr(
        "polyfn_aws.emulator.intake.Throttle", lambda: throttles.append(Throttle()) or throttles[-1]
    )

    async def work():
        source = streamer("stream(id, [b'x'])")
        async with bench.emulate(bench.artifact(source), options={"throttle": throttle}) as emulator:
            await emulator.invoke(b"{}")

    run(work())
    assert len(throttles) == made


def test_throttle_counts_what_has_passed():
    async def work():
        throttle = Throttle(burst=10, rate=100)
        begin = time.monotonic()
        for _ in range(4):
            await throttle.take(5)
        return time.monotonic() - begin

    assert asyncio.run(work()) >= 0.09


def test_frames_are_what_botocore_reads():
    from botocore.eventstream import EventStreamBuffer

    buffer = EventStreamBuffer()
    data = frame("PayloadChunk", b"abc") + frame("InvokeComplete", b"{}", "application/json")
    for byte in data:
        buffer.add_data(bytes([byte]))
    events = [(event.headers[":event-type"], event.payload) for event in buffer]
    assert events == [("PayloadChunk", b"abc"), ("InvokeComplete", b"{}")]
