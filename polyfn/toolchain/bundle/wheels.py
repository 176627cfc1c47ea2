"""What was installed, judged by the tags of its wheels: nothing for another machine may slip in."""

from __future__ import annotations

import json
from pathlib import Path

from polyfn.toolchain.errors import DependencyError, NoWheelError
from polyfn.toolchain.provider import Platform


def check(site: Path, platform: Platform | None, target: str) -> None:
    """Raise NoWheelError for what was built on this machine and runs on no other."""
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
