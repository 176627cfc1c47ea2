"""Which distribution needs which, among those that are in an artifact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from polyfn.toolchain import pythons
from polyfn.toolchain.report.distributions import Distribution

Environment = dict[str, str]


def environment(arch: str, python: str) -> Environment:
    """Return what markers are evaluated with for a target: Linux, CPython."""
    python = pythons.plain(python)
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "posix",
        "platform_machine": {"amd64": "x86_64", "arm64": "aarch64"}[arch],
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": python if python.count(".") > 1 else f"{python}.0",
        "python_version": pythons.minor(python),
        "sys_platform": "linux",
    }


def graph(distributions: Iterable[Distribution], target: Environment | None) -> dict[str, set[str]]:
    """Return what each needs directly, by canonical name. Without a target, every marker holds.

    Extras count where another distribution that is present asks for them.
    """
    present = {one.key: one for one in distributions}
    needs: dict[str, set[str]] = {key: set() for key in present}
    extras: defaultdict[str, set[str]] = defaultdict(lambda: {""})
    waiting = list(present)
    while waiting:
        key = waiting.pop()
        for requirement in _requirements(present[key]):
            needed = canonicalize_name(requirement.name)
            if needed not in present or not _holds(requirement, extras[key], target):
                continue
            needs[key].add(needed)
            if not requirement.extras <= extras[needed]:
                extras[needed] |= requirement.extras
                waiting.append(needed)
    return needs


def roots(needs: dict[str, set[str]]) -> set[str]:
    """Return the fewest names from which all others are reached: those that nobody else needs, first."""
    chosen = set(needs) - {name for key, names in needs.items() for name in names if name != key}
    reached = _reached(chosen, needs)
    for name in sorted(needs):  # what is left needs each other in a circle
        if name not in reached:
            chosen.add(name)
            reached |= _reached({name}, needs)
    return chosen


def _reached(start: set[str], needs: dict[str, set[str]]) -> set[str]:
    seen, waiting = set(start), list(start)
    while waiting:
        new = needs[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def _requirements(one: Distribution) -> list[Requirement]:
    found = []
    for text in one.requires:
        try:
            found.append(Requirement(text))
        except InvalidRequirement:
            continue  # an old distribution's own invention
    return found


def _holds(requirement: Requirement, extras: set[str], target: Environment | None) -> bool:
    if requirement.marker is None or target is None:
        return True
    return any(requirement.marker.evaluate({**target, "extra": extra}) for extra in extras)
