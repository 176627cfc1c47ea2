"""SIGTERM: the internal extension, stop hooks, the invocation in flight."""

import time

HOOK = """
    import time
    @polyfn.on_stop
    def bye():
        print("hook ran", flush=True)
"""
SLEEPS = (
    HOOK
    + """
    @polyfn.function
    def main(event):
        print("begun", flush=True)
        try:
            time.sleep(event)
        finally:
            print("finally ran", flush=True)
        return "done"
"""
)


def busy(one):
    """Wait until the handler says that it has begun."""
    one.api.wait(lambda api: one.out.startswith("begun\n"))


def test_no_hooks_no_extension(serve, platform):
    one = serve("@polyfn.function\ndef main(event): return 1", [platform.Event()])
    assert not [r for r in one.api.requests if "extension" in r.path]


def test_the_extension_is_registered_and_asks_before_the_first_next(serve, platform):
    one = serve(SLEEPS, [platform.Event(b"0")])
    paths = [r.path for r in one.api.requests]
    assert paths[0] == "/2020-01-01/extension/register"
    assert "/2020-01-01/extension/event/next" in paths
    register = one.api.requests[0]
    assert register.headers["lambda-extension-name"] == "polyfn"
    assert register.json() == {"events": []}
    asked = next(r for r in one.api.requests if r.path.endswith("event/next"))
    assert asked.headers["lambda-extension-identifier"] == "ext-1"
    loop = {r.connection for r in one.api.requests if "/runtime/" in r.path}
    assert asked.connection == register.connection
    assert asked.connection not in loop, "nobody reads it, so it needs a socket of its own"


def test_a_resource_is_enough(launch, platform):
    code = """
    class Pool:
        def close(self):
            print("pool closed")
    @polyfn.resource
    def pool():
        return Pool()
    @polyfn.function
    def main(event):
        pool()
    """
    one = launch(code, [platform.Event()])
    one.api.wait(lambda api: api.nexts == 2)
    time.sleep(0.05)
    one.terminate()
    assert one.wait() == 0
    assert one.out == "pool closed\n"


def test_idle(launch):
    one = launch(SLEEPS)
    one.api.wait(lambda api: api.nexts == 1)
    time.sleep(0.05)
    began = time.monotonic()
    one.terminate()
    assert one.wait() == 0
    assert time.monotonic() - began < 1
    assert one.out == "hook ran\n"
    assert one.err == ""


def test_an_invocation_in_flight_that_ends_soon_is_answered(launch, platform):
    # It ends as soon as the signal has been handled, whenever that is.
    code = (
        HOOK
        + """
    import os, signal
    @polyfn.function
    def main(event):
        heard, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told)
        print("begun", flush=True)
        os.read(heard, 1)
        print("finally ran", flush=True)
        return "done"
    """
    )
    one = launch(code, [platform.Event(b"0")])
    busy(one)
    one.terminate()
    assert one.wait() == 0
    assert [p.json() for p in one.api.posts] == ["done"]
    assert one.out == "begun\nfinally ran\nhook ran\n"
    assert one.api.nexts == 1, "no further invocation is taken"


def test_an_invocation_in_flight_that_takes_long_is_unwound(launch, platform):
    one = launch(SLEEPS, [platform.Event(b"30")])
    busy(one)
    began = time.monotonic()
    one.terminate()
    assert one.wait() == 0
    assert time.monotonic() - began < 0.3, "Lambda's whole grace"
    assert one.api.posts == []
    assert one.out == "begun\nfinally ran\nhook ran\n"
    assert "most recent call first" not in one.err, "no stack dump: nothing is wrong"


def test_sigterm_on_a_timeout(launch, platform):
    # The platform terminates past the deadline too; the dump timer has fired by then.
    deadline = str(int((time.time() + 0.4) * 1000))
    one = launch(SLEEPS, [platform.Event(b"30", Deadline_Ms=deadline)])
    busy(one)
    time.sleep(0.5)
    one.terminate()
    assert one.wait() == 0
    assert one.out.endswith("finally ran\nhook ran\n")
    assert "most recent call first" in one.err


def test_an_async_invocation_in_flight_is_cancelled(launch, platform):
    code = (
        HOOK
        + """
    import asyncio
    @polyfn.function
    async def main(event):
        print("begun", flush=True)
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0)
            print("finally ran", flush=True)
    """
    )
    one = launch(code, [platform.Event()])
    busy(one)
    one.terminate()
    assert one.wait() == 0
    assert one.out == "begun\nfinally ran\nhook ran\n"


def test_a_handler_that_swallows_the_exit_is_still_the_last(launch, platform):
    code = (
        HOOK
        + """
    @polyfn.function
    def main(event):
        print("begun", flush=True)
        try:
            time.sleep(30)
        except BaseException:
            pass
        return "late"
    """
    )
    one = launch(code, [platform.Event(), platform.Event()])
    busy(one)
    one.terminate()
    assert one.wait() == 0
    assert [p.json() for p in one.api.posts] == ["late"]
    assert one.out == "begun\nhook ran\n"


def test_a_stop_hook_that_fails_is_logged(launch):
    code = "@polyfn.on_stop\ndef bye(): raise OSError('no flush')\n@polyfn.function\ndef main(event): ..."
    one = launch(code)
    one.api.wait(lambda api: api.nexts == 1)
    time.sleep(0.05)
    one.terminate()
    assert one.wait() == 0
    assert "no flush" in one.out
    assert "Caused by" not in one.out, "why the process ends is no cause of it"


def test_a_refused_extension_is_a_warning(serve, platform):
    refusal = platform.Raw(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}")
    one = serve(SLEEPS, [platform.Event(b"0")], register=[refusal])
    assert one.api.posts[0].json() == "done"
    warning = next(line for line in one.out.splitlines() if line.startswith("[WARNING]"))
    assert "stop hooks" in warning
    assert "403" in warning


def test_two_sigterms_run_the_hooks_once(launch, platform):
    one = launch(SLEEPS, [platform.Event(b"30")])
    busy(one)
    one.terminate()
    one.terminate()
    assert one.wait() == 0
    assert one.out.count("hook ran") == 1


def test_a_forked_child_is_terminated_as_ever(launch, platform):
    code = (
        HOOK
        + """
    import os, signal
    @polyfn.function
    def main(event):
        child = os.fork()
        if not child:
            time.sleep(30)
            os._exit(7)
        time.sleep(0.1)
        os.kill(child, signal.SIGTERM)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    """
    )
    one = launch(code, [platform.Event()])
    one.api.wait(lambda api: api.posts)
    assert one.api.posts[0].json() == -15


def test_a_hook_is_not_unwound_after_a_handler_that_exits(launch, platform):
    code = """
    import sys, time
    @polyfn.on_stop
    def bye():
        time.sleep(0.15)
        print("hook ran", flush=True)
    @polyfn.function
    def main(event):
        print("begun", flush=True)
        try:
            time.sleep(5)
        finally:
            sys.exit(0)
    """
    one = launch(code, [platform.Event()])
    busy(one)
    one.terminate()
    one.wait()
    assert one.out.endswith("hook ran\n")


def test_ctrl_c(launch):
    one = launch(SLEEPS)
    one.api.wait(lambda api: api.nexts == 1)
    time.sleep(0.05)
    one.process.send_signal(2)
    assert one.wait() == 130
    assert one.out == "hook ran\n"
    assert one.err == "", "no traceback"
