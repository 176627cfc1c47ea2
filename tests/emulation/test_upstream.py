"""The HTTP client of the emulators, against the emulators' own server and against bytes of no good server."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyfn.toolchain.emulation import upstream as module
from polyfn.toolchain.emulation.exchange import Truncated
from polyfn.toolchain.emulation.http1 import serve
from polyfn.toolchain.emulation.upstream import Broken, Unreachable, Upstream

HOST = ("Host", "h")


def run(work):
    return asyncio.run(asyncio.wait_for(work, 20))


async def body_of(*pieces, pause=0.0):
    for piece in pieces:
        await asyncio.sleep(pause)
        yield piece


async def whole(upstream, method="GET", target="/", headers=(HOST,), body=None):
    call = await upstream.call(method, target, headers, body)
    try:
        head = await call.head()
        return head, b"".join([chunk async for chunk in call.chunks()]), call
    finally:
        await call.close()


@asynccontextmanager
async def serving(answer):
    """A server that calls answer(reader, writer, number) per connection and closes it afterwards."""
    count, busy = 0, set()

    async def connected(reader, writer):
        nonlocal count
        count += 1
        busy.add(asyncio.current_task())
        try:
            await answer(reader, writer, count)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            busy.discard(asyncio.current_task())

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    upstream = Upstream("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield upstream
    finally:
        upstream.close()
        server.close()
        for task in list(busy):
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)


def fixed(data):
    async def answer(reader, writer, _):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()

    return answer


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PURGE"]),
    st.text("abcXYZ09/?&=%+-._~!$'()*,;:@", min_size=1, max_size=30),
    st.lists(
        st.tuples(
            st.from_regex(r"[Xx]-[A-Za-z0-9_]{1,8}", fullmatch=True),
            st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f")).filter(
                lambda text: all(not 0x7F <= ord(letter) < 0xA0 for letter in text)
            ),
        ),
        max_size=5,
    ),
    st.lists(st.binary(min_size=1, max_size=3000), max_size=4),
    st.booleans(),
)
def test_what_is_sent_arrives_and_what_is_answered_comes_back(method, target, headers, pieces, chunked):
    sent = b"".join(pieces)
    framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(sent)))
    seen = []

    async def echo(exchange):
        got = await exchange.body()
        seen.append((exchange.method, exchange.target, exchange.headers, got))
        await exchange.start(207, headers)
        for piece in pieces:
            await exchange.send(piece)
        await exchange.finish([("X-End", "1")])

    async def work():
        async with serve(echo) as server:
            upstream = Upstream(server.host, server.port)
            answer = await whole(upstream, method, f"/{target}", [HOST, *headers, framing], body_of(*pieces))
            upstream.close()
            return answer

    head, body, call = run(work())
    assert seen == [(method, f"/{target}", [HOST, *headers, framing], sent)]
    assert head.status == 207
    assert [pair for pair in head.headers if pair[0].lower() != "transfer-encoding"] == headers
    assert body == sent
    assert call.trailers == [("X-End", "1")]


def test_connections_are_kept_while_they_are_young(monkeypatch):
    ports = []

    async def note(exchange):
        ports.append(exchange.peer[1])
        await exchange.reply(200, (), b"x")

    async def work():
        async with serve(note) as server:
            upstream = Upstream(server.host, server.port)
            for _ in range(3):
                await whole(upstream)
            await asyncio.gather(whole(upstream), whole(upstream))
            monkeypatch.setattr(module, "IDLE", 0.0)
            await whole(upstream)
            upstream.close()

    run(work())
    assert len(set(ports[:3])) == 1
    assert len(set(ports[3:5])) == 2
    assert ports[5] not in ports[:5]


def test_the_source_address_can_be_chosen():
    async def who(exchange):
        await exchange.reply(200, (), exchange.peer[0].encode())

    async def work():
        async with serve(who) as server:
            upstream = Upstream(server.host, server.port, source="127.0.0.9")
            answer = await whole(upstream)
            upstream.close()
            return answer[1]

    assert run(work()) == b"127.0.0.9"


def test_a_response_is_read_while_the_request_is_written():
    async def upper(exchange):
        await exchange.start(200, ())
        async for chunk in exchange.chunks():
            await exchange.send(chunk.upper())
        await exchange.finish()

    async def work():
        async with serve(upper) as server:
            upstream, gate = Upstream(server.host, server.port), asyncio.Queue()

            async def pieces():
                while piece := await gate.get():
                    yield piece

            call = await upstream.call("POST", "/", [HOST, ("Transfer-Encoding", "chunked")], pieces())
            assert (await call.head()).status == 200
            chunks, seen = call.chunks(), []
            for piece in (b"a", b"b"):
                gate.put_nowait(piece)
                seen.append(await anext(chunks))
            assert not call.sent
            gate.put_nowait(b"")
            seen += [chunk async for chunk in chunks]
            assert call.sent
            await call.close()
            upstream.close()
            return seen

    assert run(work()) == [b"A", b"B"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 O",
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (2 << 20) + b"\r\n\r\n",
    ],
)
def test_what_is_cut_off_or_no_http_is_broken(data):
    async def work():
        async with serving(fixed(data)) as upstream:
            await whole(upstream)

    with pytest.raises(Broken):
        run(work())


def test_nothing_listens():
    async def work():
        async with serving(fixed(b"")) as upstream:
            pass
        await whole(upstream)

    with pytest.raises(Unreachable):
        run(work())


def test_interim_responses_are_passed_over_and_what_follows_an_answer_is_never_taken_for_another():
    data = (
        b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
        b"HTTP/1.1 500 X\r\n\r\n"
    )

    async def work():
        async with serving(fixed(data)) as upstream:
            return [(await whole(upstream))[0].status for _ in range(2)]

    assert run(work()) == [200, 200]


async def _once_per_connection(reader, writer, number):
    """Answer one request, keep the connection, and close it when the next one has come."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
    await reader.readuntil(b"\r\n\r\n")


