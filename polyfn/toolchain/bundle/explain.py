"""Why each wheel was chosen: what uv took for a target, what else the index has, and why not that."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from polyfn.toolchain import pythons
from polyfn.toolchain.bundle import dependencies
from polyfn.toolchain.bundle.dependencies import Target
from polyfn.toolchain.bundle.requirements import Requirements
from polyfn.toolchain.bundle.resolve import Resolved
from polyfn.toolchain.errors import ToolchainError
from polyfn.toolchain.provider import Platform

_PYLOCK = ("pip", "compile", "--quiet", "--no-deps", "--format=pylock.toml", "--no-header")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
#: PEP 600: the glibc that the older names of manylinux stand for.
_OLD = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_(.+)|(manylinux(?:1|2010|2014))_(.+)")


@dataclass(frozen=True)
class Choice:
    """One distribution: the file that was taken, why, and the reasons against the other files."""

    name: str
    version: str
    file: str
    reason: str
    rejected: tuple[tuple[str, str], ...] = ()

    def counted(self) -> str:
        """The reasons against the others, the commonest first, with how many files each is against."""
        found = Counter(reason for _, reason in self.rejected)
        return ", ".join(f"{number} {reason}" for reason, number in found.most_common())


def explain(requirements: Requirements, resolved: Iterable[Resolved], target: Target) -> list[Choice]:
    """Return a choice for every distribution of a resolution. Raises what resolving raises.

    The files are those that uv names. Of a requirement that is no version of an index, and of one
    that no longer resolves by its version alone, only what was asked for is told.
    """
    assert target.platform is not None
    pins = sorted({line for one in resolved for line in one.pins.splitlines() if line})
    direct = sorted({line for one in resolved for line in one.lines if " @ " in line} | {*requirements.local})
    choices = [Choice(line.partition(" @ ")[0], "", line.partition(" --hash")[0], "asked for by its place")
               for line in direct]  # fmt: skip
    if pins:
        asked = Requirements(requirements.origin, text="\n".join(pins))
        taken = _packages(asked, target)
        every = {package["name"]: package for package in _offered(asked, target)}
        choices += [_choice(package, every.get(package["name"], package), target) for package in taken]
    return choices


def _packages(asked: Requirements, target: Target, *more: str) -> list[dict[str, Any]]:
    text, _ = dependencies.asked(asked, target, (*_PYLOCK, *more))
    return list(tomllib.loads(text).get("packages", []))


def _offered(asked: Requirements, target: Target) -> list[dict[str, Any]]:
    """All files of these versions, whatever they are for; of no file where uv cannot tell."""
    everywhere = Target(target.python, None, target.own)
    try:
        return _packages(asked, everywhere, "--universal", f"--python-version={pythons.plain(target.python)}")
    except ToolchainError:
        return []


def _choice(taken: dict[str, Any], every: dict[str, Any], target: Target) -> Choice:
    assert target.platform is not None
    name, version = str(taken["name"]), str(taken.get("version", ""))
    order = supported(target.python, target.platform)
    files = [_file(wheel) for wheel in taken.get("wheels", [])]
    best = min(files, key=lambda file: _rank(file, order), default=None)
    if best is None:
        sdist = taken.get("sdist")
        file = _file(sdist) if isinstance(sdist, dict) else "its source"
        return Choice(name, version, file, "no wheel fits the target; built from source, for any machine")
    others = sorted({_file(wheel) for wheel in every.get("wheels", [])} | {*files} - {best})
    return Choice(
        name,
        version,
        best,
        _why(best, order),
        tuple((file, against(file, target.python, target.platform, best)) for file in others if file != best),
    )


def _file(entry: dict[str, Any]) -> str:
    return str(
        entry.get("name") or unquote(str(entry.get("url") or entry.get("path") or "").rpartition("/")[2])
    )


def supported(python: str, platform: Platform) -> list[Tag]:
    """Return the tags that a target takes, the best first."""
    major, minor = pythons.numbers(python)[:2]
    machine = _MACHINES[platform.arch]
    levels = [(2, level) for level in range(platform.glibc[1], 4, -1)]
    names: list[str] = []
    for level in levels:
        names.append(f"manylinux_{level[0]}_{level[1]}_{machine}")
        names += [f"{old}_{machine}" for old, glibc in _OLD.items() if glibc == level]
    names.append(f"linux_{machine}")
    interpreter = f"cp{major}{minor}"
    abi = interpreter + "t" * pythons.threaded(python)
    return [
        *cpython_tags((major, minor), [abi], names),
        *compatible_tags((major, minor), interpreter, names),
    ]


def _tags(file: str) -> frozenset[Tag]:
    try:
        return parse_wheel_filename(file)[3]
    except InvalidWheelFilename:
        return frozenset()


def _rank(file: str, order: Sequence[Tag]) -> int:
    tags = _tags(file)
    return next((number for number, tag in enumerate(order) if tag in tags), len(order))


def _why(file: str, order: Sequence[Tag]) -> str:
    rank = _rank(file, order)
    if rank == len(order):
        return "uv took it"
    tag = order[rank]
    if tag.platform == "any":
        return "pure Python: runs anywhere"
    abi = "the stable ABI" if tag.abi == "abi3" else tag.abi
    return f"the best fit: {abi}, {tag.platform}"


def against(file: str, python: str, platform: Platform, best: str) -> str:
    """Return why a wheel was not taken where `best` was."""
    tags = _tags(file)
    if not tags:
        return "not a wheel's name"
    order = supported(python, platform)
    if _rank(file, order) < len(order):
        return "fits less well" if _rank(file, order) >= _rank(best, order) else "left out by uv"
    reasons = [_against(tag, python, platform) for tag in sorted(tags, key=str)]
    # A file has several tags; what its nearest one lacks is the reason.
    return min(reasons)[1]


def _against(tag: Tag, python: str, platform: Platform) -> tuple[int, str]:
    machine = _MACHINES[platform.arch]
    if tag.platform.startswith(("macosx", "ios")):
        return 9, "for macOS" if tag.platform.startswith("macosx") else "for iOS"
    if tag.platform.startswith("win"):
        return 9, "for Windows"
    if tag.platform != "any" and not tag.platform.startswith(("manylinux", "musllinux", "linux")):
        return 9, f"for {tag.platform}"
    if tag.platform != "any" and not tag.platform.endswith(f"_{machine}"):
        return 8, "for another architecture"
    if tag.platform.startswith("musllinux"):
        return 7, "for musl, not glibc"
    major, minor = python.split(".")[:2]
    if tag.interpreter.startswith("pp") or tag.interpreter.startswith("graalpy"):
        return 6, "for another implementation of Python"
    if tag.abi.startswith("cp") and tag.abi.endswith("t") != pythons.threaded(python):
        return 5, "for Python with the GIL" if pythons.threaded(python) else "for free-threaded Python"
    if tag.abi == "abi3" and pythons.threaded(python):
        return 5, "for the stable ABI, which free-threaded Python does not have"
    if tag.interpreter != f"cp{major}{minor}" and tag.abi not in ("abi3", "none"):
        return 4, "for another version of Python"
    if tag.abi == "abi3" and int(tag.interpreter.removeprefix("cp")[1:] or 0) > int(minor):
        return 4, "for a newer Python"
    found = _MANYLINUX.fullmatch(tag.platform)
    if found is not None:
        level = (int(found[1]), int(found[2])) if found[1] else _OLD[found[4]]
        if level > platform.glibc:
            return 1, f"needs glibc {level[0]}.{level[1]}, above {platform.glibc[0]}.{platform.glibc[1]}"
    return 3, "for another ABI"
