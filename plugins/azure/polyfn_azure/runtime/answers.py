"""From what became of an invocation to the answer that the host understands.

Any 2xx is success, and anything else a failure, upon which the trigger's own rule applies: a queue's
message comes again until its count is used up and then goes to the poison queue or to the dead letters;
timers, event hubs and Cosmos DB have `retry` in function.json. The host takes no delay for it.
"""

from polyfn.errors import PayloadError, ResultError, TriggerMismatchError
from polyfn.http import Headers
from polyfn.runtime import logs
from polyfn.runtime.replies import Reply, problem
from polyfn_azure.runtime import envelope
from polyfn_azure.runtime.envelope import EnvelopeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from polyfn.context import Context

#: What is told of an invocation that is at fault itself. It says nothing of what was sent.
REFUSED = "this is no invocation that the function takes; the function's log says more"

_TYPE = [("content-type", envelope.JSON)]


def reply_of(
    failed: "Sequence[BaseException | None]",
    outputs: "dict[str, Any] | None",
    context: "Context",
    *,
    drop_misfits: bool = False,
) -> Reply:
    """Return the answer for the failures of one invocation: with its outputs if there is none.

    One message that fails fails the invocation, for the host knows no part of a batch. A payload that does
    not fit is given up with `drop_misfits`.
    """
    kept = [error for error in failed if not (drop_misfits and isinstance(error, PayloadError))]
    if len(kept) < len(failed):
        logs.report("ERROR", 'given up, for poison = "drop": its payload will never fit')
    if not kept:
        return done(outputs, context)
    if all(isinstance(error, (EnvelopeError, TriggerMismatchError)) for error in kept):
        return problem(400, REFUSED)
    return problem(500)


def done(outputs: "dict[str, Any] | None", context: "Context") -> Reply:
    """Return the answer of success: 500 all the same for outputs that have no JSON form."""
    try:
        body = envelope.answer(outputs)
    except ResultError as error:
        logs.report("ERROR", "the outputs cannot be sent", error=error, request_id=context.request_id)
        return problem(500)
    return Reply(200, Headers.checked(list(_TYPE)), body)
