"""Freezes, slots, deadlines, clients that leave, crashes, memory, stops: what happens to the container."""

import asyncio
import json
import time

import httpx
import pytest

from polyfn_gcp.settings import GcpSettings

PID = "serve(lambda request: request.reply(str(os.getpid())))"


async def opened(emulator, data=b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"):
    url = httpx.URL(emulator.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(data)
    return reader, writer


@pytest.mark.parametrize(("cpu", "letters"), [("request", "T"), ("always", "SR")])
def test_a_container_has_a_processor_only_while_a_request_is_in_flight(bench, run, cpu, letters):
    source = """
        import subprocess
        child = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
        def handler(request):
            request.start()
            request.send(json.dumps([os.getpid(), child.pid]).encode())
            time.sleep(0.3)
            request.finish()
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source), options={"cpu": cpu}) as emulator:
            async with emulator.http.stream("GET", "/") as answer:
                body = answer.aiter_raw()
                pids = json.loads(await anext(body))
                assert all(bench.state(pid) in "SR" for pid in pids)
                assert [piece async for piece in body] == []
            await asyncio.sleep(0.2)
            assert all(bench.state(pid) in letters for pid in pids)
            assert (await emulator.http.get("/")).json() == pids
        await bench.until(lambda: {bench.state(pid) for pid in pids} <= {"Z", "gone"})

    run(work())


def test_a_container_is_stopped_once_it_listens_and_nobody_asks(bench, run):
    async def work():
        source = f"print(os.getpid(), flush=True); {PID}"
        async with bench.emulate(bench.image(source)):
            await bench.until(lambda: bench.having("probe succeeded"))
            await bench.until(lambda: bench.state(int(bench.log[0])) == "T")

    run(work())


SLOW = """
    lock, now, most = threading.Lock(), 0, 0
    def handler(request):
        global now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.1)
        with lock:
            now -= 1
        request.reply(str(most))
    serve(handler)
    """


@pytest.mark.parametrize(("limit", "requests", "least"), [(1, 5, 0.5), (3, 9, 0.3), (None, 40, 0.1)])
def test_no_more_requests_than_its_concurrency(bench, run, limit, requests, least):
    async def work():
        options = {"concurrency": None if limit is None else str(limit)}
        async with bench.emulate(bench.image(SLOW), options=options) as emulator:
            begin = time.monotonic()
            answers = await asyncio.gather(*(emulator.http.get("/") for _ in range(requests)))
            took = time.monotonic() - begin
            return took, [answer.status_code for answer in answers], int((await emulator.http.get("/")).text)

    took, statuses, most = run(work())
    assert statuses == [200] * requests
    assert most == (limit or requests)
    assert took >= least


def test_the_concurrency_and_variables_of_the_settings(bench, run):
    async def work():
        settings = GcpSettings(concurrency=2, env={"A": "settings", "B": "settings"})
        source = SLOW.replace("str(most)", "[most, os.environ['A'], os.environ['B']]")
        async with bench.emulate(
            bench.image(source), settings=settings, environment={"B": "given"}
        ) as emulator:
            answers = await asyncio.gather(*(emulator.http.get("/") for _ in range(6)))
            return max(answer.json() for answer in answers)

    assert run(work()) == [2, "settings", "given"]


def test_those_that_wait_are_served_in_their_order(bench, run):
    source = """
        seen = []
        def handler(request):
            seen.append(request.target)
            time.sleep(0.5 if request.target == "/first" else 0)
            request.reply(seen)
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source), options={"concurrency": "1"}) as emulator:
            await emulator.http.get("/")
            tasks = [asyncio.create_task(emulator.http.get("/first"))]
            for number in range(10):
                await asyncio.sleep(0.02)
                tasks.append(asyncio.create_task(emulator.http.get(f"/{number}")))
            return (await asyncio.gather(*tasks))[-1].json()

    assert run(work())[1:] == ["/first", *(f"/{number}" for number in range(10))]


