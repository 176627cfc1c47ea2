"""What is going on, live on a terminal: a line for each architecture, gone when it is over.

Nothing of it is seen before a step has lasted `PATIENCE`: a build that the cache has all of shows nothing,
and does not import rich for it. The cursor is never hidden, so however the process ends, it is there.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from polyfn.toolchain import progress
from polyfn.toolchain.cli.output import Output, rich_in, written
from polyfn.toolchain.progress import Step

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.table import Table

#: Seconds that a step may last unseen, and seconds from one picture to the next.
PATIENCE, FRAME = 0.2, 0.1
#: Columns of an architecture, a step's name, its time, its bytes. Fixed, so that the picture is still.
_WIDTHS = (5, 25, 8, 20)
_GAP = 2
#: Columns that a bar takes, and those that it is not worth drawing in.
_BAR, _LEAST = 30, 8


def live_in(stream: IO[str]) -> bool:
    """Whether somebody watches `stream`: a terminal that can move its cursor, with this process in front.

    FORCE_COLOR makes no terminal of a pipe, and what runs under CI is read later.
    """
    if not (rich_in(stream) and stream.isatty()) or os.environ.get("CI"):
        return False
    return os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown") and _in_front(stream)


def _in_front(stream: IO[str]) -> bool:
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except OSError:  # not the terminal that this process was started from: then nothing tells
        return True


@contextmanager
def shown(output: Output) -> Iterator[None]:
    """Show the steps that are taken in the block, if somebody watches. Messages are written above them."""
    if output.json or not live_in(sys.stderr):
        yield
        return
    display = Display()
    output.write = display.write
    thread = threading.Thread(target=display.run, name="polyfn-progress")
    try:
        thread.start()
        with progress.listening(display):
            yield
    finally:
        display.over.set()
        thread.join()
        output.write = written


class Display(progress.Listener):
    """The steps under way, drawn by a thread of its own: `run`, until `over` is set."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self._steps: list[Step] = []
        self._live: Live | None = None
        #: Held while the display comes or goes, and while a message is written.
        self._writing = threading.Lock()

    def started(self, step: Step) -> None:
        """Draw a step from now on."""
        self._steps.append(step)

    def ended(self, step: Step) -> None:
        """Draw it no longer."""
        self._steps.remove(step)

    def write(self, text: str) -> None:
        """Write a message, above what is drawn. A long line is not broken: it can be copied whole."""
        with self._writing:
            if self._live is None:
                written(text)
                return
            from rich.text import Text

            self._live.console.print(Text.from_ansi(text), soft_wrap=True)

    def run(self) -> None:
        """Wait until something takes long, then draw."""
        while not self.over.wait(FRAME):
            if any(time.monotonic() - step.began >= PATIENCE for step in list(self._steps)):
                with suppress(OSError):  # the terminal is gone: the build is not worse for it
                    self._draw()
                return

    def _draw(self) -> None:
        live = _live(self)
        with self._writing:
            live.start()
            self._live = live
        try:
            while not self.over.wait(FRAME):
                live.refresh()
        finally:
            with self._writing:
                self._live = None
                live.stop()

    def table(self) -> Table:
        """Return what is to be seen now: of each architecture the step that began last."""
        from rich.table import Table

        latest = {step.arch or "": step for step in list(self._steps)}
        room = (self._live.console.width if self._live else 0) - sum(_WIDTHS) - _GAP * len(_WIDTHS)
        table = Table.grid(padding=(0, _GAP, 0, 0))
        for width in _WIDTHS if room >= 0 else _WIDTHS[:-1]:
            table.add_column(width=width, no_wrap=True)
        for arch, step in sorted(latest.items()):
            table.add_row(arch, step.name, _time(time.monotonic() - step.began), *_bytes(step, room))
        return table


def _live(display: Display) -> Live:
    from rich.console import Console
    from rich.live import Live

    class Plain(Console):
        """A console that leaves the cursor alone."""

        def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002  rich's own signature
            return False

    return Live(
        console=Plain(file=sys.stderr),
        get_renderable=display.table,
        auto_refresh=False,
        transient=True,
        # What a plugin prints goes above as well; but stdout that is no terminal is somebody's data.
        redirect_stdout=sys.stdout.isatty(),
    )


def _bytes(step: Step, room: int) -> tuple[RenderableType, ...]:
    """The bytes of a step, where there is room for them, and a bar, where there is more."""
    if not step.total or room < 0:
        return ()
    from rich.progress_bar import ProgressBar

    from polyfn.toolchain.report.quantities import size_text

    done = min(step.done, step.total)
    told = f"{size_text(done)} of {size_text(step.total)}"
    return (told, ProgressBar(step.total, done, width=min(room, _BAR))) if room >= _LEAST else (told,)


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f}:{seconds % 60:02.0f} min"
