"""Where an artifact has its parts, and which Python runs it: told by its names, and by polyfn.json."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from polyfn.toolchain import pythons

_STDLIB = re.compile(r"^(?P<lib>(?:.*/)?lib)/python(?P<version>3\.\d+t?)/os\.pyc?$")
_PROGRAM = re.compile(r"^(?:.*/)?bin/python(?P<version>3\.\d+t?)$")
_ZIPPED = re.compile(r"^(?:.*/)?lib/python3(?P<minor>\d+t?)\.zip$")
_TAG = re.compile(r"\.cpython-3(?P<minor>\d+t?)-[^/]*\.so$")
_SITE = re.compile(r"^(?:.*/)?(?:site|dist)-packages(?=/)")


@dataclass(frozen=True)
class Layout:
    """The parts of one artifact.

    | attribute | content |
    |---|---|
    | `manifest` | polyfn.json, empty if it has none |
    | `python` | `3.x`, or `3.xt` if it is free-threaded; None where nothing tells |
    | `stdlib` | the folder of the standard library, None if it is the platform's or packed otherwise |
    | `zipped` | the zip file of the standard library, if it is in one |
    | `programs` | the interpreter and its library |
    | `app`, `site` | folders of the user's code and of dependencies; empty for the root |
    | `roots` | all folders that modules are imported from, in the order of sys.path |
    """

    manifest: Mapping[str, Any]
    python: str | None
    stdlib: str | None
    zipped: str | None
    programs: tuple[str, ...]
    app: tuple[str, ...]
    site: tuple[str, ...]
    roots: tuple[str, ...]

    @property
    def threaded(self) -> bool:
        """Whether it is the free-threaded build."""
        return self.python is not None and pythons.threaded(self.python)

    @property
    def own(self) -> bool:
        """Whether the artifact has an interpreter of its own."""
        return self.stdlib is not None or self.zipped is not None or bool(self.programs)

    @property
    def source(self) -> str | None:
        """Where the interpreter came from, as polyfn.json says."""
        interpreter = self.manifest.get("interpreter")
        return str(interpreter.get("source")) if isinstance(interpreter, dict) else None

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules with functions, as polyfn.json says."""
        functions = self.manifest.get("functions")
        entries = (
            [entry for entry in functions if isinstance(entry, dict)] if isinstance(functions, list) else []
        )
        return tuple(dict.fromkeys(str(entry.get("module")) for entry in entries))


def json_of(text: bytes | None) -> dict[str, Any]:
    """Read polyfn.json or the like; whatever is no JSON object counts as an empty one."""
    try:
        told = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def layout(names: Iterable[str], manifest: Mapping[str, Any]) -> Layout:
    """Find the parts by their names."""
    names = list(names)
    found = next((match for name in names if (match := _STDLIB.match(name))), None)
    programs = [match for name in names if (match := _PROGRAM.match(name))]
    zipped = next((match for name in names if (match := _ZIPPED.match(name))), None)
    python = _version(names, manifest, found or (programs[0] if programs else None), zipped)
    stdlib = None if found is None else found[0].rpartition("/")[0]
    here = set(names)
    packages = dict.fromkeys(match[0] for name in names if (match := _SITE.match(name)))
    if "start.py" in here and any(name.startswith("app/") for name in names):
        app, site = ("app",), ("site", *packages)
        roots = ["runtime", "app", *_of(stdlib), *site]
    else:
        # Nobody says where sys.path leads: the root, and where Lambda's layers have their packages.
        app, site = ("",), ("python", *packages)
        roots = ["", *_of(stdlib), *site]
    return Layout(
        manifest, python, stdlib, None if zipped is None else zipped[0], _programs(here, programs),
        app, site, tuple(dict.fromkeys(roots)),
    )  # fmt: skip


def _of(stdlib: str | None) -> list[str]:
    return [] if stdlib is None else [stdlib, f"{stdlib}/lib-dynload"]


def _programs(names: set[str], programs: Iterable[re.Match[str]]) -> tuple[str, ...]:
    found = []
    for match in programs:
        prefix = match[0].rpartition("bin/")[0]
        # A bundle with its own loader has a script under the program's name.
        candidates = [match[0], f"{match[0]}.elf", f"{prefix}lib/libpython{match['version']}.so.1.0"]
        found += [name for name in candidates if name in names]
    return tuple(found)


def _version(
    names: list[str], manifest: Mapping[str, Any], tree: re.Match[str] | None, zipped: re.Match[str] | None
) -> str | None:
    if tree is not None:
        return tree["version"]
    interpreter = manifest.get("interpreter")
    told = str(interpreter.get("version")) if isinstance(interpreter, dict) else ""
    if match := re.match(pythons.PATTERN, told):
        return pythons.minor(match[0])
    if zipped is not None:
        return f"3.{zipped['minor']}"
    # Of a zip without an interpreter, its extension modules tell: the most have the right one.
    tags = Counter(match["minor"] for name in names if (match := _TAG.search(name)))
    return f"3.{tags.most_common(1)[0][0]}" if tags else None
