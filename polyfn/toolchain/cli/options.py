"""Options that several commands share. Each has an environment variable, shown in its help."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from polyfn.toolchain.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

Decorator = Callable[[F], F]


def option(name: str, *more: str, **settings: Any) -> Decorator[Any]:
    """A click option with the environment variable POLYFN_<NAME>."""
    variable = "POLYFN_" + name.removeprefix("--").replace("-", "_").upper()
    return click.option(name, *more, envvar=variable, show_envvar=True, **settings)


def json_option(command: F) -> F:
    """`--json`. It takes effect before parsing (output.wants_json), so that usage errors are JSON as well."""
    flag = option("--json", is_flag=True, expose_value=False, help="Write one JSON object to stdout.")
    return flag(command)  # type: ignore[no-any-return]


def target_option(**settings: Any) -> Decorator[Any]:
    """`--target`: the name of a provider. Given twice where one counts, none is dropped in silence."""
    if not settings.get("multiple"):
        settings |= {"multiple": True, "callback": _one_target}
    return option("--target", metavar="NAME", **settings)


def _one_target(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> str | None:
    different = list(dict.fromkeys(names))
    if len(different) > 1:
        raise UsageError(
            f"--target {' and --target '.join(different)}: one command works for one target",
            hint="call it once for each",
        )
    return different[0] if different else None


def source_argument(command: F) -> F:
    """The argument of `run` and `invoke`: an artifact or a source, with or without ::function."""
    return click.argument("source", metavar="ARTIFACT|SOURCE[::FUNCTION]")(command)


def emulation_options(command: F) -> F:
    """What `run` and `invoke` both say about the emulated platform."""
    for decorate in reversed(
        [
            target_option(help="Platform to emulate; an artifact knows its own."),
            option("--function", metavar="NAME", help="Function to serve, instead of ::FUNCTION."),
            option(
                "--timeout",
                type=click.FloatRange(min=0, min_open=True),
                default=30.0,
                show_default=True,
                metavar="SECONDS",
                help="Limit of one invocation.",
            ),
            option(
                "--memory",
                type=click.IntRange(min=1),
                default=512,
                show_default=True,
                metavar="MB",
                help="Memory limit, as configured on the platform.",
            ),
            option("--env", multiple=True, metavar="KEY=VALUE", help="Environment variable of the function."),
            option(
                "--option",
                "options",
                multiple=True,
                metavar="KEY=VALUE",
                help="Option of the target's emulator.",
            ),
        ]
    ):
        command = decorate(command)
    return command


def pairs(values: Iterable[str], name: str) -> dict[str, str]:
    """Parse KEY=VALUE options. Raises UsageError."""
    parsed = {}
    for value in values:
        key, mark, text = value.partition("=")
        if not key or not mark:
            raise UsageError(f"{name} {value!r}: expected KEY=VALUE", hint=f"for example {name} STAGE=test")
        parsed[key] = text
    return parsed


def existing(path: Path, what: str) -> Path:
    """Return the path if it is there. Raises UsageError."""
    if not path.exists():
        raise UsageError(
            f"{what} {path} does not exist", hint="check the path; it is relative to this directory"
        )
    return path
