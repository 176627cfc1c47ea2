"""How an instance starts, and all the ways in which it does not."""

import asyncio
import time

import pytest

from polyfn.toolchain.errors import EmulationError, UsageError

SERVE = "serve(lambda request: request.reply(str(os.getpid())))"
FAILED = "Container failed to start. Failed to start and then listen on the port defined by the PORT"


def test_it_is_started_before_the_first_request(bench, run):
    async def work():
        async with bench.emulate(bench.image(f"print('here', flush=True); {SERVE}")):
            await bench.until(lambda: bench.having("STARTUP TCP probe succeeded"))

    run(work())
    assert bench.log[0] == "here"


def test_environment(bench, run):
    source = "serve(lambda request: request.reply(dict(os.environ, cwd=os.getcwd(), argv=sys.argv[1:])))"
    config = {"Env": ["A=image", "B=image", "PORT=1", "EMPTY=", "PATHS=/app:/nowhere"], "Cmd": ["/app", "x"]}

    async def work():
        async with bench.emulate(
            bench.image(source, **config), environment={"B": "user"}, function="Say_Hello", timeout=2.5
        ) as emulator:
            return (await emulator.http.get("/")).json()

    told = run(work())
    told.pop("LC_CTYPE", None)  # Python's own
    root = str(bench.root / "image" / "rootfs")
    assert told.pop("cwd") == f"{root}/app"
    assert told.pop("argv") == [f"{root}/app", "x"]
    assert 1024 < int(told.pop("PORT")) < 65536
    revision, path = told.pop("K_REVISION"), told.pop("PATH")
    assert revision.startswith("say-hello-00001-")
    assert path.startswith("/usr/local/sbin:")
    assert told == {
        "A": "image", "B": "user", "EMPTY": "", "PATHS": f"{root}/app:/nowhere", "HOME": "/",
        "K_SERVICE": "say-hello", "K_CONFIGURATION": "say-hello", "CLOUD_RUN_TIMEOUT_SECONDS": "3",
        "FUNCTION_TARGET": "Say_Hello",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["PORT", "K_SERVICE", "CLOUD_RUN_TASK_INDEX", "X_GOOGLE_ANYTHING"])
def test_reserved_variables_are_refused(bench, run, name):
    async def work():
        async with bench.emulate(bench.image(SERVE), environment={name: "x"}):
            pass

    with pytest.raises(UsageError, match=f"{name} is reserved by Cloud Run"):
        run(work())


def test_one_that_never_listens(bench, run):
    async def work():
        options = {"startup-timeout": "0.3"}
        async with bench.emulate(bench.image("time.sleep(60)"), options=options) as emulator:
            return await emulator.http.get("/")

    answer = run(work())
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert bench.having("The instance was not started. Connection failed with status DEADLINE_EXCEEDED.")
    assert bench.having(FAILED)
    assert bench.having("The request failed because the instance could not start successfully.")
    assert bench.having("GET 500 21 B")


def test_one_that_listens_on_the_loopback_address_alone(bench, run):
    source = "serve(lambda request: request.reply('local'), listen('127.0.0.1'))"

    async def work():
        begin = time.monotonic()
        async with bench.emulate(bench.image(source)) as emulator:
            return await emulator.http.get("/"), time.monotonic() - begin

    answer, took = run(work())
    assert answer.status_code == 500
    assert bench.having(FAILED)
    assert bench.having("alone, where Cloud Run does not reach it: let it listen on 0.0.0.0")
    assert took < 10, "it is told at once, not when the time is up"


def test_one_that_listens_there_first_is_given_time(bench, run):
    source = f"""
        local = listen("127.0.0.1")
        time.sleep(0.3)
        local.close()
        {SERVE}
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            return (await emulator.http.get("/")).status_code

    assert run(work()) == 200


def test_one_that_listens_on_ipv6_too(bench, run):
    source = """
        import socket
        server = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
        serve(lambda request: request.reply("six"), server)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            return (await emulator.http.get("/")).text

    assert run(work()) == "six"


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("sys.exit(3)", "Container called exit(3)."),
        ("sys.exit(0)", "Container called exit(0)."),
        ("os.abort()", "Container terminated on signal 6."),
    ],
)
def test_one_that_ends_before_it_listens_is_started_again_for_the_next_request(bench, run, end, words):
    source = f"""
        import pathlib
        flag = pathlib.Path("started")
        if not flag.exists():
            flag.touch()
            print("last words", flush=True)
            {end}
        {SERVE}
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            await bench.until(lambda: bench.having(FAILED))
            return (await emulator.http.get("/")).status_code

    assert run(work()) == 200
    assert bench.log.index("last words") < bench.log.index(words)


def test_all_that_wait_for_a_start_are_told_that_it_failed(bench, run):
    async def work():
        async with bench.emulate(bench.image("time.sleep(0.3); sys.exit(1)")) as emulator:
            answers = await asyncio.gather(*(emulator.http.get("/") for _ in range(5)))
            return [answer.status_code for answer in answers]

    assert run(work()) == [500] * 5
    assert len(bench.having("Container called exit(1).")) == 1


def test_memory_is_watched_from_the_start(bench, run):
    async def work():
        source = "hoard = bytearray(200 << 20); time.sleep(60)"
        async with bench.emulate(bench.image(source), memory=64) as emulator:
            return (await emulator.http.get("/")).status_code

    assert run(work()) == 500
    assert bench.having("Memory limit of 64 MiB exceeded with ")


def test_a_start_can_be_interrupted(bench, run):
    async def work():
        async with bench.emulate(bench.image("print('up', flush=True); time.sleep(60)")):
            await bench.until(lambda: "up" in bench.log)
        return len(bench.having("Container terminated on signal 9."))

    assert run(work()) == 1


def test_what_cannot_be_executed(bench, run):
    image = bench.image(SERVE)
    (image / "rootfs/app/main").write_text("#!/no/such/interpreter\n")

    async def work():
        async with bench.emulate(image) as emulator:
            return (await emulator.http.get("/")).status_code

    assert run(work()) == 500
    assert bench.having("cannot be executed: No such file or directory")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"concurrency": "1001"}, "at most 1000"),
        ({"concurrency": "0"}, "cannot be '0'"),
        ({"cpu": "never"}, "cannot be 'never'"),
        ({"freeze": "on"}, "no option 'freeze'"),
        ({"startup-timeout": "soon"}, "cannot be 'soon'"),
        ({"job": "on", "task-count": "2", "task-index": "2"}, "cannot be '2'"),
        ({"job": "on", "max-retries": "11"}, "cannot be '11'"),
    ],
)
def test_options_that_cannot_work(bench, run, options, words):
    async def work():
        async with bench.emulate(bench.image(SERVE), options=options):
            pass

    with pytest.raises(UsageError, match=words):
        run(work())


def test_a_port_that_is_taken(bench, run):
    async def work():
        async with bench.emulate(bench.image(SERVE)) as emulator:
            port = int(emulator.url.rpartition(":")[2])
            async with bench.emulate(bench.image(SERVE), port=port):
                pass

    with pytest.raises(EmulationError, match="cannot listen on"):
        run(work())
