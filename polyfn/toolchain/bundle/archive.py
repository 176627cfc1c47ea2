"""Interpreter source PATH or URL: an archive in the layout of the standalone builds.

`python/bin/python3.x` and `python/lib/python3.x`, the outer directory under any name or left out.
`#sha256=<hex>` after the path or URL is checked. Nothing in it is run: it may be for another machine.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import hashlib
import lzma
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote, urlsplit

from polyfn.toolchain import progress, pythons
from polyfn.toolchain.artifacts.paths import unsafe
from polyfn.toolchain.bundle import elf
from polyfn.toolchain.cache import room
from polyfn.toolchain.errors import InterpreterError
from polyfn.toolchain.provider import Arch

_PROGRAM = re.compile(r"python(3\.\d+t?)$")
_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Tree:
    """An interpreter's tree: `prefix/bin/python3.x`, or `python3.xt` if it is free-threaded."""

    prefix: Path
    python: str
    version: str

    @property
    def program(self) -> Path:
        """The interpreter."""
        return self.prefix / "bin" / f"python{self.python}"


def is_url(source: str) -> bool:
    """Whether the source is to be downloaded."""
    return source.startswith(("http://", "https://"))


def name(source: str) -> str:
    """Return the file name of an archive, without the place where it lies."""
    return unquote(PurePosixPath(urlsplit(source).path).name)


def fetch(source: str, cache: Path) -> Path:
    """Return the unpacked tree of an archive, out of the cache if the very same file was unpacked before.

    Raises InterpreterError if it cannot be had, fails its checksum, or is no safe archive.
    """
    source, _, fragment = source.partition("#")
    wanted = fragment.removeprefix("sha256=").lower() if fragment.startswith("sha256=") else None
    if fragment and (wanted is None or not re.fullmatch("[0-9a-f]{64}", wanted)):
        raise InterpreterError(
            f"'#{fragment}' after an archive is not a checksum",
            hint="write it as #sha256=<64 hexadecimal digits>",
        )
    kept = cache / "archives"
    if wanted is not None and (kept / wanted).is_dir():
        return kept / wanted
    room(kept)
    if is_url(source):
        return _fetched(source, wanted, kept)
    return _keep(_local(source), source, wanted, kept)


@functools.cache
def _fetched(source: str, wanted: str | None, kept: Path) -> Path:
    """Download once for all who ask in one build: only the content tells whether it is another one."""
    with tempfile.NamedTemporaryFile(dir=kept, prefix="download-") as opened:
        _download(source, opened)
        return _keep(Path(opened.name), source, wanted, kept)


def _keep(file: Path, source: str, wanted: str | None, kept: Path) -> Path:
    digest = _sha256(file)
    if wanted is not None and digest != wanted:
        raise InterpreterError(
            f"{name(source)} has the SHA-256 {digest}, not {wanted}",
            hint="the file was changed or damaged: fetch it again, or correct the checksum",
        )
    if not (kept / digest).is_dir():
        _unpack(file, name(source), kept / digest)
    return kept / digest


def _local(source: str) -> Path:
    path = Path(source.removeprefix("file://")).expanduser()
    if not path.is_file():
        close = difflib.get_close_matches(source, ("managed", "host", "platform"), n=1)
        guess = f"did you mean {close[0]!r}? " if close else ""
        raise InterpreterError(
            f"there is no interpreter archive at {source}",
            hint=f"{guess}--interpreter takes managed, host, platform, or the path or URL of an archive",
        )
    return path


