"""Reads the options that a user gives to an emulator: text by name."""

from collections.abc import Mapping, Sequence

from polyfn.toolchain.errors import UsageError


def choice(options: Mapping[str, str], name: str, among: Sequence[str], *, known: Sequence[str]) -> str:
    """Return the option's value, the first of `among` if it is not given.

    Raises UsageError for another value, and for an option that is not `known`.
    """
    for given in options:
        if given not in known:
            raise UsageError(
                f"the emulator has no option {given!r}", hint=f"its options are: {', '.join(known)}"
            )
    value = options.get(name, among[0])
    if value not in among:
        raise UsageError(
            f"the emulator's option {name!r} cannot be {value!r}", hint=f"give one of: {', '.join(among)}"
        )
    return value


def flag(options: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Return whether the option is "on" or "off". Raises UsageError for anything else."""
    words = ("on", "off") if default else ("off", "on")
    return choice(options, name, words, known=tuple(options)) == "on"


def seconds(options: Mapping[str, str], name: str, *, default: float) -> float:
    """Return the option as a positive number of seconds. Raises UsageError."""
    text = options.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(
            f"the emulator's option {name!r} cannot be {text!r}", hint="give seconds, such as 2.5"
        )
    return value


def count(options: Mapping[str, str], name: str) -> int:
    """Return the option as a number from 1, or 0 if it is not given. Raises UsageError."""
    text = options.get(name)
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise UsageError(f"the emulator's option {name!r} cannot be {text!r}", hint="give a number from 1")
    return int(text)
