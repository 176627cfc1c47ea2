"""How the host's .NET writes and reads what JSON, dates and base64 are: where it differs from Python.

The host uses Newtonsoft.Json throughout. What its leniency would read besides JSON (comments, names without
quotes) is not read here.
"""

import json
import re
from base64 import b64decode
from binascii import Error as Base64Error
from datetime import UTC, datetime, timedelta
from typing import Any

#: Text that Newtonsoft.Json takes for a date wherever it meets it in a JSON string.
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,7})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
#: What it escapes beyond the control characters.
_SEPARATORS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})
_BLANKS = re.compile(r"[ \t\r\n]")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
#: `true` has to be printed as .NET does.
_WORDS = {True: "True", False: "False"}


class Date:
    """A date that was read out of JSON text. `digits` are its fraction, `zone` is "", "Z" or an offset."""

    def __init__(self, moment: datetime, fraction: str, zone: str) -> None:
        self.moment, self.fraction, self.zone = moment, fraction, zone

    def __str__(self) -> str:
        """Print it as .NET's invariant culture does: month first, no fraction, no zone."""
        return self.moment.strftime(f"%m/%d/{self.moment.year:04d} %H:%M:%S")

    @property
    def iso(self) -> str:
        """Write it as JSON again. An offset became the host's own time, which is UTC."""
        zone = self.zone if self.zone in ("", "Z") else "+00:00"
        text = f"{self.moment.year:04d}{self.moment.strftime('-%m-%dT%H:%M:%S')}"
        return f"{text}{'.' + self.fraction if self.fraction else ''}{zone}"


def date_in(text: str) -> Date | None:
    """Return the date that Newtonsoft.Json makes of a JSON string, or None if it stays text."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    *numbers, fraction, zone = found.groups()
    try:
        moment = datetime(*(int(number) for number in numbers), tzinfo=UTC)  # type: ignore[misc,arg-type]
        if zone not in (None, "Z"):
            hours, minutes = int(zone[1:3]), int(zone[4:6])
            offset = timedelta(hours=hours, minutes=minutes)
            moment = moment - offset if zone[0] == "+" else moment + offset
    except (ValueError, OverflowError):
        return None
    return Date(moment, (fraction or "").strip(".").rstrip("0"), zone or "")


def dated(value: Any) -> Any:
    """Return parsed JSON with every text that looks like a date replaced by a Date."""
    if isinstance(value, str):
        return date_in(value) or value
    if isinstance(value, list):
        return [dated(each) for each in value]
    if isinstance(value, dict):
        return {key: dated(each) for key, each in value.items()}
    return value


def dumps(value: Any, *, indented: bool = False) -> str:
    """Write JSON as Newtonsoft.Json does."""
    text = json.dumps(
        value,
        ensure_ascii=False,
        separators=(",", ": ") if indented else (",", ":"),
        indent=2 if indented else None,
        default=_special,
    )
    return text.translate(_SEPARATORS)


def _special(value: Any) -> str:
    if isinstance(value, Date):
        return value.iso
    raise TypeError(value)


def printed(value: Any) -> str:
    """Return what `ToString()` gives for a piece of parsed JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, float):
        return repr(value).removesuffix(".0").replace("e", "E")
    if isinstance(value, dict | list):
        return dumps(value, indented=True)
    return str(value)


def looks_like_json(text: str) -> bool:
    """Whether the host takes text for JSON: by its first and last letter (Utility.IsJson)."""
    told = text.strip()
    return (told[:1], told[-1:]) in (("{", "}"), ("[", "]")) and len(told) > 1


def base64_of(text: str) -> bytes | None:
    """Return what Convert.FromBase64String makes of text, or None where it refuses. Blanks do not count."""
    packed = _BLANKS.sub("", text)
    if len(packed) % 4 or not _BASE64.fullmatch(packed):
        return None
    try:
        return b64decode(packed, validate=True)
    except (Base64Error, ValueError):
        return None


def stamp(moment: datetime, *, zone: str = "+00:00") -> str:
    """Write a moment in UTC as .NET does: seven digits of a fraction, without the zeros at its end."""
    fraction = f"{moment.microsecond:06d}".rstrip("0")
    return f"{moment.strftime('%Y-%m-%dT%H:%M:%S')}{'.' + fraction if fraction else ''}{zone}"
