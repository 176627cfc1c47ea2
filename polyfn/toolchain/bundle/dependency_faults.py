"""What uv's refusals mean. Its own words are kept: they say more than any summary."""

from __future__ import annotations

import re
import signal
import subprocess

from polyfn.toolchain import uv_command
from polyfn.toolchain.errors import DependencyError, NoWheelError, ToolchainError

_NAME = r"([A-Za-z0-9][A-Za-z0-9._-]*?)"
# Matched against uv's words with every run of white space as one blank: a terminal's width may wrap them.
_ONLY_SOURCE = re.compile(rf"(?:Wheels are required for|attempted to build) `{_NAME}(?:[=@ ][^`]*)?`")
_NO_WHEEL = (
    re.compile(rf"Wheels are available for `{_NAME}`"),
    re.compile(rf"we only found wheels for `{_NAME}`"),
    re.compile(rf"\b{_NAME}(?:[=<>~!]=?\S*)? ha(?:s|ve) no wheels with a matching"),
)
_FOREIGN_BUILD = re.compile(rf"built wheel .*not compatible|{_NAME}\S* is not compatible with the target")
#: The requirements file that uv was given, in a directory that is gone when somebody reads of it.
_ITS_COPY = re.compile(r"`[^`]*/polyfn-uv-[^`/]*/requirements\.txt`")
_UNBUILDABLE = re.compile(rf"Failed to (?:build|download and build) `{_NAME}(?:[=@ ][^`]*)?`")
_NETWORK = re.compile(
    r"Failed to fetch|client error|error sending request|dns error|timed out", re.IGNORECASE
)


def only_source(stderr: str) -> str | None:
    """Return the distribution that exists as source alone, if that is why uv refused."""
    found = _ONLY_SOURCE.search(_unwrapped(stderr))
    return found[1] if found else None


def _unwrapped(text: str) -> str:
    return " ".join(text.split())


def explain(
    finished: subprocess.CompletedProcess[str], origin: str, target: str, built: list[str]
) -> ToolchainError:
    """Return the error to raise. `built` are the distributions whose building had been allowed."""
    stderr, said = _unwrapped(finished.stderr), _ITS_COPY.sub(f"`{origin}`", uv_command.said(finished))
    if finished.returncode == -signal.SIGXFSZ or "File too large" in stderr:
        return DependencyError(
            f"a dependency in {origin} unpacks to a file above {uv_command.FILE_LIMIT / 1e9:.1f} GB",
            hint="no function needs such a file: find out which wheel it is in, and where that is from",
        )
    name = next((found[1] for pattern in _NO_WHEEL if (found := pattern.search(stderr))), None)
    if name is None and built and _FOREIGN_BUILD.search(stderr):
        name = built[-1]
    if name is not None:
        return NoWheelError(
            f"{name} has no wheel for {target}\n{said}",
            hint="choose a version that has one, another --python, or another --arch",
        )
    if "Git operation failed" in stderr:
        return DependencyError(
            f"a dependency in {origin} cannot be fetched from its repository\n{said}",
            hint="check the repository's URL, its access rights and the network",
        )
    unbuildable = _UNBUILDABLE.search(stderr)
    if unbuildable is not None:
        return DependencyError(
            f"{unbuildable[1]} has no wheel for {target}, and its source cannot be built\n{said}",
            hint="choose a version with wheels, or build one and add where it lies to uv's find-links",
        )
    if _NETWORK.search(stderr):
        return DependencyError(
            f"the package index cannot be reached\n{said}",
            hint="uv's own settings (UV_INDEX_URL, UV_OFFLINE, uv.toml) decide which index is asked",
        )
    return DependencyError(
        f"the dependencies in {origin} do not resolve for {target}\n{said}", hint=_hint(stderr, origin)
    )


def _hint(stderr: str, origin: str) -> str:
    missing = re.search(rf"\b{_NAME} was not found in", stderr)
    if missing is not None:
        return f"is the name {missing[1]!r} right, and is its index among uv's?"
    if "there is no version of" in stderr:
        return "uv's words above name a version that the index does not have"
    if "hash" in stderr.lower():
        again = "run uv lock" if origin.endswith(".lock") else f"correct the hash in {origin}"
        return f"a file differs from what was locked: find out why, then {again}"
    if "No solution found" not in stderr:
        return f"uv's words above name the line of {origin} to correct"
    return "uv's words above name the requirements that exclude each other"
