"""Sizes and times as people write them: `12 MB`, `150 ms`."""

from __future__ import annotations

import re
from decimal import Decimal

SIZE_PATTERN = r"^ *[0-9]+([.][0-9]+)? *([kKmMgG]i?)?[bB] *$"
TIME_PATTERN = r"^ *[0-9]+([.][0-9]+)? *(us|µs|ms|s) *$"

_SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_TIMES = {"us": 1, "µs": 1, "ms": 10**3, "s": 10**6}


def parse_size(text: str) -> int:
    """Return bytes. `kB`, `MB`, `GB` are powers of 1000, `KiB`, `MiB`, `GiB` of 1024. Raises ValueError."""
    if not re.fullmatch(SIZE_PATTERN, text):
        raise ValueError('expected a size with its unit, such as "12 MB", "500 kB" or "40 MiB"')
    return _value(text.lower(), _SIZES)


def parse_time(text: str) -> int:
    """Return microseconds. Raises ValueError."""
    if not re.fullmatch(TIME_PATTERN, text):
        raise ValueError('expected a time with its unit, such as "150 ms" or "1.5 s"')
    return _value(text, _TIMES)


def _value(text: str, units: dict[str, int]) -> int:
    number = text.strip(" abcdefghijklmnopqrstuvwxyzµ")
    return int(Decimal(number) * units[text.replace(number, "").strip()])


def size_text(number: int) -> str:
    """Return bytes for people, in powers of 1000, as the limits of platforms and disks are told."""
    if abs(number) >= 100_000:
        return f"{number / 1e6:.1f} MB"
    return f"{number / 1e3:.1f} kB" if abs(number) >= 1000 else f"{number} B"


def time_text(microseconds: int) -> str:
    """Return a time for people."""
    return f"{microseconds / 1e3:.1f} ms" if abs(microseconds) < 1_000_000 else f"{microseconds / 1e6:.2f} s"


def signed(text: str) -> str:
    """Return the text of a difference with its sign."""
    return text if text.startswith("-") else f"+{text}"
