"""What is wrong with a plugin or a target: the errors, in words that say what to do."""

from __future__ import annotations

import difflib
import os
import re
import traceback
from typing import TYPE_CHECKING, Any

from polyfn.toolchain import hooks
from polyfn.toolchain.errors import PluginClashError, PluginError, UnknownTargetError
from polyfn.toolchain.installed import ALLOW, PROVIDERS, Installed, installed

if TYPE_CHECKING:
    import pluggy


def one_line(error: BaseException) -> str:
    """Return an exception's type and message on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def frame_of(error: BaseException, module: str) -> str:
    """Return ` (at file:line in name)` for the plugin's own innermost frame, or an empty string.

    Frames of the import system and of libraries that the plugin called are passed over: its author
    can do something about a line of the plugin.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f" (at {error.filename}:{error.lineno})"
    package = module.partition(".")[0]
    mine = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        name = frame.f_globals.get("__name__", "")
        if name == package or name.startswith(package + "."):
            mine = f" (at {frame.f_code.co_filename}:{line} in {frame.f_code.co_name})"
    return mine or ""


def unknown(target: str) -> UnknownTargetError:
    """Return the error for a target that no allowed plugin provides."""
    hidden = installed(PROVIDERS, name=target, everything=True)
    if hidden:
        return UnknownTargetError(
            f"target {target!r} is installed ({hidden[0].origin}) but not allowed: "
            f"{ALLOW}={os.environ.get(ALLOW, '')}",
            hint=f"add {target} to {ALLOW}, or unset it",
        )
    names = sorted({plugin.name for plugin in installed(PROVIDERS)})
    return UnknownTargetError(
        f"unknown target {target!r} (installed: {', '.join(names) or 'none'})", hint=_instead(target, names)
    )


def _instead(target: str, names: list[str]) -> str:
    extras = own_extras()
    close = difflib.get_close_matches(target, [*names, *extras], n=1)
    if close and close[0] in names:
        return f"did you mean {close[0]!r}?"
    if close:
        guess = "" if close[0] == target else f"did you mean {close[0]!r}? "
        return f"{guess}install its plugin: pip install 'polyfn[{close[0]}]'"
    return f"install a plugin that provides it: pip install polyfn-{target}"


def own_extras() -> list[str]:
    """Return the targets whose plugins are extras of polyfn itself, as its own metadata says."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        requirements = requires("polyfn") or []
    except PackageNotFoundError:
        return []
    found = (re.match(r"polyfn-([\w-]+).*extra\s*==", line) for line in requirements)
    return [match[1] for match in found if match]


def clash(found: list[Installed]) -> PluginClashError:
    """Return the error for a target that several distributions provide."""
    return PluginClashError(
        f"target {found[0].name!r} is provided by {len(found)} distributions: "
        + " and ".join(plugin.origin for plugin in found),
        hint=f"keep one of them: pip uninstall {found[-1].distribution}",
    )


def misused(
    plugin: Installed, module: Any, scratch: pluggy.PluginManager, error: pluggy.PluginValidationError
) -> PluginError:
    """Return the error for a plugin whose hooks pluggy refuses: misspelled, or with wrong arguments."""
    callers = scratch.get_hookcallers(module) or []
    unspecified = [caller.name for caller in callers if not caller.has_spec()]
    if not unspecified:
        # Pluggy's own text names the hook, its arguments and those of the implementation.
        text = " ".join(str(error).split())
        return PluginError(f"plugin {plugin.name!r} of {plugin.origin}: {text}", hint=see("its hooks"))
    name = unspecified[0]
    close = difflib.get_close_matches(name, known_hooks(), n=1, cutoff=0.0)[0]
    return PluginError(
        f"plugin {plugin.name!r} of {plugin.origin} implements the unknown hook {name!r}",
        hint=f"did you mean {close!r}? the hooks are {', '.join(known_hooks())}",
    )


def known_hooks() -> list[str]:
    """Return the names of all hooks."""
    return [name for name in vars(hooks) if name.startswith("polyfn_")]


def see(what: str) -> str:
    """Return where the documentation shows something."""
    return f"docs/writing-a-provider.md shows {what}"
