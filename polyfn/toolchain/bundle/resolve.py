"""What the requirements come to for a target: by a lock, or by asking the index.

The answer, with the hash of every file that may stand for it, names the entry of the cache. An
answer of the index is taken for ten minutes, as PyPI lets its own pages be (Cache-Control:
max-age=600); one that this machine's own files had a part in is asked for anew every time.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from polyfn.toolchain.bundle import dependencies, digests
from polyfn.toolchain.bundle.dependencies import Target
from polyfn.toolchain.bundle.requirements import Requirements, staying_home
from polyfn.toolchain.bundle.store import Store
from polyfn.toolchain.provider import Arch

_COMPILE = (
    "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate",
    "--emit-index-url", "--emit-find-links",
)  # fmt: skip
#: Seconds for which an answer of the index holds.
MEMORY = 600
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==(\S+)")
#: Traces of this machine's files in an answer.
_LOCAL = re.compile(r"(?m)^-e |file:|^--(?:extra-)?index-url (?!https?:)|^--find-links (?!https?:)|^\.")
_COMMIT = re.compile(r"@ git\+\S+@[0-9a-f]{40}\b")


@dataclass(frozen=True)
class Resolved:
    """One resolution.

    `lines` are requirements with their hashes. `exact` says that they and nothing else decide what
    is installed: a source tree on this machine has no hash, so it is not.
    """

    lines: tuple[str, ...]
    names: frozenset[str]
    exact: bool

    @property
    def pins(self) -> str:
        """The versions, as constraints."""
        return "\n".join(f"{match[1]}=={match[2]}" for line in self.lines if (match := _PIN.match(line)))


class Resolver:
    """Resolves each question once, however many threads ask it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked: dict[tuple[Requirements, Target], Future[Resolved]] = {}
        self._lock = Lock()

    def resolve(self, requirements: Requirements, target: Target) -> Resolved:
        """Return what the requirements come to. Raises NoWheelError, DependencyError."""
        question = (requirements, target)
        with self._lock:
            mine = question not in self._asked
            future = self._asked.setdefault(question, Future())
        if mine:
            try:
                future.set_result(_resolve(requirements, target, self._store))
            except BaseException as error:  # noqa: BLE001  whoever waits for it has to hear of it
                future.set_exception(error)
        return future.result()

    def parts(self, requirements: Requirements, target: Target, needs: Iterable[str] = ()) -> list[Resolved]:
        """Return what the requirements come to, and what is needed besides, held to their versions."""
        base = self.resolve(requirements, target)
        lacking = sorted({name for name in needs if canonicalize_name(name) not in base.names})
        if not lacking:
            return [base]
        extra = Requirements(
            requirements.origin,
            text="\n".join(lacking),
            constraints=f"{requirements.constraints}\n{base.pins}".strip(),
        )
        return [base, self.resolve(extra, target)]

    def wanted(
        self, requirements: Requirements, target: Target, needs: Iterable[str] = ()
    ) -> tuple[str | None, str]:
        """Return the key of what is to be installed, None where no key can stand for it, and its pins."""
        parts = self.parts(requirements, target, needs)
        pins = "\n".join(part.pins for part in parts)
        if not all(part.exact for part in parts):
            return None, pins
        key = digests.key(
            lines=[part.lines for part in parts],
            target=target.arguments(),
            machine=str(target),
            uv=digests.version("uv"),
            polyfn=digests.code("polyfn"),
        )
        return key, pins


def _resolve(requirements: Requirements, target: Target, store: Store) -> Resolved:
    if not requirements:
        return Resolved((), frozenset(), exact=True)
    if requirements.hashed or requirements.local:
        # A lock's word is final.
        lines = _joined(requirements.text)
        exact = requirements.hashed and not requirements.local and all(_is_exact(line) for line in lines)
        return Resolved(lines, _applying(lines, target), exact)
    key = _question(requirements, target)
    notes = store.notes("answers", key)
    if notes is not None and 0 <= time.time() - notes["at"] < MEMORY:
        return _resolved(tuple(notes["lines"]), target)
    text, built = dependencies.asked(requirements, target, _COMPILE, constraints=requirements.constraints)
    lines = (*_joined(text), *(f"# from source: {name}" for name in built))
    if not _LOCAL.search(text):
        store.put("answers", key, None, {"at": time.time(), "lines": lines}, replace=True)
    return _resolved(lines, target)


def _resolved(lines: tuple[str, ...], target: Target) -> Resolved:
    kept = tuple(line for line in lines if not line.startswith("-"))
    return Resolved(kept, _applying(kept, target), all(_is_exact(line) for line in kept))


def _question(requirements: Requirements, target: Target) -> str | None:
    """What an answer is kept under; None where the question itself leads to other files."""
    if requirements.file is not None:
        return None
    about = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_"))}
    settings = [path for path in _settings() if path.is_file()]
    return digests.key(
        text=requirements.text,
        constraints=requirements.constraints,
        target=target.arguments(),
        uv=digests.version("uv"),
        environment=about,
        settings=[digests.file(path) for path in settings],
        home=staying_home(),
    )


def _settings() -> list[Path]:
    base = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    here = [
        folder / name
        for folder in (Path.cwd(), *Path.cwd().parents)
        for name in ("uv.toml", "pyproject.toml")
    ]
    return [base / "uv" / "uv.toml", Path("/etc/uv/uv.toml"), *here]


def _joined(text: str) -> tuple[str, ...]:
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


def _is_exact(line: str) -> bool:
    return line.startswith("#") or "--hash=" in line or _COMMIT.search(line) is not None


def _applying(lines: Iterable[str], target: Target) -> frozenset[str]:
    """The names of those lines whose marker holds for the target."""
    names = set()
    for line in lines:
        try:
            requirement = Requirement(line.partition(" --hash")[0].strip())
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate(environment(target)):
            names.add(canonicalize_name(requirement.name))
    return frozenset(names)


def environment(target: Target) -> dict[str, str]:
    """Return what markers are evaluated in for a target."""
    if target.platform is None:
        return {}
    machines: dict[Arch, str] = {"amd64": "x86_64", "arm64": "aarch64"}
    full = target.python if target.python.count(".") > 1 else f"{target.python}.0"
    return {
        "python_version": ".".join(target.python.split(".")[:2]), "python_full_version": full,
        "platform_machine": machines[target.platform.arch], "sys_platform": "linux", "os_name": "posix",
        "platform_system": "Linux", "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }  # fmt: skip
