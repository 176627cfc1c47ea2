"""The parts of a system that some tests need, and what happens where one is missing.

A test asks for a part by calling its function here. Where the part cannot be had the test is skipped
with the reason; under POLYFN_REQUIRE_ALL=1 it fails, so that CI cannot pass by skipping.

What is downloaded (Debian packages through apt, the Runtime Interface Emulator out of a wheel through
pip, Azurite through npm) is kept in POLYFN_TEST_CACHE, by default ~/.cache/polyfn-tests.
"""

import contextlib
import fcntl
import functools
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

#: libc with what Debian's package of it depends on (wheels may rely on both), and a shell. No Python.
ROOT_PACKAGES = ("libc6", "libgcc-s1", "dash")

#: The version that tests of Azure Storage were written against.
AZURITE = "3.37.0"

HOST = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


class MissingPartError(Exception):
    """A part cannot be had, and why."""


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where every part is required."""
    if os.environ.get("POLYFN_REQUIRE_ALL") == "1":
        pytest.fail(f"a required part is missing: {reason}", pytrace=False)
    pytest.skip(reason)


def need(part: str) -> Path:
    """Return where a part is: a program's name, `rie-amd64`, `root-arm64`, `qemu`, ...

    `root-amd64-SUITE` is made of the packages of another Debian suite.
    """
    makers: dict[str, Callable[[], Path]] = {
        "bwrap": bwrap,
        "qemu": qemu,
        "busybox": busybox,
        "azurite": azurite,
        "rie-amd64": functools.partial(rie, "amd64"),
        "rie-arm64": functools.partial(rie, "arm64"),
    }
    if part.startswith("root-"):
        makers[part] = functools.partial(root, *part.split("-")[1:])
    try:
        return makers[part]() if part in makers else program(part)
    except MissingPartError as error:
        missing(str(error))


def cache() -> Path:
    """The directory that downloaded parts are kept in."""
    path = Path(os.environ.get("POLYFN_TEST_CACHE") or "~/.cache/polyfn-tests").expanduser()
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Make one part at a time, however many test processes want it."""
    with (cache() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def program(name: str) -> Path:
    """A program on the PATH."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        raise MissingPartError(f"{name} is not installed")
    return Path(found)


@functools.cache
def bwrap() -> Path:
    """A bubblewrap that can make namespaces here."""
    path = program("bwrap")
    tried = subprocess.run([path, "--ro-bind", "/", "/", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise MissingPartError(f"bubblewrap cannot make a namespace here: {tried.stderr.strip()}")
    return path


@functools.cache
def qemu() -> Path:
    """The kernel runs arm64 programs, also in a root that has no qemu in it."""
    if HOST == "arm64":
        return Path("/")
    entry = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
    text = entry.read_text() if entry.exists() else ""
    flags = next((line.split()[1] for line in text.splitlines() if line.startswith("flags:")), "")
    if not text.startswith("enabled") or "F" not in flags:
        raise MissingPartError("qemu-aarch64 is not registered with binfmt_misc and flag F")
    return entry


@functools.cache
def busybox() -> Path:
    """A statically linked busybox: a shell for a root that has nothing else."""
    from polyfn.toolchain.bundle import elf

    path = program("busybox").resolve()
    facts = elf.read(path)
    if facts is None or facts.interpreter is not None:
        raise MissingPartError("busybox is not statically linked (package busybox-static)")
    return path


def debs(packages: tuple[str, ...], arch: str, suite: str | None = None) -> list[Path]:
    """Debian packages, as files, in the order asked for; of the machine's own suite, or of another."""
    folder = cache() / ("debs" if suite is None else f"debs-{suite}")
    with only_one(folder.name):
        folder.mkdir(exist_ok=True)
        wanted = [package for package in packages if not _kept(package, arch, folder)]
        if wanted:
            _download_debs(wanted, arch, folder, suite)
        return [_kept(package, arch, folder)[-1] for package in packages]


def _kept(package: str, arch: str, folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{package}_*_{arch}.deb"))


def _download_debs(packages: list[str], arch: str, folder: Path, suite: str | None) -> None:
    from tests import suites

    command = [str(program("apt-get")), "download", "-q", *(f"{package}:{arch}" for package in packages)]
    for again in (suite is not None, False):
        environment = suites.environment(suite)
        got = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
        lost = [package for package in packages if not _kept(package, arch, folder)]
        if not lost:
            return
        if again and suite is not None:
            suites.refresh(suite)
    reason = (got.stderr.strip().splitlines() or ["no reason given"])[-1]
    raise MissingPartError(f"apt-get cannot download {', '.join(lost)} for {arch}: {reason}")


def unpack_debs(packages: tuple[str, ...], arch: str, target: Path, suite: str | None = None) -> None:
    """Unpack Debian packages over each other, without their scripts."""
    target.mkdir(parents=True, exist_ok=True)
    for file in debs(packages, arch, suite):
        subprocess.run([program("dpkg"), "-x", file, target], check=True)


def rie(arch: str) -> Path:
    """AWS's own Runtime Interface Emulator, out of the aws-sam-cli wheel."""
    member = {"amd64": "aws-lambda-rie-x86_64", "arm64": "aws-lambda-rie-arm64"}[arch]
    path = cache() / member
    with only_one("rie"):
        if not path.exists():
            with zipfile.ZipFile(_wheel("aws-sam-cli")) as wheel:
                data = wheel.read(f"samcli/local/rapid/{member}")
            part = path.with_suffix(".part")
            part.write_bytes(data)
            part.chmod(0o755)
            part.replace(path)
    return path


def azurite() -> Path:
    """Azurite, Microsoft's emulator of Azure Storage, from npm."""
    folder = cache() / f"azurite-{AZURITE}"
    with only_one("azurite"):
        if not folder.exists():
            staged = folder.with_name(folder.name + ".part")
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir()
            command = [program("npm"), "install", "--no-audit", "--no-fund", "--ignore-scripts"]
            got = subprocess.run([*command, f"azurite@{AZURITE}"], cwd=staged, capture_output=True, text=True)
            if got.returncode != 0:
                reason = (got.stderr.strip().splitlines() or ["no reason given"])[-1]
                raise MissingPartError(f"npm cannot install azurite {AZURITE}: {reason}")
            staged.replace(folder)
    program("node")
    return folder / "node_modules" / ".bin" / "azurite"


def _wheel(distribution: str) -> Path:
    folder = cache() / "wheels"
    pattern = f"{distribution.replace('-', '_')}-*.whl"
    if not (found := sorted(folder.glob(pattern))):
        command = [
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "-d",
            str(folder),
            distribution,
        ]
        got = subprocess.run(_pip(command), capture_output=True, text=True)
        if got.returncode != 0:
            reason = (got.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise MissingPartError(f"pip cannot download {distribution}: {reason}")
        found = sorted(folder.glob(pattern))
    return found[-1]


def _pip(arguments: list[str]) -> list[str]:
    # The environment that tests run in may have been made without pip.
    for python in (sys.executable, sys._base_executable, "python3"):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
            return [python, "-m", "pip", *arguments]
    raise MissingPartError("there is no pip to download with")


def root(arch: str, suite: str | None = None) -> Path:
    """A root directory with libc and a shell of an architecture, and nothing else."""
    path = cache() / "-".join(filter(None, ("root", *ROOT_PACKAGES, arch, suite)))
    with only_one(path.name):
        if not path.exists():
            staged = path.with_name(path.name + ".part")
            shutil.rmtree(staged, ignore_errors=True)
            unpack_debs(ROOT_PACKAGES, arch, staged, suite)
            _finish_root(staged)
            staged.replace(path)
    return path


def _finish_root(path: Path) -> None:
    # Debian's packages leave the links of a merged /usr, and sh, to others.
    for name in ("bin", "lib", "lib64", "sbin"):
        if not (path / name).exists() and (path / "usr" / name).exists():
            (path / name).symlink_to(f"usr/{name}")
    if not (path / "bin" / "sh").exists():
        (path / "bin" / "sh").symlink_to("dash")
    shutil.rmtree(path / "usr" / "share", ignore_errors=True)
    for name in ("proc", "dev", "tmp", "var/task", "opt", "rie"):
        (path / name).mkdir(parents=True, exist_ok=True)


def empty_root(path: Path) -> Path:
    """Make a root directory with a static shell and nothing else: no libc, no loader."""
    for name in ("bin", "proc", "dev", "tmp", "var/task", "opt", "rie"):
        (path / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(need("busybox"), path / "bin" / "sh")
    return path


def in_root(base: Path, *binds: tuple[Path, str], environment: dict[str, str] | None = None) -> list[str]:
    """Return the command line that runs what follows inside a root, with nothing of this machine's."""
    command = [str(need("bwrap")), "--ro-bind", str(base), "/", "--proc", "/proc", "--dev", "/dev"]
    command += ["--tmpfs", "/tmp", "--tmpfs", "/rie", "--die-with-parent", "--clearenv"]
    for source, target in binds:
        command += ["--ro-bind", str(source), target]
    for name, value in {"PATH": "/bin:/usr/bin", **(environment or {})}.items():
        command += ["--setenv", name, value]
    return command
