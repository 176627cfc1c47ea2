"""`polyfn run`: serve a function on this machine until Ctrl-C."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from polyfn.toolchain.cli.options import emulation_options, option, source_argument
from polyfn.toolchain.cli.output import Output
from polyfn.toolchain.errors import EmulationError

if TYPE_CHECKING:
    from polyfn.toolchain.provider import Emulation


@click.command("run", short_help="Serve an artifact or a source on this machine.")
@source_argument
@emulation_options
@option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, metavar="N",
        help="Port to listen on; 0 picks a free one.")  # fmt: skip
@click.pass_obj
def command(output: Output, /, source: str, **settings: Any) -> int:
    """Serve a function behind its platform's protocol until Ctrl-C.

    The address is the one line on stdout, written when the function can be reached.
    """
    import asyncio

    from polyfn.toolchain.cli.served import serving

    with serving(source, output, **settings, every=True) as served:
        try:
            return asyncio.run(_serve(served, source, output))
        except OSError as error:
            raise _unheard(error, served.emulation) from None


def _unheard(error: OSError, emulation: Emulation) -> Exception:
    """What to raise for a failure of the system: most often, the port cannot be listened on."""
    import errno

    if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
        return error
    why = os.strerror(error.errno)
    return EmulationError(
        f"{emulation.host} port {emulation.port} cannot be listened on: {why}",
        hint="choose another --port; --port 0 picks a free one",
    )


async def _serve(served: Any, source: str, output: Output) -> int:
    import asyncio
    import signal

    from polyfn.toolchain.cli.tries import tries

    async with served.provider.emulate(served.emulation) as emulator:
        if not emulator.url:
            raise EmulationError(
                f"the emulator of {served.provider.name!r} serves no HTTP",
                hint=f"polyfn invoke delivers one event to {served.function.name}",
            )
        output.data(emulator.url)
        names = ", ".join(function.name for function in served.functions)
        output.say(f"{names} on {served.provider.name}: Ctrl-C stops it")
        for one in tries(served, source, emulator.url):
            output.say(f"try: {one}")
        # The artifact must be stopped as by its platform, however this process is told to end.
        stop = asyncio.ensure_future(emulator.wait())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.cancel)
        try:
            await stop
        except asyncio.CancelledError:
            if not stop.cancelled() or asyncio.current_task().cancelling():  # type: ignore[union-attr]
                raise
            return 128 + signal.SIGTERM
    return 0
