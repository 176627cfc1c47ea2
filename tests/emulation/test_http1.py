"""The HTTP server of the emulators, against real clients and against bytes that no good client sends."""

import asyncio
import subprocess
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyfn.toolchain.emulation.exchange import TooLarge, Truncated
from polyfn.toolchain.emulation.http1 import serve


def run(work):
    return asyncio.run(asyncio.wait_for(work, 20))


@asynccontextmanager
async def raw(handler):
    async with serve(handler) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        try:
            yield reader, writer
        finally:
            writer.close()


async def talk(handler, data, *, eof=False):
    async with raw(handler) as (reader, writer):
        writer.write(data)
        if eof:
            writer.write_eof()
        return await reader.read()


async def echo(exchange):
    body = await exchange.body()
    trailers = "".join(f"{name}={value};" for name, value in exchange.trailers)
    await exchange.reply(200, [("X-Target", exchange.target), ("X-Trailers", trailers)], body)


def test_keep_alive_with_a_real_client():
    async def work():
        async with serve(echo) as server, httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            return [await client.post(f"/a%2Fb?n={n}", content=b"x" * n) for n in (0, 1, 100_000)]

    answers = run(work())
    assert [len(answer.content) for answer in answers] == [0, 1, 100_000]
    assert [answer.headers["x-target"] for answer in answers] == [f"/a%2Fb?n={n}" for n in (0, 1, 100_000)]


def test_curl_waits_for_100_continue():
    async def work():
        async with serve(echo) as server:
            command = [
                "curl",
                "-sS",
                "--noproxy",
                "*",
                "-H",
                "Expect: 100-continue",
                "--expect100-timeout",
                "5",
            ]
            process = await asyncio.create_subprocess_exec(
                *command, "-d", "body", "-w", " %{time_total}", server.url,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            return await process.communicate()

    out, err = run(work())
    body, seconds = out.split()
    assert body == b"body", err
    assert float(seconds) < 3


def test_trailers_are_shown():
    data = (
        b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\nX-A: 1\r\nX-B: two words\r\n\r\n"
    )
    answer = run(talk(echo, data))
    assert b"X-Trailers: X-A=1;X-B=two words;" in answer
    assert answer.endswith(b"abc")


def test_pipelined_requests_are_answered_in_order():
    one = b"POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n%d"
    end = b"GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    answer = run(talk(echo, one % (1, 1) + one % (2, 2) + end))
    assert [line for line in answer.splitlines() if line.startswith(b"X-Target")] == [
        b"X-Target: /1", b"X-Target: /2", b"X-Target: /3",
    ]  # fmt: skip


def test_a_request_is_streamed_in_and_its_response_out():
    async def work():
        async def upper(exchange):
            await exchange.start(200, [])
            async for chunk in exchange.chunks():
                await exchange.send(chunk.upper())
            await exchange.finish([("X-End", "yes")])

        async with raw(upper) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"3\r\nabc\r\n")
            first = await reader.readuntil(b"ABC\r\n")
            writer.write(b"0\r\n\r\n")
            return first, await reader.readuntil(b"yes\r\n\r\n")

    first, last = run(work())
    assert first == b"3\r\nABC\r\n"
    assert last == b"0\r\nX-End: yes\r\n\r\n"


@pytest.mark.parametrize(
    "head", [b"Content-Length: 10\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"]
)
def test_a_body_that_ends_too_early_is_truncated(head):
    seen = []

    async def handler(exchange):
        try:
            await exchange.body()
        except Truncated:
            seen.append("truncated")
            await exchange.reply(400)

    answer = run(talk(handler, b"POST / HTTP/1.1\r\nHost: h\r\n" + head, eof=True))
    assert seen == ["truncated"]
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_body_above_its_limit_is_read_to_its_end():
    async def handler(exchange):
        try:
            await exchange.reply(200, (), b"%d" % len(await exchange.body(10)))
        except TooLarge:
            await exchange.reply(413)

    async def work():
        async with (
            serve(handler) as server,
            httpx.AsyncClient(base_url=server.url, trust_env=False) as client,
        ):
            sizes = (11, 10, 5_000_000, 0)
            return [(await client.post("/", content=b"x" * size)).status_code for size in sizes]

    assert run(work()) == [413, 200, 413, 200]


def test_a_body_that_the_handler_leaves_is_skipped():
    async def handler(exchange):
        await exchange.reply(200, (), exchange.target.encode())

    one = b"POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000
    end = b"GET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    answer = run(talk(handler, one + end))
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.endswith(b"/2")


def test_a_handler_is_cancelled_when_its_client_leaves():
    async def work():
        cancelled = asyncio.Event()

        async def handler(exchange):
            await exchange.body()
            try:
                await asyncio.sleep(60)
            finally:
                cancelled.set()

        async with raw(handler) as (_, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)
            assert not cancelled.is_set()
            writer.close()
            await asyncio.wait_for(cancelled.wait(), 5)

    run(work())


def test_an_aborted_response_is_seen_to_be_cut_off():
    async def handler(exchange):
        await exchange.start(200, [])
        await exchange.send(b"some")
        exchange.abort()

    async def work():
        async with (
            serve(handler) as server,
            httpx.AsyncClient(base_url=server.url, trust_env=False) as client,
        ):
            with pytest.raises(httpx.TransportError):
                await client.get("/")

    run(work())


def test_leaving_the_context_ends_open_requests():
    async def work():
        async def handler(exchange):
            await asyncio.sleep(60)

        async with raw(handler) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await asyncio.sleep(0.05)
        return await reader.read()

    assert run(work()) == b""


def test_a_handler_that_answers_nothing_answers_500():
    async def handler(exchange):
        await exchange.body()

    assert run(talk(handler, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")).startswith(
        b"HTTP/1.1 500 Internal Server Error"
    )


@settings(max_examples=50, deadline=None)
@given(
    st.binary(max_size=60)
    | st.sampled_from([b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
)
def test_no_bytes_break_the_server(data):
    answer = run(talk(echo, data, eof=True))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
