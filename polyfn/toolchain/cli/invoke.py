"""`polyfn invoke`: one event in, one answer out."""

from __future__ import annotations

from typing import Any

import click

from polyfn.toolchain.cli.options import emulation_options, json_option, option, source_argument
from polyfn.toolchain.cli.output import Output


@click.command("invoke", short_help="Invoke a function once and print its answer.")
@source_argument
@option("--data", metavar="JSON|@FILE|-", help="Payload; the platform's event is made around it.")
@option("--event", metavar="FILE|-", help="The platform's own event, delivered as it is.")
@option("--sample", metavar="NAME", help="Form of the event that --data is put into.")
@emulation_options
@json_option
@click.pass_obj
def command(
    output: Output, /, source: str, data: str | None, event: str | None, sample: str | None, **settings: Any
) -> int:
    """Invoke a function once, as its platform would, and print its answer.

    The function's logs go to stderr, the answer to stdout; the exit status is 1 if the function
    failed. Without --data and --event a sample event of the function's trigger is delivered.
    """
    import asyncio

    from polyfn.toolchain.cli.event import event_bytes
    from polyfn.toolchain.cli.served import serving

    with serving(source, output, **settings) as served:
        delivered = event_bytes(served.provider, served.function, data=data, event=event, sample=sample)
        invoked = asyncio.run(_once(served, delivered))
    if output.json:
        output.result(_described(served, invoked))
    elif invoked.payload:
        output.raw(invoked.payload)
    if invoked.error is None:
        return 0
    output.label("failed", f"{served.function.name}: {invoked.error}", "red")
    return 1


async def _once(served: Any, delivered: bytes) -> Any:
    async with served.provider.emulate(served.emulation) as emulator:
        return await emulator.invoke(delivered)


def _described(served: Any, invoked: Any) -> dict[str, Any]:
    return {
        "target": served.provider.name,
        "function": served.function.name,
        "failed": invoked.error,
        "status": invoked.status,
        **_payload(invoked.payload),
        "report": dict(invoked.report),
    }


def _payload(payload: bytes) -> dict[str, Any]:
    """The answer as JSON where it is JSON; what it is otherwise must survive as well."""
    import base64
    import json

    try:
        return {"payload": json.loads(payload) if payload else None}
    except ValueError:
        return {"payload_base64": base64.b64encode(payload).decode()}
