"""Compiles a tree to bytecode.

Run as a script by a Python of the target's version:

    PYTHONHASHSEED=0 python -S compiling.py ROOT FOLDER...

The bytecode is unchecked: a bundle's sources do not change, and a check by time would go stale as
soon as an artifact's times are set. Names in it are relative to ROOT. What cannot be compiled is
left as it is, since some distributions carry templates that only look like Python; its name is
printed. Of the interpreter only built-in modules are used, so that a pruned one will do.
"""

import _imp
import marshal
import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER

_CODE = type(compile("", "", "exec"))


def main() -> None:
    """Compile every folder."""
    root = sys.argv[1]
    for folder in sys.argv[2:]:
        for path in _sources(f"{root}/{folder}"):
            if not _compile(path, path[len(root) + 1 :]):
                print(path[len(root) + 1 :])  # noqa: T201  this is what the parent reads


def _sources(folder: str) -> "list[str]":
    found = []
    for here, folders, files in os.walk(folder):
        folders.sort()
        found += [f"{here}/{name}" for name in sorted(files) if name.endswith(".py")]
    return found


def _compile(path: str, name: str) -> bool:
    with open(path, "rb") as file:
        source = file.read()
    try:
        code = compile(source, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return False
    # PEP 552: magic, flags (1: hash-based, and bit 1 unset: unchecked), the source's hash.
    key = int.from_bytes(MAGIC_NUMBER, "little")
    head = MAGIC_NUMBER + (1).to_bytes(4, "little") + _imp.source_hash(key, source)
    folder, stem = path.rsplit("/", 1)
    os.makedirs(f"{folder}/__pycache__", exist_ok=True)
    target = f"{folder}/__pycache__/{stem[:-3]}.{sys.implementation.cache_tag}.pyc"
    held: list[str] = []
    _hold(code, held)
    with open(target, "wb") as file:
        file.write(head + marshal.dumps(code))
    return True


def _hold(value: object, held: "list[str]") -> None:
    """Hold every string of a code object.

    marshal marks what is referred to more than once, and a string may be shared with whatever was
    compiled or imported before. Held here, all of them are marked: so the bytes tell of the source alone.
    """
    if isinstance(value, str):
        held.append(value)
    elif isinstance(value, (tuple, frozenset)):
        for item in value:
            _hold(item, held)
    elif isinstance(value, _CODE):
        held += (*value.co_names, *value.co_varnames, *value.co_freevars, *value.co_cellvars)
        held += (value.co_name, value.co_qualname, value.co_filename)
        _hold(value.co_consts, held)


if __name__ == "__main__":
    main()
