"""Start hooks, signals and stop hooks of a serving process."""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.serving.conftest import ROOT, drained, eventually, listens

HOOKS = """
@polyfn.resource
async def shared():
    print("made on", id(asyncio.get_running_loop()))
    yield {"loop": id(asyncio.get_running_loop())}
    print("closed on", id(asyncio.get_running_loop()))

@polyfn.on_start
async def begin():
    print("start on", id(asyncio.get_running_loop()))

@polyfn.on_stop
async def end():
    print("stop on", id(asyncio.get_running_loop()))

@function(Http("GET", "/async"))
async def native():
    return {"resource": (await shared())["loop"], "loop": id(asyncio.get_running_loop())}

@function(Http("GET", "/sync"))
def wrapped():
    # Something async out of a sync handler, in a thread.
    return native()

@function(Http("GET", "/thread"))
def thread():
    from polyfn.runtime import aio
    return aio.run(native())

@function(Http("GET", "/slow/{seconds}"))
async def slow(request: Request):
    await asyncio.sleep(float(request.params["seconds"]))
    return "done"

@function(Http("GET", "/sync-slow/{seconds}"))
def sync_slow(request: Request):
    time.sleep(float(request.params["seconds"]))
    return "done"

@function(Http("GET", "/stream"))
async def stream():
    for number in range(8):
        yield f"{number}\\n"
        await asyncio.sleep(0.1)

@function(Http("GET", "/never"))
async def never():
    print("waiting")
    try:
        await asyncio.sleep(60)
    finally:
        print("cleaned up")
"""
KINDS = [{}, {"loop": "uvloop"}, {"server": "granian"}]


@pytest.fixture(params=KINDS, ids=lambda settings: "-".join(settings.values()) or "default")
def settings(request):
    return request.param


def test_everything_has_one_loop(start, settings) -> None:
    served = start(HOOKS, **settings)
    got = [served.get(path).json for path in ("/thread", "/async", "/sync", "/thread")]
    assert len({value for one in got for value in one.values()}) == 1
    assert served.stop() == 0
    told = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in served.log.splitlines()}
    assert set(told) == {"start on", "made on", "stop on", "closed on"}
    assert set(told.values()) == {str(got[0]["loop"])}


def test_a_quiet_start_and_an_idle_end_write_nothing(start, settings) -> None:
    served = start(
        """
@function(Http("GET", "/"))
async def hello():
    return "hello"
""",
        **settings,
    )
    assert served.get("/").body == b"hello"
    begun = time.monotonic()
    assert served.stop() == 0
    assert time.monotonic() - begun < 1.5
    assert served.log == ""


def test_a_failing_start_hook_ends_the_process_before_it_listens(start) -> None:
    served = start(
        """
@polyfn.on_start
def begin():
    time.sleep(0.5)
    raise ValueError("no database")
""",
        ready=False,
    )
    opened = False
    while served.process.poll() is None:
        opened = opened or listens(served.port)
    assert served.process.wait() == 1
    assert not opened
    assert "[CRITICAL] the process could not start" in served.log
    assert "ValueError: no database" in served.log