def test_a_kept_connection_that_closes_just_then_is_replaced():
    async def work():
        async with serving(_once_per_connection) as upstream:
            return [(await whole(upstream))[1] for _ in range(3)]

    assert run(work()) == [b"1", b"2", b"3"]


def test_but_a_body_is_not_sent_twice():
    async def work():
        async with serving(_once_per_connection) as upstream:
            await whole(upstream)
            await whole(upstream, "POST", "/", [HOST, ("Content-Length", "1")], body_of(b"x"))

    with pytest.raises(Broken):
        run(work())


def test_an_answer_before_the_end_of_the_request():
    data = b"HTTP/1.1 413 X\r\nContent-Length: 2\r\n\r\nno"
    closed = []

    async def pieces():
        try:
            while True:
                await asyncio.sleep(0.01)
                yield bytes(1000)
        finally:
            closed.append(True)

    async def work():
        async with serving(fixed(data)) as upstream:
            return await whole(upstream, "POST", "/", [HOST, ("Transfer-Encoding", "chunked")], pieces())

    head, body, call = run(work())
    assert (head.status, body, call.sent) == (413, b"no", False)
    assert closed


def test_a_request_that_is_cut_off_says_so():
    async def pieces():
        yield b"some"
        raise Truncated

    async def silent(reader, writer, _):
        await reader.read()

    async def work():
        async with serving(silent) as upstream:
            await whole(upstream, "POST", "/", [HOST, ("Content-Length", "9")], pieces())

    with pytest.raises(Truncated):
        run(work())


def test_draining_takes_whatever_comes():
    async def work():
        statuses = []
        for data in (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
            b"HTTP/1.1 201 OK\r\nContent-Length: 9\r\n\r\na",
            b"",
        ):
            async with serving(fixed(data)) as upstream:
                call = await upstream.call("GET", "/", [HOST])
                await call.drain()
                statuses.append((call.status, call.complete))
                await call.close()
        return statuses

    assert run(work()) == [(200, True), (201, False), (None, False)]


def test_after_close_nothing_is_kept():
    async def work():
        async with serve(lambda exchange: exchange.reply(200, (), b"x")) as server:
            upstream = Upstream(server.host, server.port)
            call = await upstream.call("GET", "/", [HOST])
            upstream.close()
            await call.head()
            await call.drain()
            await call.close()
            return upstream._idle

    assert run(work()) == []
