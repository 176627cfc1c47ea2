"""What an artifact must pass before it is published: verification and the project's budget."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from polyfn.toolchain import progress
from polyfn.toolchain.bundle import digests
from polyfn.toolchain.bundle.store import Store
from polyfn.toolchain.project import Project
from polyfn.toolchain.provider import Artifact, Provider

if TYPE_CHECKING:
    from polyfn.toolchain.report.examiner import Examiner

Log = Callable[[str], None]


def verified(
    artifact: Artifact, provider: Provider, store: Store, log: Log, *, ignore: Collection[str] = ()
) -> None:
    """Verify what was built. Warnings are logged; raises ArtifactError for what would not run.

    The same bytes give the same findings, so they are kept in the store.
    """
    rules = getattr(provider.package, "__module__", type(provider.package).__module__)
    key = digests.key(
        artifact=artifact.sha256,
        arch=artifact.arch,
        polyfn=digests.code("polyfn"),
        rules=digests.code(rules.partition(".")[0]),
    )
    notes: dict[str, Any] | None = store.notes("findings", key)
    if notes is None:
        with progress.step("verifying", artifact.arch):
            notes = {"findings": _verify(artifact, provider)}
        store.put("findings", key, None, notes)
    findings = [one for one in notes["findings"] if one["code"] not in ignore]
    for one in findings:
        if one["severity"] == "warning":
            log(f"warning[{one['code']}]: {one['message']}")
    if any(one["severity"] == "error" for one in findings):
        from polyfn.toolchain.verify import Finding, refuse

        refuse([Finding(**one) for one in findings], artifact.path.name)


def _verify(artifact: Artifact, provider: Provider) -> list[dict[str, Any]]:
    # Imported where something is looked at: what is known already need not wait for it.
    from polyfn.toolchain.verify import verify

    return [finding.describe() for finding in verify(artifact.path, provider, arch=artifact.arch)]


def within_budget(artifact: Artifact, project: Project, log: Log, examiner: Examiner | None = None) -> None:
    """Hold the artifact against `[tool.polyfn.budget]`. Raises BudgetError, which names the culprits."""
    limits = project.settings.budget
    if not limits.model_dump(exclude_none=True):
        return
    from polyfn.toolchain.report import budget, difference, history
    from polyfn.toolchain.report.examiner import Examiner

    examiner = examiner or Examiner()
    report = examiner.report(artifact, imports=budget.wants_imports(limits))
    before = history.previous(report)
    change = difference.difference(before, report) if before is not None else None
    for line in budget.check_budget(limits, report, change):
        log(line)
