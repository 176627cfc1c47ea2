"""Makes an interpreter archive in the layout of the standalone builds out of Debian's packages.

The real standalone builds are hundreds of megabytes away on the network. This one is laid out the
same, for both architectures, so the code that fetches, checks, unpacks and prunes them is tested as
it is used: `python/bin/python3.x`, `python/lib/python3.x`, and its libraries in `python/lib`, found
through an RPATH relative to the program.

    python -m tests.standalone arm64 3.15       prints where the archive is
    python -m tests.standalone here 3.15        prints a program that runs on this machine
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests import parts, suites

PYTHON = "3.11"
#: The Debian suite that has a version; None is this machine's own. A root to run it in is of the same suite.
SUITES = {"3.11": None, "3.13": "trixie", "3.14": "forky", "3.15": "forky"}
#: The libraries of this machine's suite; those of another are looked up.
LIBRARIES = (
    "libexpat1", "zlib1g", "libssl3", "libffi8", "libbz2-1.0", "liblzma5", "libsqlite3-0", "libuuid1",
    "libcrypt1",
)  # fmt: skip
MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}


def archive(arch: str, python: str = PYTHON) -> Path:
    """The archive of an architecture, made if it is not there yet."""
    recipe = hashlib.sha256(Path(__file__).read_bytes() + Path(suites.__file__).read_bytes()).hexdigest()[:12]
    path = parts.cache() / f"standalone-{recipe}-{python}-{arch}.tar.gz"
    try:
        with parts.only_one(f"standalone-{python}-{arch}"):
            if not path.exists():
                _make(arch, python, path)
    except parts.MissingPartError as error:
        parts.missing(str(error))
    return path


def version(arch: str, python: str = PYTHON) -> str:
    """The full version of the interpreter in the archive, as Debian's package names it."""
    [package] = parts.debs((f"python{python}-minimal",), arch, SUITES[python])
    return package.name.split("_")[1].split("-")[0]


def root(arch: str, python: str) -> Path:
    """A root with the libc that the archive's interpreter needs, and with no Python."""
    suite = SUITES[python]
    return parts.need(f"root-{arch}" if suite is None else f"root-{arch}-{suite}")


def here(python: str) -> Path:
    """A program `python3.x` that runs on this machine, whose libc is older: through its own suite's loader.

    It is no archive's interpreter: it names places of this machine.
    """
    source = archive(parts.HOST, python)
    path = parts.cache() / source.name.replace(".tar.gz", "-here")
    library = root(parts.HOST, python) / "lib" / f"{MACHINE[parts.HOST]}-linux-gnu"
    [loader] = library.glob("ld-linux-*.so.*")
    with parts.only_one(path.name):
        if not path.exists():
            part = path.with_name(path.name + ".part")
            shutil.rmtree(part, ignore_errors=True)
            with tarfile.open(source) as tar:
                tar.extractall(part)
            _patch(
                part / f"python/bin/python{python}",
                f"$ORIGIN/../lib:{library}",
                "--set-interpreter",
                str(loader),
            )
            part.replace(path)
    return path / f"python/bin/python{python}"


def downloads(folder: Path, *archs: str, python: str = PYTHON, sha256: str | None = None) -> str:
    """Write the list of downloads that uv takes (--python-downloads-json-url); returns its URL."""
    path = folder / f"downloads-{'-'.join(archs)}.json"
    path.write_text(json.dumps(dict(_download(arch, python, sha256) for arch in archs)))
    return path.as_uri()


def _download(arch: str, python: str, sha256: str | None) -> tuple[str, dict[str, object]]:
    return entry(archive(arch, python), arch, version(arch, python), sha256=sha256)


def entry(
    file: Path, arch: str, version: str, *, variant: str | None = None, sha256: str | None = None
) -> tuple[str, dict[str, object]]:
    """One archive, as the list of downloads has it: its key, and what uv has to know of it."""
    major, minor, patch = version.split(".")
    key = f"cpython-{version}{f'+{variant}' if variant else ''}-linux-{MACHINE[arch]}-gnu"
    told = {
        "name": "cpython", "arch": {"family": MACHINE[arch], "variant": None}, "os": "linux", "libc": "gnu",
        "major": int(major), "minor": int(minor), "patch": int(patch), "prerelease": "",
        "url": file.as_uri(), "sha256": sha256 or hashlib.sha256(file.read_bytes()).hexdigest(),
        "variant": variant, "build": "1",
    }  # fmt: skip
    return key, told


def _make(arch: str, python: str, path: Path) -> None:
    tree = parts.cache() / f"standalone-{python}-{arch}"
    shutil.rmtree(tree, ignore_errors=True)
    parts.unpack_debs(_packages(python), arch, tree / "debian", SUITES[python])
    prefix = tree / "python"
    program, library = prefix / f"bin/python{python}", prefix / f"lib/python{python}"
    program.parent.mkdir(parents=True)
    shutil.copy2(tree / f"debian/usr/bin/python{python}", program)
    (prefix / "bin" / "python3").symlink_to(program.name)
    shutil.copytree(tree / f"debian/usr/lib/python{python}", library, ignore=_dangling)
    for folder in ("lib", "usr/lib"):
        for file in _libraries(tree / "debian" / folder):
            shutil.copy2(file, prefix / "lib" / file.name)
    # The real builds are configured for /install, which uv replaces by the place they end up in.
    for file in sorted(library.glob("_sysconfigdata_*.py")):
        real = file.with_name(f"_sysconfigdata__linux_{MACHINE[arch]}-linux-gnu.py")
        real.write_text(file.read_text().replace("'/usr", "'/install"))
        # Debian's interpreter knows it by another name than the real builds do, in later releases by both.
        if file.name != real.name:
            file.write_text(f"build_time_vars = __import__({real.stem!r}).build_time_vars\n")
    _patch(program, "$ORIGIN/../lib")
    part = path.with_name(path.name + ".part")
    with tarfile.open(part, "w:gz", compresslevel=1) as tar:
        tar.add(prefix, "python")
    part.replace(path)
    shutil.rmtree(tree)


def _packages(python: str) -> tuple[str, ...]:
    own = (f"python{python}-minimal", f"libpython{python}-minimal", f"libpython{python}-stdlib")
    suite = SUITES[python]
    return (*own, *(LIBRARIES if suite is None else suites.libraries(suite, *own)))


def _patch(program: Path, rpath: str, *more: str) -> None:
    # RPATH and not RUNPATH: it also holds for what extension modules need.
    subprocess.run([_patchelf(), "--force-rpath", "--set-rpath", rpath, *more, program], check=True)


def _libraries(folder: Path) -> list[Path]:
    # By the names that programs ask for: `libz.so.1`, and not also `libz.so.1.2.13`.
    found = sorted(folder.glob("*-linux-gnu/*.so.*"))
    behind = {path.resolve() for path in found if path.is_symlink()}
    return [path for path in found if path.is_symlink() or path not in behind]


def _dangling(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if Path(folder, name).is_symlink() and not Path(folder, name).exists()]


def _patchelf() -> Path:
    beside = Path(sys.executable).with_name("patchelf")
    return beside if beside.exists() else parts.program("patchelf")


if __name__ == "__main__":
    print(here(sys.argv[2]) if sys.argv[1] == "here" else archive(*sys.argv[1:]))
