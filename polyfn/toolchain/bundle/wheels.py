"""What was installed, judged by the tags of its wheels: nothing for another machine may slip in."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from polyfn.toolchain.errors import DependencyError, NoWheelError
from polyfn.toolchain.provider import Platform

#: Bytes of all that is installed. No platform takes as much; a small wheel may hold it all the same.
LIMIT = 10 * 1024**3


def check(site: Path, platform: Platform | None, target: str) -> None:
    """Raise NoWheelError for what runs on this machine alone, DependencyError for what no wheel may hold."""
    _refuse_hostile(site)
    if platform is None:
        return
    _refuse_pointers(site)
    for wheel in sorted(site.glob("*.dist-info/WHEEL")):
        tags = [
            line.partition(":")[2].strip()
            for line in wheel.read_text(encoding="utf-8").splitlines()
            if line.startswith("Tag:")
        ]
        if not tags or any(portable(tag) for tag in tags):
            continue
        name, _, version = wheel.parent.name.removesuffix(".dist-info").rpartition("-")
        raise NoWheelError(
            f"{name} {version} has no wheel for {target}; built here it is {tags[0]}, "
            "which is tied to this machine",
            hint="pin a version that has wheels for the target, or build a manylinux wheel of it and add "
            "where it lies to uv's find-links",
        )


def _refuse_hostile(site: Path) -> None:
    """Refuse links and masses. uv itself writes no links and nothing outside of where it installs."""
    total = 0
    for folder, folders, files in os.walk(site):
        for path in (Path(folder, name) for name in (*folders, *files)):
            told = path.lstat()
            total += told.st_size
            if not (stat.S_ISREG(told.st_mode) or stat.S_ISDIR(told.st_mode)):
                raise DependencyError(
                    f"a wheel installed {path.relative_to(site)}, which is neither a file nor a directory",
                    hint="no wheel may hold that: find out where it is from",
                )
    if total > LIMIT:
        raise DependencyError(
            f"the dependencies unpack to {total / 1e9:.1f} GB, above the limit of {LIMIT / 1e9:.1f} GB",
            hint="polyfn package --explain lists what they are",
        )


def _refuse_pointers(site: Path) -> None:
    """Refuse what older versions of uv install where a workspace names its own members: a path."""
    for origin in sorted(site.glob("*.dist-info/direct_url.json")):
        if json.loads(origin.read_text(encoding="utf-8")).get("dir_info", {}).get("editable"):
            name = origin.parent.name.partition("-")[0]
            raise DependencyError(
                f"{name} was installed as a path to its source, which no artifact can carry",
                hint="run uv lock, so that uv.lock names what to install, or install a newer uv",
            )


def portable(tag: str) -> bool:
    """Whether a wheel of this tag was made to travel: pure Python, manylinux or musllinux."""
    platform = tag.rpartition("-")[2]
    return platform == "any" or platform.startswith(("manylinux", "musllinux"))
