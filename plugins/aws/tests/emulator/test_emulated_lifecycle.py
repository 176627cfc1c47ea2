"""Cold starts, freezes, deadlines, crashes, memory: what happens to the process."""

import asyncio
import json
import os
import re
import signal
import time
import zipfile
from pathlib import Path

import pytest

from polyfn.toolchain.errors import EmulationError, ToolchainError, UsageError

ECHO = "serve(lambda event, headers: event)"
REPORT = re.compile(
    r"REPORT RequestId: [0-9a-f-]{36}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\t"
    r"Max Memory Used: \d+ MB(\tInit Duration: \d+\.\d\d ms)?"
)


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


async def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.005)


def test_cold_then_warm(bench, run):
    async def work():
        source = f"time.sleep(0.2); print('started', flush=True); {ECHO}"
        async with bench.emulate(bench.artifact(source)) as emulator:
            assert bench.log == [], "nothing starts before the first invocation"
            return [await emulator.invoke(b'{"n": %d}' % n) for n in range(3)]

    first, *others = run(work())
    assert first.payload == b'{"n": 0}'
    assert 200 < first.report["init_ms"] < 10_000
    assert first.report["billed_ms"] >= first.report["init_ms"] + first.report["duration_ms"]
    assert [one.report["init_ms"] for one in others] == [None, None]
    kinds = [line.split()[0] for line in bench.log]
    assert kinds == ["started", *["START", "END", "REPORT"] * 3]
    matches = [REPORT.fullmatch(line) for line in bench.reports()]
    assert all(matches)
    assert [bool(match.group(1)) for match in matches] == [True, False, False]
    request_id = first.report["request_id"]
    assert f"START RequestId: {request_id} Version: $LATEST" in bench.log
    assert f"END RequestId: {request_id}" in bench.log
    assert 5 <= first.report["peak_memory_mb"] <= 100


def test_awslambdaric_serves(bench, run):
    async def work():
        artifact = bench.ric(
            """
            def handler(event, context):
                print("in handler")
                if event == "fail":
                    raise ValueError("no")
                left = context.get_remaining_time_in_millis()
                return {"event": event, "left": left, "name": context.function_name}
            """
        )
        async with bench.emulate(artifact, function="hello", timeout=3) as emulator:
            return [await emulator.invoke(event) for event in (b'{"a": 1}', b'"fail"', b'"again"')]

    good, bad, again = run(work())
    told = json.loads(good.payload)
    assert told["event"] == {"a": 1}
    assert 2000 < told["left"] <= 3000
    assert told["name"] == "hello"
    assert "in handler" in good.report["log"]
    assert bad.error == "Unhandled"
    assert json.loads(bad.payload)["errorType"] == "ValueError"
    assert again.error is None
    assert again.report["init_ms"] is None


def test_the_whole_family_is_frozen_between_invocations(bench, run):
    source = """
        import subprocess
        child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        loner = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
        serve(lambda event, headers: [os.getpid(), child.pid, loner.pid])
        """

    async def work():
        async with bench.emulate(bench.artifact(source)) as emulator:
            pids = json.loads((await emulator.invoke(b"{}")).payload)
            await until(lambda: [state(pid) for pid in pids] == ["T"] * 3)
            running = asyncio.create_task(emulator.invoke(b"{}"))
            assert json.loads((await running).payload) == pids
            await until(lambda: [state(pid) for pid in pids] == ["T"] * 3)
        await until(lambda: {state(pid) for pid in pids} <= {"Z", "gone"})

    run(work())


def test_freezing_can_be_switched_off(bench, run):
    async def work():
        source = "serve(lambda event, headers: os.getpid())"
        async with bench.emulate(bench.artifact(source), options={"freeze": "off"}) as emulator:
            pid = int((await emulator.invoke(b"{}")).payload)
            await asyncio.sleep(0.05)
            return state(pid)

    assert run(work()) == "S"


