"""The content-addressed store: trees that were made once, by the digest of all that they were made from.

    <cache>/store/<kind>/<key>/entry.json    what is in it, with the digest of every file, and notes
    <cache>/store/<kind>/<key>/tree/         the files, read-only
    <cache>/store/locks/<kind>-<key>         held by whoever makes the entry
    <cache>/store/tmp/                       what is being made

An entry appears by one rename, whole or not at all. What is taken out is copied and checked on the
way, so no build can change an entry, and a damaged one is made anew. Whoever cannot write the cache
builds without it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from polyfn.toolchain import progress
from polyfn.toolchain.bundle import digests
from polyfn.toolchain.cache import mark

#: Bumped when a reader of entry.json would have to change.
SCHEMA = 1
#: Seconds after which `prune` takes what nobody has used, and what a killed build left.
UNUSED, ABANDONED = 30 * 86400, 86400

Notes = dict[str, Any]


class DamagedError(Exception):
    """An entry is not what was put there."""


@dataclass(frozen=True)
class Store:
    """One store. `refresh` makes everything anew; `log` is told of damage, and of a cache that is no use."""

    cache: Path
    log: Callable[[str], None] = lambda _: None
    refresh: bool = False

    @property
    def root(self) -> Path:
        """Where the entries are."""
        return self.cache / "store"

    def place(self, kind: str, key: str) -> Path:
        """Return where an entry is, or would be."""
        return self.root / kind / key

    def notes(self, kind: str, key: str | None) -> Notes | None:
        """Return what was noted with an entry, None where there is none."""
        if key is None or self.refresh:
            return None
        try:
            return dict(_read(self.place(kind, key))["notes"])
        except (OSError, DamagedError):
            return None

    def take(self, kind: str, key: str | None, into: Path) -> Notes | None:
        """Copy an entry's tree over `into` and return its notes; None where there is none to be trusted."""
        if key is None or self.refresh:
            return None
        place, fresh = self.place(kind, key), not into.exists()
        if not place.exists():
            return None
        try:
            entry = _read(place)
            _copy_out(place / "tree", entry, into)
        except (DamagedError, OSError) as error:
            if fresh:
                shutil.rmtree(into, ignore_errors=True)
            self._damaged(place, str(error) if isinstance(error, DamagedError) else "a file cannot be read")
            return None
        with contextlib.suppress(OSError):
            os.utime(place / "entry.json")
        return dict(entry["notes"])

    def put(
        self, kind: str, key: str | None, tree: Path | None, notes: Notes, *, replace: bool = False
    ) -> None:
        """Keep a copy of a tree, or notes alone. A cache that cannot be written is told to `log`, no more."""
        if key is None:
            return
        try:
            self._put(self.place(kind, key), tree, notes, replace=replace or self.refresh)
        except OSError as error:
            self.log(f"nothing is kept in the cache {self.cache}: {error.strerror or error}")

    def once(self, kind: str, key: str | None, into: Path, make: Callable[[], Notes]) -> Notes:
        """Fill `into` from the entry, or by `make`, and keep that; of two who want the same, one makes it."""
        if (notes := self.take(kind, key, into)) is not None:
            return notes
        with self.lock(kind, key):
            # Whoever held the lock may have made it.
            if (notes := self.take(kind, key, into)) is not None:
                return notes
            notes = make()
            self.put(kind, key, into, notes)
            return notes

    @contextlib.contextmanager
    def lock(self, kind: str, key: str | None) -> Iterator[None]:
        """Hold the lock of an entry, if the cache can be written."""
        with contextlib.ExitStack() as stack:
            if key is not None:
                with contextlib.suppress(OSError):
                    mark(self.cache)
                    (self.root / "locks").mkdir(parents=True, exist_ok=True)
                    opened = stack.enter_context((self.root / "locks" / f"{kind}-{key}").open("w"))
                    _locked(opened)
            yield

    def _put(self, place: Path, tree: Path | None, notes: Notes, *, replace: bool) -> None:
        mark(self.cache)
        (self.root / "tmp").mkdir(parents=True, exist_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root / "tmp", ignore_cleanup_errors=True) as folder:
            staged = Path(folder, "entry")
            files = _copy_in(tree, staged / "tree")
            body = {"schema": SCHEMA, "files": files, "notes": notes}
            text = json.dumps({"digest": digests.key(**body), **body}, ensure_ascii=True)
            (staged / "entry.json").write_text(text, encoding="utf-8")
            if replace and place.exists():
                _remove(place, self.root / "tmp")
            try:
                staged.rename(place)
            except OSError:
                # Another build may have been quicker: then theirs is as good.
                if not place.is_dir():
                    raise

    def _damaged(self, place: Path, why: str) -> None:
        self.log(f"a damaged entry of the cache is made anew ({place.parent.name}: {why})")
        with contextlib.suppress(OSError):
            _remove(place, self.root / "tmp")

    def prune(self, unused: float = UNUSED) -> int:
        """Remove what was not used for so many seconds, and what killed builds left; return bytes freed."""
        now, freed = time.time(), 0
        for place in self.entries():
            with contextlib.suppress(OSError):
                if now - (place / "entry.json").stat().st_mtime >= unused:
                    freed += size(place)
                    _remove(place, self.root / "tmp")
        for left in (self.root / "tmp").glob("*"):
            with contextlib.suppress(OSError):
                if now - left.stat().st_mtime >= min(ABANDONED, unused):
                    freed += size(left)
                    shutil.rmtree(left, ignore_errors=True)
        return freed

    def entries(self) -> list[Path]:
        """Return where all entries are."""
        return sorted(path.parent for path in self.root.glob("*/*/entry.json"))


