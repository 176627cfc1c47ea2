"""Which transport each function of a project has: what the process will decide, asked before it runs."""

from __future__ import annotations

from polyfn.toolchain.manifest import Manifest
from polyfn_azure.runtime import plan as shipped
from polyfn_azure.runtime.plan import Plan
from polyfn_azure.settings import AzureSettings


def plan(manifest: Manifest, settings: AzureSettings) -> Plan:
    """Decide the transports of the project's functions."""
    pairs = [(entry.name, entry.trigger) for entry in manifest.functions]
    return shipped.plan(pairs, settings.model_dump(mode="json"))
