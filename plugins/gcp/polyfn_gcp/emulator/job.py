"""Jobs: the container runs to its end, and its exit status decides (https://cloud.google.com/run/docs/create-jobs)."""

import asyncio
import secrets
import string
import time
from collections.abc import Callable
from typing import Any

from polyfn.toolchain.provider import Invoked
from polyfn_gcp.emulator import texts
from polyfn_gcp.emulator.configuration import Configuration, Task
from polyfn_gcp.emulator.environment import job_environment
from polyfn_gcp.emulator.launch import launch
from polyfn_gcp.emulator.memory import MemoryWatch

_LETTERS = string.ascii_lowercase + string.digits


class Job:
    """Runs the tasks of executions, one after the other; each is tried again while it fails."""

    def __init__(self, configuration: Configuration, task: Task, log: Callable[[str], None]) -> None:
        self._configuration, self._task, self._log = configuration, task, log

    async def run(self) -> Invoked:
        """Run one execution.

        The report has `execution`, `failed` (tasks) and `attempts` (task, attempt, exit, signal, seconds).
        """
        execution = f"{self._configuration.service}-{''.join(secrets.choice(_LETTERS) for _ in range(5))}"
        tasks = range(self._task.count) if self._task.index is None else (self._task.index,)
        attempts: list[dict[str, Any]] = []
        failed = [index for index in tasks if not await self._done(execution, index, attempts)]
        report = {"execution": execution, "failed": failed, "attempts": attempts}
        if not failed:
            return Invoked(b"", report=report)
        named = ", ".join(str(index) for index in failed)
        return Invoked(b"", f"task {named} failed", status=500, report=report)

    async def _done(self, execution: str, index: int, attempts: list[dict[str, Any]]) -> bool:
        """Run one task until it succeeds or may not be tried again."""
        for attempt in range(self._task.attempt, self._task.retries + 1):
            told = await self._attempt(execution, index, attempt)
            attempts.append(told)
            if told["exit"] == 0:
                return True
        self._log(f"polyfn: task {index} failed after {self._task.retries} retries")
        return False

    async def _attempt(self, execution: str, index: int, attempt: int) -> dict[str, Any]:
        told = {"task": index, "attempt": attempt, "exit": None, "signal": None, "seconds": 0.0}
        variables = job_environment(
            self._configuration, self._task, execution=execution, index=index, attempt=attempt
        )
        begin = time.monotonic()
        try:
            launched = launch(self._configuration, variables, self._log)
        except OSError as error:
            program = self._configuration.container.command[0]
            self._log(f"polyfn: {program} cannot be executed: {error.strerror}")
            return told
        watch = asyncio.create_task(MemoryWatch(launched, self._configuration.memory, self._log).run())
        try:
            done, _ = await asyncio.wait({launched.process.ended}, timeout=self._configuration.timeout)
            if not done:
                self._log(texts.task_timeout_line(self._configuration.timeout))
                await launched.stop()
        finally:
            await launched.stop(0)
            await watch
        ended = launched.how(launched.process.ended.result())
        took = round(time.monotonic() - begin, 6)
        # A task that was ended for its time failed, whatever status it took its leave with.
        return {**told, "exit": ended.code if done else None, "signal": ended.signal, "seconds": took}