def _download(url: str, file: IO[bytes]) -> None:
    # A tenth of a second to import, for the few builds that download an interpreter themselves.
    import httpx

    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=60) as reply:
            reply.raise_for_status()
            size = reply.headers.get("content-length", "")
            with progress.step(
                f"fetching {name(url)}", total=int(size) if size.isdecimal() else None
            ) as step:
                for chunk in reply.iter_bytes():
                    file.write(chunk)
                    step.done = reply.num_bytes_downloaded
        file.flush()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise InterpreterError(
            f"the interpreter archive {name(url)} could not be downloaded: {error}",
            hint="check the URL and the network, or give the path of a downloaded archive",
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(file: Path, called: str, target: Path) -> None:
    if _is_zstd(file) and not hasattr(tarfile.TarFile, "zstopen"):
        raise InterpreterError(
            f"{called} is compressed with zstd, which this Python cannot read",
            hint="take the .tar.gz of the same build (install_only), or run polyfn on Python 3.14",
        )
    staged = Path(tempfile.mkdtemp(dir=target.parent, prefix="unpack-"))
    try:
        with progress.step(f"unpacking {called}"), tarfile.open(file) as archive:
            _extract(archive, staged)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, KeyError) as error:
        raise InterpreterError(
            f"{called} is not an archive that can be unpacked safely: {error}",
            hint="give an archive in the layout of the standalone builds, as .tar.gz or .tar.xz",
        ) from error
    else:
        staged.chmod(0o755)
        # Another build may have been quicker: then theirs is as good.
        with contextlib.suppress(OSError):
            staged.replace(target)
        if not target.is_dir():
            raise InterpreterError(f"{called} could not be kept in the cache, {target.parent}")
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _is_zstd(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) == _ZSTD


def _extract(archive: tarfile.TarFile, target: Path) -> None:
    # tarfile's own filters came with 3.11.4, and Debian 12 has 3.11.2.
    members = [member for member in archive.getmembers() if not member.isdir()]
    links = {member.name: member.linkname for member in members if member.issym()}
    if (name := unsafe([member.name for member in members], links)) is not None:
        raise tarfile.ExtractError(f"{name!r} would leave it, or is in it twice")
    for member in members:
        place = target / member.name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not member.issym():
            _write(archive, member, place)
    for name, to in links.items():
        (target / name).symlink_to(to)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    # A hard link gives the content of the member that it names.
    content = archive.extractfile(member) if member.isreg() or member.islnk() else None
    if content is None:
        raise tarfile.ExtractError(f"{member.name!r} is neither a file nor a link")
    with content, place.open("wb") as file:
        shutil.copyfileobj(content, file)
    place.chmod(0o755 if member.mode & 0o100 else 0o644)


def find(folder: Path, arch: Arch, python: str | None, called: str) -> Tree:
    """Find the interpreter in an unpacked tree and make sure that it is the wanted one.

    Its version is read from its bytes. Raises InterpreterError.
    """
    tree = next((tree for prefix in _prefixes(folder) if (tree := _tree(prefix)) is not None), None)
    if tree is None:
        raise InterpreterError(
            f"{called} has no bin/python3.x in it",
            hint="give an archive in the layout of the standalone builds (python/bin/python3.x)",
        )
    facts = elf.read(tree.program)
    if facts is None or facts.machine != arch:
        found = "not a Linux program" if facts is None else f"for {facts.machine}"
        raise InterpreterError(
            f"the interpreter in {called} is {found}; the target is {arch}",
            hint=f"give the archive of the Linux build for {arch}",
        )
    if python is not None and python not in (tree.python, tree.version):
        raise InterpreterError(
            f"{called} has Python {tree.version} in it, not {python}",
            hint=f"say --python {tree.python}, or give an archive of Python {python}",
        )
    return tree


def _prefixes(folder: Path) -> list[Path]:
    return [folder, *(place for outer in sorted(folder.iterdir()) for place in (outer, outer / "install"))]


def _tree(prefix: Path) -> Tree | None:
    names = sorted((prefix / "bin").glob("python3.*")) if (prefix / "bin").is_dir() else []
    for path in names:
        if (match := _PROGRAM.match(path.name)) and (prefix / "lib" / path.name).is_dir():
            return Tree(prefix, match[1], _version(prefix, path, match[1]))
    return None


def _version(prefix: Path, program: Path, python: str) -> str:
    # PY_VERSION stands as a string of its own in whichever file holds the interpreter's core.
    pattern: Callable[[bytes], re.Match[bytes] | None] = re.compile(
        rb"\x00(" + re.escape(pythons.plain(python)).encode() + rb"\.\d+)(?:(?:a|b|rc)\d+)?\+?\x00"
    ).search
    for path in (program, *sorted((prefix / "lib").glob(f"libpython{python}.so*"))):
        if path.is_file() and (match := pattern(path.read_bytes())):
            return match[1].decode() + "t" * pythons.threaded(python)
    raise InterpreterError(
        f"{program.name} does not say which release of Python {python} it is",
        hint="give an archive in the layout of the standalone builds",
    )
