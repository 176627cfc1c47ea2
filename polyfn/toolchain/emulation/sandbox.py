"""Runs a container in its own root with bubblewrap: nothing of this machine but its network.

The image is read-only; /tmp and /var/tmp are empty and writable, in memory. The program is not process 1
(bubblewrap's own reaper is), so a signal that it does not handle ends it.
"""

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from polyfn.toolchain.emulation.container import Container, within

#: What the kernel gives a container, and what is made anew for each.
_MADE = ("proc", "dev", "tmp", "sys")
_NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts")
#: How many processes bubblewrap puts above the program: itself, and the reaper.
WRAPPERS = 2


@functools.cache
def bubblewrap() -> Path | None:
    """Return a bubblewrap that can make namespaces here, or None."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    trial = [
        found,
        *_NAMESPACES,
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--uid",
        "1",
        "--gid",
        "1",
        "true",
    ]
    tried = subprocess.run(trial, capture_output=True, check=False)
    return Path(found) if tried.returncode == 0 else None


def sandboxed(container: Container, program: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment that run it; `program` is what `bubblewrap` returned."""
    uid, gid = container.user
    command = [str(program), *_NAMESPACES, "--uid", str(uid), "--gid", str(gid), "--cap-drop", "ALL"]
    command += ["--hostname", "localhost", "--die-with-parent", *_tree(container.root)]
    command += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108
    if within(container.root, "/var/tmp").is_dir():  # noqa: S108
        command += ["--perms", "1777", "--tmpfs", "/var/tmp"]  # noqa: S108
    if not within(container.root, container.directory).exists():
        command += ["--dir", container.directory]
    if uid:
        command += ["--remount-ro", "/"]
    loader, rest = _split(container.environment)
    for name, value in loader.items():
        command += ["--setenv", name, value]
    return [*command, "--chdir", container.directory, "--", *container.command], rest


def _tree(root: Path) -> list[str]:
    """Bind what the root holds, entry by entry: the root itself is then a place where more can be made."""
    words = []
    for entry in sorted(root.iterdir()):
        if entry.name not in (*_MADE, "etc"):
            words += _bound(entry, f"/{entry.name}")
    return words + _etc(root / "etc")


def _etc(place: Path) -> list[str]:
    # How names are found on the network is the platform's affair, whatever the image brought along.
    taken = {name: Path("/etc") / name for name in ("resolv.conf", "hosts") if Path("/etc", name).is_file()}
    words = ["--dir", "/etc"]
    for entry in sorted(place.iterdir()) if place.is_dir() else ():
        if entry.name not in taken:
            words += _bound(entry, f"/etc/{entry.name}")
    for name, file in taken.items():
        words += ["--ro-bind", str(file.resolve()), f"/etc/{name}"]
    return words


def _bound(entry: Path, name: str) -> list[str]:
    if entry.is_symlink():
        return ["--symlink", os.readlink(entry), name]
    return ["--ro-bind", str(entry), name]


def _split(environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Part the variables that would change how bubblewrap itself is loaded from the others."""
    loader = {name: value for name, value in environment.items() if name.startswith("LD_")}
    return loader, {name: value for name, value in environment.items() if name not in loader}
