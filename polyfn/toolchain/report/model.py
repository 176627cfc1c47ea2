"""`Report`: what a finished artifact holds and costs, as JSON with a schema."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Bumped when a reader of the JSON would have to change; new keys are no reason.
SCHEMA: Literal[1] = 1

Kind = Literal["interpreter", "runtime", "app", "distribution", "start", "other"]


class _Model(BaseModel):
    # What a newer polyfn has kept can be read, as far as it is known here.
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Part(_Model):
    """One part of an artifact. Sizes are in bytes."""

    kind: Kind
    name: str
    version: str | None = None
    unpacked: int
    packed: int | None = Field(
        default=None, description="what it takes in the archive; null for a directory and for a tar"
    )
    files: int
    wheel: tuple[str, ...] = Field(default=(), description="tags of the wheel that was chosen")

    @property
    def title(self) -> str:
        """Name and version."""
        return self.name if self.version is None else f"{self.name} {self.version}"


class ImportNode(_Model):
    """One imported module. Times are in microseconds; `cumulative` is with what it imports first."""

    module: str
    self_time: int = Field(alias="self")
    cumulative: int
    imports: tuple[ImportNode, ...] = ()


class ImportCost(_Model):
    """What all modules of one top-level package cost together, in microseconds."""

    package: str
    origin: str = Field(description="the distribution it belongs to, app, runtime or standard library")
    self_time: int = Field(alias="self")
    cumulative: int = Field(description="with all that it imports first")
    modules: int


class Imports(_Model):
    """What one module of the app costs to import, measured in the bundle. Times are in microseconds."""

    module: str
    total: int = Field(description="runtime and functions together: what a start waits for")
    runtime: int = Field(description="polyfn's runtime and the provider's")
    functions: int = Field(description="the module, with all that it imports")
    modules: int
    runs: int = Field(description="how often it was measured; the run with the median total is told")
    emulated: bool = Field(description="whether an emulated processor ran it, which makes times longer")
    top: tuple[ImportCost, ...]
    tree: tuple[ImportNode, ...] = Field(description="without what takes less than a hundredth of the total")


class Report(_Model):
    """What an artifact holds and costs. Sizes are in bytes."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    artifact: str = Field(description="name of the file or directory")
    project: str
    target: str | None = Field(default=None, description="null for an artifact that polyfn did not make")
    arch: Literal["amd64", "arm64"] | None = None
    python: str | None = Field(default=None, description="full version of the interpreter inside")
    sha256: str | None = Field(default=None, description="null for a directory")
    size: int | None = Field(default=None, description="of the file; null for a directory")
    unpacked: int
    files: int
    parts: tuple[Part, ...] = Field(description="the largest first")
    imports: tuple[Imports, ...] = Field(
        default=(), description="one for each module that declares functions, if it was measured"
    )
    not_measured: str | None = Field(default=None, description="why imports were not measured")

    @property
    def slowest(self) -> Imports | None:
        """The module that takes longest to import, None if nothing was measured."""
        return max(self.imports, key=lambda one: one.total, default=None)


class Change(_Model):
    """What became of one part. Sizes are differences in bytes."""

    change: Literal["added", "removed", "up", "down", "changed", "resized"]
    kind: Kind
    name: str
    before: str | None = Field(default=None, description="the version before")
    after: str | None = Field(default=None, description="the version now")
    unpacked: int
    packed: int | None = None


class Difference(_Model):
    """What changed since another build. Sizes are differences in bytes, times in microseconds."""

    against: str = Field(description="sha256 of the other artifact; of a directory, its name")
    size: int | None = None
    unpacked: int
    files: int
    imports: int | None = Field(
        default=None, description="of the slowest module; null unless both were measured"
    )
    changes: tuple[Change, ...] = Field(description="the largest first")


class ReportResult(_Model):
    """What `polyfn report --json` writes."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    report: Report
    difference: Difference | None = Field(
        default=None, description="since the previous build, or from the artifact of --against"
    )


def schema() -> dict[str, Any]:
    """Return the JSON Schema of what `polyfn report --json` writes."""
    return {**ReportResult.model_json_schema(mode="serialization"), "title": "polyfn report --json"}
