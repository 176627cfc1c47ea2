"""The artifact that is verified: what one pass over it found, for all checks to share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from polyfn.toolchain.artifacts.archive import Archive, DamagedError, Entry
from polyfn.toolchain.provider import Arch, ArtifactRules, Provider
from polyfn.toolchain.verify import elf, magic
from polyfn.toolchain.verify.finding import Finding, found
from polyfn.toolchain.verify.layout import Layout, json_of, layout
from polyfn.toolchain.verify.owners import Owners
from polyfn.toolchain.verify.system import System, system

#: Bytes of one file that are read at most, and of all: an archive may claim anything.
FILE_LIMIT = 256 << 20
TOTAL_LIMIT = 2 << 30

_ARCHS: dict[object, Arch] = {"amd64": "amd64", "arm64": "arm64"}


@dataclass
class Subject:
    """One opened artifact. `files` are the entries that can be read, by name."""

    archive: Archive
    provider: Provider | None = None
    wanted: Arch | None = None
    findings: list[Finding] = field(default_factory=list)
    elves: dict[str, elf.Elf] = field(default_factory=dict)
    kinds: dict[str, magic.Kind] = field(default_factory=dict)
    heads: dict[str, bytes] = field(default_factory=dict)
    _read: int = 0

    @property
    def entries(self) -> list[Entry]:
        """All entries."""
        return list(self.archive.entries)

    @cached_property
    def files(self) -> Mapping[str, Entry]:
        """Regular files by name; of several with one name the last, as it is the one that stays."""
        return {entry.name: entry for entry in self.archive.entries if entry.kind == "file"}

    @property
    def rules(self) -> ArtifactRules:
        """What the platform asks of an artifact."""
        return (self.provider.rules if self.provider else None) or ArtifactRules()

    @cached_property
    def system(self) -> System | None:
        """What an image has below its bundle; None where the platform brings the system."""
        return system(self.archive)

    @cached_property
    def layout(self) -> Layout:
        """Where its parts are."""
        return layout(self.files, json_of(self.text("polyfn.json")))

    @cached_property
    def owners(self) -> Owners:
        """Whose files they are."""
        return Owners(self.files, self.text)

    @cached_property
    def arch(self) -> Arch | None:
        """The architecture it is for: as asked for, as polyfn.json says, or as its binaries say."""
        if self.wanted is not None:
            return self.wanted
        told = self.layout.manifest.get("arch")
        if told in _ARCHS:
            return _ARCHS[told]
        first = [*self.rules.entry, *self.layout.programs]
        machines = [self.elves[name].machine for name in first if name in self.elves]
        # A wheel of the wrong machine is among many right ones.
        count = Counter(facts.machine for facts in self.elves.values() if facts.program)
        machines += [machine for machine, _ in count.most_common()]
        return next((_ARCHS[one] for one in machines if one in _ARCHS), None)

    def scan(self) -> None:
        """Look at the first bytes of every file, and read the binaries."""
        for entry in self.files.values():
            if entry.obstacle is not None:
                continue
            try:
                head = self.archive.head(entry, magic.SIZE)
            except DamagedError as error:
                self.findings.append(found("PV120", f"{entry.name}: {error}", entry.name))
                continue
            self.heads[entry.name] = head
            if kind := magic.kind(head, entry.name):
                self.kinds[entry.name] = kind
            if kind == "elf":
                self._binary(entry)

    def text(self, name: str, limit: int = 16 << 20) -> bytes | None:
        """Return a file's content; None if it is not there, cannot be read, or is too large."""
        entry = self.files.get(name)
        if entry is None or entry.obstacle is not None or not 0 <= entry.size <= limit:
            return None
        return self._content(entry)

    def _binary(self, entry: Entry) -> None:
        data = self._content(entry)
        if data is None:
            return
        try:
            self.elves[entry.name] = elf.parse(data)
        except elf.NotSoundError as error:
            self.findings.append(found("PV209", f"{entry.name} is no sound ELF file: {error}", entry.name))

    def _content(self, entry: Entry) -> bytes | None:
        self._read += entry.size
        if entry.size > FILE_LIMIT or self._read > TOTAL_LIMIT:
            message = f"{entry.name} has {entry.size:,} bytes and was not looked into"
            self.findings.append(found("PV121", message, entry.name))
            return None
        try:
            return self.archive.read(entry, FILE_LIMIT + 1)
        except DamagedError as error:
            self.findings.append(found("PV120", f"{entry.name}: {error}", entry.name))
            return None
