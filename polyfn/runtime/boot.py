"""The first code of a bundle that has bytecode: from the interpreter to the provider's runtime.

It is the whole of `root/start.pyc`. The runtime's bytecode lies in one file, `root/modules.pack`,
because a module of its own file costs a listing of its directory, three `stat`s and eight other
system calls, most of them made in Python. Nothing of it is imported from elsewhere.

Sources stay where they are: `__file__`, tracebacks and `inspect` work as ever. The runtime comes
before all else on `sys.path`, so to look for it first changes nothing.
"""

import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import SourceFileLoader
from _imp import _fix_co_filename  # type: ignore[attr-defined]
from marshal import loads
from posix import O_CLOEXEC, O_RDONLY, chdir, close, getcwd, pread
from posix import open as posix_open

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any


def read(size: int, offset: int) -> "Any":
    """Return what the pack holds there. It is opened anew: file descriptors are the function's affair."""
    file = posix_open(root + "/modules.pack", O_RDONLY | O_CLOEXEC)
    try:
        return loads(pread(file, size, offset))  # noqa: S302
    finally:
        close(file)


class Packed(SourceFileLoader):
    """Finds and loads the runtime's modules; all but their bytecode comes from their source files."""

    def get_code(self, fullname: str) -> "CodeType":
        """Return the module's code, its file names made absolute."""
        offset, size = modules[fullname]
        code: CodeType = read(abs(size), offset)
        _fix_co_filename(code, self.path)
        return code

    @staticmethod
    def find_spec(name: str, *_: object) -> "ModuleSpec | None":
        """Find a module of the runtime. A package's size is negative."""
        place = modules.get(name)
        if place is None:
            return None
        folder = f"{root}/runtime/{name.replace('.', '/')}"
        path = folder + ("/__init__.py" if place[1] < 0 else ".py")
        spec = ModuleSpec(name, Packed(name, path), origin=path)
        spec.has_location = True
        # Or the import system works out where the bytecode would have been.
        spec.cached = root + "/modules.pack"
        if place[1] < 0:
            spec.submodule_search_locations = [folder]
        return spec


class Pruned:
    """Comes last, and says of a module that was left out how to keep it."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Raise ModuleNotFoundError for such a module."""
        from polyfn.runtime import pruned

        pruned.refuse(root, name)


def begin(script: str) -> "Any":
    """Prepare the interpreter; return what the head of the pack says."""
    global modules, root
    root = script.rpartition("/")[0]
    if script[0] != "/":
        root = getcwd() + "/" + root if root else getcwd()
    # The first is a number, the length of what the second says; marshal writes one in five bytes.
    head = read(read(5, 0), 5)
    modules = head["modules"]
    sys.meta_path[:] = [Packed, *sys.meta_path, Pruned]
    sys.path[:0] = [root + "/runtime", root + "/app"]
    sys.path.append(root + "/site")
    chdir(root + "/app")
    head["start"]["root"] = root
    return head


root = ""
#: Where each module's code is in the pack, and its size.
modules: "dict[str, tuple[int, int]]" = {}

if __name__ == "__main__":
    said = begin(__file__)
    __import__(said["runtime"], None, None, ["main"]).main(said["start"])
