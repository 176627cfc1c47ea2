"""Log lines in Lambda's formats: text or JSON, to standard output or to the framed descriptor.

The loop sets `request_id` and `tenant_id` before each invocation. The standard library's logging is set
up if and when something imports it (see records.py).
"""

import sys
from posix import environ, write
from time import gmtime, time

from polyfn.runtime import logs as core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

    from polyfn_aws.runtime.faults import Fault

#: The invocation that lines are about.
request_id = ""
tenant_id: str | None = None

#: The exception that the log has already, of those that fail an invocation.
told: BaseException | None = None

#: Whether AWS_LAMBDA_LOG_FORMAT asks for JSON.
as_json = False
#: The number of the least level that is written, None if the platform names none.
threshold: int | None = None
#: The descriptor for framed records, if the platform gives one.
descriptor: int | None = None
stream: "TextIO" = sys.stdout

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
ALIASES = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}
#: Last byte of a frame's type, by level: text, and one less for JSON. The first three are A5 5A 00.
FRAMES = {"DEBUG": 0x0B, "INFO": 0x0F, "WARNING": 0x13, "ERROR": 0x17, "CRITICAL": 0x1B}


def install() -> None:
    """Read the platform's settings, and take over polyfn's own log lines and standard output."""
    global as_json, descriptor, stream, threshold
    as_json = environ.get(b"AWS_LAMBDA_LOG_FORMAT", b"").upper() == b"JSON"
    level = environ.get(b"AWS_LAMBDA_LOG_LEVEL", b"").decode("ascii", "replace").upper()
    threshold = LEVELS.get(ALIASES.get(level, level))
    # Popped, so that neither user code nor child processes write into the frames.
    given = environ.pop(b"_LAMBDA_TELEMETRY_LOG_FD", b"")
    if given.isdigit():
        from posix import unsetenv

        unsetenv(b"_LAMBDA_TELEMETRY_LOG_FD")
        descriptor = int(given)
    # Started without a standard output there is nobody to read a line, and no reason to fail.
    stream = sys.stdout if sys.stdout is not None else open("/dev/null", "w")  # noqa: SIM115
    # What print() leaves in a buffer is lost when the environment is frozen for good.
    stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a TextIOWrapper here
    core.sink = sink
    core.when_logging_is_imported(configure)


def configure() -> None:
    """Give the root logger its handler. The level is the platform's, INFO where it names none."""
    from polyfn_aws.runtime import records

    records.install(threshold or LEVELS["INFO"])


def sink(level: str, message: str, error: BaseException | None, fields: "dict[str, Any]") -> None:
    """What `polyfn.runtime.logs.report` writes to."""
    # Every line bears the id of its invocation already.
    fields.pop("request_id", None)
    if error is not None:
        emit_error(level, message, error, fields)
    else:
        emit(level, message, fields)


def emit(level: str, message: str, fields: "dict[str, Any] | None" = None) -> None:
    """Write one line of polyfn's own."""
    if threshold is not None and LEVELS.get(level, 50) < threshold:
        return
    if as_json:
        write_event(level, json_line({"level": level, "message": message, **(fields or {})}))
    else:
        facts = "".join(f" {name}={value}" for name, value in (fields or {}).items() if value is not None)
        write_event(level, text_line(level, message + facts))