def test_a_port_that_is_taken_is_said(start) -> None:
    first = start(HOOKS)
    program, *_ = first.process.args[2:]
    command = [sys.executable, program, str(first.folder), str(first.port), "{}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{first.port}" in done.stderr
    assert "stop on" in done.stdout


def test_sigterm_answers_what_is_running_and_runs_the_stop_hooks(start, settings) -> None:
    served = start(HOOKS, **settings)
    answers: dict[str, bytes] = {}

    def ask(path: str) -> None:
        answers[path] = served.get(path).body

    threads = [
        threading.Thread(target=ask, args=(path,)) for path in ("/slow/1.5", "/sync-slow/1.5", "/stream")
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.4)
    assert served.stop() == 0
    for thread in threads:
        thread.join()
    assert answers == {
        "/slow/1.5": b"done", "/sync-slow/1.5": b"done",
        "/stream": b"".join(b"%d\n" % number for number in range(8)),
    }  # fmt: skip
    assert "stop on" in served.log


def test_the_grace_period_ends_what_takes_longer(start) -> None:
    served = start(HOOKS, grace=0.5)
    sock = served.connect()
    sock.sendall(b"GET /never HTTP/1.1\r\nHost: h\r\n\r\n")
    assert served.logged("waiting")
    begun = time.monotonic()
    assert served.stop() == 0
    assert time.monotonic() - begun < 3
    assert drained(sock).startswith(b"HTTP/1.1 503 ")
    assert served.log.index("cleaned up") < served.log.index("stop on")
    sock.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_waits_for_nothing(start, number) -> None:
    served = start(HOOKS)
    sock = served.connect()
    sock.sendall(b"GET /never HTTP/1.1\r\nHost: h\r\n\r\n")
    assert served.logged("waiting")
    served.process.send_signal(number)
    time.sleep(0.5)
    assert served.process.poll() is None
    begun = time.monotonic()
    assert served.stop(number) == 128 + number
    assert time.monotonic() - begun < 2
    assert "stop on" in served.log
    sock.close()


def test_a_sync_handler_that_never_ends_does_not_hold_the_process(start) -> None:
    served = start(HOOKS, grace=0.5)
    sock = served.connect()
    sock.sendall(b"GET /sync-slow/60 HTTP/1.1\r\nHost: h\r\n\r\n")
    time.sleep(0.3)
    begun = time.monotonic()
    assert served.stop() == 0
    assert time.monotonic() - begun < 3
    assert "1 sync handlers still run" in served.log
    sock.close()


def test_a_signal_during_a_start_hook_ends_the_process(start) -> None:
    served = start(
        """
@polyfn.on_start
def begin():
    print("starting")
    time.sleep(30)
""",
        ready=False,
    )
    assert served.logged("starting", 20)
    assert served.stop() == 143


def test_kept_connections_are_closed_politely(start) -> None:
    served = start(HOOKS)
    idle = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    idle.request("GET", "/slow/0")
    idle.getresponse().read()
    busy = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    busy.request("GET", "/slow/0.6")
    time.sleep(0.2)
    served.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    # It was on its way, or might have been: the process has not closed this connection yet.
    idle.request("GET", "/slow/0")
    for connection in (idle, busy):
        response = connection.getresponse()
        assert response.read() == b"done"
        assert response.headers["connection"] == "close"
    assert served.process.wait(10) == 0


def test_no_request_is_lost_under_load(start, settings) -> None:
    """Clients that keep connections and clients that open new ones, while SIGTERM arrives."""
    served = start(HOOKS, **settings)
    lost: list[str] = []
    done = [0]

    def client(kept: bool) -> None:
        connection = None
        while True:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
                try:
                    connection.connect()
                except OSError:
                    return  # nobody listens any more: this one was never accepted
            try:
                connection.request("GET", "/slow/0.005")
                response = connection.getresponse()
                assert response.read() == b"done"
                done[0] += 1
                if not kept or response.headers.get("connection") == "close":
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                lost.append(f"{kept}: {error!r}")
                return

    threads = [threading.Thread(target=client, args=(number % 2 == 0,)) for number in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    assert served.stop() == 0
    for thread in threads:
        thread.join()
    assert done[0] > 50
    if settings.get("server") == "granian":
        # It closes its listener itself, and resets who is just coming in.
        lost = [one for one in lost if one.startswith("True")]
    assert lost == []
    assert eventually(lambda: "stop on" in served.log)


def test_uvicorns_package_is_whole_for_who_asks(start) -> None:
    served = start("""
@function(Http("GET", "/{name}"))
def ask(request: Request):
    import uvicorn
    before = "uvicorn.main" in sys.modules
    found = getattr(uvicorn, request.params["name"], None)
    return {"before": before, "found": found is not None, "after": "uvicorn.main" in sys.modules,
            "same": uvicorn.Config is sys.modules["uvicorn.config"].Config}
""")
    assert served.get("/__version__").json == {"before": False, "found": True, "after": True, "same": True}
    assert served.get("/run").json["found"] is True
    assert served.get("/nothing").json["found"] is False
