"""The platform's own lines in the function's log."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from polyfn_aws.emulator.configuration import VERSION


def start_line(request_id: str) -> str:
    """START RequestId: ..."""
    return f"START RequestId: {request_id} Version: {VERSION}"


def end_line(request_id: str) -> str:
    """END RequestId: ..."""
    return f"END RequestId: {request_id}"


def timeout_line(request_id: str, timeout: float) -> str:
    """... Task timed out after 3.00 seconds."""
    now = datetime.now(UTC)
    return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z {request_id} {timeout_words(timeout)}"


def timeout_words(timeout: float) -> str:
    """Task timed out after 3.00 seconds."""
    return f"Task timed out after {timeout:.2f} seconds"


def init_report_line(seconds: float, phase: str, status: str, error_type: str | None) -> str:
    """INIT_REPORT ...: printed for an init that failed, `phase` being init or invoke."""
    line = f"INIT_REPORT Init Duration: {seconds * 1000:.2f} ms\tPhase: {phase}\tStatus: {status}"
    return line if error_type is None else f"{line}\tError Type: {error_type}"


@dataclass(frozen=True)
class Report:
    """What one invocation took. Seconds; `memory` in MB as configured, `peak` in bytes as measured.

    `init` is given for a cold start alone. `status` is None for success, "error" or "timeout".
    """

    request_id: str
    duration: float
    memory: int
    peak: int
    init: float | None = None
    status: str | None = None
    error_type: str | None = None

    @property
    def billed_ms(self) -> int:
        """Whole milliseconds, rounded up; init is billed too."""
        return math.ceil(self.duration * 1000 + (self.init or 0.0) * 1000)

    @property
    def peak_mb(self) -> int:
        """Whole MB, rounded up."""
        return math.ceil(self.peak / (1 << 20))

    def line(self) -> str:
        """The REPORT line."""
        parts = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {self.duration * 1000:.2f} ms",
            f"Billed Duration: {self.billed_ms} ms",
            f"Memory Size: {self.memory} MB",
            f"Max Memory Used: {self.peak_mb} MB",
        ]
        if self.init is not None:
            parts.append(f"Init Duration: {self.init * 1000:.2f} ms")
        if self.status is not None:
            parts.append(f"Status: {self.status}")
        if self.error_type is not None:
            parts.append(f"Error Type: {self.error_type}")
        return "\t".join(parts)

    def facts(self) -> Mapping[str, Any]:
        """The same as JSON: for `Invoked.report`."""
        return {
            "request_id": self.request_id,
            "duration_ms": round(self.duration * 1000, 3),
            "billed_ms": self.billed_ms,
            "memory_mb": self.memory,
            "peak_memory_mb": self.peak_mb,
            "init_ms": None if self.init is None else round(self.init * 1000, 3),
            "status": self.status or "success",
            "error_type": self.error_type,
        }
