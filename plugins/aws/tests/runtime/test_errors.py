"""Errors, of invocations and of initialisation: the body, the type header, the X-Ray cause, the log."""

import json
import re
import signal
import time

import pytest

LEGAL = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")
KIND = "lambda-runtime-function-error-type"
CAUSE = "lambda-runtime-function-xray-error-cause"


def test_an_exception_becomes_the_error(serve, platform):
    code = """
    def deeper():
        raise LookupError("no order 7: é")
    @polyfn.function
    def main(event):
        deeper()
    """
    one = serve(code, [platform.Event(id="r-9"), platform.Event(id="r-10")])
    post = one.api.posts[0]
    error = post.json()
    assert list(error) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert error["errorMessage"] == "no order 7: é"
    assert error["errorType"] == "LookupError"
    assert error["requestId"] == "r-9"
    assert [re.search(r"in (\w+)\n    (.*)\n", entry).groups() for entry in error["stackTrace"]] == [
        ("main", "deeper()"),
        ("deeper", 'raise LookupError("no order 7: é")'),
    ], "the user's frames alone"
    assert post.headers[KIND] == "Function.LookupError"
    cause = json.loads(post.headers[CAUSE])
    assert cause["exceptions"][0]["type"] == "LookupError"
    assert [frame["label"] for frame in cause["exceptions"][0]["stack"]] == ["main", "deeper"]
    assert len(cause["paths"]) == 1
    assert len(one.api.posts) == 2, "and the loop goes on"


def test_the_error_is_logged_as_one_event(serve, platform):
    one = serve(
        "@polyfn.function\ndef main(event):\n    raise ValueError('boom')", [platform.Event(id="r-1")]
    )
    lines = one.out.split("\n")
    assert lines[1:] == [""], "one line feed: one event in CloudWatch"
    assert re.match(r"\[ERROR\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tr-1\tValueError: boom\r", lines[0])
    assert "\r\u00a0\u00a0File " in lines[0]
    assert one.err == ""


def test_a_retry_is_no_error_of_the_log_and_fails_the_invocation(serve, platform):
    code = """
    @polyfn.function(polyfn.Schedule("0 6 * * *"))
    def main():
        raise polyfn.Retry("not yet")
    """
    one = serve(code, [platform.Event({"own": "payload"}, id="r-1"), platform.Event({}, id="r-2")])
    assert [post.json()["errorType"] for post in one.api.posts] == ["Retry", "Retry"]
    levels = re.findall(r"^\[(\w+)\]\t\S+\tr-\d\t(.*)$", one.out, re.MULTILINE)
    assert levels == [("WARNING", "to be retried: not yet")] * 2


def test_what_fails_a_topics_invocation_is_logged_once(serve, platform):
    code = """
    @polyfn.function(polyfn.Topic("t"))
    def main(message: polyfn.Message):
        raise ValueError("boom")
    """
    record = {"EventSource": "aws:sns", "Sns": {"MessageId": "m-1", "Message": "{}", "TopicArn": "a:t"}}
    one = serve(code, [platform.Event({"Records": [record]}, id="r-1")])
    assert one.api.posts[0].json()["errorType"] == "ValueError"
    assert one.out.count("ValueError: boom") == 1
    assert "message failed message_id=m-1: ValueError: boom" in one.out


def test_async_frames_of_the_event_loop_are_left_out(serve, platform):
    code = """
    import asyncio
    @polyfn.function
    async def main(event):
        await asyncio.sleep(0)
        raise ValueError("boom")
    """
    trace = serve(code, [platform.Event()]).api.posts[0].json()["stackTrace"]
    assert len(trace) == 1
    assert "in main" in trace[0]


@pytest.mark.parametrize("name", ["X", "_x", "HTTP2Error", "Größe", "snake_case"])
def test_every_type_header_is_legal(serve, platform, name):
    code = f"class {name}(Exception): pass\n@polyfn.function\ndef main(event):\n    raise {name}('a\\nb')"
    post = serve(code, [platform.Event()]).api.posts[0]
    assert LEGAL.fullmatch(post.headers[KIND])
    assert post.json()["errorType"] == name
    assert post.json()["errorMessage"] == "a\nb"


def test_an_unserialisable_result_names_the_key_path(serve, platform):
    one = serve("@polyfn.function\ndef main(event): return {'a': [1, object()]}", [platform.Event()])
    post = one.api.posts[0]
    assert post.verb == "error"
    assert post.json()["errorType"] == "Runtime.MarshalError"
    assert "$.a[1]" in post.json()["errorMessage"]
    assert post.headers[KIND] == "Runtime.MarshalError"


