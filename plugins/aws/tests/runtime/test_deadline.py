"""The stack dump shortly before the deadline."""

import time


def in_ms(seconds):
    return str(int((time.time() + seconds) * 1000))


def test_the_stacks_and_a_line_with_the_request_id(serve, platform):
    code = """
    import time
    @polyfn.function
    def main(event):
        stuck_here()
    def stuck_here():
        time.sleep(1.2)
    """
    one = serve(code, [platform.Event(id="r-7", Deadline_Ms=in_ms(1))])
    assert "in stuck_here" in one.err
    assert "most recent call first" in one.err
    line = next(line for line in one.out.splitlines() if line.startswith("[WARNING]"))
    assert "\tr-7\t" in line
    assert "0.0" in line
    assert one.api.posts[0].verb == "response", "the dump disturbs nothing"


def test_every_thread(serve, platform):
    code = """
    import threading, time
    def background():
        time.sleep(5)
    @polyfn.function
    def main(event):
        threading.Thread(target=background, daemon=True).start()
        time.sleep(1.2)
    """
    assert "in background" in serve(code, [platform.Event(Deadline_Ms=in_ms(1))]).err


def test_an_invocation_that_ends_in_time_leaves_no_timer(serve, platform):
    code = """
    import time
    @polyfn.function
    def main(event):
        time.sleep(event)
    """
    events = [platform.Event(b"0", Deadline_Ms=in_ms(0.5)), platform.Event(b"0.8", id="2")]
    one = serve(code, events)
    assert one.err == ""


def test_a_deadline_that_has_passed(serve, platform):
    one = serve("@polyfn.function\ndef main(event): return 1", [platform.Event(Deadline_Ms=in_ms(-5))])
    assert one.api.posts[0].json() == 1
    assert one.err == ""


def test_without_a_stack_for_signals_there_is_no_dump_and_no_harm(serve, platform):
    code = """
    import faulthandler, signal, time
    def register(*args, **options):
        raise MemoryError
    faulthandler.register = register
    @polyfn.function
    def main(event):
        time.sleep(0.6)
        return signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    """
    one = serve(code, [platform.Event(Deadline_Ms=in_ms(0.5)), platform.Event(id="2", Deadline_Ms=in_ms(9))])
    assert [p.json() for p in one.api.posts] == [True, True]
    assert one.err == ""


def test_a_users_own_alarm_is_left_alone(serve, platform):
    code = """
    import signal, time
    rang = []
    signal.signal(signal.SIGALRM, lambda *args: rang.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    @polyfn.function
    def main(event):
        time.sleep(event)
        return len(rang)
    """
    events = [platform.Event(b"0", Deadline_Ms=in_ms(20)), platform.Event(b"0.5", Deadline_Ms=in_ms(20))]
    one = serve(code, events)
    assert one.api.posts[1].json() == 1, "the timer that was set at import rang once, and was not taken back"
    assert one.err == ""


def test_a_user_who_takes_the_alarm_over_in_the_handler(serve, platform):
    code = """
    import signal, time
    rang = []
    def ring(*args):
        rang.append(1)
    @polyfn.function
    def main(event):
        signal.signal(signal.SIGALRM, ring)
        signal.alarm(1)
        time.sleep(event)
        return len(rang)
    """
    events = [platform.Event(b"1.2", Deadline_Ms=in_ms(20)), platform.Event(b"0", Deadline_Ms=in_ms(20))]
    one = serve(code, events)
    assert [p.json() for p in one.api.posts] == [1, 1]


def test_an_async_handler_is_cancelled_before_the_dump(serve, platform):
    code = """
    import asyncio
    @polyfn.function
    async def main(event):
        await asyncio.sleep(30)
    """
    one = serve(code, [platform.Event(Deadline_Ms=in_ms(2)), platform.Event(id="2", Deadline_Ms=in_ms(4))])
    assert [p.json()["errorType"] for p in one.api.posts] == ["Runtime.DeadlineError"] * 2
    assert one.err == ""
