"""The states of a runtime, as the platform keeps them for a classic (one at a time) environment.

Names and transitions are those of the public Runtime Interface Emulator (observed), because they
appear in the answers that a runtime is given.
"""

STARTED = "Started"
INIT_ERROR = "InitError"
READY = "Ready"
RUNNING = "Running"
RESPONSE = "InvocationResponse"
ERROR_RESPONSE = "InvocationErrorResponse"
SENT = "RuntimeResponseSentState"

_ALLOWED = {
    STARTED: (READY, INIT_ERROR),
    INIT_ERROR: (),
    READY: (READY, RUNNING),
    RUNNING: (RUNNING, RESPONSE, ERROR_RESPONSE),
    RESPONSE: (SENT,),
    ERROR_RESPONSE: (SENT,),
    SENT: (READY,),
}


class TransitionError(Exception):
    """The runtime called what its state does not allow; the text is the platform's."""


class State:
    """Where a runtime is: READY while it waits in /next, RUNNING while it works on what it got there."""

    def __init__(self) -> None:
        self.name = STARTED

    def to(self, name: str) -> None:
        """Go to a state. Raises TransitionError."""
        if name not in _ALLOWED[self.name]:
            raise TransitionError(
                f"State transition from {self.name} to {name} failed for runtime. "
                "Error: State transition is not allowed"
            )
        self.name = name
