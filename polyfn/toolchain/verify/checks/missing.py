"""Imports that would fail: followed from the user's modules through the dependencies, as syntax.

An import that fails whenever its module is imported is an error; one in a function or under a
condition is a warning, as is one in a dependency, whose authors may know better.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from polyfn.toolchain import pythons
from polyfn.toolchain.verify.checks.grouping import owner
from polyfn.toolchain.verify.finding import Finding, Severity, found
from polyfn.toolchain.verify.imports import Import, NotValidError, imports
from polyfn.toolchain.verify.modules import REMOVED, Module, Modules
from polyfn.toolchain.verify.subject import Subject

#: Bytes of dependencies' sources that are parsed at most: a second's work.
_BUDGET = 2_000_000


def check(subject: Subject) -> Iterator[Finding]:
    """Look at the imports of the user's code, and of what it imports."""
    yield from _Walk(subject).findings()


class _Walk:
    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.modules = Modules(subject)
        self.seen: set[str] = set()
        self.told: set[tuple[str, str]] = set()
        self.read = 0
        self.dynamic = False

    def findings(self) -> Iterator[Finding]:
        """Follow the imports from the functions' modules, then look at the rest of the user's code."""
        ours = self._ours
        roots = [name for name in self.subject.layout.modules if name in ours]
        reached = list(self._follow(roots or sorted(ours)))
        rest = [(path, fault, "note") for path, fault, _ in self._follow(sorted(ours), follow=False)]
        for path, fault, severity in [*reached, *rest]:
            yield self._finding(path, fault, severity)  # type: ignore[arg-type]

    @cached_property
    def _ours(self) -> dict[str, Module]:
        """The modules that are nobody else's."""
        from polyfn.toolchain.verify.modules import under

        layout, owners = self.subject.layout, self.subject.owners
        elsewhere = tuple(f"{root}/" for root in layout.roots if root and root not in layout.app)
        parts = ("python/", "site/") if layout.app == ("",) else ()
        return {
            name: module
            for root in layout.app
            for name, module in under(root, self.subject.files)
            if module.path
            and not module.path.startswith((*elsewhere, *parts))
            and owners.of(module.path) is None
        }

    def _follow(
        self, names: list[str], *, follow: bool = True
    ) -> Iterator[tuple[str, Import | str, Severity]]:
        """Give what fails, with the path of its source."""
        waiting = [module for name in names for module in self._chain(name)]
        while waiting:
            name, module = waiting.pop()
            if module.path in self.seen or not module.path.endswith(".py"):
                continue
            mine = name in self._ours and self._ours[name].path == module.path
            if not mine and not self._affordable(module.path):
                continue
            self.seen.add(module.path)
            try:
                found_here = self._imports(module.path)
            except NotValidError as error:
                if mine:
                    yield module.path, str(error), "warning"
                continue
            for one in found_here:
                target = _absolute(one, name, module)
                if target is None or one.when == "maybe":
                    continue
                if self._fails(target):
                    severity: Severity = "error" if mine and one.when == "import" else "warning"
                    if mine or one.when == "import":
                        yield module.path, Import(target, one.names, one.level, one.line, one.when), severity
                if follow and (mine or one.when == "import"):
                    for inner in (target, *(f"{target}.{part}" for part in one.names)):
                        waiting += self._chain(inner)

    def _imports(self, path: str) -> list[Import]:
        text = self.subject.text(path) or b""
        # Who changes sys.path may find modules where nobody looks.
        self.dynamic = self.dynamic or (b"sys.path" in text and not path.startswith(self._foreign))
        return imports(text)

    @cached_property
    def _foreign(self) -> tuple[str, ...]:
        return tuple(
            f"{root}/" for root in self.subject.layout.roots if root and root not in self.subject.layout.app
        )

    def _affordable(self, path: str) -> bool:
        """Whether a source of a dependency is to be parsed; the standard library and polyfn never are."""
        stdlib = self.subject.layout.stdlib
        if path.startswith("runtime/") or (stdlib is not None and path.startswith(f"{stdlib}/")):
            return False
        self.read += self.subject.files[path].size
        return self.read <= _BUDGET

    def _chain(self, name: str) -> Iterator[tuple[str, Module]]:
        """The module and the packages around it, which are imported before it."""
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            inner = ".".join(parts[:depth])
            if (module := self.modules.get(inner)) is not None:
                yield inner, module

    def _fails(self, target: str) -> bool:
        top, _, rest = target.partition(".")
        if not self.modules.has(top):
            return True
        if not rest or self.modules.get(target) is not None:
            return False
        # Only a package whose path is plain can be said to lack a module.
        parent = self.modules.get(target.rpartition(".")[0])
        if parent is None or not parent.path.endswith(".py") or not self._is_ours(parent.path):
            return False
        text = self.subject.text(parent.path) or b""
        return parent.package and b"__path__" not in text and b"sys.modules" not in text

    def _is_ours(self, path: str) -> bool:
        return any(module.path == path for module in self._ours.values())

    def _finding(self, path: str, fault: Import | str, severity: Severity) -> Finding:
        if isinstance(fault, str):
            return found("PV312", f"{path} is not valid Python: {fault}", path, severity=severity)
        if self.dynamic and severity == "error":
            severity = "warning"
        top, place = fault.module.partition(".")[0], f"{path}:{fault.line}"
        whose = owner(self.subject, path)
        by = f"{place} of {whose}" if whose else place
        when = "" if fault.when == "import" else " (when that code runs)"
        version = REMOVED.get(top)
        python = self.subject.layout.python
        if not self.modules.has(top) and version and python and pythons.numbers(python)[1] >= version:
            text = f"{by} imports {fault.module}, which Python 3.{version} removed"
            return found("PV310", text + when, path, severity=severity, remedy=_GONE)
        keep = None if self.modules.has(top) else self.modules.pruned(top)
        if keep is not None:
            text = f"{by} imports {fault.module}, which polyfn left out of the interpreter"
            remedy = f"do not import it, or keep it: keep = [{keep!r}] in [tool.polyfn]".replace("'", '"')
            return found("PV311", text + when, path, severity=severity, remedy=remedy)
        text = f"{by} imports {fault.module}, which is not in the artifact"
        return found("PV310", text + when, path, severity=severity)


_GONE = "use what replaced it, or choose an older Python: docs.python.org/3/whatsnew names both"


def _absolute(one: Import, name: str, module: Module) -> str | None:
    """Return the full name of what is imported, None where it leaves its package."""
    if not one.level:
        return one.module
    parts = name.split(".") if module.package else name.split(".")[:-1]
    if one.level > 1:
        parts = parts[: 1 - one.level]
    if not parts:
        return None
    return ".".join((*parts, one.module)) if one.module else ".".join(parts)
