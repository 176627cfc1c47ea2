"""Log lines as Cloud Logging reads them from a container: one JSON object per line.

The fields are those of https://cloud.google.com/logging/docs/structured-logging. Lines go to standard
error, so that what `print` leaves unfinished on standard output never breaks one. The standard
library's logging is set up if and when something imports it (see records.py).
"""

import sys
from _thread import RLock
from posix import write
from time import gmtime, time_ns

from polyfn.runtime import current, json
from polyfn.runtime import logs as core
from polyfn_gcp.runtime.native import variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
ALIASES = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL", "NOTSET": "DEBUG"}

#: What stands in front of a trace id: `projects/PROJECT/traces/`, or nothing where no project is known.
_traces = ""
#: The number of the least level that is written.
threshold = LEVELS["INFO"]
_whole = RLock()


def install(settings: "dict[str, Any]") -> None:
    """Take over polyfn's own log lines and standard output.

    `LOG_LEVEL` is the least level, INFO unless it is set. The project is GOOGLE_CLOUD_PROJECT's or the
    setting's; without one a line bears the trace's id alone.
    """
    global _traces, threshold
    project = variable("GOOGLE_CLOUD_PROJECT") or settings.get("project")
    _traces = f"projects/{project}/traces/" if project else ""
    level = (variable("LOG_LEVEL") or "").upper()
    threshold = LEVELS.get(ALIASES.get(level, level), LEVELS["INFO"])
    if sys.stdout is not None:
        # What print() leaves in a buffer is lost when an instance loses its CPU for good.
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a TextIOWrapper here
    core.sink = sink
    core.when_logging_is_imported(configure)


def configure() -> None:
    """Give the root logger its handler."""
    from polyfn_gcp.runtime import records

    records.install(threshold)


def sink(level: str, message: str, error: BaseException | None, fields: "dict[str, Any]") -> None:
    """What `polyfn.runtime.logs.report` writes to."""
    if LEVELS.get(level, 50) < threshold:
        return
    # The labels of every line have it already.
    fields.pop("request_id", None)
    entry: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    if error is not None:
        message = f"{message}: {summary(error)}"
        entry |= of_error(error)
    emit(level, message, entry)


def emit(level: str, message: str, entry: "dict[str, Any] | None" = None, at: int | None = None) -> None:
    """Write one line. `entry` is what it has besides; `at` nanoseconds since the epoch, now unless given."""
    told: dict[str, Any] = {"severity": level, "message": message, "time": timestamp(at or time_ns())}
    write_line(encode(told | where() | (entry or {})))


def where() -> "dict[str, Any]":
    """The trace and the labels of the request that the running code belongs to."""
    context = current.request.get()
    if context is None:
        return {}
    told: dict[str, Any] = {
        "logging.googleapis.com/labels": {"request_id": context.request_id, "function": context.function}
    }
    trace = context.trace
    if trace is not None:
        told["logging.googleapis.com/trace"] = _traces + trace.trace_id
        if trace.span_id is not None:
            told["logging.googleapis.com/spanId"] = trace.span_id
        told["logging.googleapis.com/trace_sampled"] = trace.sampled
    return told


def of_error(error: BaseException) -> "dict[str, Any]":
    """The fields by which Error Reporting finds an exception, with the request's method and path.

    https://cloud.google.com/error-reporting/docs/formatting-error-messages: a stack trace as Python
    prints it in `stack_trace`. The query stays out, for it may hold what nobody wants in a log.
    """
    from traceback import format_exception

    told: dict[str, Any] = {"stack_trace": "".join(format_exception(error)).rstrip("\n")}
    context = current.request.get()
    request = None if context is None else getattr(context.native, "request", None)
    if request is not None:
        told["httpRequest"] = {"requestMethod": request.method, "requestUrl": request.raw_path}
    return told


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
    data = line + b"\n"
    try:
        with _whole:
            while data:
                data = data[write(2, data) :]
    except OSError:
        pass  # its reader went away: an invocation must not fail for that
