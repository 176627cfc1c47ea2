"""How a handler is started, probed, restarted and killed."""

import asyncio
import os
import time

import pytest

from polyfn.toolchain.errors import EmulationError, UsageError

from .conftest import HTTP

PROXY = {"customHandler": {"enableProxyingHttpRequest": True}}
SERVE = "serve(lambda request: request.reply(str(os.getpid())))"
#: Ends as its query says; otherwise answers with its process id.
ENDS = """
def handler(request):
    if "exit=" in request.target:
        os._exit(int(request.target.partition("exit=")[2]))
    request.reply(str(os.getpid()))
serve(handler)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_environment(bench, run):
    source = (
        "serve(lambda request: request.reply({'e': dict(os.environ), 'd': os.getcwd(), 'v': sys.argv[1:]}))"
    )
    app = bench.app(source, customHandler={"enableProxyingHttpRequest": True})

    async def work():
        settings = {"A": "one", "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
        async with bench.emulate(app, environment=settings) as emulator:
            return (await emulator.http.get("/api/hello")).json()

    told = run(work())
    names = told["e"]
    port, worker = names.pop("FUNCTIONS_CUSTOMHANDLER_PORT"), names.pop("FUNCTIONS_CUSTOMHANDLER_WORKER_ID")
    assert names.pop("FUNCTIONS_HTTPWORKER_PORT") == port
    assert names.pop("FUNCTIONS_HTTPWORKER_ID") == worker
    names.pop("LC_CTYPE", None)
    assert names == {
        "A": "one", "AzureWebJobsStorage": "UseDevelopmentStorage=true", "FUNCTIONS_APP_ROOT_PATH": str(app),
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/home",
        "LANG": "C.UTF-8", "FUNCTIONS_WORKER_RUNTIME": "custom", "FUNCTIONS_EXTENSION_VERSION": "~4",
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
    }  # fmt: skip
    assert (told["d"], told["v"]) == (str(app), [])


@pytest.mark.parametrize("name", ["FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_APP_ROOT_PATH"])
def test_the_hosts_own_settings_are_refused(bench, run, name):
    async def work():
        async with bench.emulate(bench.app(SERVE), environment={name: "x"}):
            pass

    with pytest.raises(UsageError, match=f"{name} is the host's own"):
        run(work())


def test_arguments_are_joined_with_blanks(bench, run):
    description = {
        "defaultExecutablePath": "main", "defaultWorkerPath": "worker.py",
        "arguments": ["one two", "%GIVEN%", "%NOT%", "-x%GIVEN%"], "workerArguments": ["last"],
    }  # fmt: skip
    source = "serve(lambda request: request.reply(sys.argv[1:]))"
    app = bench.app(source, customHandler={"enableProxyingHttpRequest": True, "description": description})

    async def work(**settings):
        async with bench.emulate(app, environment={"GIVEN": "g", **settings}) as emulator:
            return (await emulator.http.get("/api/hello")).json()

    assert run(work()) == ["one", "two", "g", "-xg", "worker.py", "last"]
    override = {"AzureFunctionsJobHost__customHandler__description__arguments": '["other"]'}
    assert run(work(**override)) == ["other", "worker.py", "last"]


def test_it_is_probed_until_anything_answers(bench, run):
    source = """
    begin, seen = time.time(), []
    time.sleep(0.3)
    def handler(request):
        seen.append([request.method, request.target, request.header("x-azure-functions-invocationid")])
        request.reply(seen, 500 if request.target == "/" else 200)
    serve(handler)
    """

    async def work():
        async with bench.emulate(bench.app(source, **PROXY)) as emulator:
            return (await emulator.http.get("/api/hello")).json()

    ping, request = run(work())
    assert ping == ["GET", "/", None]
    assert request[:2] == ["GET", "/api/hello"]


def test_one_that_never_listens_stops_the_host(bench, run):
    handler = {**PROXY["customHandler"], "initializationTimeout": "00:00:00.2"}

    async def work():
        begin = time.monotonic()
        async with bench.emulate(bench.app("time.sleep(60)", customHandler=handler)) as emulator:
            answer = await emulator.http.get("/api/hello")
            await asyncio.wait_for(emulator.wait(), 5)
            return answer.status_code, time.monotonic() - begin

    status, took = run(work())
    assert status == 502
    assert took >= 0.6
    assert len(bench.having("the handler did not answer on its port within 0.2 s")) == 3
    assert bench.having("Exceeded http worker restart retry count. Shutting down Functions Host")


def test_three_errors_stop_the_host(bench, run):
    async def work():
        async with bench.emulate(bench.app(ENDS, **PROXY)) as emulator:
            waiting = asyncio.create_task(emulator.wait())
            pids = set()
            for count in range(3):
                pids.add((await emulator.http.get("/api/hello")).text)
                assert not waiting.done()
                assert (await emulator.http.get(f"/api/hello?exit={count + 1}")).status_code == 502
            await asyncio.wait_for(waiting, 5)
            return pids, (await emulator.http.get("/api/hello")).status_code

    pids, status = run(work())
    assert len(pids) == 3
    assert status == 502
    assert bench.having("the handler ended: exit status 2 (error 2 of 3)")
    assert bench.having("Shutting down Functions Host")


def test_200_asks_for_a_new_process_and_is_no_error(bench, run):
    async def work():
        async with bench.emulate(bench.app(ENDS, **PROXY)) as emulator:
            pids = set()
            for _ in range(5):
                pids.add((await emulator.http.get("/api/hello")).text)
                await emulator.http.get("/api/hello?exit=200")
            return pids

    assert len(run(work())) == 5
    assert not bench.having("Shutting down")


def test_0_leaves_it_gone(bench, run):
    async def work():
        async with bench.emulate(bench.app(ENDS, **PROXY)) as emulator:
            waiting = asyncio.create_task(emulator.wait())
            await emulator.http.get("/api/hello?exit=0")
            answer = await emulator.http.get("/api/hello")
            await asyncio.sleep(0.2)
            done = waiting.done()
            waiting.cancel()
            return answer.status_code, done

    assert run(work()) == (502, False)
    assert bench.having("exit status 0, and the host starts no other")


def test_it_is_killed_without_a_word(bench, run):
    source = f"signal.signal(signal.SIGTERM, lambda *_: print('told', flush=True))\n{SERVE}"

    async def work():
        async with bench.emulate(bench.app(source, **PROXY)) as emulator:
            return int((await emulator.http.get("/api/hello")).text)

    pid = run(work())
    assert not alive(pid)
    assert not bench.having("told")


@pytest.mark.parametrize("proxying", [True, False])
def test_a_function_that_takes_too_long_is_killed_with_all_others(bench, run, proxying):
    source = """
    def handler(request):
        body = request.body()
        if "hang" in request.target:
            time.sleep(60)
        reply = {"Outputs": {"res": {"body": str(os.getpid())}}}
        if request.header("x-ms-invocation-id"):
            reply = str(os.getpid())
        request.reply(reply, 200, [("Content-Type", "application/json")])
    serve(handler)
    """
    host = {"customHandler": {"enableProxyingHttpRequest": proxying}, "functionTimeout": "00:00:00.5"}
    app = bench.app(source, {"hello": HTTP, "hang": HTTP}, **host)

    async def work():
        async with bench.emulate(app) as emulator:
            before = await emulator.http.get("/api/hello")
            begin = time.monotonic()
            late = await emulator.http.get("/api/hang")
            took = time.monotonic() - begin
            after = await emulator.http.get("/api/hello")
            return before, late, took, after

    before, late, took, after = run(work())
    assert (before.status_code, late.status_code, after.status_code) == (200, 500, 200)
    assert 0.4 < took < 3
    assert before.text != after.text
    assert not alive(int(before.text))
    assert bench.having("Timeout value of 0.5 s was exceeded by function: Functions.hang")
    assert not bench.having("error 1 of 3")


def test_lines_are_shown_with_the_level_that_the_host_gives_them(bench, run):
    source = f"""
    print("plain", flush=True)
    print("LanguageWorkerConsoleLog inner", flush=True)
    print("azfuncjsonlog:{{}}", flush=True)
    print("bad", file=sys.stderr, flush=True)
    print("UserWarning: careful", file=sys.stderr, flush=True)
    {SERVE}
    """

    async def work():
        async with bench.emulate(bench.app(source, **PROXY)) as emulator:
            await emulator.http.get("/api/hello")

    run(work())
    assert "plain" in bench.log
    assert "[System]  inner" in bench.log
    assert "[Error] bad" in bench.log
    assert "[Warning] UserWarning: careful" in bench.log
    assert not bench.having("azfuncjsonlog")


@pytest.mark.parametrize(("told", "words"), [
    ({"bindings": []}, "there are no bindings"),
    ({"bindings": [HTTP[1]]}, "there are 0 triggers"),
    ({"bindings": [HTTP[0], {**HTTP[0], "name": "b"}]}, "there are 2 triggers"),
    ({"bindings": [HTTP[0], {**HTTP[1], "name": "req"}]}, "two bindings are named 'req'"),
    ({"bindings": [{**HTTP[0], "direction": "sideways"}]}, "has direction 'sideways'"),
    ({"bindings": [{"type": "httpTrigger", "direction": "in"}]}, "a binding's name is None"),
    ({"bindings": HTTP, "scriptFile": "function_app.py"}, "scriptFile is 'function_app.py'"),
    ({"bindings": HTTP, "retry": {"strategy": "never"}}, "which is no policy"),
    ({"bindings": [{**HTTP[0], "route": "{a"}]}, "a { has no }"),
    ({"bindings": [{**HTTP[0], "route": "{a:odd}"}]}, "there is no constraint 'odd'"),
    ({"bindings": [{"name": "t", "type": "timerTrigger", "direction": "in", "schedule": "* *"}]}, "2 fields"),
])  # fmt: skip
def test_a_function_that_the_host_would_drop_is_refused(bench, run, told, words):
    async def work():
        async with bench.emulate(bench.app(SERVE, {"hello": told})):
            pass

    with pytest.raises(EmulationError) as caught:
        run(work())
    assert words in str(caught.value)
    assert caught.value.hint
    assert caught.value.code == "PF307"


@pytest.mark.parametrize(("host", "words"), [
    ({"version": "1.0"}, "has version '1.0'"),
    ({"customHandler": {"description": {}}}, "this is no custom handler"),
    ({"customHandler": {"description": {"defaultExecutablePath": "nothere"}}}, "neither in the app nor"),
    ({"customHandler": {"port": "x"}}, "customHandler.port is 'x'"),
    ({"customHandler": {"http": {"routes": [{"route": "a"}]}}}, "one or the other"),
    ({"extensions": {"queues": {"batchSize": 33}}}, "extensions.queues.batchSize is 33"),
])  # fmt: skip
def test_a_host_json_that_cannot_be_run_is_refused(bench, run, host, words):
    async def work():
        async with bench.emulate(bench.app(SERVE, **host)):
            pass

    with pytest.raises(EmulationError) as caught:
        run(work())
    assert words in str(caught.value)
    assert caught.value.hint


def test_what_is_no_app_is_refused(bench, run, tmp_path):
    async def work(place):
        async with bench.emulate(place):
            pass

    (tmp_path / "empty").mkdir()
    with pytest.raises(EmulationError, match=r"there is no host\.json"):
        run(work(tmp_path / "empty"))
    with pytest.raises(EmulationError, match="does not exist"):
        run(work(tmp_path / "nothing"))


def test_port_of_host_json(bench, run):
    from tests.ports import free_port

    port = free_port()
    source = "serve(lambda request: request.reply(os.environ['FUNCTIONS_CUSTOMHANDLER_PORT']))"
    handler = {"enableProxyingHttpRequest": True, "port": str(port)}

    async def work():
        async with bench.emulate(bench.app(source, customHandler=handler)) as emulator:
            return (await emulator.http.get("/api/hello")).text

    assert run(work()) == str(port)