def test_one_that_waits_too_long_is_429(bench, run, monkeypatch):
    monkeypatch.setattr("polyfn_gcp.emulator.revision.PENDING", 0.2)
    monkeypatch.setattr("polyfn_gcp.emulator.revision.PENDING_STARTS", 0)

    async def work():
        source = "serve(lambda request: (time.sleep(1), request.reply('done')))"
        async with bench.emulate(bench.image(source), options={"concurrency": "1"}) as emulator:
            answers = await asyncio.gather(*(emulator.http.get("/") for _ in range(3)))
            # The slots of those that gave up are not lost.
            return sorted((answer.status_code, answer.text) for answer in answers), await emulator.http.get(
                "/"
            )

    answers, after = run(work())
    assert answers == [(200, "done"), (429, "Rate exceeded."), (429, "Rate exceeded.")]
    assert len(bench.having("The request was aborted because there was no available instance.")) == 2
    assert after.status_code == 200


def test_a_client_that_leaves_the_queue_leaves_its_place(bench, run):
    async def work():
        source = "serve(lambda request: (time.sleep(0.2), request.reply('done')))"
        async with bench.emulate(bench.image(source), options={"concurrency": "1"}) as emulator:
            first = asyncio.create_task(emulator.http.get("/"))
            await asyncio.sleep(0.1)
            for _ in range(5):
                _, writer = await opened(emulator)
                await asyncio.sleep(0.01)
                writer.close()
            await first
            begin = time.monotonic()
            answer = await emulator.http.get("/")
            return answer.status_code, time.monotonic() - begin

    status, took = run(work())
    assert status == 200
    assert took < 0.6


@pytest.mark.parametrize("cpu", ["request", "always"])
def test_at_the_deadline_the_client_is_told_and_the_code_runs_on(bench, run, cpu):
    source = """
        def handler(request):
            if request.target == "/hang":
                time.sleep(0.8)
                print("still here", flush=True)
            request.reply(str(os.getpid()))
        serve(handler)
        """

    async def work():
        options = {"cpu": cpu, "concurrency": "1"}
        async with bench.emulate(bench.image(source), timeout=0.3, options=options) as emulator:
            before = await emulator.http.get("/")
            late = await emulator.http.get("/hang")
            assert not bench.having("still here")
            # The request is over: its slot is free at once.
            after = await emulator.http.get("/")
            await bench.until(lambda: bench.having("still here"))
            return before, late, after

    before, late, after = run(work())
    assert (late.status_code, late.text) == (504, "upstream request timeout")
    assert late.headers["content-type"] == "text/plain"
    assert before.text == after.text, "the container lives on"
    assert bench.having("The request has been terminated because it has reached the maximum request timeout")
    assert bench.having("GET 504 24 B")


