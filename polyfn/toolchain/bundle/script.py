"""The start script of a bundle: `root/start`.

It costs a cold start, so it is a shell's own work alone: no subshell, no other program, one `exec`.
It exports nothing: an LD_LIBRARY_PATH would reach every program that a function starts.
"""

from __future__ import annotations

#: Isolated from the machine's environment and its packages; `site` is not imported, it costs a third
#: of a bare start; text is UTF-8 whatever the locale.
FLAGS = ("-I", "-S", "-X", "utf8")

#: `$0` has a slash unless the script was named to a shell (`sh start`) or found through an empty PATH entry.
FIND_ROOT = "case $0 in */*) root=${0%/*} ;; *) root=. ;; esac"


def start_script(
    command: tuple[str, ...], *, root_variable: str | None = None, start: str = "start.py"
) -> str:
    """Return the text of the script that runs `start` from wherever the bundle lies.

    `command` is the interpreter's, as `Bundle.command` gives it. `root_variable` names an environment
    variable in which the platform tells where the bundle is: it is asked where the script was copied
    away from its bundle.
    """
    lines = ["#!/bin/sh", FIND_ROOT]
    if root_variable is not None:
        lines.append(f'[ -f "$root/{start}" ] || root=${{{root_variable}:-.}}')
    words = [*map(word, command), *FLAGS, f'"$root/{start}"', '"$@"']
    return "\n".join([*lines, f"exec {' '.join(words)}", ""])


def wrapper(command: tuple[str, ...]) -> str:
    """Return the text of `python/bin/python3.x` for an interpreter that needs its loader named.

    `sys.executable` names it, so that programs which start a second interpreter get a working one.
    """
    find = "case $0 in */*) root=${0%/*}/../.. ;; *) root=../.. ;; esac"
    return "\n".join(["#!/bin/sh", find, f'exec {" ".join(map(word, command))} "$@"', ""])


def word(part: str) -> str:
    """Return one word of a command as shell text: a relative path with a slash is inside the bundle."""
    text = "".join("\\" + char if char in '\\"$`' else char for char in part)
    if part.startswith(("/", "-")) or "/" not in part:
        return text if text.replace("-", "").isalnum() else f'"{text}"'
    return f'"$root/{text}"'