def test_deadline(bench, run):
    async def work():
        source = """
            def handler(event, headers):
                if event == "hang":
                    time.sleep(60)
                return os.getpid()
            serve(handler)
            """
        async with bench.emulate(bench.artifact(source), timeout=0.5) as emulator:
            return [await emulator.invoke(event) for event in (b"1", b'"hang"', b"2")]

    first, hung, after = run(work())
    assert hung.error == "Unhandled"
    request_id = hung.report["request_id"]
    assert json.loads(hung.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 0.50 seconds",
    }
    assert 500 <= hung.report["duration_ms"] < 5000
    assert hung.report["status"] == "timeout"
    assert any(line.endswith(f"Z {request_id} Task timed out after 0.50 seconds") for line in bench.log)
    assert "Status: timeout" in bench.reports()[1]
    assert after.report["init_ms"] is not None, "a killed environment is followed by a cold start"
    assert first.payload != after.payload


@pytest.mark.parametrize(("extension", "seen"), [("register()", True), ("None", False)])
def test_sigterm_comes_before_the_kill_only_with_an_extension(bench, run, extension, seen):
    source = f"""
        import signal, threading
        watch = {extension}
        if watch:
            threading.Thread(target=extension_next, args=(watch,), daemon=True).start()
        signal.signal(signal.SIGTERM, lambda *_: (print("terminated", flush=True), os._exit(0)))
        serve(lambda event, headers: time.sleep(60) if event == "hang" else 1)
        """

    async def work():
        async with bench.emulate(bench.artifact(source), timeout=0.6) as emulator:
            await emulator.invoke(b'"hang"')
            timed_out = bench.log.count("terminated")
            await emulator.invoke(b"1")  # and is frozen when the emulator ends
        return timed_out, bench.log.count("terminated")

    assert run(work()) == ((1, 2) if seen else (0, 0))


def test_sigterm_that_is_ignored_costs_half_a_second(bench, run):
    source = """
        import signal, threading
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        threading.Thread(target=extension_next, args=(register(),), daemon=True).start()
        serve(lambda event, headers: 1)
        """

    async def work():
        async with bench.emulate(bench.artifact(source)) as emulator:
            await emulator.invoke(b"1")
            begin = time.monotonic()
        return time.monotonic() - begin

    assert 0.5 <= run(work()) < 10


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
    ],
)
def test_crash_in_an_invocation(bench, run, end, words):
    async def work():
        source = f"""
            def handler(event, headers):
                if event == "crash":
                    print("last words", flush=True)
                    {end}
                return 1
            serve(handler)
            """
        async with bench.emulate(bench.artifact(source)) as emulator:
            return [await emulator.invoke(event) for event in (b'"crash"', b"1")]

    crashed, after = run(work())
    request_id = crashed.report["request_id"]
    assert json.loads(crashed.payload) == {
        "errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {request_id} Error: {words}",
    }  # fmt: skip
    assert "last words" in crashed.report["log"]
    assert "Status: error\tError Type: Runtime.ExitError" in bench.reports()[0]
    assert after.payload == b"1"
    assert crashed.report["peak_memory_mb"] >= 5, "measured before it was too late"
    assert after.report["init_ms"] is not None


def test_crash_between_invocations_makes_a_cold_start(bench, run):
    async def work():
        async with bench.emulate(bench.artifact("serve(lambda event, headers: os.getpid())")) as emulator:
            pid = int((await emulator.invoke(b"{}")).payload)
            os.kill(pid, signal.SIGKILL)
            await until(lambda: not Path(f"/proc/{pid}").exists())
            return pid, await emulator.invoke(b"{}")

    pid, after = run(work())
    assert int(after.payload) != pid
    assert after.report["init_ms"] is not None


def test_exit_after_the_response_keeps_the_response(bench, run):
    async def work():
        source = "id, _, _ = next_invocation(); respond(id, 1); sys.exit(4)"
        async with bench.emulate(bench.artifact(source)) as emulator:
            return [await emulator.invoke(b"{}") for _ in range(2)]

    for result in run(work()):
        assert result.payload == b"1"
        assert result.error is None
        assert result.report["status"] == "error"
        assert result.report["init_ms"] is not None


def test_init_error_is_tried_again_within_the_invocation(bench, run):
    async def work():
        source = """
            body = json.dumps({"errorMessage": "no module", "errorType": "Runtime.ImportModuleError"})
            kind = {"Lambda-Runtime-Function-Error-Type": "Runtime.ImportModuleError"}
            print(call("POST", "/2018-06-01/runtime/init/error", body, kind)[0], flush=True)
            sys.exit(1)
            """
        async with bench.emulate(bench.artifact(source)) as emulator:
            return await emulator.invoke(b"{}")

    result = run(work())
    assert result.error == "Unhandled"
    assert json.loads(result.payload)["errorType"] == "Runtime.ImportModuleError"
    reports = [line for line in bench.log if line.startswith("INIT_REPORT")]
    assert [
        re.search(r"Phase: (\w+)\tStatus: (\w+)\tError Type: (.*)", line).groups() for line in reports
    ] == [
        ("init", "error", "Runtime.ImportModuleError"),
        ("invoke", "error", "Runtime.ImportModuleError"),
    ]
    assert bench.log.count("202") == 2


