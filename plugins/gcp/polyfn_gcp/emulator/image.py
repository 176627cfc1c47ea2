"""The image that is run: its root file system on this machine, and its configuration."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyfn.toolchain.artifacts.oci import names, reading
from polyfn.toolchain.emulation.container import PATH, Container, numeric_user, within
from polyfn.toolchain.emulation.unpacked import arch_of, unpacked
from polyfn.toolchain.errors import EmulationError

MANIFEST = "polyfn.json"


@dataclass(frozen=True)
class Image:
    """`container` as the image describes it, without what the platform adds.

    `linked` tells that it needs this machine's own interpreter, `project` what polyfn.json calls it.
    """

    container: Container
    linked: bool = False
    project: str | None = None


@contextmanager
def opened(artifact: Path) -> Iterator[Image]:
    """Give the image of an artifact: an archive, a layout directory, or what one was unpacked to.

    That is a directory with `rootfs` and, beside it, the image's config or a runtime bundle's as
    `config.json`. Raises EmulationError for what is no image or could not be started, ArtifactError for one
    that is damaged.
    """
    if not artifact.exists():
        raise EmulationError(f"{artifact} does not exist", hint="give the path that `polyfn package` printed")
    if names.is_image(artifact):
        with unpacked(artifact) as root:
            yield image(root, reading.config(artifact, arch=arch_of(artifact)))
    elif (artifact / "rootfs").is_dir():
        yield image((artifact / "rootfs").resolve(), _config(artifact / "config.json"))
    else:
        raise EmulationError(
            f"{artifact} is no image: it is neither an image archive nor a layout directory, nor an "
            "unpacked image (`rootfs` and `config.json`)",
            hint="package it with `polyfn package --target gcp`; what --format source makes is built by "
            "Google and cannot be run here",
        )


def _config(path: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EmulationError(f"{path} cannot be read: {error}", hint="unpack the image again") from None
    return told if isinstance(told, dict) else {}


def image(root: Path, config: Mapping[str, Any]) -> Image:
    """Make the image of a root and its configuration: an image's, or that of an unpacked runtime bundle.

    Raises EmulationError if the platform could not start it.
    """
    if "process" in config:
        process = config["process"]
        user = process.get("user") or {}
        command, variables = process.get("args") or (), process.get("env") or ()
        directory, account = process.get("cwd") or "/", f"{user.get('uid', 0)}:{user.get('gid', 0)}"
    else:
        told = config.get("config") or {}
        command = [*(told.get("Entrypoint") or ()), *(told.get("Cmd") or ())]
        variables, directory = told.get("Env") or (), told.get("WorkingDir") or "/"
        account = told.get("User") or ""
    try:
        numbers = numeric_user(root, account)
    except LookupError as error:
        raise EmulationError(
            f"the image runs as user {account!r}, and its /etc/passwd and /etc/group have no {error}",
            hint="give the user as a number, such as 65532",
        ) from None
    environment = {"PATH": PATH, **dict(pair.partition("=")[::2] for pair in variables)}
    made = _described(Container(root, tuple(command), environment, directory, numbers))
    if not made.linked:
        _check(made.container)
    return made


def _check(container: Container) -> None:
    if not container.command:
        raise EmulationError(
            "the image has neither an entrypoint nor a command, so Cloud Run could not start it",
            hint="set ENTRYPOINT in its configuration",
        )
    program = container.command[0]
    if not program.startswith("/"):
        return
    place = within(container.root, program)
    if not place.is_file():
        raise EmulationError(
            f"the image's entrypoint {program} is not in it, so Cloud Run could not start it",
            hint="package it with `polyfn package --target gcp`",
        )
    if not place.stat().st_mode & 0o111:
        raise EmulationError(
            f"the image's entrypoint {program} is not executable, so Cloud Run could not start it",
            hint="make it executable (chmod 755) before the image is made",
        )


def _described(container: Container) -> Image:
    for place in _likely(container):
        try:
            told = json.loads((within(container.root, place) / MANIFEST).read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(told, dict):
            interpreter, project = told.get("interpreter"), told.get("project")
            source = interpreter.get("source") if isinstance(interpreter, dict) else None
            return Image(container, source == "linked", project if isinstance(project, str) else None)
    return Image(container)


def _likely(container: Container) -> Sequence[str]:
    """Directories that polyfn.json may be in: those above the working directory and the program."""
    places = [container.directory, *(str(p) for p in Path(container.directory).parents)]
    for word in container.command:
        if word.startswith("/"):
            places += [str(parent) for parent in Path(word).parents]
    return list(dict.fromkeys(places))
