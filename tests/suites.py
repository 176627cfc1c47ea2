"""Debian packages of another suite than this machine's, through an apt of their own.

It takes the mirror, the keys and the architectures of the machine's own apt, and keeps its lists apart.
"""

import os
import re
import subprocess
from pathlib import Path

from tests import parts

ARCHITECTURES = ("amd64", "arm64")
#: What a library's package depends on besides: the root has these, or needs no such thing.
_NOT_CARRIED = ("libc6", "libgcc-s1", "libncursesw6", "libreadline8t64", "libtinfo6")


def environment(suite: str | None) -> dict[str, str]:
    """What makes apt-get speak of a suite; None is the machine's own."""
    return dict(os.environ) if suite is None else {**os.environ, "APT_CONFIG": str(_configuration(suite))}


def libraries(suite: str, *packages: str) -> tuple[str, ...]:
    """The shared libraries that packages depend on, without those of a terminal, as the suite names them."""
    said = _run(["apt-cache", "depends", "--important", *packages], _configuration(suite), f"apt of {suite}")
    names = re.findall(r" Depends: (z?lib.+)", said)
    return tuple(name for name in dict.fromkeys(names) if name not in (*_NOT_CARRIED, *packages))


def source(package: str, suite: str) -> Path:
    """The upstream archive of a source package: apt fetches and checks it."""
    folder = parts.cache() / f"sources-{suite}"
    configuration = _configuration(suite)
    with parts.only_one(folder.name):
        folder.mkdir(exist_ok=True)
        if not (found := sorted(folder.glob(f"{package}_*.orig.tar.*z"))):
            command = ["apt-get", "-oAPT::Sandbox::User=", "source", "--download-only", "-qq", package]
            _run(command, configuration, f"apt has no source of {package} in {suite}", folder)
            found = sorted(folder.glob(f"{package}_*.orig.tar.*z"))
    return found[-1]


def refresh(suite: str) -> None:
    """Fetch the lists again: a suite that is not frozen forgets the versions that it had."""
    _run(["apt-get", "update", "-q"], _configuration(suite), f"apt has no suite {suite}")


def _configuration(suite: str) -> Path:
    """Write the configuration and fetch the lists, if that was not done."""
    folder = parts.cache() / f"apt-{suite}"
    path = folder / "apt.conf"
    with parts.only_one(folder.name):
        if not path.exists():
            for place in ("lists/partial", "cache/archives/partial", "parts"):
                (folder / place).mkdir(parents=True, exist_ok=True)
            (folder / "sources.list").write_text(_source(suite))
            (folder / "status").touch()
            part = folder / "apt.conf.part"
            part.write_text(_text(folder))
            _run(["apt-get", "update", "-q"], part, f"apt has no suite {suite}")
            part.rename(path)
    return path


def _source(suite: str) -> str:
    """The lines for a suite on the mirror of the machine's own packages."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages", "Label: Debian"]
    sites = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    if not sites:
        raise parts.MissingPartError("apt has no lists of Debian's packages: apt-get update")
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    where = f"[arch={','.join(ARCHITECTURES)} signed-by={keys}] {sites[0]} {suite} main\n"
    return f"deb {where}deb-src {where}"


def _text(folder: Path) -> str:
    own = {
        "Dir::Etc::sourcelist": folder / "sources.list", "Dir::Etc::sourceparts": folder / "parts",
        "Dir::State::lists": folder / "lists", "Dir::Cache": folder / "cache", "Acquire::Languages": "none",
        # What is installed here is no candidate there.
        "Dir::State::status": folder / "status",
    }  # fmt: skip
    return "".join(f'{name} "{value}";\n' for name, value in own.items())


def _run(command: list[str], configuration: Path, what: str, cwd: Path | None = None) -> str:
    program = str(parts.program(command[0]))
    environment = {**os.environ, "APT_CONFIG": str(configuration)}
    got = subprocess.run([program, *command[1:]], cwd=cwd, capture_output=True, text=True, env=environment)
    # apt-get update reports what it could not fetch as a warning.
    if got.returncode != 0 or "Failed to fetch" in got.stderr:
        raise parts.MissingPartError(
            f"{what}: {(got.stderr.strip().splitlines() or ['no reason given'])[-1]}"
        )
    return got.stdout
