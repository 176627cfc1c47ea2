"""A click group whose commands are imported when they run, and to which plugins add some."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, cast

import click

from polyfn.toolchain.errors import UsageError

if TYPE_CHECKING:
    from polyfn.toolchain.cli.output import Output

#: polyfn's own commands, in the order of `--help`: a name is the module's as well. The text is the
#: command's short help, written here so that `polyfn --help` imports none of them.
COMMANDS = {
    "package": "Make artifacts that can be deployed.",
    "run": "Serve an artifact or a source on this machine.",
    "invoke": "Invoke a function once and print its answer.",
    "check": "Tell what a platform cannot do for a project.",
    "push": "Push images into a registry.",
    "report": "Tell what an artifact holds and costs.",
    "verify": "Tell whether an artifact will run where it is going.",
    "cache": "Tell where the cache is, or make it smaller.",
    "providers": "List the installed platforms.",
    "explain": "Explain an error code.",
}


class LazyGroup(click.Group):
    """The group `polyfn`."""

    _added: dict[str, click.Command] | None = None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return polyfn's own commands, then those of plugins."""
        return [*COMMANDS, *sorted(self._of_plugins(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; plugins are asked only for what polyfn does not have itself."""
        if cmd_name in COMMANDS:
            return cast("click.Command", import_module(f"polyfn.toolchain.cli.{cmd_name}").command)
        return self._of_plugins(ctx).get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name. Raises UsageError with the closest one."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            names = self.list_commands(ctx)
            close = difflib.get_close_matches(args[0], names, n=1)
            guess = f"did you mean {close[0]!r}? " if close else ""
            raise UsageError(
                f"polyfn has no command {args[0]!r}", hint=f"{guess}the commands are {', '.join(names)}"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their short help, without importing polyfn's own."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        added = self._of_plugins(ctx)
        if added:
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, added[name].get_short_help_str()) for name in sorted(added)])

    def _of_plugins(self, ctx: click.Context) -> dict[str, click.Command]:
        if self._added is None:
            self._added = {}
            for command in _asked(cast("Output", ctx.obj)):
                if command.name is not None and command.name not in COMMANDS:
                    self._added.setdefault(command.name, command)
        return self._added


def _asked(output: Output) -> list[click.Command]:
    from polyfn.toolchain.installed import PLUGINS, installed

    if not installed(PLUGINS):  # most often: then not even pluggy is imported
        return []
    from polyfn.toolchain.plugin_faults import one_line
    from polyfn.toolchain.plugins import Plugins

    commands: list[click.Command] = []
    for implementation in Plugins(warn=output.warn).hook.polyfn_commands.get_hookimpls():
        try:
            answer = list(implementation.function())
        except Exception as error:  # noqa: BLE001  one plugin's fault must not take polyfn's help away
            output.warn(f"{implementation.plugin_name} is skipped: polyfn_commands(): {one_line(error)}")
            continue
        commands += [command for command in answer if isinstance(command, click.Command)]
    return commands