def test_a_payload_that_is_not_json(serve, platform):
    post = serve("@polyfn.function\ndef main(event): return event", [platform.Event(b"{nope")]).api.posts[0]
    assert post.json()["errorType"] == "Runtime.UnmarshalError"
    assert post.headers[KIND] == "Runtime.UnmarshalError"


def test_a_very_deep_stack_and_a_very_long_text(serve, platform):
    code = """
    def down(n):
        return down(n - 1)
    @polyfn.function
    def main(event):
        try:
            down(0)
        except RecursionError as error:
            raise RecursionError("é" * 900_000).with_traceback(error.__traceback__)
    """
    post = serve(code, [platform.Event()]).api.posts[0]
    assert post.json()["errorType"] == "RecursionError"
    assert len(post.body) < 1 << 20
    assert any("left out" in entry for entry in post.json()["stackTrace"])
    assert len(post.headers[CAUSE]) <= 64 * 1024
    assert json.loads(post.headers[CAUSE])["exceptions"][0]["stack"]


def test_an_exception_whose_text_cannot_be_had(serve, platform):
    code = """
    class Broken(Exception):
        def __str__(self):
            raise KeyError("no text")
    @polyfn.function
    def main(event):
        raise Broken
    """
    post = serve(code, [platform.Event()]).api.posts[0]
    assert post.json()["errorType"] == "Broken"
    assert "KeyError" in post.json()["errorMessage"]


@pytest.mark.parametrize("text", ["\udc80", "\ud800"])
def test_text_that_has_no_utf8_form(serve, platform, text):
    code = f"@polyfn.function\ndef main(event):\n    raise ValueError({text!a})"
    posts = serve(code, [platform.Event(), platform.Event()]).api.posts
    assert [post.json()["errorMessage"] for post in posts] == [text, text]


def test_sys_exit_in_a_handler_is_reported_and_ends_the_process(launch, platform):
    code = "import sys\n@polyfn.function\ndef main(event):\n    sys.exit(3)"
    one = launch(code, [platform.Event(), platform.Event()])
    assert one.wait() == 3
    assert [p.verb for p in one.api.posts] == ["error"]
    assert one.api.posts[0].json()["errorType"] == "SystemExit"


def test_sys_exit_ends_the_process_whatever_threads_run(launch, platform):
    code = """
    import atexit, sys, threading, time
    atexit.register(print, "exit function ran")
    @polyfn.function
    def main(event):
        threading.Thread(target=time.sleep, args=(60,)).start()
        sys.exit(event)
    """
    for payload, status in ((b"3", 3), (b"null", 0), (b'"why"', 1)):
        began = time.monotonic()
        one = launch(code, [platform.Event(payload)])
        assert one.wait() == status
        assert time.monotonic() - began < 10
        assert one.out.endswith("exit function ran\n")


