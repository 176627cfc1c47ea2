"""What an artifact must pass before it is published: verification and the project's budget."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from polyfn.toolchain.bundle import digests
from polyfn.toolchain.bundle.store import Store
from polyfn.toolchain.project import Project
from polyfn.toolchain.provider import Artifact, Provider
from polyfn.toolchain.verify import Finding, refuse, verify

Log = Callable[[str], None]


def verified(
    artifact: Artifact, provider: Provider, store: Store, log: Log, *, ignore: Collection[str] = ()
) -> None:
    """Verify what was built. Warnings are logged; raises ArtifactError for what would not run.

    The same bytes give the same findings, so they are kept in the store.
    """
    code = digests.code(type(provider).__module__.partition(".")[0])
    rules = repr((provider.rules, provider.platforms))
    key = digests.key(artifact=artifact.sha256, arch=artifact.arch, polyfn=code, rules=rules)
    notes: dict[str, Any] | None = store.notes("findings", key)
    if notes is None:
        found = verify(artifact.path, provider, arch=artifact.arch)
        notes = {"findings": [finding.describe() for finding in found]}
        store.put("findings", key, None, notes)
    findings = [Finding(**one) for one in notes["findings"] if one["code"] not in ignore]
    for finding in findings:
        if finding.severity == "warning":
            log(f"warning[{finding.code}]: {finding.message}")
    refuse(findings, artifact.path.name)


def within_budget(artifact: Artifact, project: Project, log: Log) -> None:
    """Hold the artifact against `[tool.polyfn.budget]`. Raises BudgetError, which names the culprits."""
    from polyfn.toolchain.report import budget, difference, examine, history

    limits = project.settings.budget
    if not limits.model_dump(exclude_none=True):
        return
    report = examine.examine(artifact.path, imports=budget.wants_imports(limits))
    before = history.previous(report)
    change = difference.difference(before, report) if before is not None else None
    for line in budget.check_budget(limits, report, change):
        log(line)
