"""The state machine: every answer that the Runtime API may give, and what follows from it."""

import json
import os
import signal
import socket
import time

import pytest

HELLO = """
    @polyfn.function
    def main(event):
        return {"message": f"hello, {event['name']}"}
"""
ECHO = """
    @polyfn.function
    def main(event):
        return event
"""
REFUSED = b'{"errorMessage":"no such thing","errorType":"Refused"}'


def test_answers_and_asks_again(serve, platform):
    one = serve(HELLO, [platform.Event({"name": "a"}, id="1"), platform.Event({"name": "b"}, id="2")])
    assert [p.path for p in one.api.posts] == [
        "/2018-06-01/runtime/invocation/1/response",
        "/2018-06-01/runtime/invocation/2/response",
    ]
    assert [json.loads(p.body)["message"] for p in one.api.posts] == ["hello, a", "hello, b"]
    assert {p.headers["content-type"] for p in one.api.posts} == {"application/json"}
    assert all(r.headers["user-agent"].startswith("aws-lambda-polyfn/") for r in one.api.requests)
    assert {r.connection for r in one.api.requests} == {1}, "one kept-alive connection"


@pytest.mark.parametrize("status", [400, 403, 410, 413])
def test_a_refused_response_is_logged_and_the_loop_goes_on(serve, platform, status):
    one = serve(
        HELLO,
        [platform.Event({"name": "a"}, id="1"), platform.Event({"name": "b"}, id="2")],
        response=[(status, REFUSED)],
    )
    assert [p.verb for p in one.api.posts] == ["response", "response"]
    lines = [line for line in one.out.splitlines() if line.startswith("[ERROR]")]
    assert len(lines) == 1
    assert "\t1\t" in lines[0]
    assert one.process.returncode == -signal.SIGKILL, "it lived until the test killed it"


@pytest.mark.parametrize("status", [400, 403, 410, 413])
def test_a_refused_error_is_logged_and_the_loop_goes_on(serve, platform, status):
    code = "@polyfn.function\ndef main(event):\n    raise ValueError(event)"
    one = serve(code, [platform.Event(id="1"), platform.Event(id="2")], error=[(status, REFUSED)])
    assert [p.verb for p in one.api.posts] == ["error", "error"]
    assert "error" in one.out


def test_413_says_how_large_and_what_to_do(serve, platform):
    one = serve(HELLO, [platform.Event({"name": "x" * 100})], response=[(413, REFUSED)])
    line = next(line for line in one.out.splitlines() if line.startswith("[ERROR]"))
    assert str(len(one.api.posts[0].body)) in line
    assert "6291556" in line
    assert "S3" in line


def test_410_says_that_it_came_too_late(serve, platform):
    one = serve(HELLO, [platform.Event({"name": "x"})], response=[(410, REFUSED)])
    assert "too late" in one.out


def test_an_oversized_response_refused_before_it_was_read(serve, platform):
    early = platform.Raw(b"HTTP/1.1 413 X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", close=True)
    one = serve(
        ECHO,
        [platform.Event({"n": "x" * 7_000_000}, id="1"), platform.Event({}, id="2")],
        response=[early],
    )
    assert "6291556" in one.out
    assert [p.path.split("/")[-2] for p in one.api.posts] == ["1", "2"]
    assert one.api.posts[1].connection == 2, "a closed connection is opened again"


@pytest.mark.parametrize("verb", ["response", "error"])
def test_500_on_a_post_ends_the_process(launch, platform, verb):
    code = HELLO if verb == "response" else "@polyfn.function\ndef main(event):\n    raise ValueError('boom')"
    one = launch(code, [platform.Event({"name": "a"}), platform.Event({"name": "b"})], **{verb: [(500, b"")]})
    assert one.wait() == 1
    assert len(one.api.posts) == 1
    assert "500" in one.out


@pytest.mark.parametrize("status", [403, 500])
def test_a_refused_next_ends_the_process(launch, status):
    one = launch(HELLO, [(status, REFUSED)])
    assert one.wait() == 1
    assert str(status) in one.out
    assert "no such thing" in one.out


