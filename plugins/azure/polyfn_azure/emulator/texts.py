"""The host's own lines in the log, as azure-functions-host has them."""

EXCEEDED = "[Error] Exceeded http worker restart retry count. Shutting down Functions Host"


def executing(function: str, reason: str, invocation: str) -> str:
    """Executing 'Functions.name' (Reason='...', Id=...)."""
    return f"Executing 'Functions.{function}' (Reason='{reason}', Id={invocation})"


def executed(function: str, invocation: str, seconds: float, error: str | None) -> str:
    """Executed 'Functions.name' (Succeeded, Id=..., Duration=12ms)."""
    level, how = ("", "Succeeded") if error is None else ("[Error] ", "Failed")
    return f"{level}Executed 'Functions.{function}' ({how}, Id={invocation}, Duration={seconds * 1000:.0f}ms)"


def timeout(function: str, limit: float, invocation: str) -> str:
    """Timeout value of ... was exceeded by function: ..."""
    return (
        f"[Error] Timeout value of {limit:g} s was exceeded by function: Functions.{function} "
        f"(Id: {invocation}). The handler is killed and started again, with all that it was doing."
    )
