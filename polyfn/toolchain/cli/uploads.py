"""How far an upload is, live on a terminal: one bar for all of it, gone when it is over."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from polyfn.toolchain.cli.output import Output, rich_in

if TYPE_CHECKING:
    from polyfn.toolchain.artifacts.oci.upload import Transfer


@contextmanager
def shown(output: Output, count: int, total: int) -> Iterator[Callable[[Transfer], None]]:
    """Give what is told of transfers; `total` are their bytes, `count` is their number."""
    if output.json or not (rich_in(sys.stderr) and sys.stderr.isatty()):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("pushing"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(
        *columns, TextColumn("{task.description}"), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task(f"0/{count} blobs", total=total)
        done: dict[str, int] = {}
        finished: set[str] = set()
        lock = threading.Lock()

        def progress(transfer: Transfer) -> None:
            with lock:
                done[transfer.digest] = transfer.done
                if transfer.state not in ("waiting", "uploading"):
                    finished.add(transfer.digest)
                bar.update(task, completed=sum(done.values()), description=f"{len(finished)}/{count} blobs")

        yield progress
