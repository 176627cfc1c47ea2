"""The facts of one invocation, in neutral terms."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from polyfn.runtime.trace import Trace


class Context:
    """What a handler's second parameter is given.

    | attribute | content |
    |---|---|
    | `request_id` | the platform's id of this invocation |
    | `function` | the name of the function |
    | `version` | the deployed version, or None |
    | `provider` | the target's name, such as `aws` |
    | `region` | the platform's name for where this runs, or None |
    | `deadline` | when the platform ends the invocation: seconds since the epoch, or None |
    | `trace` | `polyfn.runtime.trace.Trace` in W3C terms, or None |
    | `attempt` | 1 for the first delivery, or None if the platform does not count |
    | `cold_start` | whether this is the first invocation of this process |
    | `native` | the vendor's invocation facts: using it ties the function to one platform |
    """

    __slots__ = (
        "_native", "_region", "_trace", "attempt", "cold_start", "deadline", "deferred", "function",
        "provider", "request_id", "version",
    )  # fmt: skip

    def __init__(
        self,
        *,
        request_id: str,
        function: str,
        provider: str,
        version: str | None = None,
        region: "str | Callable[[], str | None] | None" = None,
        deadline: float | None = None,
        attempt: int | None = None,
        cold_start: bool = False,
        trace: "Trace | Callable[[], Trace | None] | None" = None,
        native: "Any" = None,
    ) -> None:
        self.request_id = request_id
        self.function = function
        self.provider = provider
        self.version = version
        self._region = region
        self.deadline = deadline
        self.attempt = attempt
        self.cold_start = cold_start
        self.deferred: list[Callable[[], object]] | None = None
        self._trace = trace
        self._native = native

    @property
    def region(self) -> "str | None":
        """The platform's name for where this runs. A provider may pass a callable that finds it out."""
        if callable(self._region):
            self._region = self._region()
        return self._region

    @property
    def trace(self) -> "Trace | None":
        """The W3C trace context that the platform passed on, or None."""
        if callable(self._trace):
            self._trace = self._trace()
        return self._trace

    @property
    def native(self) -> "Any":
        """The vendor's invocation facts. A provider may pass a callable that makes them on first use."""
        if callable(self._native):
            self._native = self._native()
        return self._native

    def remaining(self) -> float:
        """Seconds until the deadline, 0.0 once it has passed, `inf` where the platform sets none."""
        if self.deadline is None:
            return float("inf")
        from time import time

        return max(0.0, self.deadline - time())

    def defer(self, work: "Callable[[], object]") -> None:
        """Run `work` after the reply was sent, in the order of the calls, while there is CPU.

        `work` takes no arguments and may be a coroutine function. It counts against the deadline;
        what it raises is logged and changes nothing for the caller.
        """
        if not callable(work):
            raise TypeError(f"context.defer takes a callable without arguments, not {work!r}")
        if self.deferred is None:
            self.deferred = []
        self.deferred.append(work)

    def for_attempt(self, attempt: int) -> "Context":
        """Return a copy with another `attempt`: one message of a delivery. Deferred work is shared."""
        if self.deferred is None:
            self.deferred = []
        copy = object.__new__(type(self))
        for slot in Context.__slots__:
            setattr(copy, slot, getattr(self, slot))
        copy.attempt = attempt
        return copy

    def __repr__(self) -> str:
        return f"<Context {self.function} {self.request_id} on {self.provider}>"
