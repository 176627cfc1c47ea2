"""Reports of artifacts, kept in the store: the same bytes are not examined twice."""

from __future__ import annotations

from polyfn.toolchain.bundle import digests
from polyfn.toolchain.bundle.store import Store
from polyfn.toolchain.cache import cache_folder
from polyfn.toolchain.provider import Artifact
from polyfn.toolchain.report.model import Report


def report(artifact: Artifact, *, imports: bool = False) -> Report:
    """Return the report of an artifact that was just made. Raises ArtifactError.

    `imports` measures what its modules cost to import, anew each time: times are no facts of the bytes.
    """
    store, key = Store(cache_folder()), None
    if artifact.path.is_file() and not imports:  # and not what a third party says of its content
        content, polyfn = digests.file(artifact.path), digests.code("polyfn")
        key = digests.key(artifact=content, name=artifact.path.name, polyfn=polyfn)
    notes = store.notes("reports", key)
    if notes is not None:
        return Report.model_validate_json(notes["report"])
    from polyfn.toolchain.report.examine import examine

    made = examine(artifact.path, imports=imports)
    store.put("reports", key, None, {"report": made.model_dump_json(by_alias=True)})
    return made