def test_awslambdaric_init_error(bench, run):
    async def work():
        async with bench.emulate(bench.ric("import nothing_of_this_name")) as emulator:
            return await emulator.invoke(b"{}")

    result = run(work())
    told = json.loads(result.payload)
    assert told["errorType"] == "Runtime.ImportModuleError"
    assert told["requestId"] == ""


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("sys.exit(7)", "Runtime exited with error: exit status 7"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
    ],
)
def test_exit_at_init(bench, run, end, words):
    async def work():
        async with bench.emulate(bench.artifact(end)) as emulator:
            return await emulator.invoke(b"{}")

    result = run(work())
    assert json.loads(result.payload) == {"errorType": "Runtime.ExitError", "errorMessage": words}


def test_a_slow_init_gets_the_time_of_the_invocation(bench, run):
    async def work():
        async with bench.emulate(
            bench.artifact(f"time.sleep(0.5); {ECHO}"), options={"init-timeout": "0.3"}
        ) as emulator:
            return await emulator.invoke(b'"made it"')

    result = run(work())
    assert result.payload == b'"made it"'
    assert result.report["init_ms"] is None
    assert result.report["duration_ms"] > 500
    assert any(re.fullmatch(r"INIT_REPORT .*\tPhase: init\tStatus: timeout", line) for line in bench.log)


def test_an_init_that_never_ends_times_out(bench, run):
    async def work():
        async with bench.emulate(
            bench.artifact("time.sleep(60)"), options={"init-timeout": "0.2"}, timeout=0.4
        ) as emulator:
            return await emulator.invoke(b"{}")

    result = run(work())
    assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"


def test_out_of_memory(bench, run):
    async def work():
        source = """
            def handler(event, headers):
                block = b"x" * (event << 20)
                time.sleep(0.2 if event < 128 else 60)
                return len(block)
            serve(handler)
            """
        async with bench.emulate(bench.artifact(source), memory=128) as emulator:
            return [await emulator.invoke(event) for event in (b"40", b"200", b"1")]

    fits, killed, after = run(work())
    assert fits.payload == str(40 << 20).encode()
    assert 40 < fits.report["peak_memory_mb"] < 100
    assert json.loads(killed.payload) == {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": f"RequestId: {killed.report['request_id']} Error: "
        "Runtime exited with error: signal: killed",
    }
    assert killed.report["duration_ms"] < 4000, "killed while it runs, not at its deadline"
    assert killed.report["peak_memory_mb"] > 128
    assert after.payload == str(1 << 20).encode()


def test_children_count_towards_memory(bench, run):
    async def work():
        source = """
            import subprocess
            def handler(event, headers):
                code = f"import time; b = b'x' * ({event} << 20); time.sleep(30)"
                children = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
                time.sleep(5)
            serve(handler)
            """
        async with bench.emulate(bench.artifact(source), memory=128) as emulator:
            return await emulator.invoke(b"60")

    assert json.loads(run(work()).payload)["errorType"] == "Runtime.OutOfMemory"


def test_requests_wait_their_turn(bench, run):
    async def work():
        source = "serve(lambda event, headers: (time.sleep(0.02), event)[1])"
        async with bench.emulate(bench.artifact(source)) as emulator:
            return await asyncio.gather(*(emulator.invoke(b"%d" % n) for n in range(8)))

    assert [one.payload for one in run(work())] == [b"%d" % n for n in range(8)]
    assert len([line for line in bench.reports() if "Init Duration" in line]) == 1


