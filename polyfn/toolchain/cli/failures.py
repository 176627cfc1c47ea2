"""From an exception to the text that people read, the JSON that programs read, and an exit status."""

from __future__ import annotations

import errno
import os
import traceback
from typing import Any

import click

from polyfn.errors import PolyfnError
from polyfn.toolchain.cli.output import Output
from polyfn.toolchain.errors import InternalError, PluginError, UsageError

#: Exit status after Ctrl-C, and after the reader of stdout went away: 128 + the signal's number.
INTERRUPTED = 130
PIPE_CLOSED = 141

#: Errors of the system that are about a place which the user named.
_REFUSALS = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.ENAMETOOLONG,
)  # fmt: skip


def report(error: BaseException, output: Output) -> int:
    """Write an error for people and, with `--json`, for programs. Return the exit status."""
    known = translated(error)
    output.label(f"error[{known.code}]", str(known), "red")
    cause = cause_of(known)
    if cause:
        output.label("cause", cause, "red")
    output.label("hint", hint_of(known), "cyan")
    if output.debug:
        output.say("".join(traceback.format_exception(error)).rstrip())
    if output.json:
        output.result({"error": described(known)})
    return known.exit_status


def described(error: PolyfnError) -> dict[str, Any]:
    """Return an error as plain JSON."""
    return {"code": error.code, "message": str(error), "hint": hint_of(error), "cause": cause_of(error)}


def hint_of(error: PolyfnError) -> str:
    """Return what to do next; where the error does not say, where it is explained."""
    return error.hint or f"polyfn explain {error.code} tells more"


def cause_of(error: PolyfnError) -> str | None:
    """Return the exception behind an error on one line, unless the message tells it already."""
    from polyfn.toolchain.plugin_faults import one_line

    cause = error.__cause__
    if cause is None or isinstance(error, InternalError):
        return None
    text = one_line(cause)
    told = str(cause) and str(cause) in str(error)
    return None if told or text in str(error) else text


def translated(error: BaseException) -> PolyfnError:
    """Return the error itself, or for what is no PolyfnError the one that stands for it."""
    if isinstance(error, PolyfnError):
        return error
    if isinstance(error, click.ClickException):
        return UsageError(error.format_message().rstrip("."), hint=_usage_hint(error))
    return _of_system(error) or _of_plugin(error) or _internal(error)


def _of_system(error: BaseException) -> PolyfnError | None:
    """The error for what the system refuses: a full disk or a protected directory is nobody's defect."""
    if not isinstance(error, OSError) or error.errno not in _REFUSALS:
        return None
    if error.filename is not None:
        return UsageError(
            # Where there are two, the second one was written to.
            f"{os.fsdecode(error.filename2 or error.filename)}: {os.strerror(error.errno)}",
            hint="choose another place, or make room or permission there",
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):  # a write does not say where it was to
        return UsageError(os.strerror(error.errno), hint="make room in --out, or where TMPDIR points to")
    return None


def _of_plugin(error: BaseException) -> PolyfnError | None:
    """The error for an exception that passed through an installed plugin: not polyfn's own defect."""
    from polyfn.toolchain.installed import PLUGINS, PROVIDERS, installed
    from polyfn.toolchain.plugin_faults import frame_of, one_line

    for plugin in (*installed(PROVIDERS), *installed(PLUGINS)):
        frame = frame_of(error, plugin.entry.module)
        if frame:
            fault = PluginError(
                f"plugin {plugin.name!r} of {plugin.origin} failed: {one_line(error)}{frame}",
                hint=f"report it to {plugin.distribution}, with the output after POLYFN_DEBUG=1",
            )
            fault.__cause__ = error
            return fault
    return None


def _internal(error: BaseException) -> PolyfnError:
    internal = InternalError(
        f"{type(error).__name__}: {error}",
        hint="this is a defect of polyfn: please report it with the output of the same command "
        "after POLYFN_DEBUG=1",
    )
    internal.__cause__ = error
    return internal


def _usage_hint(error: click.ClickException) -> str | None:
    context = getattr(error, "ctx", None)
    hint = getattr(error, "hint_text", None)
    if hint:
        return str(hint)
    return None if context is None else f"see {context.command_path} --help"