def size(folder: Path) -> int:
    """Return the bytes of all files under a directory."""
    total = 0
    for here, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += Path(here, name).lstat().st_size
    return total


def _locked(file: IO[str]) -> None:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    with progress.step("waiting for another build"):
        fcntl.flock(file, fcntl.LOCK_EX)


def _read(place: Path) -> dict[str, Any]:
    text = (place / "entry.json").read_text(encoding="utf-8")
    try:
        entry = json.loads(text)
        digest = entry.pop("digest")
    except (ValueError, KeyError, AttributeError):
        raise DamagedError("entry.json cannot be read") from None
    if entry.get("schema") != SCHEMA or digests.key(**entry) != digest:
        raise DamagedError("entry.json was changed")
    return dict(entry)


def _copy_in(tree: Path | None, target: Path) -> list[list[Any]]:
    files: list[list[Any]] = []
    target.mkdir(parents=True)
    for name in digests.walk(tree) if tree is not None and tree.is_dir() else []:
        assert tree is not None
        source, place = tree / name, target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            to = os.fspath(source.readlink())
            place.symlink_to(to)
            files.append([name, "link", to])
            continue
        data = source.read_bytes()
        place.write_bytes(data)
        executable = bool(source.stat().st_mode & 0o100)
        place.chmod(0o555 if executable else 0o444)
        files.append([name, "program" if executable else "file", hashlib.sha256(data).hexdigest()])
    return files


def _copy_out(tree: Path, entry: dict[str, Any], into: Path) -> None:
    made: set[Path] = set()
    for name, kind, digest in entry["files"]:
        source, place = tree / name, into / name
        if place.parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.add(place.parent)
        if kind == "link":
            place.unlink(missing_ok=True)
            place.symlink_to(digest)
            continue
        data = source.read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise DamagedError(f"{name} was changed")
        place.write_bytes(data)
        place.chmod(0o755 if kind == "program" else 0o644)


def _remove(place: Path, trash: Path) -> None:
    # Renamed first: whoever reads it meanwhile finds it whole or gone, not half of it.
    trash.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=trash, ignore_cleanup_errors=True) as folder:
        place.rename(Path(folder, "removed"))
