"""One invocation: what is delivered to the runtime, and the reply that comes back."""

import secrets
import time
import uuid
from dataclasses import dataclass, field

from polyfn_aws.emulator.reply import Reply


def new_trace() -> str:
    """Return an X-Ray trace header of its own, not sampled."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"


def new_request_id() -> str:
    """Return a request id, as the platform's: a UUID."""
    return str(uuid.uuid4())


@dataclass
class Invocation:
    """An invocation. `client_context` and `cognito_identity` are JSON texts, `deadline_ms` is of the epoch.

    Retries keep the request id; `invocation_id` is new for each delivery, which is what it is for.
    """

    payload: bytes
    request_id: str = field(default_factory=new_request_id)
    trace_id: str = field(default_factory=new_trace)
    client_context: str | None = None
    cognito_identity: str | None = None
    tenant_id: str | None = None
    invocation_id: str = field(default_factory=lambda: secrets.token_hex(16))
    deadline_ms: int = 0
    reply: Reply = field(default_factory=Reply)

    def headers(self, arn: str) -> list[tuple[str, str]]:
        """Return the headers of the answer to GET /next: what is empty is left out."""
        told = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(self.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": arn,
            "Lambda-Runtime-Trace-Id": self.trace_id,
            "Lambda-Runtime-Client-Context": self.client_context,
            "Lambda-Runtime-Cognito-Identity": self.cognito_identity,
            "Lambda-Runtime-Aws-Tenant-Id": self.tenant_id,
            "Lambda-Runtime-Invocation-Id": self.invocation_id,
        }
        return [(name, value) for name, value in told.items() if value]
