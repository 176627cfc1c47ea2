"""`[tool.polyfn.gcp]`: what a project may set for Google Cloud Run."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

#: Names that Cloud Run keeps for itself: setting one fails the deployment
#: (https://cloud.google.com/run/docs/configuring/services/environment-variables).
RESERVED = re.compile(
    r"PORT|K_(SERVICE|REVISION|CONFIGURATION)|CLOUD_RUN_(JOB|EXECUTION|WORKER_POOL|REVISION)"
    r"|CLOUD_RUN_TASK_(INDEX|ATTEMPT|COUNT)|X_GOOGLE_.*"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _variables(told: dict[str, str]) -> dict[str, str]:
    for name in told:
        if RESERVED.fullmatch(name):
            raise ValueError(f"{name} is a name that Cloud Run keeps for itself")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a variable: expected letters, digits and '_'")
    return told


#: A project's id, as `gcloud projects list` shows it; older ones have a domain in front.
Project = Annotated[str, StringConstraints(pattern=r"^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$")]


class GcpSettings(BaseModel):
    """Settings of the target gcp. As JSON they travel in the artifact and reach its runtime."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout: int = Field(
        default=300, ge=1, le=3600, description="Request limit in seconds, as the service is configured."
    )
    concurrency: int = Field(
        default=80, ge=1, le=1000, description="Requests that one instance serves at once; others wait."
    )
    threads: int = Field(
        default=80, ge=1, le=1000, description="Threads for sync handlers, of which each serves one request."
    )
    memory: int = Field(default=512, ge=128, le=32768, description="Memory limit in MiB.")
    server: Literal["uvicorn", "granian"] = Field(default="uvicorn", description="The HTTP server.")
    loop: Literal["uvloop", "asyncio"] = Field(default="uvloop", description="The event loop.")
    poison: Literal["retry", "drop"] = Field(
        default="retry",
        description="What becomes of a message or an event whose payload does not fit: refused, so that its "
        "sender tries again and has it end in the dead-letter topic, or given up with an error in the log.",
    )
    project: Project | None = Field(
        default=None, description="Project id for the traces of log lines; GOOGLE_CLOUD_PROJECT wins."
    )
    base: str | None = Field(
        default=None, description="Image that the artifact is built upon; none where the bundle needs none."
    )
    env: Annotated[dict[str, str], AfterValidator(_variables)] = Field(
        default={}, description="Environment variables of the container."
    )
