"""The invocation that the running code belongs to, where several run at once.

A context variable and no global: tasks and the threads of sync handlers each see their own.
"""

from _contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from polyfn.context import Context

#: The context of the request that is being served, for log sinks; None outside of any.
request: "ContextVar[Context | None]" = ContextVar("polyfn.request", default=None)
