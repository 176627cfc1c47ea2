"""A stack dump shortly before the platform kills an invocation that takes too long.

A timer per invocation costs about a microsecond; a watchdog thread (faulthandler's
dump_traceback_later) costs fifty. faulthandler writes the stacks from the signal itself, so they
come even from inside a C function that never returns; a line with the request id follows if the
interpreter can still run it.
"""

from time import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from signal import ITIMER_REAL, SIG_DFL, SIGALRM, getsignal, setitimer, signal
    from types import FrameType
else:
    # The C module: `signal` would make enums of it all.
    from _signal import ITIMER_REAL, SIG_DFL, SIGALRM, getsignal, setitimer, signal

#: The dump comes this many seconds before the deadline, or this share of the time there is, if less.
#: Both are half of what an async handler is cancelled with, so one that obeys leaves nothing to dump.
MARGIN = 0.25
MARGIN_SHARE = 0.05

_installed = False
_usable = True
_until = 0.0


def arm(until: float) -> None:
    """Have the stacks written shortly before `until`, in seconds since the epoch."""
    global _until
    if not _installed:
        _install()
    # Whoever took SIGALRM over keeps it, and keeps the one timer that belongs to it.
    if not _usable or getsignal(SIGALRM) is not _warn:
        return
    left = until - time()
    if left <= 0:
        return
    _until = until
    setitimer(ITIMER_REAL, left - min(MARGIN, left * MARGIN_SHARE))


def disarm() -> None:
    """Take the timer back."""
    if _usable and getsignal(SIGALRM) is _warn:
        setitimer(ITIMER_REAL, 0)


def release() -> None:
    """Give SIGALRM up for good: the process is about to end and needs the timer for that."""
    global _usable
    if _installed and _usable:
        import faulthandler

        faulthandler.unregister(SIGALRM)
    _usable = False


def _install() -> None:
    """Take SIGALRM, unless the user's code has it already."""
    global _installed, _usable
    import faulthandler

    _installed = True
    if getsignal(SIGALRM) != SIG_DFL:
        _usable = False
        return
    try:
        signal(SIGALRM, _warn)
        # Registered after the Python handler, which `chain` then calls.
        faulthandler.register(SIGALRM, file=2, all_threads=True, chain=True)
    except (OSError, RuntimeError, ValueError, AttributeError, MemoryError):
        # Not the main thread, a platform without these signals, or a libc whose idea of a signal's stack is
        # smaller than the kernel's (glibc before 2.34; the kernel's ENOMEM): no dump then.
        _usable = False
        if getsignal(SIGALRM) is _warn:
            signal(SIGALRM, SIG_DFL)


def _warn(_number: int, _frame: "FrameType | None") -> None:
    from polyfn_aws.runtime import logs

    left = max(0.0, _until - time())
    logs.emit("WARNING", f"{left:.3f} s are left until the deadline; every thread's stack is above")
