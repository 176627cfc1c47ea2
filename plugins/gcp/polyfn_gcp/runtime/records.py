"""The standard library's logging as Cloud Logging reads it. Imported only once logging is."""

import logging

from polyfn_gcp.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What every record has; anything else on one came from `extra`.
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
LABELS = "logging.googleapis.com/labels"


def install(level: int) -> None:
    """Put the handler on the root logger, at this level."""
    root = logging.getLogger()
    root.addHandler(Handler())
    root.setLevel(level)


class Handler(logging.Handler):
    """Writes each record as one line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record. What goes wrong is reported as logging reports it, never raised."""
        try:
            logs.write_line(logs.encode(entry_of(record)))
        except Exception:  # noqa: BLE001
            self.handleError(record)


def entry_of(record: logging.LogRecord) -> "dict[str, Any]":
    """A record as the fields of one line.

    A dict that is logged gives its own fields. Of `extra`, `labels` and `http_request` go where Cloud
    Logging has a place for them, and all else becomes a field by its name.
    """
    if isinstance(record.msg, dict) and not record.args:
        entry: dict[str, Any] = {str(name): value for name, value in record.msg.items()}
    else:
        entry = {"message": record.getMessage()}
    for name, value in record.__dict__.items():
        if name not in STANDARD and name not in entry:
            entry["httpRequest" if name == "http_request" else name] = value
    labels = entry.pop("labels", None)
    if record.exc_info and record.exc_info[1] is not None:
        entry |= logs.of_error(record.exc_info[1])
    if record.stack_info:
        entry.setdefault("stack_trace", record.stack_info)
    entry |= logs.where() | _of_record(record)
    if isinstance(labels, dict):
        entry[LABELS] = {**entry.get(LABELS, {}), **{str(name): str(value) for name, value in labels.items()}}
    return entry


def _of_record(record: logging.LogRecord) -> "dict[str, Any]":
    return {
        "severity": severity(record.levelno),
        "time": logs.timestamp(int(record.created * 1_000_000) * 1000),
        "logger": record.name,
        "logging.googleapis.com/sourceLocation": {
            "file": record.pathname,
            "line": str(record.lineno),
            "function": record.funcName,
        },
    }


def severity(level: int) -> str:
    """The greatest severity that is not above a level; levels of one's own lie between those."""
    found = "DEBUG"
    for name, number in logs.LEVELS.items():
        if level >= number:
            found = name
    return found
