"""Reads what `python -X importtime` writes, and sums it up.

Each line is one module, after all that it imported first, which is indented by two spaces more:

    import time:       186 |        186 |   zipimport
    import time:       821 |       1200 | site
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from polyfn.toolchain.report.model import ImportCost, ImportNode

_LINE = re.compile(r"^import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)\s*$")
_TOP = 10


@dataclass
class Timed:
    """One imported module; times in microseconds."""

    module: str
    own: int
    cumulative: int
    depth: int
    children: list[Timed] = field(default_factory=list)

    def walk(self) -> Iterator[Timed]:
        """Yield it and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def parse(lines: Iterable[str]) -> list[Timed]:
    """Return the modules that were imported by nothing but the program; other lines are passed over."""
    waiting: list[Timed] = []
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        node = Timed(match[4], int(match[1]), int(match[2]), len(match[3]) // 2)
        while waiting and waiting[-1].depth > node.depth:
            node.children.insert(0, waiting.pop())
        waiting.append(node)
    return waiting


def total(roots: Iterable[Timed]) -> int:
    """Return the time of all together."""
    return sum(root.cumulative for root in roots)


def trimmed(roots: Iterable[Timed], least: int) -> tuple[ImportNode, ...]:
    """Return the tree without what takes less than `least` microseconds, the slowest first."""
    kept = sorted((one for one in roots if one.cumulative >= least), key=lambda one: -one.cumulative)
    return tuple(
        ImportNode(
            module=one.module, self=one.own, cumulative=one.cumulative, imports=trimmed(one.children, least)
        )
        for one in kept
    )


def top(roots: Iterable[Timed], origins: Mapping[str, str]) -> tuple[ImportCost, ...]:
    """Return the ten packages whose own modules take longest. `origins` tells whose a package is."""
    costs: dict[str, list[int]] = {}
    for root in roots:
        _add(root, costs, ())
    ranked = sorted(costs.items(), key=lambda item: (-item[1][0], item[0]))[:_TOP]
    return tuple(
        ImportCost(
            package=package,
            origin=origins.get(package, "unknown"),
            self=own,
            cumulative=cumulative,
            modules=count,
        )
        for package, (own, cumulative, count) in ranked
    )


def _add(node: Timed, costs: dict[str, list[int]], above: tuple[str, ...]) -> None:
    package = node.module.partition(".")[0]
    cost = costs.setdefault(package, [0, 0, 0])
    cost[0] += node.own
    # What is imported below a module of the same package is in that module's time already.
    cost[1] += 0 if package in above else node.cumulative
    cost[2] += 1
    for child in node.children:
        _add(child, costs, (*above, package))
