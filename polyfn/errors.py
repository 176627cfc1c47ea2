"""The errors that a function's author can meet, in one tree.

    PolyfnError
    ├── DeclarationError        PF101  a decorator or a trigger was used wrongly
    ├── ModuleLoadError         PF102  the function's module cannot be imported
    ├── FunctionNotFoundError   PF103  the module has no such function
    ├── PayloadError            PF104  what came in does not fit the annotation
    ├── TriggerMismatchError    PF105  what came in is not what the trigger declares
    ├── ResultError             PF106  what the handler returned cannot be sent
    ├── SettlementError         PF107  a message was settled that is not in the batch
    ├── UnsupportedError        PF108  the platform cannot do what was asked
    ├── DeadlineError           PF109  the handler was cancelled shortly before its deadline
    ├── StartupError            PF110  the application said that it could not start
    └── polyfn.toolchain.errors.ToolchainError     PF2xx to PF5xx, see there

The hundreds digit of a code is the exit status of the CLI: 1 the user's code or a failed check,
2 usage or configuration, 3 a provider, 4 packaging, 5 a defect of polyfn itself.
"""


class PolyfnError(Exception):
    """Base of every error that polyfn raises on purpose.

    `str(error)` says what happened and what was expected; `hint` says what to do next; `code` is
    stable across releases and is what `polyfn explain CODE` takes.
    """

    code = "PF100"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def exit_status(self) -> int:
        """Exit status of the CLI for this error: the hundreds digit of its code."""
        return int(self.code[2])


class DeclarationError(PolyfnError):
    """A decorator or a trigger was used in a way that cannot work."""

    code = "PF101"


class ModuleLoadError(PolyfnError):
    """The function's module raised while it was imported; `__cause__` is what it raised."""

    code = "PF102"


class FunctionNotFoundError(PolyfnError):
    """The module was imported and does not declare the function that was asked for."""

    code = "PF103"


class PayloadError(PolyfnError):
    """The payload does not fit what the handler's annotation asks for.

    `details` lists what is wrong, each with the path into the payload (`loc`) and the reason
    (`msg`). The offending values are left out: they belong to the sender and may be secret.
    """

    code = "PF104"

    def __init__(
        self, message: str, *, details: "list[dict[str, object]] | None" = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.details = details or []


class TriggerMismatchError(PolyfnError):
    """The platform delivered another kind of event than the function's trigger declares."""

    code = "PF105"


class ResultError(PolyfnError):
    """The handler's result cannot be turned into the platform's reply.

    `path` is where in the result the trouble is, such as `$.orders[2].total`.
    """

    code = "PF106"

    def __init__(self, message: str, *, path: str = "$", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path


class SettlementError(PolyfnError):
    """A message was settled through a batch that it does not belong to, or settled too late."""

    code = "PF107"


class UnsupportedError(PolyfnError):
    """The platform, as it is configured, cannot do what the function asks of it."""

    code = "PF108"


class DeadlineError(PolyfnError):
    """An async handler was still running shortly before the platform's deadline and was cancelled."""

    code = "PF109"


class StartupError(PolyfnError):
    """An ASGI application answered its startup with `lifespan.startup.failed`."""

    code = "PF110"
