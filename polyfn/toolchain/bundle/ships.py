"""What of polyfn travels: its runtime and the provider's, copied file by file."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterable
from importlib.metadata import packages_distributions, version
from pathlib import Path

from polyfn.toolchain.errors import PluginError

#: What of polyfn stays home: the toolchain, and its door.
_HOME = ("toolchain", "testing", "__main__.py")


def copy(ships: Iterable[str], into: Path) -> None:
    """Copy polyfn's runtime and the packages in `ships` (dotted names) into `into`.

    Nothing is imported on the way. Raises PluginError for a name that is not installed.
    """
    _copy("polyfn", into, leave=_HOME)
    for name in ships:
        _copy(name, into)


def versions(names: Iterable[str]) -> dict[str, str]:
    """Return name and version of the distributions that polyfn and the packages in `names` are from."""
    owners = packages_distributions()
    found = {owner for name in ("polyfn", *names) for owner in owners.get(name.partition(".")[0], ())}
    return {name: version(name) for name in sorted(found)}


def _copy(name: str, into: Path, leave: tuple[str, ...] = ()) -> None:
    top, *rest = name.split(".")
    source, target = _package(top, name), into / top
    for part in rest:
        # A parent's __init__ runs before its subpackage, so it has to come along.
        _file(source / "__init__.py", target / "__init__.py")
        source, target = source / part, target / part
    if source.with_suffix(".py").is_file() and not source.is_dir():
        _file(source.with_suffix(".py"), target.with_suffix(".py"))
        return
    if not source.is_dir():
        raise _absent(name)
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        if inside.parts[0] in leave or "__pycache__" in inside.parts or path.name == "py.typed":
            continue
        _file(path, target / inside)


def _package(top: str, name: str) -> Path:
    # find_spec imports the parents of a dotted name, never the name itself: so it is asked for the top.
    spec = importlib.util.find_spec(top)
    if spec is None:
        raise _absent(name)
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    assert spec.origin is not None
    return Path(spec.origin).with_suffix("")


def _file(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _absent(name: str) -> PluginError:
    return PluginError(
        f"the package {name!r}, which the provider ships, is not installed",
        hint="reinstall the plugin; if that does not help, its `ships` is wrong",
    )
