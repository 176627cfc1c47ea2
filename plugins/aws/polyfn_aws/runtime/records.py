"""The standard library's logging in Lambda's formats. Imported only once logging is."""

import logging

from polyfn_aws.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What every record has; anything else on one came from `extra` and is written in JSON.
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def install(level: int) -> None:
    """Put the handler on the root logger, at this level."""
    root = logging.getLogger()
    root.addHandler(Handler())
    root.setLevel(level)


class Handler(logging.Handler):
    """Writes each record as one event of Lambda's."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record. What goes wrong is reported as logging reports it, never raised."""
        try:
            level = logs.ALIASES.get(record.levelname, record.levelname)
            logs.write_event(level, as_json(record) if logs.as_json else self._text(record))
        except Exception:  # noqa: BLE001
            self.handleError(record)

    def _text(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            text = logging.Formatter().formatException(record.exc_info)
            message = logs.one_event([*message.splitlines(), *text.splitlines()])
        if record.stack_info:
            message = logs.one_event([*message.splitlines(), *record.stack_info.splitlines()])
        at = logs.timestamp(record.created, True)
        return f"[{record.levelname}]\t{at}\t{logs.request_id}\t{message}"


def as_json(record: logging.LogRecord) -> str:
    """A record as one JSON line. A dict that is logged stays an object."""
    message: Any = record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage()
    known: dict[str, Any] = {"level": record.levelname, "message": message, "logger": record.name}
    if record.exc_info and record.exc_info[1] is not None:
        from polyfn_aws.runtime import faults

        error = record.exc_info[1]
        fault = faults.describe(error, logs.request_id)
        known["stackTrace"] = fault.stack
        known["errorType"] = fault.name
        known["errorMessage"] = fault.message
        known["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
    for name, value in record.__dict__.items():
        if name not in STANDARD and name not in known:
            known[name] = value
    return logs.json_line(known, record.created)
