"""What has to be set on AWS for a function to work as declared, and cannot be seen at run time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from polyfn.toolchain.manifest import FunctionEntry, Manifest
from polyfn_aws.settings import AwsSettings

_MAPPING = (
    "{}: its event source mapping must have FunctionResponseTypes = [ReportBatchItemFailures], "
    "or failed messages are lost; else set partial_batch = false in [tool.polyfn.aws]"
)
_STREAM = (
    "{}: it streams only where the invoke mode is RESPONSE_STREAM; "
    "HTTP replies stream on {} and are whole elsewhere"
)


def checks(manifest: Manifest, settings: BaseModel) -> Sequence[tuple[str, str]]:
    """Return (severity, message) pairs for `polyfn check`."""
    assert isinstance(settings, AwsSettings)
    return [pair for function in manifest.functions for pair in _of(function, settings)]


def _of(function: FunctionEntry, settings: AwsSettings) -> Iterator[tuple[str, str]]:
    kind = function.trigger.get("kind")
    if kind in ("queue", "stream") and settings.partial_batch:
        # Without it Lambda ignores the report and deletes every message of the batch, failed or not.
        yield (
            "note",
            _MAPPING.format(function.name),
        )
    streams = function.style.endswith("generator") or function.application is not None
    if kind in ("http", "call") and streams:
        yield (
            "note",
            _STREAM.format(function.name, ", ".join(settings.stream) or "nothing"),
        )
