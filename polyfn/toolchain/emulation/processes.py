"""Which processes belong to an artifact, and how much memory they hold, read from /proc.

Without /proc (macOS) an artifact is its first process alone, of unknown size.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Member(NamedTuple):
    """A process; `born` tells it from another one that got its number later."""

    pid: int
    born: int


class _Row(NamedTuple):
    parent: int
    session: int
    born: int


def family(leader: int) -> list[Member]:
    """Return the leader's session and all its descendants, without the leader itself.

    A child that made a session of its own is found by its parent, until that parent ends.
    """
    table = _table()
    known = {leader}
    while True:
        more = {pid for pid, row in table.items() if row.session == leader or row.parent in known} - known
        if not more:
            return [Member(pid, table[pid].born) for pid in sorted(known - {leader})]
        known |= more


def descendant(leader: int, depth: int) -> Member | None:
    """Return the process `depth` generations below the leader, by the eldest child each time, or None."""
    table, found = _table(), Member(leader, 0)
    for _ in range(depth):
        children = [Member(pid, row.born) for pid, row in table.items() if row.parent == found.pid]
        if not children:
            return None
        found = min(children, key=lambda child: (child.born, child.pid))
    return found


def living(members: Iterable[Member]) -> list[int]:
    """Return the pids of those that have not ended."""
    table = _table()
    return [pid for pid, born in members if pid in table and table[pid].born == born]


def _table() -> dict[int, _Row]:
    rows = {}
    for name in os.listdir(_PROC) if _PROC.is_dir() else ():
        if not name.isdigit():
            continue
        try:
            # Not through Path: this runs before and after every invocation.
            with open(f"/proc/{name}/stat", "rb", buffering=0) as file:
                # The command may hold blanks and brackets; what follows its last bracket does not.
                fields = file.read(1024).rpartition(b")")[2].split()
        except OSError:
            continue
        if fields and fields[0] not in (b"Z", b"X"):
            rows[int(name)] = _Row(int(fields[1]), int(fields[3]), int(fields[19]))
    return rows


def peak_memory(pids: list[int]) -> int:
    """Return the bytes of memory these processes held at their height.

    One process tells its own peak (VmHWM). Of several, what they hold now is added up, shared pages
    shared out among them (Pss): peaks of different moments would count too much.
    """
    peaks = [_field(pid, "status", b"VmHWM:") for pid in pids]
    if len(pids) < 2:
        return sum(peaks)
    return max(*peaks, sum(_field(pid, "smaps_rollup", b"Pss:") for pid in pids))


def _field(pid: int, file: str, name: bytes) -> int:
    try:
        for line in (_PROC / str(pid) / file).read_bytes().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