def emit_error(
    level: str, message: str, error: BaseException, fields: "dict[str, Any] | None" = None
) -> None:
    """Write one event about an exception: its type, its text and its stack."""
    from polyfn_aws.runtime import faults

    if threshold is not None and LEVELS.get(level, 50) < threshold:
        return
    fault = faults.describe(error, request_id)
    if as_json:
        record: dict[str, Any] = {"level": level, **(fields or {})}
        if message:
            record["message"] = message
        record["errorType"], record["errorMessage"] = fault.name, fault.message
        record["stackTrace"] = fault.stack
        causes = [faults.describe(cause) for cause in faults.causes(fault.cause)]
        if causes:
            record["causes"] = [
                {"errorType": one.name, "errorMessage": one.message, "stackTrace": one.stack}
                for one in causes
            ]
        write_event(level, json_line(record))
        return
    facts = "".join(f" {name}={value}" for name, value in (fields or {}).items() if value is not None)
    headline = f"{message + facts + ': ' if message or facts else ''}{fault.name}: {fault.message}"
    lines = [*headline.splitlines(), *trace_lines(fault)]
    for cause in faults.causes(fault.cause):
        one = faults.describe(cause)
        lines += [*f"Caused by {one.name}: {one.message}".splitlines(), *trace_lines(one)]
    write_event(level, text_line(level, one_event(lines)))


def trace_lines(fault: "Fault") -> "list[str]":
    """The stack as Python prints it, or nothing if there is none."""
    stack = fault.stack
    return ["Traceback (most recent call last):", *"".join(stack).splitlines()] if stack else []


def one_event(lines: "list[str]") -> str:
    """Join lines so that CloudWatch keeps them as one event, and their indentation."""
    if descriptor is not None:
        return "\n".join(lines)
    kept = []
    for line in lines:
        text = line.lstrip(" ")
        kept.append("\u00a0" * (len(line) - len(text)) + text)
    return "\r".join(kept)


def text_line(level: str, message: str) -> str:
    """One event in the text format."""
    return f"[{level}]\t{timestamp(time(), True)}\t{request_id}\t{message}"


def json_line(record: "dict[str, Any]", now: float | None = None) -> str:
    """One event in the JSON format. What has no JSON form is written as its str()."""
    from polyfn.runtime import json

    known: dict[str, Any] = {"timestamp": timestamp(time() if now is None else now, False), **record}
    if request_id:
        known.setdefault("requestId", request_id)
    if tenant_id is not None:
        known.setdefault("tenantId", tenant_id)
    try:
        return json.dumps(known).decode()
    except Exception:  # noqa: BLE001  a log line must not fail an invocation
        return json.dumps({str(name): _plain(value) for name, value in known.items()}).decode()


def _plain(value: "Any") -> "Any":
    from polyfn.runtime import json

    try:
        json.dumps(value)
    except Exception:  # noqa: BLE001
        try:
            return str(value)
        except Exception as error:  # noqa: BLE001
            return f"({type(value).__name__}: {type(error).__name__})"
    return value


def timestamp(now: float, milliseconds: bool) -> str:
    """A time as ISO 8601 in UTC."""
    at = gmtime(now)
    text = f"{at[0]:04d}-{at[1]:02d}-{at[2]:02d}T{at[3]:02d}:{at[4]:02d}:{at[5]:02d}"
    return f"{text}.{int(now * 1000) % 1000:03d}Z" if milliseconds else f"{text}Z"


def write_event(level: str, line: str) -> None:
    """Write one event as one frame, or as one line."""
    if descriptor is None:
        try:
            stream.write(line + "\n")
        except UnicodeEncodeError:
            stream.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
        except ValueError:
            # User code closed it. The descriptor below it is still open, and Lambda still reads it.
            write_past(line)
        except OSError:
            pass  # its reader went away: an invocation must not fail for that
        return
    data = line.encode("utf-8", "backslashreplace")
    kind = 0xA55A0000 + FRAMES.get(level, 0x03) - (1 if as_json else 0)
    head = kind.to_bytes(4, "big") + len(data).to_bytes(4, "big")
    frame = head + int(time() * 1_000_000).to_bytes(8, "big") + data
    _write_all(descriptor, frame)


def write_past(line: str) -> None:
    """Write one line to standard output's descriptor, past the file object that was closed."""
    try:
        _write_all(1, f"{line}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def _write_all(target: int, data: bytes) -> None:
    while data:
        data = data[write(target, data) :]
