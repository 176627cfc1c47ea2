"""Log lines as the host takes them from a custom handler: on standard output, one JSON object per line.

A line on standard error is an error to the host (read in its source: WorkerProcess), so nothing goes
there. A line on standard output is Information, whatever it says: level and invocation are fields. The
standard library's logging is set up if and when something imports it (see records.py).
"""

import io
import sys
from _thread import RLock
from posix import write
from time import gmtime, time_ns

from polyfn.runtime import current, json
from polyfn.runtime import logs as core
from polyfn_azure.runtime.native import variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
ALIASES = {"TRACE": "DEBUG", "INFORMATION": "INFO", "WARN": "WARNING", "FATAL": "CRITICAL"}

#: The number of the least level that is written.
threshold = LEVELS["INFO"]
_whole = RLock()
#: Whether the last that was written left its line open.
_open = False
#: What is written through `print`, once this is installed.
_files: "tuple[TextIO, ...]" = ()


def install(settings: "dict[str, Any]") -> None:
    """Take over polyfn's own log lines and standard output.

    `LOG_LEVEL` is the least level, else the setting `log_level`, which is the host's own.
    """
    global _files, threshold
    level = (variable("LOG_LEVEL") or str(settings.get("log_level") or "")).upper()
    threshold = LEVELS.get(ALIASES.get(level, level), LEVELS["INFO"])
    before = sys.stdout
    if before is not None:
        # Line by line, since the host kills the process without a word.
        before.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a TextIOWrapper here
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(Output()),
            encoding=before.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )
    _files = tuple(file for file in (sys.stdout, before, sys.stderr) if file is not None)
    core.sink = sink
    core.when_logging_is_imported(configure)


class Output(io.RawIOBase):
    """Descriptor 1, which knows whether what `print` wrote there left a line open."""

    name = "<stdout>"
    mode = "wb"

    def writable(self) -> bool:
        """Say yes."""
        return True

    def fileno(self) -> int:
        """Return 1."""
        return 1

    def isatty(self) -> bool:
        """Say whether somebody is looking."""
        from posix import isatty

        return isatty(1)

    def write(self, data: "Any") -> int:
        """Write all of it."""
        view = bytes(data)
        if view:
            _put(view, closed=False)
        return len(view)


def _put(data: bytes, *, closed: bool) -> None:
    """Write to descriptor 1, with `closed` from the beginning of a line on."""
    global _open
    try:
        with _whole:
            if closed and _open:
                data = b"\n" + data
            _open = not data.endswith(b"\n")
            while data:
                data = data[write(1, data) :]
    except OSError:
        pass  # its reader went away: an invocation must not fail for that


def flush() -> None:
    """Write what `print` has left in buffers: after a reply the host may kill the process at any time."""
    for file in _files:
        try:
            file.flush()
        except (OSError, ValueError):
            pass


def configure() -> None:
    """Give the root logger its handler."""
    from polyfn_azure.runtime import records

    records.install(threshold)


def sink(level: str, message: str, error: BaseException | None, fields: "dict[str, Any]") -> None:
    """What `polyfn.runtime.logs.report` writes to."""
    if LEVELS.get(level, 50) < threshold:
        return
    # Every line has the invocation's id already.
    fields.pop("request_id", None)
    entry: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    if error is not None:
        message = f"{message}: {summary(error)}"
        entry |= of_error(error)
    emit(level, message, entry)


def emit(level: str, message: str, entry: "dict[str, Any] | None" = None, at: int | None = None) -> None:
    """Write one line. `entry` is what it has besides; `at` nanoseconds since the epoch, now unless given."""
    told: dict[str, Any] = {"time": timestamp(at or time_ns()), "level": level, "message": message}
    write_line(encode(told | where() | (entry or {})))


def where() -> "dict[str, Any]":
    """The invocation, the function and the trace that the running code belongs to."""
    context = current.request.get()
    if context is None:
        return {}
    told: dict[str, Any] = {"invocation_id": context.request_id, "function": context.function}
    trace = context.trace
    if trace is not None:
        told["trace_id"] = trace.trace_id
        if trace.span_id is not None:
            told["span_id"] = trace.span_id
    return told


def of_error(error: BaseException) -> "dict[str, Any]":
    """The fields of a line about an exception: its type and its stack as Python prints it."""
    from traceback import format_exception

    return {"error": type(error).__name__, "stack_trace": "".join(format_exception(error)).rstrip("\n")}


def summary(error: BaseException) -> str:
    """The exception's type and text on one line."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001  a log line must not fail an invocation
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def timestamp(nanoseconds: int) -> str:
    """A time as RFC 3339 in UTC, to the microsecond."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    at = gmtime(seconds)
    return f"{at[0]:04d}-{at[1]:02d}-{at[2]:02d}T{at[3]:02d}:{at[4]:02d}:{at[5]:02d}.{rest // 1000:06d}Z"


def encode(entry: "dict[str, Any]") -> bytes:
    """One line as JSON. What has no JSON form is written as its str()."""
    try:
        return json.dumps(entry)
    except Exception:  # noqa: BLE001  a log line must not fail an invocation
        return json.dumps({str(name): _plain(value) for name, value in entry.items()})


def _plain(value: "Any") -> "Any":
    try:
        json.dumps(value)
    except Exception:  # noqa: BLE001
        try:
            return str(value)
        except Exception as error:  # noqa: BLE001
            return f"({type(value).__name__}: {type(error).__name__})"
    return value


def write_line(line: bytes) -> None:
    """Write one line whole, past any file object that user code may have replaced or closed."""
    _put(line + b"\n", closed=True)
