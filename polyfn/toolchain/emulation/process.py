"""Supervises an artifact's process: its start, its lines, its freeze and thaw, its end."""

import asyncio
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from polyfn.toolchain.emulation.lines import Lines
from polyfn.toolchain.emulation.processes import Member, family, living, peak_memory

#: Seconds that the threads of a stopped process take at most to run again.
WAKE = 0.05


@dataclass(frozen=True)
class Exit:
    """How a process ended: with an exit status, or by a signal."""

    code: int | None
    signal: int | None

    def __str__(self) -> str:
        """`exit status 1`, or `signal: killed`."""
        if self.signal is None:
            return f"exit status {self.code}"
        return f"signal: {(signal.strsignal(self.signal) or str(self.signal)).lower()}"


class Process:
    """A running command in a session of its own.

    `ended` is a future of its Exit. Whatever it leaves behind in its session is killed when it ends,
    so that no process outlives an emulator. `began` is `time.monotonic()` just before the exec.
    `errors` takes the lines of stderr where a platform tells them from those of stdout.
    Raises OSError if the command cannot be executed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        log: Callable[[str], None],
        errors: Callable[[str], None] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Exit] = self._loop.create_future()
        self.frozen = False
        self._known: set[Member] = set()
        self._peak = 0
        self._pipes = [Lines(log)] if errors is None else [Lines(log), Lines(errors)]
        writers = [pipe.open() for pipe in self._pipes]
        try:
            self.began = time.monotonic()
            self._popen = subprocess.Popen(
                list(command), cwd=cwd, env=dict(environment), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=writers[0], stderr=writers[-1],
            )  # fmt: skip
        except BaseException:
            for pipe in self._pipes:
                pipe.close()
            raise
        finally:
            for writer in writers:
                os.close(writer)
        self.pid = self._popen.pid
        threading.Thread(target=self._watch, name=f"wait for {self.pid}", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return not self.ended.done()

    def memory(self) -> int:
        """Measure, and return the peak in bytes so far, of it and its children together."""
        if self.alive:
            self._peak = max(self._peak, peak_memory(self._look()))
        return self._peak

    def drain(self) -> None:
        """Log what it has written up to now, without waiting for the event loop's turn."""
        for pipe in self._pipes:
            pipe.read()

    def freeze(self) -> None:
        """Stop it and all its children, as a platform does between invocations."""
        self.frozen = True
        self._signal_family(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it and all its children run on."""
        if self.frozen:
            self.frozen = False
            # Frozen processes have no new children: the family needs no second look.
            self._signal_group(signal.SIGCONT)
            if self._known:
                self._signal_known(signal.SIGCONT)

    async def wake(self) -> None:
        """Let it run on, and return when it does: only then a signal reaches the thread that handles it.

        Until all threads have woken up, the kernel may give a signal to one that sleeps on in a call, and
        a Python program handles signals in its main thread alone.
        """
        if self.frozen:
            self.thaw()
            await asyncio.sleep(WAKE)

    async def stop(self, grace: float) -> Exit:
        """End it and return how: SIGTERM and up to `grace` seconds first, if that is not 0, then SIGKILL."""
        if self.alive and grace > 0:
            await self.wake()
            self._signal_group(signal.SIGTERM)
            await asyncio.wait({self.ended}, timeout=grace)
        if self.alive:
            self._signal_family(signal.SIGKILL)
        return await asyncio.shield(self.ended)

    def _signal_group(self, number: signal.Signals) -> None:
        if self.alive:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _signal_family(self, number: signal.Signals) -> None:
        # Looked at first: once the leader is dead, a child with a session of its own is not found by it.
        self._look()
        self._signal_group(number)
        self._signal_known(number)

    def _signal_known(self, number: signal.Signals) -> None:
        for pid in living(self._known):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def _look(self) -> list[int]:
        """Return the pids of the family as it is now, and remember who was ever in it."""
        members = family(self.pid)
        self._known.update(members)
        return [self.pid, *(member.pid for member in members)]

    def _watch(self) -> None:
        # The process is left unreaped here: until its family is killed too, its id must not be reused.
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._reap)

    def _reap(self) -> None:
        self._signal_family(signal.SIGKILL)
        _, status, usage = os.wait4(self.pid, 0)
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        for pipe in self._pipes:
            pipe.read()
            pipe.close()
        # Before its exec a child counts as large as this process is, so only more than that is its own.
        if usage.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss:
            self._peak = max(self._peak, usage.ru_maxrss * 1024)
        code = self._popen.returncode
        self.ended.set_result(Exit(code if code >= 0 else None, -code if code < 0 else None))
