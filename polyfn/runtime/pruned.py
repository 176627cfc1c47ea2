"""What an import of a module says that was left out of the artifact to make it smaller.

It is asked last of all finders, so it costs nothing until a module was not found anywhere.
"""

import sys

#: Module names, each with the name that `[tool.polyfn] keep` takes; None until it is needed.
_names: "dict[str, str] | None" = None


class Finder:
    """Finds nothing, as the last of `sys.meta_path`."""

    def __init__(self, root: str) -> None:
        self.root = root

    def find_spec(self, name: str, *_: object) -> None:
        """Raise ModuleNotFoundError for a module that was left out."""
        refuse(self.root, name)


def refuse(root: str, name: str) -> None:
    """Raise ModuleNotFoundError, with what to do, if `name` is a module that was left out.

    It raises for an import statement alone, which called `find_spec`, which called this:
    `importlib.util.find_spec`, by which libraries ask whether they may use a module, gets the None
    it expects.
    """
    if sys._getframe(3).f_code.co_name != "_find_and_load_unlocked":  # noqa: SLF001
        return
    keep = names(root).get(name)
    if keep is not None:
        raise ModuleNotFoundError(
            f"No module named {name!r}: it was left out of this artifact to make it smaller. "
            f'To keep it, add to pyproject.toml: [tool.polyfn] keep = ["{keep}"]',
            name=name,
        )


def names(root: str) -> "dict[str, str]":
    """Return what was left out; nothing where the artifact does not say."""
    global _names
    if _names is None:
        from polyfn.runtime.json import loads

        _names = {}
        try:
            with open(root + "/python/pruned.json", "rb") as file:
                _names = loads(file.read())
        except (OSError, ValueError):
            pass
    return _names
