"""`context.native` on AWS: the names that Lambda's own Python runtime gives these facts."""

from polyfn_aws.runtime.context import _seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Fields:
    """Named values; a name without a value is None."""

    def __init__(self, **fields: "Any") -> None:
        self.__dict__.update(fields)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.__dict__)})"


class ClientContext(Fields):
    """What a mobile SDK sent along: `custom`, `env`, and `client` with its five fields, or None each."""


class Client(Fields):
    """The app that called: the CLIENT_FIELDS, or None each."""


class CognitoIdentity(Fields):
    """Who called: `cognito_identity_id` and `cognito_identity_pool_id`, or None each."""


CLIENT_FIELDS = (
    "installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name",
)  # fmt: skip


class Native:
    """The Lambda context object of the managed Python runtimes, field for field.

    `memory_limit_in_mb` is a str there, and so it is here. What the platform did not send is None.
    """

    def __init__(
        self,
        headers: "dict[str, str]",
        client: "dict[str, Any] | None",
        identity: "dict[str, Any] | None",
        w3c: "dict[str, str]",
    ) -> None:
        from os import environ

        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = None if client is None else _client_context(client)
        self.identity = _identity(identity or {})
        self._w3c = w3c
        deadline = headers.get("lambda-runtime-deadline-ms")
        self._deadline = None if deadline is None else _seconds(deadline)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the deadline, 0 once it has passed or if the platform sent none."""
        if self._deadline is None:
            return 0
        from time import time

        return max(0, int((self._deadline - time()) * 1000))

    def w3c(self) -> "dict[str, str]":
        """The W3C trace context that the caller sent: traceparent, tracestate, baggage, those there are."""
        return dict(self._w3c)

    def log(self, message: object) -> None:
        """Write text to the function's log as it is, without a line break of its own."""
        from sys import stdout

        stdout.write(str(message))
        stdout.flush()

    def __repr__(self) -> str:
        return f"<Native {self.aws_request_id} of {self.invoked_function_arn}>"


def _client_context(sent: "dict[str, Any]") -> ClientContext:
    client = sent.get("client")
    made = None
    if isinstance(client, dict):
        made = Client(**{name: client.get(name) for name in CLIENT_FIELDS})
    return ClientContext(custom=sent.get("custom"), env=sent.get("env"), client=made)


def _identity(sent: "dict[str, Any]") -> CognitoIdentity:
    return CognitoIdentity(
        cognito_identity_id=sent.get("cognitoIdentityId", sent.get("identity_id")),
        cognito_identity_pool_id=sent.get("cognitoIdentityPoolId", sent.get("identity_pool_id")),
    )
