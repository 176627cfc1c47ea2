"""Small artifacts, made entry by entry, and what tests look for in findings."""

import stat
import zipfile
from pathlib import Path

from polyfn.toolchain.verify import verify

BOOTSTRAP = b"#!/bin/sh\nexec ./run\n"
#: The smallest that Lambda would start.
GOOD = {"bootstrap": (BOOTSTRAP, 0o755), "hello.py": b"import json\n"}

UNIX, DOS = 3, 0


def add(archive, name, content, *, system=UNIX, method=zipfile.ZIP_DEFLATED):
    """Content is bytes, or a pair of bytes and mode. A name with a slash at the end is a folder."""
    data, mode = content if isinstance(content, tuple) else (content, 0o644)
    info = zipfile.ZipInfo(name)
    info.create_system = system
    info.compress_type = method
    kind = stat.S_IFMT(mode) or (stat.S_IFDIR if name.endswith("/") else stat.S_IFREG)
    info.external_attr = (mode | kind) << 16 if system == UNIX else 0
    archive.writestr(info, data)


def make(path: Path, files=GOOD, **how) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            add(archive, name, content, **how)
    return path


def link(target: str) -> tuple[bytes, int]:
    return target.encode(), stat.S_IFLNK | 0o777


def codes(path, provider, **how) -> list[str]:
    return [finding.code for finding in verify(path, provider, **how)]


def only(path, provider, **how):
    """The one finding that there is."""
    findings = verify(path, provider, **how)
    assert len(findings) == 1, findings
    return findings[0]


def dist(name, files, *, version="1.0", tag="py3-none-any", base="site/"):
    """The notes of an installed distribution, for files that lie under base."""
    notes = f"{base}{name}-{version}.dist-info"
    rows = [*files, f"{name}-{version}.dist-info/WHEEL", f"{name}-{version}.dist-info/RECORD"]
    return {
        f"{notes}/RECORD": "".join(f"{row},,\n" for row in rows).encode(),
        f"{notes}/WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\n".encode(),
    }
