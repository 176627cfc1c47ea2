"""The standard library's logging as lines of the log. Imported only once logging is."""

import logging

from polyfn_azure.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What every record has; anything else on one came from `extra`.
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def install(level: int) -> None:
    """Put the handler on the root logger, at this level."""
    root = logging.getLogger()
    root.addHandler(Handler())
    root.setLevel(level)


class Handler(logging.Handler):
    """Writes each record as one line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record. What goes wrong is a line as well: on standard error it would be an error twice."""
        try:
            logs.write_line(logs.encode(entry_of(record)))
        except Exception as error:  # noqa: BLE001
            message = f"a record of {record.name} at {record.pathname}:{record.lineno} cannot be written"
            logs.sink("ERROR", message, error, {})


def entry_of(record: logging.LogRecord) -> "dict[str, Any]":
    """A record as the fields of one line.

    A dict that is logged gives its own fields, and all that is in `extra` becomes a field by its name.
    """
    if isinstance(record.msg, dict) and not record.args:
        entry: dict[str, Any] = {str(name): value for name, value in record.msg.items()}
    else:
        entry = {"message": record.getMessage()}
    for name, value in record.__dict__.items():
        if name not in STANDARD and name not in entry:
            entry[name] = value
    if record.exc_info and record.exc_info[1] is not None:
        entry |= logs.of_error(record.exc_info[1])
    if record.stack_info:
        entry.setdefault("stack_trace", record.stack_info)
    return entry | logs.where() | _of_record(record)


def _of_record(record: logging.LogRecord) -> "dict[str, Any]":
    return {
        "level": level_of(record.levelno),
        "time": logs.timestamp(int(record.created * 1_000_000) * 1000),
        "logger": record.name,
        "file": f"{record.pathname}:{record.lineno}",
    }


def level_of(level: int) -> str:
    """The greatest level that is not above a number; levels of one's own lie between those."""
    found = "DEBUG"
    for name, number in logs.LEVELS.items():
        if level >= number:
            found = name
    return found
