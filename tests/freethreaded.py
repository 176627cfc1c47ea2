"""Builds a free-threaded CPython from Debian's source package, laid out as the standalone builds are.

Debian has no package of that build. This one has every module that needs no other library, since
none is carried with it; the one for the other architecture is cross-compiled. It is a build for
tests: quick to make, not optimised.

    python -m tests.freethreaded arm64        prints where the archive is
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests import older, parts, standalone, suites

#: Of the stable suite: what the index of a suite that moves names may be gone by the time it is fetched.
SUITE, PACKAGE, PYTHON = "trixie", "python3.13", "3.13t"
#: Modules that are linked with a library of the system.
_LINKED = (
    "_bz2", "_ctypes", "_curses", "_curses_panel", "_dbm", "_gdbm", "_hashlib", "_lzma", "_sqlite3", "_ssl",
    "_tkinter", "_uuid", "readline", "zlib",
)  # fmt: skip
_CONFIGURE = (
    "--quiet", "--prefix=/install", "--disable-gil", "--disable-test-modules", "--without-ensurepip",
    "--without-doc-strings", "OPT=-DNDEBUG -O1", *(f"py_cv_module_{name}=n/a" for name in _LINKED),
    # binascii would take zlib as well.
    "PKG_CONFIG=false", "ac_cv_header_zlib_h=no",
)  # fmt: skip
#: What configure cannot try out for another machine.
_CROSS = ("ac_cv_file__dev_ptmx=yes", "ac_cv_file__dev_ptc=no", "ac_cv_buggy_getaddrinfo=no")


def archive(arch: str) -> Path:
    """The archive of an architecture, made if it is not there yet."""
    try:
        return _made(arch)
    except parts.MissingPartError as error:
        parts.missing(str(error))


def installed() -> Path:
    """The directory of its programs, unpacked, for this machine."""
    file = archive(parts.HOST)
    folder = file.with_name(file.name.partition(".")[0])
    with parts.only_one(folder.name):
        if not folder.exists():
            staged = folder.with_name(f"{folder.name}.part")
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir()
            subprocess.run([parts.need("tar"), "xf", file, "-C", staged], check=True)
            staged.replace(folder)
    return folder / "python" / "bin"


def version() -> str:
    """The version of the source, such as `3.13.5`."""
    return suites.source(PACKAGE, SUITE).name.split("_")[1].partition(".orig")[0]


def downloads(folder: Path, *archs: str) -> str:
    """Write the list of downloads that uv takes (--python-downloads-json-url); returns its URL."""
    path = folder / f"freethreaded-{'-'.join(archs)}.json"
    entries = [standalone.entry(archive(arch), arch, version(), variant="freethreaded") for arch in archs]
    path.write_text(json.dumps(dict(entries)))
    return path.as_uri()


def _made(arch: str) -> Path:
    told = b"".join(Path(module.__file__ or "").read_bytes() for module in (sys.modules[__name__], older))
    told += " ".join(_linking(arch, "")).encode()
    recipe = hashlib.sha256(told).hexdigest()[:12]
    path = parts.cache() / f"freethreaded-{recipe}-{arch}.tar.gz"
    if arch != parts.HOST:
        _made(parts.HOST)  # cross-compiling takes a Python of the same version
    with parts.only_one(f"freethreaded-{arch}"):
        if not path.exists():
            _make(arch, path)
    return path


def _make(arch: str, path: Path) -> None:
    tree = parts.cache() / f"freethreaded-{arch}"
    shutil.rmtree(tree, ignore_errors=True)
    build, source = tree / "build", tree / "source"
    for folder in (build, source):
        folder.mkdir(parents=True)
    _run(source, "tar", "xf", suites.source(PACKAGE, SUITE), "--strip-components=1")
    _run(build, source / "configure", *_CONFIGURE, *_compiler(arch))
    _run(build, "make", "-s", "-j2")
    _run(build, "make", "-s", "altinstall", f"DESTDIR={tree}")
    prefix = tree / "install"
    # Its second name, and what is for developing with it.
    (prefix / "bin" / f"python{PYTHON.removesuffix('t')}").unlink()
    for folder in ("include", "share", f"lib/python{PYTHON}/test"):
        shutil.rmtree(prefix / folder, ignore_errors=True)
    part = path.with_name(path.name + ".part")
    with tarfile.open(part, "w:gz", compresslevel=1) as tar:
        tar.add(prefix, "python", filter=lambda member: None if "__pycache__" in member.name else member)
    part.replace(path)
    shutil.rmtree(tree)


def _compiler(arch: str) -> list[str | Path]:
    machine = f"{standalone.MACHINE[arch]}-linux-gnu"
    command = "gcc" if arch == parts.HOST else f"{machine}-gcc"
    parts.program(command)
    told: list[str | Path] = [f"CC={command} {' '.join(_linking(arch, machine))}".rstrip()]
    if arch != parts.HOST:
        here = f"--build={standalone.MACHINE[parts.HOST]}-linux-gnu"
        told += [f"--host={machine}", here, f"--with-build-python={installed() / f'python{PYTHON}'}", *_CROSS]
    return told


def _linking(arch: str, machine: str) -> list[str]:
    """Link against an older libc, as the real builds are, if it can be had."""
    try:
        root = older.sysroot(arch)
    except parts.MissingPartError:
        return []
    # -B comes before the compiler's own directories, in which it would find this machine's libc.
    return [f"--sysroot={root}", f"-B{root}/usr/lib/{machine}"]


def _run(folder: Path, program: str | Path, *arguments: str | Path) -> None:
    command = [program if isinstance(program, Path) else parts.program(program), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        said = "\n".join(done.stderr.strip().splitlines()[-3:])
        raise parts.MissingPartError(f"{Path(command[0]).name} fails for a free-threaded Python: {said}")


if __name__ == "__main__":
    print(archive(sys.argv[1]))
