"""A container: the root file system of an image and what its configuration says of running it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: What OCI runtimes give where the image says nothing.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LINKS = 40


@dataclass(frozen=True)
class Container:
    """`root` is on this machine; `command`, `directory` and the environment speak of paths within it.

    `user` is the numeric user and group.
    """

    root: Path
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/"
    user: tuple[int, int] = (0, 0)

    def home(self) -> str:
        """The user's home as the image's /etc/passwd has it, else `/`."""
        for fields in _database(self.root, "passwd"):
            if len(fields) > 5 and fields[2] == str(self.user[0]):
                return fields[5] or "/"
        return "/"


def within(root: Path, path: str) -> Path:
    """Return where a path of the container lies on this machine; links are followed as in the container."""
    parts, place, links = path.split("/")[::-1], root, 0
    while parts:
        part = parts.pop()
        if part in ("", "."):
            continue
        if part == "..":
            place = place.parent if place != root else root
            continue
        step = place / part
        if step.is_symlink() and links < _LINKS:
            links += 1
            target = os.readlink(step)
            place = root if target.startswith("/") else place
            parts += target.split("/")[::-1]
        else:
            place = step
    return place


def numeric_user(root: Path, text: str) -> tuple[int, int]:
    """Return the user and group that an image's `User` names: `65532`, `app`, `1000:1000`, or nothing.

    Raises LookupError for a name that the image's /etc/passwd or /etc/group does not have.
    """
    user, _, group = text.partition(":")
    entry = next((f for f in _database(root, "passwd") if len(f) > 3 and user in (f[0], f[2])), None)
    if not user.isdigit() and user and entry is None:
        raise LookupError(user)
    uid = int(user) if user.isdigit() else int(entry[2]) if entry is not None and user else 0
    if not group:
        return uid, int(entry[3]) if entry is not None and user else 0
    return uid, int(group) if group.isdigit() else _group(root, group)


def _group(root: Path, name: str) -> int:
    for fields in _database(root, "group"):
        if fields[0] == name and len(fields) > 2:
            return int(fields[2])
    raise LookupError(name)


def _database(root: Path, name: str) -> list[list[str]]:
    try:
        text = within(root, f"/etc/{name}").read_text("utf-8", "replace")
    except OSError:
        return []
    return [line.split(":") for line in text.splitlines()]


def in_place(container: Container) -> tuple[list[str], Path, dict[str, str]]:
    """Return command, directory and environment to run it without a sandbox, from where its root lies.

    Absolute paths that are in the image, in the command and in the lists of the environment, become
    paths of this machine. What a program opens by a path of its own is not found this way.
    """
    root = container.root
    command = [_placed(root, argument) for argument in container.command]
    environment = {
        name: ":".join(_placed(root, part) for part in value.split(":"))
        for name, value in container.environment.items()
    }
    # Programs that the image has not got, for its scripts' first lines.
    environment["PATH"] = ":".join(filter(None, (environment.get("PATH"), os.defpath)))
    directory = within(root, container.directory)
    return command, directory if directory.is_dir() else root, environment


def _placed(root: Path, text: str) -> str:
    if not text.startswith("/") or text == "/":
        return text
    place = within(root, text)
    if not place.exists():
        return text
    # Its own name is kept where it leads to the same: programs look at the name they are called by.
    named = root / text.lstrip("/")
    return str(named if named.resolve() == place.resolve() else place)
