"""`polyfn`: the group of all commands, and the way from an exception to an exit status."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, NoReturn

import click

from polyfn import __version__
from polyfn.toolchain.cli.failures import INTERRUPTED, PIPE_CLOSED, report, translated
from polyfn.toolchain.cli.lazy import LazyGroup
from polyfn.toolchain.cli.options import option
from polyfn.toolchain.cli.output import Output, wants_json
from polyfn.toolchain.errors import UsageError

_EPILOG = (
    "Exit status: 0 fine, 1 the function or a check failed, 2 usage or configuration, 3 a provider, "
    "4 packaging, 5 a defect of polyfn. Every error has a code: polyfn explain CODE."
)


@click.group(
    cls=LazyGroup,
    epilog=_EPILOG,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="polyfn %(version)s")
@option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def polyfn(context: click.Context, debug: bool) -> int | None:
    """Package, run and invoke Python functions for any serverless platform."""
    output = context.ensure_object(Output)
    output.debug = debug
    if context.invoked_subcommand is not None:
        return None
    output.say(context.get_help())
    return UsageError("").exit_status


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status; nothing but SystemExit of a plugin leaves it."""
    arguments = sys.argv[1:] if arguments is None else arguments
    output = Output(json=wants_json(arguments))
    try:
        status = polyfn.main(arguments, prog_name="polyfn", standalone_mode=False, obj=output)
        sys.stdout.flush()
    except SystemExit:
        # click ends a command whose reader went away with 1, which means a failed check here.
        if not type(sys.stdout).__name__.endswith("PacifyFlushWrapper"):
            raise
        return _pipe_closed()
    except BrokenPipeError:
        return _pipe_closed()
    except (KeyboardInterrupt, click.Abort) as error:
        return _interrupted(error)
    except Exception as error:  # noqa: BLE001  the one place where every error becomes text
        return _reported(error, output)
    return status if isinstance(status, int) else 0


def _reported(error: Exception, output: Output) -> int:
    try:
        status = report(error, output)
        sys.stdout.flush()
    except BrokenPipeError:
        return _pipe_closed()
    except OSError:  # stdout takes nothing any more; stderr was told
        _drop_stdout()
        return translated(error).exit_status
    return status


def _pipe_closed() -> int:
    _drop_stdout()
    return PIPE_CLOSED


def _drop_stdout() -> None:
    # Python flushes stdout once more at exit, and would complain there.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


def main(arguments: Any = None) -> NoReturn:
    """Entry point of the `polyfn` script."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` ignores SIGHUP, and means it
            signal.signal(number, _terminate)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this: then nobody reads it
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: SIM115
    sys.exit(run(arguments))


class TerminatedError(KeyboardInterrupt):
    """Told to end by a signal: what Ctrl-C would clean up is cleaned up."""


def _terminate(number: int, _: object) -> NoReturn:
    raise TerminatedError(number)


def _interrupted(error: BaseException | None) -> int:
    # click turns a KeyboardInterrupt into an Abort of its own.
    while error is not None:
        if isinstance(error, TerminatedError):
            return 128 + int(error.args[0])
        error = error.__cause__ or error.__context__
    return INTERRUPTED
