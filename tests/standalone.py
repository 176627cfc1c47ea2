"""Makes an interpreter archive in the layout of the standalone builds out of Debian's packages.

The real standalone builds are hundreds of megabytes away on the network. This one is laid out the
same, for both architectures, so the code that fetches, checks, unpacks and prunes them is tested as
it is used: `python/bin/python3.x`, `python/lib/python3.x`, and its libraries in `python/lib`, found
through an RPATH relative to the program.

    python -m tests.standalone arm64        prints where the archive is
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests import parts

PYTHON = "3.11"
PACKAGES = (
    "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libexpat1", "zlib1g",
    "libssl3", "libffi8", "libbz2-1.0", "liblzma5", "libsqlite3-0", "libuuid1", "libcrypt1",
)  # fmt: skip
MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}


def archive(arch: str) -> Path:
    """The archive of an architecture, made if it is not there yet."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    path = parts.cache() / f"standalone-{recipe}-{arch}.tar.gz"
    try:
        with parts.only_one(f"standalone-{arch}"):
            if not path.exists():
                _make(arch, path)
    except parts.MissingPartError as error:
        parts.missing(str(error))
    return path


def version(arch: str) -> str:
    """The full version of the interpreter in the archive, as Debian's package names it."""
    return parts.debs(("python3.11-minimal",), arch)[0].name.split("_")[1].split("-")[0]


def downloads(folder: Path, *archs: str, sha256: str | None = None) -> str:
    """Write the list of downloads that uv takes (--python-downloads-json-url); returns its URL."""
    path = folder / f"downloads-{'-'.join(archs)}.json"
    path.write_text(json.dumps(dict(_download(arch, sha256) for arch in archs)))
    return path.as_uri()


def _download(arch: str, sha256: str | None) -> tuple[str, dict[str, object]]:
    return entry(archive(arch), arch, version(arch), sha256=sha256)


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


def _make(arch: str, path: Path) -> None:
    tree = parts.cache() / f"standalone-{arch}"
    shutil.rmtree(tree, ignore_errors=True)
    parts.unpack_debs(PACKAGES, arch, tree / "debian")
    prefix = tree / "python"
    (prefix / "bin").mkdir(parents=True)
    shutil.copy2(tree / f"debian/usr/bin/python{PYTHON}", prefix / "bin" / f"python{PYTHON}")
    (prefix / "bin" / "python3").symlink_to(f"python{PYTHON}")
    shutil.copytree(tree / f"debian/usr/lib/python{PYTHON}", prefix / f"lib/python{PYTHON}", ignore=_dangling)
    for folder in ("lib", "usr/lib"):
        for library in _libraries(tree / "debian" / folder):
            shutil.copy2(library, prefix / "lib" / library.name)
    # The real builds are configured for /install, which uv replaces by the place they end up in.
    for file in list((prefix / f"lib/python{PYTHON}").glob("_sysconfigdata_*.py")):
        real = file.with_name(f"_sysconfigdata__linux_{MACHINE[arch]}-linux-gnu.py")
        real.write_text(file.read_text().replace("'/usr", "'/install"))
        # Debian's interpreter knows it by another name than the real builds do.
        file.write_text(f"build_time_vars = __import__({real.stem!r}).build_time_vars\n")
    # RPATH and not RUNPATH: it also holds for what extension modules need.
    program = prefix / "bin" / f"python{PYTHON}"
    subprocess.run([_patchelf(), "--force-rpath", "--set-rpath", "$ORIGIN/../lib", program], check=True)
    part = path.with_name(path.name + ".part")
    with tarfile.open(part, "w:gz", compresslevel=1) as tar:
        tar.add(prefix, "python")
    part.replace(path)
    shutil.rmtree(tree)


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
    print(archive(sys.argv[1]))