def test_a_stream_is_cut_off_at_the_deadline(bench, run):
    source = """
        def handler(request):
            request.start()
            request.send(b"some")
            time.sleep(0.6)
            print("still here", flush=True)
            request.finish()
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source), timeout=0.3) as emulator:
            with pytest.raises(httpx.RemoteProtocolError):
                await emulator.http.get("/")
            await bench.until(lambda: bench.having("still here"))

    run(work())
    assert bench.having("Truncated response body")
    assert bench.having("GET 200 4 B")


LEFT = """
    import select
    def handler(request):
        readable, _, _ = select.select([request.wire], [], [], 0.5)
        print("disconnected" if readable and not request.wire.recv(1) else "not told", flush=True)
        request.reply("done")
    serve(handler)
    """


@pytest.mark.parametrize(
    ("option", "line", "status"), [("off", "not told", 200), ("on", "disconnected", 499)]
)
def test_a_client_that_leaves(bench, run, option, line, status):
    async def work():
        options = {"disconnect": option, "concurrency": "1"}
        async with bench.emulate(bench.image(LEFT), options=options) as emulator:
            await bench.until(lambda: bench.having("probe succeeded"))
            _, writer = await opened(emulator)
            await asyncio.sleep(0.2)
            writer.close()
            await bench.until(lambda: line in bench.log)
            await bench.until(lambda: bench.having(f"GET {status} "))

    run(work())


def test_a_client_that_leaves_in_the_middle_of_its_request(bench, run):
    source = """
        def handler(request):
            try:
                request.body()
            except EOFError:
                print("cut off", flush=True)
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            _, writer = await opened(emulator, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
            await bench.until(lambda: bench.having("probe succeeded"))
            await asyncio.sleep(0.1)
            writer.close()
            await bench.until(lambda: "cut off" in bench.log)
            await bench.until(lambda: bench.having("POST 499 "))

    run(work())


def test_a_container_that_dies_before_it_answers(bench, run):
    source = """
        def handler(request):
            if request.target == "/die":
                print("last words", flush=True)
                os._exit(7)
            request.reply(str(os.getpid()))
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            return [await emulator.http.get(path) for path in ("/", "/die", "/")]

    before, died, after = run(work())
    assert (died.status_code, died.text) == (503, "Service Unavailable")
    assert "last words" in bench.log
    assert bench.having("Container called exit(7).")
    assert bench.having("either the HTTP response was malformed or connection to the instance had an error")
    assert after.status_code == 200
    assert after.text != before.text, "the next request starts a new instance"


def test_a_container_that_dies_in_the_middle_of_its_answer(bench, run):
    source = """
        def handler(request):
            request.start()
            request.send(b"some")
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGSEGV)
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            reader, writer = await opened(emulator)
            received = await reader.read()
            writer.close()
            return received

    assert run(work()).endswith(b"4\r\nsome\r\n"), "and no end of the chunks"
    assert bench.having("Container terminated on signal 11.")
    assert bench.having("Truncated response body")
    assert bench.having("GET 200 4 B")


def test_all_that_are_in_flight_are_told_of_a_death(bench, run):
    source = """
        def handler(request):
            time.sleep(0.3)
            os._exit(1)
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            return await asyncio.gather(*(emulator.http.get("/") for _ in range(5)))

    assert [answer.status_code for answer in run(work())] == [503] * 5
    assert len(bench.having("Container called exit(1).")) == 1


def test_a_death_between_requests(bench, run):
    async def work():
        source = f"threading.Timer(0.3, lambda: os._exit(2)).start(); {PID}"
        async with bench.emulate(bench.image(source), options={"cpu": "always"}) as emulator:
            first = (await emulator.http.get("/")).text
            await bench.until(lambda: bench.having("Container called exit(2)."))
            return first, (await emulator.http.get("/")).text

    first, second = run(work())
    assert first != second


def test_those_that_wait_for_a_slot_get_the_next_instance(bench, run):
    source = """
        def handler(request):
            time.sleep(0.2)
            if request.target == "/die":
                os._exit(1)
            request.reply("alive")
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source), options={"concurrency": "1"}) as emulator:
            dies = asyncio.create_task(emulator.http.get("/die"))
            await asyncio.sleep(0.15)
            others = await asyncio.gather(*(emulator.http.get("/") for _ in range(3)))
            return (await dies).status_code, [answer.text for answer in others]

    assert run(work()) == (503, ["alive"] * 3)


