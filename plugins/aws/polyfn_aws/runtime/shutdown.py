"""SIGTERM: stop hooks run before the environment goes away.

Lambda kills without warning, unless an extension is registered. An internal extension that wants
no events is enough: SIGTERM then precedes SIGKILL by some 300 ms. It has to ask for its next
event once, or initialisation never ends; the answer never comes, so a second socket that nobody
reads stands in for the thread that others park there.
"""

from posix import getpid, kill

from polyfn import lifecycle
from polyfn_aws.runtime import logs
from polyfn_aws.runtime.loop import HANDLING, IDLE, common_headers
from polyfn_aws.runtime.wire import Connection, LostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from signal import ITIMER_REAL, SIG_DFL, SIGALRM, SIGTERM, setitimer, signal
    from types import FrameType

    from polyfn_aws.runtime.loop import Loop
else:
    from _signal import ITIMER_REAL, SIG_DFL, SIGALRM, SIGTERM, setitimer, signal

#: The name of the internal extension.
NAME = b"polyfn"
#: Seconds that an invocation in flight gets to finish. Lambda's whole grace is about 0.3 s, and the
#: stop hooks need the rest.
GRACE = 0.075
#: Seconds that an application gets to shut down.
STOPPING = 0.15


def register(address: str) -> Connection | None:
    """Register the extension and ask for its next event. Return its connection, to be kept open.

    None, with a warning in the log, if the platform does not want it: the function works all the
    same, and ends without stop hooks.
    """
    extension = Connection(address)
    common = common_headers(extension.host)
    body = b'{"events":[]}'
    head = b"POST /2020-01-01/extension/register HTTP/1.1\r\n%s" % common
    head += b"Lambda-Extension-Name: %s\r\nContent-Type: application/json\r\n" % NAME
    trouble: object
    try:
        trouble, headers, _ = extension.request(head + b"Content-Length: %d\r\n\r\n" % len(body), body)
        identifier = headers.get("lambda-extension-identifier")
        if trouble == 200 and identifier:
            head = b"GET /2020-01-01/extension/event/next HTTP/1.1\r\n%s" % common
            extension.send(head + b"Lambda-Extension-Identifier: %s\r\n\r\n" % identifier.encode())
            return extension
    except LostError as error:
        trouble = error
    logs.emit("WARNING", f"stop hooks will not run: Lambda refused the extension for SIGTERM: {trouble}")
    extension.close()
    return None


def watch(loop: "Loop") -> None:
    """Have SIGTERM end the loop: at once if it is idle, else after the invocation or after GRACE."""
    mine = getpid()
    lifecycle.grace = STOPPING

    def terminate(_number: int, _frame: "FrameType | None") -> None:
        if getpid() != mine:
            # A process that the user's code forked: it ends as if nobody had caught the signal.
            signal(SIGTERM, SIG_DFL)
            kill(getpid(), SIGTERM)
            return
        if loop.leaving:
            return
        loop.leaving = True
        if loop.state == IDLE:
            raise SystemExit(0)
        from polyfn_aws.runtime import deadline

        deadline.release()
        signal(SIGALRM, unwind)
        setitimer(ITIMER_REAL, GRACE)

    def unwind(_number: int, _frame: "FrameType | None") -> None:
        # While the answer is on its way the loop is about to end by itself.
        if loop.state == HANDLING:
            raise SystemExit(0)

    signal(SIGTERM, terminate)


def settle() -> None:
    """Have the `finally` blocks of an async handler run that SIGTERM interrupted. Takes GRACE at most."""
    from sys import modules

    # Nothing may be unwound any more: the stop hooks come next.
    setitimer(ITIMER_REAL, 0)

    asyncio, aio = modules.get("asyncio"), modules.get("polyfn.runtime.aio")
    if asyncio is None or aio is None:
        return
    loop = aio.loop()
    tasks = asyncio.all_tasks(loop) - aio.kept
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=GRACE))
