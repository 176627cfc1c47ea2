"""The error type that a runtime names, and what the platform makes of it."""

import re

_KNOWN = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


def error_type(told: str | None) -> str:
    """Return the type that the platform keeps for what the runtime told in a header or trailer."""
    told = told or ""
    if _KNOWN.search(told):
        return told
    return "Function.Unknown" if told.startswith("Function.") else "Runtime.Unknown"
