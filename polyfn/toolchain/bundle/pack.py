"""The runtime's bytecode in one file, and what reads it first: `root/modules.pack` and `root/start.pyc`.

The pack is a number, the head, and the code of every module, each as `marshal` writes it; the number
is the length of the head. What that saves of a cold start is in docs/performance.md.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyfn.toolchain.bundle.start import PACKED

PACK = "modules.pack"
START = "start.pyc"
_BOOT = "polyfn.runtime.boot"
#: PEP 552: magic number, flags, and the source's hash.
_PEP_552 = 16
#: Readable by every Python: this one and the target's need not be of the same version.
_MARSHAL = 2


def pack(root: Path, runtime: str, start: Mapping[str, Any]) -> bool:
    """Move the bytecode of a compiled bundle's runtime into its pack.

    `runtime` is the provider's module, `start` what it is told. Returns whether it was done: there
    has to be bytecode.
    """
    compiled = _compiled(root / "runtime")
    if _BOOT not in compiled:
        return False
    codes = {name: file.read_bytes()[_PEP_552:] for name, file in compiled.items() if name != _BOOT}
    packages = {name for name in codes if (root / "runtime" / name.replace(".", "/")).is_dir()}
    # Numbers are of one length in marshal, so the head is as long with offsets as without.
    size = len(_head(runtime, start, codes, packages, 0))
    number = marshal.dumps(size, _MARSHAL)
    head = _head(runtime, start, codes, packages, len(number) + size)
    (root / PACK).write_bytes(b"".join((number, head, *codes.values())))
    compiled[_BOOT].replace(root / START)
    (root / "start.py").write_text(PACKED.format(runtime=runtime), encoding="utf-8")
    for file in compiled.values():
        file.unlink(missing_ok=True)
    for folder in sorted((root / "runtime").rglob("__pycache__")):
        if not any(folder.iterdir()):
            folder.rmdir()
    return True


def _compiled(runtime: Path) -> dict[str, Path]:
    """The bytecode of every module, by its dotted name, sorted."""
    found = {}
    for source in sorted(runtime.rglob("*.py")):
        files = sorted((source.parent / "__pycache__").glob(f"{source.stem}.*.pyc"))
        place = source.relative_to(runtime).with_suffix("")
        parts = place.parent.parts if place.name == "__init__" else place.parts
        if len(files) == 1:
            found[".".join(parts)] = files[0]
    return found


def _head(
    runtime: str, start: Mapping[str, Any], codes: Mapping[str, bytes], packages: set[str], offset: int
) -> bytes:
    modules = {}
    for name, code in codes.items():
        modules[name] = (offset, -len(code) if name in packages else len(code))
        offset += len(code)
    return marshal.dumps({"runtime": runtime, "start": dict(start), "modules": modules}, _MARSHAL)
