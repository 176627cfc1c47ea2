"""Where a module lies: flat layouts start at the project's directory, src layouts at its `src`."""

from __future__ import annotations

from pathlib import Path

from polyfn.toolchain.errors import ProjectError


def base(root: Path, modules: tuple[str, ...], where: str) -> Path:
    """Return the directory from which all modules can be imported: `src` before the root.

    Raises ProjectError, naming the module that is not there.
    """
    bases = [candidate for candidate in (root / "src", root) if candidate.is_dir()]
    for candidate in bases:
        if all(locate(candidate, module) for module in modules):
            return candidate
    missing = next(
        (module for module in modules if not any(locate(candidate, module) for candidate in bases)),
        modules[0],
    )
    raise ProjectError(
        f"{where}: there is no module {missing!r} in {' or '.join(_named(root, path) for path in bases)}",
        hint=_hint(root, modules, missing, bases),
    )


def locate(start: Path, module: str) -> Path | None:
    """Return the file of a dotted module name under `start`, or None."""
    path = start.joinpath(*module.split("."))
    for candidate in (path.with_name(path.name + ".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def candidates(root: Path) -> list[str]:
    """Return the modules near the root that mention polyfn, for hints."""
    found = []
    for start in (root / "src", root):
        for path in sorted([*start.glob("*.py"), *start.glob("*/*.py")]):
            parts = path.relative_to(start).with_suffix("").parts
            if parts[0] in {"src", "tests", "test"} or not all(part.isidentifier() for part in parts):
                continue
            if b"polyfn" in path.read_bytes():
                found.append(".".join(part for part in parts if part != "__init__"))
    return list(dict.fromkeys(found))


def _named(root: Path, path: Path) -> str:
    return "the project's directory" if path == root else f"its {path.name}/"


def _hint(root: Path, modules: tuple[str, ...], missing: str, bases: list[Path]) -> str:
    if any(locate(candidate, missing) for candidate in bases):
        return f"all of {', '.join(modules)} must start from one directory: src/, or the project's own"
    found = candidates(root)
    return f"modules that mention polyfn: {', '.join(found)}" if found else "write the module's dotted name"