def test_the_members_of_a_group_are_logged(serve, platform):
    code = """
    import asyncio
    async def part(n):
        raise ValueError(f"part {n} broke")
    @polyfn.function
    async def main(event):
        async with asyncio.TaskGroup() as group:
            group.create_task(part(1))
            group.create_task(part(2))
    """
    line = serve(code, [platform.Event()]).out.splitlines()[0]
    assert "ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)" in line
    one = serve(code, [platform.Event()], env={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    causes = json.loads(one.out.splitlines()[0])["causes"]
    assert [cause["errorMessage"] for cause in causes] == ["part 1 broke", "part 2 broke"]
    assert "in part" in causes[0]["stackTrace"][-1]


INIT = {
    "Runtime.ImportModuleError": "import no_such_module",
    "Runtime.UserCodeSyntaxError": "def main(:\n",
    "Runtime.HandlerNotFound": "@polyfn.function\ndef other(event): ...",
    "Runtime.DeclarationError": "@polyfn.function(polyfn.Queue)\ndef main(event): ...",
    "Function.ZeroDivisionError": "1 / 0",
    "Function.SystemExit": "raise SystemExit(5)",
    "Function.OSError": "@polyfn.on_start\ndef begin(): raise OSError('no db')\n"
    "@polyfn.function\ndef main(event): ...",
}


@pytest.mark.parametrize("kind", INIT)
def test_initialisation_fails(launch, kind):
    one = launch(INIT[kind])
    assert one.wait() == 1
    assert [r.path for r in one.api.requests] == ["/2018-06-01/runtime/init/error"], "before any /next"
    post = one.api.posts[0]
    assert post.headers[KIND] == kind
    error = post.json()
    assert error["requestId"] == ""
    assert error["errorMessage"]
    assert one.out.startswith("[CRITICAL]")
    assert one.out.count("\n") == 1
    assert one.err == "", "no traceback besides"


def test_a_syntax_error_shows_its_line(launch):
    one = launch("x = 1\ndef main(:\n")
    one.wait()
    trace = one.api.posts[0].json()["stackTrace"]
    assert len(trace) == 1
    assert "app.py" in trace[0]
    assert "line 3" in trace[0]
    assert "def main(:" in trace[0]


def test_an_import_error_shows_the_users_frames_alone(launch):
    one = launch("import no_such_module")
    one.wait()
    error = one.api.posts[0].json()
    assert "no_such_module" in error["errorMessage"]
    assert len(error["stackTrace"]) == 1
    assert "import no_such_module" in error["stackTrace"][0]


def test_a_module_named_like_a_builtin_one(launch):
    one = launch("", functions={"main": "time"})
    assert one.wait() == 1
    assert one.api.posts[0].headers[KIND] == "Runtime.BuiltInModuleConflict"


def test_the_handler_setting_chooses_among_several(serve, platform):
    code = """
    @polyfn.function
    def one(event): return 1
    @polyfn.function
    def two(event): return 2
    """
    functions = {"one": "app", "two": "app"}
    ran = serve(code, [platform.Event()], functions=functions, default=None, env={"_HANDLER": "two"})
    assert ran.api.posts[0].json() == 2


def test_a_handler_setting_that_chooses_none_of_several(launch):
    functions = {"one": "app", "two": "app"}
    one = launch("", functions=functions, default=None, env={"_HANDLER": "bootstrap"})
    assert one.wait() == 1
    error = one.api.posts[0].json()
    assert error["errorType"] == "Runtime.HandlerNotFound"
    assert all(word in error["errorMessage"] for word in ("bootstrap", "one", "two"))


def test_the_handler_setting_means_nothing_where_there_is_no_choice(serve, platform):
    code = "@polyfn.function\ndef main(event): return 1"
    assert serve(code, [platform.Event()], env={"_HANDLER": "bootstrap"}).api.posts[0].json() == 1


def test_concurrency_is_refused(launch):
    one = launch("@polyfn.function\ndef main(event): ...", env={"AWS_LAMBDA_MAX_CONCURRENCY": "16"})
    assert one.wait() == 1
    error = one.api.posts[0].json()
    assert "AWS_LAMBDA_MAX_CONCURRENCY" in error["errorMessage"]
    assert one.api.posts[0].headers[KIND] == "Runtime.UnsupportedError"


def test_a_concurrency_of_one_is_none(serve, platform):
    code = "@polyfn.function\ndef main(event): return 1"
    assert serve(code, [platform.Event()], env={"AWS_LAMBDA_MAX_CONCURRENCY": "1"}).api.posts[0].json() == 1


@pytest.mark.parametrize("status", [403, 500])
def test_an_init_error_that_is_refused_changes_nothing(launch, status):
    one = launch("1 / 0", init_error=[(status, b"")])
    assert one.wait() == 1
    assert str(status) in one.out


def test_a_payload_is_never_in_the_log(serve, platform):
    code = "@polyfn.function\ndef main(event): raise ValueError('boom')"
    one = serve(code, [platform.Event({"password": "hunter2"})])
    assert "hunter2" not in one.out + one.err
    assert one.process.returncode == -signal.SIGKILL


def test_what_led_to_an_error_is_logged(serve, platform):
    code = """
    @polyfn.function
    def main(event):
        try:
            1 / 0
        except ZeroDivisionError as error:
            raise LookupError("outer") from error
    """
    one = serve(code, [platform.Event()])
    assert "LookupError: outer" in one.out
    assert "\rCaused by ZeroDivisionError: division by zero\r" in one.out
    assert one.out.count("\n") == 1
    assert "ZeroDivisionError" not in "".join(one.api.posts[0].json()["stackTrace"])
    record = json.loads(serve(code, [platform.Event()], env={"AWS_LAMBDA_LOG_FORMAT": "JSON"}).out)
    assert [cause["errorType"] for cause in record["causes"]] == ["ZeroDivisionError"]


def test_what_is_no_exception_is_an_error_and_no_end(serve, platform):
    code = """
    class Signal(BaseException): ...
    @polyfn.function
    def main(event):
        raise Signal
    """
    one = serve(code, [platform.Event(), platform.Event()])
    assert [p.json()["errorType"] for p in one.api.posts] == ["Signal"] * 2


def test_an_error_is_answered_at_once_even_if_nobody_reads_the_log(serve, platform):
    code = "import sys\n@polyfn.function\ndef main(event):\n    sys.stdout.close()\n    raise ValueError('x')"
    one = serve(code, [platform.Event(), platform.Event()])
    assert one.api.posts[0].json()["errorMessage"] == "x"
    assert len(one.api.posts) == 2
