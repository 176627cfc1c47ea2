"""%NAME% in a binding stands for an app setting; a connection's name leads to one too."""

import re
from collections.abc import Mapping
from typing import Any

_REFERENCE = re.compile(r"%([^%\s]+)%")


def resolved(value: Any, settings: Mapping[str, str]) -> Any:
    """Replace each %NAME% in text by the app setting; one that is not set stays."""
    if not isinstance(value, str):
        return value
    return _REFERENCE.sub(lambda found: settings.get(found[1], found[0]), value)


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Replace each %NAME% by the variable; one that is not set goes (HttpWorkerOptionsSetup)."""
    return _REFERENCE.sub(lambda found: variables.get(found[1], ""), text)


def connection(name: str, settings: Mapping[str, str]) -> str | None:
    """Return the connection string that a binding's `connection` names; "" names AzureWebJobsStorage."""
    wanted = name or "AzureWebJobsStorage"
    for key in (
        f"AzureWebJobs{wanted}",
        wanted,
        f"ConnectionStrings:{wanted}",
        f"ConnectionStrings__{wanted}",
    ):
        if settings.get(key):
            return settings[key]
    return None
