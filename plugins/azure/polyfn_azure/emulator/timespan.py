"""Durations as host.json writes them: `00:05:00`, `1.00:00:00`, `00:00:00.5`."""

import re

_SPAN = re.compile(r"(-)?(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d{1,7})?))?")


def seconds(text: str) -> float | None:
    """Return the seconds, or None if it is no duration (a bare number would be days: nobody means that)."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        return None
    sign, days, hours, minutes, rest = found.groups()
    if int(hours) > 23 or int(minutes) > 59 or float(rest or 0) >= 60:
        return None
    total = int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(rest or 0)
    return -total if sign else total
