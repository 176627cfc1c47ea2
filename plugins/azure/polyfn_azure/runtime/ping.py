"""The host's question whether the process is there: answered at once, whoever waits, and never logged.

It asks `GET /` every 25 ms until it has any answer, and now and then ever after (read in its source:
DefaultHttpWorkerService).
"""

from polyfn.runtime.asgi import Application
from polyfn_azure.runtime.transport import PING, of_scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from polyfn.runtime.asgi import Receive, Scope, Send

_START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
_END = {"type": "http.response.body", "body": b""}


class Pinged(Application):
    """An application that a ping does not reach: it is no invocation and takes no turn of one."""

    __slots__ = ()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serve one connection of the ASGI kind that `scope` names."""
        # A path decoded is all that most requests are looked at for.
        if scope["type"] == "http" and scope["path"] == "/" and of_scope(scope, ()) == PING:
            await send(dict(_START))
            await send(dict(_END))
        else:
            await super().__call__(scope, receive, send)