def test_memory_above_the_limit(bench, run):
    source = """
        def handler(request):
            if request.target == "/eat":
                hoard = bytearray(300 << 20)
                hoard[::4096] = b"x" * len(hoard[::4096])
                time.sleep(30)
            request.reply(str(os.getpid()))
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source), memory=128, timeout=20) as emulator:
            paths = ("/", "/eat", "/")
            return [await emulator.http.get(path) for path in paths]

    before, eaten, after = run(work())
    assert eaten.status_code == 503
    (line,) = bench.having("Memory limit of 128 MiB exceeded with ")
    assert 128 < int(line.split(" with ")[1].split()[0]) < 500
    assert bench.having("found to be using too much memory and was terminated")
    assert bench.having("Container terminated on signal 9.")
    assert (after.status_code, after.text != before.text) == (200, True)


STOPPED = """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: (print("told to stop", flush=True), stop.set()))
    def handler(request):
        request.start()
        request.send(b"working ")
        time.sleep(0.5)
        request.send(b"done")
        request.finish()
    threading.Thread(target=serve, args=(handler,), daemon=True).start()
    stop.wait()
    time.sleep(0.6)
    print("clean", flush=True)
    """


def test_sigterm_lets_a_request_in_flight_be_finished(bench, run):
    async def work():
        async with bench.emulate(bench.image(STOPPED)) as emulator:
            await bench.until(lambda: bench.having("probe succeeded"))
            reader, writer = await opened(emulator)
            head = await reader.readuntil(b"working \r\n")
            rest = asyncio.create_task(reader.readuntil(b"0\r\n\r\n"))
        whole = head + await rest
        writer.close()
        return whole

    assert b"done" in run(work())
    kept = [line for line in bench.log if line in ("told to stop", "clean", "Container called exit(0).")]
    assert kept == ["told to stop", "clean", "Container called exit(0)."]
    assert bench.having("GET 200 12 B")


def test_sigterm_reaches_a_container_that_is_stopped(bench, run):
    async def work():
        async with bench.emulate(bench.image(STOPPED)) as emulator:
            await emulator.http.get("/")

    run(work())
    assert "clean" in bench.log


def test_sigterm_is_for_the_first_process_alone(bench, run):
    source = f"""
        import subprocess
        loop = "import signal, time; signal.signal(15, lambda *_: print('child told', flush=True)); "
        signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.2), os._exit(0)))
        child = subprocess.Popen([sys.executable, "-c", loop + "print('ready', flush=True); time.sleep(60)"])
        {PID}
        """

    async def work():
        async with bench.emulate(bench.image(source), options={"cpu": "always"}):
            await bench.until(lambda: "ready" in bench.log)

    run(work())
    assert "child told" not in bench.log
    assert bench.having("Container called exit(0).")


@pytest.mark.parametrize(
    ("source", "line"), [(PID, "signal 15."), (f"signal.signal(15, 1); {PID}", "signal 9.")]
)
def test_sigterm_that_is_not_handled_and_that_is_ignored(bench, run, monkeypatch, source, line):
    monkeypatch.setattr("polyfn_gcp.emulator.instance.Instance.stop.__defaults__", (0.5,))

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            await emulator.http.get("/")
            begin = time.monotonic()
        return time.monotonic() - begin

    took = run(work())
    assert bench.having(f"Container terminated on {line}")
    assert 0.5 <= took < 5 if line == "signal 9." else took < 0.5


def test_a_rollover_loses_no_request(bench, run):
    async def work():
        async with bench.emulate(bench.image(STOPPED)) as emulator:
            answers, rolling = [], asyncio.Event()

            async def ask():
                while not rolling.is_set():
                    answers.append(await emulator.http.get("/"))

            asking = [asyncio.create_task(ask()) for _ in range(4)]
            await bench.until(lambda: len(answers) >= 4)
            await emulator.rollover()
            rolling.set()
            await asyncio.gather(*asking)
            return answers

    answers = run(work())
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "working done")}
    assert len(bench.having("probe succeeded")) == 2
    assert "clean" in bench.log


def test_a_thousand_slow_requests(bench, run):
    async def work():
        source = """
            import asyncio
            async def answer(reader, writer):
                await reader.readuntil(b"\\r\\n\\r\\n")
                await asyncio.sleep(1)
                writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
                await writer.drain()
                writer.close()
            async def main():
                server = await asyncio.start_server(answer, "0.0.0.0", PORT, backlog=1024)
                await server.serve_forever()
            asyncio.run(main())
            """
        options = {"concurrency": "1000"}
        async with bench.emulate(bench.image(source), options=options, timeout=20) as emulator:

            async def ask():
                reader, writer = await opened(
                    emulator, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                )
                answer = await reader.read()
                writer.close()
                return answer

            return await asyncio.gather(*(ask() for _ in range(1000)))

    assert all(answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"ok") for answer in run(work()))
