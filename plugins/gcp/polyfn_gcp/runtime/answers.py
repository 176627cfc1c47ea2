"""From what became of events to the status that their sender understands.

Pub/Sub takes 102, 200, 201, 202 and 204 for done and anything else, 4xx included, for a reason to
send again; Cloud Tasks and Cloud Scheduler take any 2xx, and Cloud Tasks heeds Retry-After on a 503
(https://cloud.google.com/pubsub/docs/push, https://cloud.google.com/tasks/docs/reference/rpc).
"""

from polyfn.errors import DeadlineError, PayloadError, TriggerMismatchError
from polyfn.http import Headers
from polyfn.outcomes import Retry
from polyfn.runtime import logs
from polyfn.runtime.replies import Reply, problem
from polyfn_gcp.runtime.verify import EnvelopeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: What a sender is told of a request that is its own fault. It says nothing of what was sent.
REFUSED = "the request is no event that this service takes here; the service's log says more"


def reply_of(failed: "Sequence[BaseException | None]", *, drop_misfits: bool) -> Reply:
    """Return the reply for the failures of one request: 204 if there is none.

    A request has one status, so the gravest counts, and the sender sends all of a batch again: 500 for
    what a handler raised, 504 where it was cut off, 503 where it asked for a retry, 4xx where the event
    itself is at fault. A payload that does not fit is at fault too; with `drop_misfits` it is given up.
    """
    kept = [error for error in failed if not (drop_misfits and isinstance(error, PayloadError))]
    if len(kept) < len(failed):
        logs.report("ERROR", 'given up, for poison = "drop": its payload will never fit')
    if not kept:
        return Reply(204, Headers())
    statuses = {_status(error) for error in kept}
    for grave in (500, 504):
        if grave in statuses:
            return problem(grave)
    if 503 in statuses:
        return _again([error for error in kept if isinstance(error, Retry)])
    return problem(min(statuses), REFUSED)


def _status(error: BaseException | None) -> int:
    if isinstance(error, EnvelopeError):
        return error.status
    if isinstance(error, (PayloadError, TriggerMismatchError)):
        return 400
    if isinstance(error, DeadlineError):
        return 504
    return 503 if isinstance(error, Retry) else 500


def _again(retries: "Sequence[Retry]") -> Reply:
    headers = Headers()
    after = [retry.after for retry in retries if retry.after is not None]
    if after:
        # Whole seconds (RFC 9110, 10.2.3), and enough for every one of them.
        headers.add("retry-after", -int(-max(after) // 1))
    return problem(503, headers=headers)