def test_environment(bench, run, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_DEVELOPER", "1")

    async def work(artifact):
        settings = {
            "function": "orders",
            "memory": 256,
            "environment": {"TABLE": "t", "AWS_REGION": "eu-west-1"},
        }
        async with bench.emulate(artifact, **settings) as emulator:
            return json.loads((await emulator.invoke(b"{}")).payload)

    artifact = bench.artifact("serve(lambda event, headers: [dict(os.environ), os.getcwd()])")
    variables, cwd = run(work(artifact))
    assert cwd == variables["LAMBDA_TASK_ROOT"] == str(artifact)
    assert "SECRET_OF_THE_DEVELOPER" not in variables
    assert "AWS_EXECUTION_ENV" not in variables
    expected = {
        "_HANDLER": "orders",
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_REGION": "eu-west-1",
        "TABLE": "t",
        "TZ": ":UTC",
    }
    assert {name: variables.get(name) for name in expected} == expected


@pytest.mark.parametrize("name", ["_HANDLER", "_X", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT"])
def test_reserved_variables_are_refused(bench, run, name):
    async def work():
        async with bench.emulate(bench.artifact(ECHO), environment={name: "x"}):
            raise AssertionError

    with pytest.raises(UsageError, match=name):
        run(work())


@pytest.mark.parametrize(
    "options",
    [
        {"htpp": "v1"},
        {"http": "v3"},
        {"freeze": "maybe"},
        {"init-timeout": "soon"},
        {"init-timeout": "0"},
        {"redrive": "0"},
    ],
)
def test_wrong_options_are_refused(bench, run, options):
    async def work():
        async with bench.emulate(bench.artifact(ECHO), options=options):
            raise AssertionError

    with pytest.raises(UsageError) as caught:
        run(work())
    assert caught.value.hint


def test_a_zip_is_unpacked_with_its_modes_and_removed(bench, run):
    artifact = bench.artifact("serve(lambda event, headers: os.getcwd())")
    packed = bench.root / "function.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in artifact.iterdir():
            archive.write(path, path.name)

    async def work():
        async with bench.emulate(packed) as emulator:
            place = Path(json.loads((await emulator.invoke(b"{}")).payload))
            assert place.is_dir()
            return place

    assert not run(work()).exists()


@pytest.mark.parametrize("case", ["missing", "no bootstrap", "not executable", "not a zip"])
def test_artifacts_that_cannot_start_are_refused_at_once(bench, run, case):
    artifact = bench.artifact(ECHO)
    bootstrap = artifact / "bootstrap"
    match case:
        case "missing":
            artifact = artifact / "nowhere.zip"
        case "no bootstrap":
            bootstrap.unlink()
        case "not executable":
            bootstrap.chmod(0o644)
        case "not a zip":
            artifact = bootstrap

    async def work():
        async with bench.emulate(artifact):
            raise AssertionError

    with pytest.raises(ToolchainError) as caught:
        run(work())
    assert caught.value.hint


def test_a_bootstrap_that_the_kernel_cannot_execute(bench, run):
    artifact = bench.artifact("")
    (artifact / "bootstrap").write_text("#!/no/such/interpreter\n")

    async def work():
        async with bench.emulate(artifact) as emulator:
            return await emulator.invoke(b"{}")

    told = json.loads(run(work()).payload)
    assert told["errorType"] == "Runtime.InvalidEntrypoint"
    assert "no such file or directory" in told["errorMessage"]


def test_a_port_that_is_taken(bench, run):
    async def work():
        artifact = bench.artifact(ECHO)
        async with bench.emulate(artifact) as emulator:
            port = int(emulator.url.rpartition(":")[2])
            async with bench.emulate(artifact, port=port):
                raise AssertionError

    with pytest.raises(EmulationError, match="cannot listen"):
        run(work())


def test_leaving_after_the_reply_lets_the_invocation_end(bench, run):
    async def work():
        source = """
            while True:
                id, _, _ = next_invocation()
                respond(id, 1)
                time.sleep(0.2)
            """
        async with bench.emulate(bench.artifact(source)) as emulator:
            await emulator.http.get("/")
            assert bench.reports() == []

    run(work())
    assert len(bench.reports()) == 1


def test_leaving_while_an_invocation_runs(bench, run):
    async def work():
        async with bench.emulate(bench.artifact("serve(lambda event, headers: time.sleep(60))")) as emulator:
            running = asyncio.create_task(emulator.http.get("/"))
            await until(lambda: any(line.startswith("START") for line in bench.log))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await emulator.wait()

    begin = time.monotonic()
    run(work())
    assert time.monotonic() - begin < 20
