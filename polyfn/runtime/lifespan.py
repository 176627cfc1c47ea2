"""An ASGI application's lifespan: started before the first request, stopped with the process.

The application is called once with scope `lifespan` and stays in that call, a task on the process's
loop, until it is told to shut down. The protocol is https://asgi.readthedocs.io/en/stable/specs/lifespan.html:
an application that raises instead of answering has no lifespan, and is served without one.
"""

from polyfn import lifecycle
from polyfn.errors import ResultError, StartupError
from polyfn.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import MutableMapping
    from typing import Any

    from polyfn.applications import Application

    Message = MutableMapping[str, Any]


#: Seconds that an application which does not return from its lifespan gets to be cancelled.
UNWINDING = 0.05


class Lifespan:
    """The lifespan of one application. `state` is what the application fills for its requests."""

    __slots__ = ("_answer", "_app", "_asked", "_error", "_started", "_stopping", "_task", "state")

    def __init__(self, app: "Application", state: "dict[str, Any]") -> None:
        self.state = state
        self._app = app
        self._task: asyncio.Task[None] | None = None
        #: What the application says to the message that it was sent last; None if it ended instead.
        self._answer: asyncio.Future[Message | None] | None = None
        self._stopping: asyncio.Event | None = None
        self._asked = False
        self._started = False
        self._error: BaseException | None = None

    def register(self) -> None:
        """Have it start with the process, and stop with it if the application turns out to have one."""
        lifecycle.on_start(self.start)

    async def start(self) -> None:
        """Start the application, once. Raises StartupError if it says that it cannot start."""
        import asyncio

        if self._task is not None:
            return
        loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._answer = loop.create_future()
        self._task = loop.create_task(self._drive())
        answer = await self._answer
        if answer is None:
            self._report_silence()
        elif answer["type"] == "lifespan.startup.failed":
            # Frameworks raise on after they have said it, and what they raise has the traceback.
            await asyncio.wait((self._task,), timeout=lifecycle.grace)
            raise self._not_started(str(answer.get("message", ""))) from self._error
        else:
            self._keep()
            lifecycle.on_stop(self.stop)

    def _keep(self) -> None:
        import asyncio

        from polyfn.runtime import aio

        # With what the application began meanwhile, which lives as long.
        current = asyncio.current_task()
        aio.keep(task for task in asyncio.all_tasks() if task is not current)
        self._started = True

    def _not_started(self, message: str) -> StartupError:
        # The whole of it is often a traceback, which the cause, if there is one, brings along.
        lines = message.strip().splitlines() or ["it does not say why"]
        said = "\n".join(lines) if self._error is None else lines[-1]
        return StartupError(
            f"the application could not start: {said}",
            hint="it answered lifespan.startup.failed: a process that cannot serve must not take traffic",
        )

    def _report_silence(self) -> None:
        if self._asked and self._error is not None:
            # Going on is what the protocol asks for; it is still likely to be a mistake.
            logs.report("WARNING", "the application failed to start without saying so", error=self._error)

    async def stop(self) -> None:
        """Tell the application to shut down, and wait for that, though not for ever. Failures are logged."""
        import asyncio

        task, stopping = self._task, self._stopping
        assert task is not None
        assert stopping is not None
        if task.done():
            return
        self._answer = asyncio.get_running_loop().create_future()
        stopping.set()
        await asyncio.wait((self._answer,), timeout=lifecycle.grace)
        if not self._answer.done():
            logs.report("ERROR", f"the application did not shut down within {lifecycle.grace:g} s")
        elif (answer := self._answer.result()) is None:
            if self._error is not None:
                logs.report("ERROR", "the application failed while it shut down", error=self._error)
        elif answer["type"] == "lifespan.shutdown.failed":
            logs.report("ERROR", f"the application could not shut down: {answer.get('message', '')}")
        if not task.done():
            task.cancel()
            await asyncio.wait((task,), timeout=UNWINDING)

    async def _drive(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001  what it means depends on when it comes
            self._error = error
            if self._started and not self._is_stopping():
                logs.report("ERROR", "the application's lifespan ended before the process", error=error)
        finally:
            self._settle(None)

    def _is_stopping(self) -> bool:
        return self._stopping is not None and self._stopping.is_set()

    def _settle(self, answer: "Message | None") -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    # What the application is given.

    async def receive(self) -> "Message":
        """Return the startup message, and the shutdown message once there is reason for it."""
        if not self._asked:
            self._asked = True
            return {"type": "lifespan.startup"}
        assert self._stopping is not None
        await self._stopping.wait()
        return {"type": "lifespan.shutdown"}

    async def send(self, message: "Message") -> None:
        """Take the answer to the last message. Raises ResultError for anything else."""
        kind = message["type"]
        phase = "shutdown" if self._is_stopping() else "startup"
        if kind not in (f"lifespan.{phase}.complete", f"lifespan.{phase}.failed"):
            raise ResultError(f"the application sent {kind} where lifespan.{phase}.complete was expected")
        self._settle(message)