def test_a_lost_connection_ends_the_process_promptly_whatever_threads_run(launch, platform):
    code = """
    import threading, time
    threading.Thread(target=time.sleep, args=(60,)).start()
    @polyfn.function
    def main(event): ...
    """
    began = time.monotonic()
    one = launch(code, [platform.Raw(close=True)])
    assert one.wait() == 1
    assert time.monotonic() - began < 5
    assert "closed the connection" in one.out


def test_a_connection_lost_at_the_response_ends_the_process(launch, platform):
    one = launch(HELLO, [platform.Event({"name": "a"})], response=[platform.Raw(close=True)])
    assert one.wait() == 1


def test_nobody_listening(launch):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    one = launch(HELLO, address=f"127.0.0.1:{port}")
    assert one.wait() == 1
    assert f"127.0.0.1:{port}" in one.out


def test_started_by_hand(launch):
    one = launch(HELLO, address="")
    assert one.wait() == 1
    assert "AWS_LAMBDA_RUNTIME_API" in one.out
    assert "polyfn run" in one.out
    assert "Traceback" not in one.err


def test_a_reply_that_is_not_http(launch, platform):
    one = launch(HELLO, [platform.Raw(b"SSH-2.0-OpenSSH\r\n\r\n")])
    assert one.wait() == 1
    assert "HTTP" in one.out


def test_204_is_asked_again(serve, platform):
    one = serve(HELLO, [(204, b""), platform.Event({"name": "a"})])
    assert [p.verb for p in one.api.posts] == ["response"]


def test_a_next_without_a_request_id(launch, platform):
    one = launch(HELLO, [(200, b"{}")])
    assert one.wait() == 1
    assert "request id" in one.out


def test_host_names_are_resolved(serve, launch, platform):
    one = launch(HELLO, [platform.Event({"name": "a"})])
    one.kill()
    again = launch(HELLO, [platform.Event({"name": "a"})], address=one.api.address)
    again.kill()
    third = launch(HELLO, address=None)
    third.kill()
    named = launch(HELLO, address="localhost:1")
    assert named.wait() == 1
    assert "'localhost:1'" in named.out


def test_chunked_replies_in_small_pieces(serve, platform):
    payload = json.dumps({"name": "é" * 3000}).encode()
    head = b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 9\r\nTransfer-Encoding: chunked\r\n"
    body = b""
    for start in range(0, len(payload), 1000):
        piece = payload[start : start + 1000]
        body += b"%X;ext=1\r\n%s\r\n" % (len(piece), piece)
    wire = head + b"Content-Type: application/json\r\n\r\n" + body + b"0\r\nA-Trailer: x\r\n\r\n"
    pieces = [wire[at : at + 777] for at in range(0, len(wire), 777)]
    one = serve(HELLO, [platform.Raw(*pieces, pause=0.001), platform.Event({"name": "b"}, id="2")])
    assert one.api.posts[0].json()["message"] == "hello, " + "é" * 3000
    assert one.api.posts[1].json()["message"] == "hello, b"


def test_a_large_payload_in_two_pieces(serve, platform):
    payload = json.dumps({"data": "x" * 3_000_000}).encode()
    head = b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 9\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(payload)
    one = serve(ECHO, [platform.Raw(head + payload[:100], payload[100:2_000_000], payload[2_000_000:])])
    assert one.api.posts[0].json() == json.loads(payload)


