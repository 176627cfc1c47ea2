"""The reports of one build's artifacts: each is examined once, whoever asks."""

from __future__ import annotations

from polyfn.toolchain.provider import Artifact
from polyfn.toolchain.report import kept
from polyfn.toolchain.report.model import Report


class Examiner:
    """Examines the artifacts of one build. `imports` measures for all who ask."""

    def __init__(self, *, imports: bool = False) -> None:
        self._imports = imports
        self._known: dict[tuple[str, bool], Report] = {}

    def report(self, artifact: Artifact, *, imports: bool = False) -> Report:
        """Return the report of an artifact, with its imports if anybody wants them. Raises ArtifactError."""
        # By its name: where it lies is another place before it is published.
        name, wanted = artifact.path.name, imports or self._imports
        known = self._known.get((name, True)) or self._known.get((name, wanted))
        if known is None:
            known = self._known[name, wanted] = kept.report(artifact, imports=wanted)
        return known
