"""ABI tags: whether the artifact's Python would load its extension modules (PEP 3149, PEP 425)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polyfn.toolchain import pythons
from polyfn.toolchain.verify.checks.grouping import grouped
from polyfn.toolchain.verify.finding import Finding, found
from polyfn.toolchain.verify.owners import Distribution
from polyfn.toolchain.verify.subject import Subject

_SUFFIX = re.compile(r"^(?P<module>[^.]+)\.(?:(?P<tag>.+)\.)?so$")
_TAG = re.compile(r"cpython-3(?P<minor>\d+)(?P<flags>[a-z]*)(?:-(?P<triple>.+))?$")
_TRIPLES = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
#: The first Python with a stable ABI for free-threaded builds (PEP 803).
_ABI3T = (3, 15)


def check(subject: Subject) -> Iterator[Finding]:
    """Look at the names of extension modules, and at the tags in WHEEL."""
    hits: dict[str, list[tuple[str, str]]] = {"PV301": [], "PV302": [], "PV303": []}
    modules: dict[str, list[tuple[str, tuple[str, str] | None]]] = {}
    for path in subject.elves:
        folder, _, file = path.rpartition("/")
        match = _SUFFIX.match(file)
        if match and match["tag"]:
            fault = _fault(subject, match["tag"], path)
            modules.setdefault(f"{folder}/{match['module']}", []).append((path, fault))
    for variants in modules.values():
        # Beside one that fits, others do no harm.
        if all(fault is not None for _, fault in variants):
            for path, fault in variants:
                if fault is not None and fault[1]:
                    hits[fault[0]].append((path, fault[1]))
    for code, each in hits.items():
        yield from grouped(subject, code, each)
    told = {path for each in hits.values() for path, _ in each}
    told |= {path for path, facts in subject.elves.items() if facts.machine != subject.arch}
    yield from _wheels(subject, {subject.owners.of(path) for path in told})


def _fault(subject: Subject, tag: str, path: str) -> tuple[str, str] | None:
    """What is wrong with a tag: the code, and a text that is empty if another finding tells it."""
    python, threaded = subject.layout.python, subject.layout.threaded
    if tag in ("abi3", "abi3t"):
        return None if python is None else _stable(tag, python)
    match = _TAG.match(tag)
    if match is None:
        return None
    version = f"3.{match['minor']}"
    if python is not None and version != pythons.plain(python):
        return "PV301", f"is for Python {version}, and the artifact has Python {python}"
    if python is not None and ("t" in match["flags"]) != threaded:
        kinds = ("with the GIL", "without the GIL")
        return (
            "PV303",
            f"is for Python {kinds['t' in match['flags']]}, and the artifact's is {kinds[threaded]}",
        )
    triple, arch = match["triple"], subject.arch
    if triple and arch and triple != _TRIPLES[arch]:
        elsewhere = subject.elves[path].machine != arch or "musl" in triple
        return (
            "PV302",
            "" if elsewhere else f"is named for {triple}, and the artifact is for {_TRIPLES[arch]}",
        )
    return None


def _stable(tag: str, python: str) -> tuple[str, str] | None:
    # 3.13t finds such a module by its name and loads it, though objects have another layout there.
    if pythons.threaded(python) and (tag == "abi3" or pythons.numbers(python) < _ABI3T):
        return "PV303", f"is for the stable ABI {tag}, which the free-threaded Python {python} does not have"
    return None


def _wheels(subject: Subject, told: set[Distribution | None]) -> Iterator[Finding]:
    """Distributions with no tag that fits; not those of which another finding tells."""
    for one in subject.owners.distributions:
        if one.tags and one not in told and not any(_fits(subject, tag) for tag in one.tags):
            path = f"{one.base}{one.name}-{one.version}.dist-info/WHEEL"
            target = f"Python {subject.layout.python or '3'} on {subject.arch or 'Linux'}"
            yield found("PV304", f"{one}: its wheel is for {', '.join(one.tags)}, not for {target}", path)


def _fits(subject: Subject, tag: str) -> bool:
    interpreter, _, rest = tag.partition("-")
    abi, _, platform = rest.partition("-")
    python = subject.layout.python
    minor = pythons.numbers(python)[1] if python else None
    digits = re.fullmatch(r"cp3(\d+)", interpreter)
    if digits and minor is not None:
        # The stable ABI goes upwards, and so does a wheel without one.
        upward = abi in ("abi3", "abi3t", "none")
        if (int(digits[1]) > minor) or (int(digits[1]) < minor and not upward):
            return False
    if python and abi != "none" and not _same_kind(abi, python):
        return False
    if platform == "any":
        return True
    arch = subject.arch
    return "linux" in platform and (arch is None or platform.endswith(_MACHINES[arch]))


def _same_kind(abi: str, python: str) -> bool:
    """Whether an ABI is of free-threaded builds if the artifact's Python is one, and only then."""
    if abi in ("abi3", "abi3t"):
        return _stable(abi, python) is None
    return abi.endswith("t") == pythons.threaded(python)