def test_an_interim_reply_is_skipped(serve, platform):
    event = b'HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: 7\r\nContent-Length: 12\r\n\r\n{"name":"a"}'
    one = serve(HELLO, [platform.Raw(b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" + event)])
    assert one.api.posts[0].json() == {"message": "hello, a"}


def test_a_server_that_closes_after_each_reply(serve, platform):
    event = b"HTTP/1.0 200 OK\r\nLambda-Runtime-Aws-Request-Id: 7\r\n\r\n" + b'{"name":"a"}'
    one = serve(
        HELLO,
        [platform.Raw(event, close=True), platform.Event({"name": "b"})],
        response=[
            platform.Raw(b"HTTP/1.1 202 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", close=True)
        ],
    )
    assert [p.json()["message"] for p in one.api.posts] == ["hello, a", "hello, b"]
    assert [r.connection for r in one.api.requests] == [1, 2, 3, 3, 3]


def test_no_read_timeout_even_if_the_function_sets_a_default(launch, platform):
    code = "import socket\nsocket.setdefaulttimeout(0.05)\n@polyfn.function\ndef main(event): return event"
    slow = platform.Raw(
        b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 7\r\n",
        b"Content-Length: 2\r\n\r\n{}",
        pause=0.3,
    )
    one = launch(code, [slow])
    one.api.wait(lambda api: api.posts)
    assert one.api.posts[0].verb == "response"


def test_frozen_and_thawed_between_invocations(launch, platform):
    one = launch(HELLO, [platform.Event({"name": "a"}, id="1")])
    one.api.wait(lambda api: api.nexts == 2)
    os.kill(one.process.pid, signal.SIGSTOP)
    time.sleep(0.2)
    sock = one.api.open[0]
    payload = b'{"name":"b"}'
    head = b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 2\r\nContent-Length: %d\r\n\r\n" % len(payload)
    sock.sendall(head + payload)
    os.kill(one.process.pid, signal.SIGCONT)
    one.api.wait(lambda api: len(api.posts) == 2)
    assert one.api.posts[1].json() == {"message": "hello, b"}


def test_deferred_work_runs_between_the_response_and_the_next_next(serve, platform):
    code = """
    import asyncio, time
    log = []
    async def later():
        await asyncio.sleep(0)
        log.append("later")
    def fails():
        raise ValueError("deferred trouble")
    @polyfn.function
    def main(event, context):
        context.defer(fails)
        context.defer(later)
        context.defer(lambda: time.sleep(0.2))
        before = list(log)
        return before
    """
    one = serve(code, [platform.Event(id="1"), platform.Event(id="2")])
    assert [p.json() for p in one.api.posts] == [[], ["later"]]
    assert "deferred trouble" in one.out
    assert [r.verb for r in one.api.requests] == ["next", "response", "next", "response", "next"]


def test_deferred_work_runs_after_an_error_too(serve, platform):
    code = """
    @polyfn.function
    def main(event, context):
        context.defer(lambda: print("cleaned up"))
        raise ValueError("boom")
    """
    one = serve(code, [platform.Event()])
    assert one.api.posts[0].verb == "error"
    assert "cleaned up" in one.out


def test_handlers_without_parameters_and_results_of_none(serve, platform):
    one = serve("@polyfn.function\ndef main():\n    pass", [platform.Event(b"")])
    assert one.api.posts[0].body == b"null"


def test_what_is_printed_is_out_before_the_freeze(launch, platform):
    code = "@polyfn.function\ndef main(event):\n    print('a line'); print('no line', end='')"
    one = launch(code, [platform.Event()])
    one.api.wait(lambda api: api.nexts == 2)
    os.kill(one.process.pid, signal.SIGSTOP)
    assert one.out == "a line\nno line"


def test_a_sync_handler_may_call_asyncio_run(serve, platform):
    code = """
    import asyncio
    async def work():
        return "done"
    @polyfn.function
    def main(event):
        return asyncio.run(work())
    """
    one = serve(code, [platform.Event(), platform.Event()])
    assert [p.json() for p in one.api.posts] == ["done", "done"]


def test_async_handlers_share_one_loop(serve, platform):
    code = """
    import asyncio
    loops = set()
    @polyfn.function
    async def main(event):
        loops.add(id(asyncio.get_running_loop()))
        return len(loops)
    """
    one = serve(code, [platform.Event(), platform.Event()])
    assert [p.json() for p in one.api.posts] == [1, 1]


def test_initialisation_runs_once(serve, platform):
    code = """
    count = []
    @polyfn.on_start
    def begin():
        count.append("started")
    count.append("imported")
    @polyfn.function
    def main(event):
        return count
    """
    one = serve(code, [platform.Event(), platform.Event()])
    assert [p.json() for p in one.api.posts] == [["imported", "started"]] * 2


#: What a function on plain JSON has loaded in its first invocation, beyond polyfn itself.
LOADED = {
    "__main__", "_abc", "_codecs", "_frozen_importlib", "_frozen_importlib_external", "_imp", "_io", "_json",
    "_signal", "_socket", "_thread", "_warnings", "_weakref", "abc", "app", "builtins", "codecs",
    "encodings", "encodings.aliases", "encodings.utf_8", "encodings.ascii", "encodings.latin_1",
    "faulthandler", "gc", "io", "marshal", "posix", "sys", "time", "winreg", "zipimport",
}  # fmt: skip


def test_the_wall(serve, platform):
    code = """
    import sys
    @polyfn.function
    def main(event):
        return sorted(sys.modules)
    """
    deadline = str(int((time.time() + 20) * 1000))
    event = platform.Event(Deadline_Ms=deadline, Trace_Id="Root=1-0-0", Invoked_Function_Arn="arn:x")
    loaded = serve(code, [platform.Event(), event]).api.posts[1].json()
    foreign = [name for name in loaded if name not in LOADED and name.partition(".")[0] not in PACKAGES]
    assert foreign == []
    assert not [name for name in loaded if "toolchain" in name or "faults" in name or "stream" in name]


PACKAGES = ("polyfn", "polyfn_aws")


def test_a_payload_is_not_kept_until_the_next_one(launch, platform):
    # With a fixed threshold glibc gives large blocks back as soon as they are free.
    fixed = {"MALLOC_MMAP_THRESHOLD_": "131072"}
    one = launch(ECHO, [platform.Event({"data": "x" * 6_000_000})], env=fixed)
    one.api.wait(lambda api: api.nexts == 2)
    time.sleep(0.1)
    with open(f"/proc/{one.process.pid}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    assert resident < 14_000, "KiB; the interpreter alone has about 9,000"


def test_the_garbage_collector_is_as_the_function_left_it(serve, platform):
    code = """
    import gc
    %s
    @polyfn.function
    def main(event):
        return [gc.isenabled(), gc.get_threshold()[0], gc.get_freeze_count() > 0]
    """
    plain = serve(code % "", [platform.Event()]).api.posts[0].json()
    assert plain[0] is True
    assert plain[1] > 0
    assert plain[2] is True
    own = serve(code % "gc.disable(); gc.set_threshold(123)", [platform.Event()]).api.posts[0].json()
    assert own == [False, 123, True]


FORKS = """
    import os, sys
    @polyfn.on_stop
    def bye():
        print("hook ran", flush=True)
    def leave(how):
        if how == "exit":
            sys.exit(7)
        if how == "raise":
            raise ValueError("in the child")
        return "the child's"
    @polyfn.function
    def main(event):
        child = os.fork()
        if child == 0:
            return leave(event)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    @polyfn.function
    def streamed(event):
        child = os.fork()
        if child == 0:
            yield leave(event)
            return
        yield str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("function", ["main", "streamed"])
@pytest.mark.parametrize(("how", "status"), [("exit", b"7"), ("raise", b"1"), ("return", b"1")])
def test_a_forked_child_never_answers_in_its_parents_place(serve, platform, function, how, status):
    one = serve(
        FORKS,
        [platform.Event(how, id="1"), platform.Event(how, id="2")],
        functions={"main": "app", "streamed": "app"},
        default=function,
    )
    assert [(p.verb, p.body) for p in one.api.posts] == [("response", status)] * 2
    assert {r.connection for r in one.api.requests if "/runtime/" in r.path} == {2}
    assert "hook ran" not in one.out, "what the child holds is its parent's to close"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_processes_of_multiprocessing_do_not_serve(serve, platform, method):
    code = f"""
    import multiprocessing
    @polyfn.on_start
    def begin():
        print("begun", flush=True)
    @polyfn.function
    def main(event):
        with multiprocessing.get_context({method!r}).Pool(2) as pool:
            return pool.map(abs, event)
    """
    one = serve(code, [platform.Event([-1, -2], id="1"), platform.Event([-3], id="2")])
    assert [(p.verb, p.body) for p in one.api.posts] == [("response", b"[1,2]"), ("response", b"[3]")]
    assert {r.connection for r in one.api.requests} == {1}, "nobody else spoke to the Runtime API"
    assert one.out == "begun\n"
