"""`polyfn cache`: where the cache is, and making it smaller."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

from polyfn.toolchain.cli.options import json_option

if TYPE_CHECKING:
    from polyfn.toolchain.cli.output import Output


@click.command("cache", short_help="Tell where the cache is, or make it smaller.")
@click.argument("action", type=click.Choice(["dir", "prune", "clean"]), default="dir")
@json_option
@click.pass_obj
def command(output: Output, action: str) -> None:
    """Write where the cache is (dir), remove what was not used for 30 days (prune), or all of it (clean).

    Whatever is removed is made or fetched again when it is needed.
    """
    from polyfn.toolchain.bundle.store import Store, size
    from polyfn.toolchain.cache import cache_folder

    folder = cache_folder()
    freed = 0
    if action == "prune":
        freed = Store(folder).prune()
    elif action == "clean" and (folder / "CACHEDIR.TAG").is_file():
        # Without its tag it may be some other directory that POLYFN_CACHE names by mistake.
        freed = size(folder)
        shutil.rmtree(folder, ignore_errors=True)
    if output.json:
        output.result({"cache": str(folder), "freed": freed, "size": size(folder)})
        return
    if action != "dir":
        output.say(f"{freed / 1e6:.1f} MB freed")
    output.data(str(folder))
