"""Cloud Run jobs: exit statuses, the task's numbers, hooks, SIGTERM."""

import signal
import time

import pytest

ASYNC_OR_NOT = pytest.mark.parametrize("style", ["def", "async def"])


@ASYNC_OR_NOT
def test_success(job, style):
    done = job(f"""
        @polyfn.function
        {style} f(event, context):
            native = context.native
            print(event, context.request_id, context.attempt, context.deadline, context.cold_start)
            print(native.job, native.execution, native.task_index, native.task_count, native.task_attempt)
    """)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        "{'task_index': 2, 'task_count': 5, 'task_attempt': 1} nightly-x7-2 2 None True",
        "nightly nightly-x7 2 5 1",
    ]


def test_a_payload_of_ones_own(job):
    done = job(
        "@polyfn.function\ndef f(event: dict): print(event)", env={"POLYFN_PAYLOAD": '{"day": "Monday"}'}
    )
    assert (done.status, done.out) == (0, "{'day': 'Monday'}\n")


@pytest.mark.parametrize(
    ("raised", "status", "severity", "message"),
    [
        ("polyfn.Retry('later')", 1, "WARNING", "to be retried: later"),
        ("polyfn.Drop('why')", 0, "ERROR", "dropped: why"),
        ("ValueError('x')", 1, "ERROR", "the task failed: ValueError: x"),
        ("polyfn.HTTPError(404)", 1, "ERROR", "the task failed: HTTPError: (404, None)"),
    ],
)
@ASYNC_OR_NOT
def test_outcomes(job, style, raised, status, severity, message):
    done = job(f"@polyfn.function\n{style} f(event): raise {raised}")
    [line] = done.lines()
    assert (done.status, line["severity"], line["message"]) == (status, severity, message)
    assert line["logging.googleapis.com/labels"] == {"request_id": "nightly-x7-2", "function": "f"}


def test_a_payload_that_does_not_fit(job):
    done = job("@polyfn.function\ndef f(event: list): print('never')")
    assert (done.status, done.out) == (1, "")
    assert "PayloadError" in done.lines()[0]["message"]


@pytest.mark.parametrize(("code", "status"), [("3", 3), ("0", 0), ("", 0), ("'why'", 1)])
def test_sys_exit_is_the_users_own_word(job, code, status):
    assert job(f"import sys\n@polyfn.function\ndef f(): sys.exit({code})").status == status


def test_hooks_resources_and_deferred_work(job):
    done = job("""
        @polyfn.on_start
        async def begin(): print("start")
        @polyfn.on_stop
        def end(): print("stop")
        @polyfn.resource
        def thing():
            yield 1
            print("closed")
        @polyfn.function
        def f(event, context):
            context.defer(lambda: print("deferred"))
            print("task", thing())
    """)
    assert done.status == 0
    assert done.out.split() == ["start", "task", "1", "deferred", "stop", "closed"]


def test_a_start_hook_that_fails(job):
    done = job("""
        @polyfn.on_start
        def begin(): raise ValueError("no database")
        @polyfn.on_stop
        def end(): print("stop")
        @polyfn.function
        def f(event): print("never")
    """)
    assert (done.status, done.out) == (1, "stop\n")
    assert done.lines()[0]["severity"] == "CRITICAL"


@pytest.mark.parametrize("sleep", ["time.sleep(30)", "await asyncio.sleep(30)"])
def test_sigterm_unwinds_the_task(launch, sleep):
    style = "async def" if "await" in sleep else "def"
    program = launch(
        f"""
        import asyncio, time
        @polyfn.on_stop
        def end(): print("stop")
        @polyfn.function
        {style} f(event):
            print("begun")
            try:
                {sleep}
            finally:
                print("cleaned up")
        """,
        "f",
        env={"CLOUD_RUN_JOB": "j"},
    )
    until = time.monotonic() + 10
    while "begun" not in program.out and time.monotonic() < until:
        time.sleep(0.02)
    began = time.monotonic()
    program.end(signal.SIGTERM)
    assert time.monotonic() - began < 5
    assert (program.status, program.out.split("\n")[:-1]) == (143, ["begun", "cleaned up", "stop"])


def test_a_schedule_is_a_job_too(job):
    done = job("""
        @polyfn.function(polyfn.Schedule("0 6 * * *"))
        def f(tick: polyfn.Tick): print(tick.schedule, tick.data["task_index"])
    """)
    assert (done.status, done.out) == (0, "nightly 2\n")


def test_a_generator_runs_to_its_end(job):
    done = job("@polyfn.function\nasync def f():\n    yield 1\n    print('end')\n")
    assert (done.status, done.out) == (0, "end\n")


def test_what_a_job_cannot_run(job):
    done = job("@polyfn.function(polyfn.Queue('q'))\ndef f(message): ...")
    [line] = done.lines()
    assert (done.status, line["severity"]) == (1, "CRITICAL")
    assert "a Cloud Run job has no requests" in line["message"]


def test_which_function(job):
    source = "@polyfn.function\ndef f(): print('f')\n@polyfn.function\ndef g(): print('g')\n"
    assert job(source, "f", "g", env={"FUNCTION_TARGET": "g"}).out == "g\n"
    undecided = job(source, "f", "g")
    assert undecided.status == 1
    assert "set FUNCTION_TARGET" in undecided.lines()[0]["message"]


def test_a_job_does_not_listen(job):
    done = job("import sys\n@polyfn.function\ndef f(): print('polyfn.runtime.server' in sys.modules)")
    assert done.out == "False\n"


def test_a_plain_job_imports_neither_logging_nor_a_loop(job):
    done = job(
        "import sys\n@polyfn.function\ndef f(): print(*{'logging', 'asyncio', 're'} & set(sys.modules))"
    )
    assert done.out == "\n"


def test_a_job_that_logs(job):
    done = job("import logging\n@polyfn.function\ndef f(): logging.info('at work')")
    [line] = done.lines()
    assert (line["severity"], line["message"]) == ("INFO", "at work")
