"""The manifest: what a project's modules declare, and what an artifact says of itself.

`polyfn.json` at the root of every bundle is an `ArtifactManifest` as JSON.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Bumped when a reader of the JSON would have to change.
SCHEMA = 1


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FunctionEntry(_Model):
    """One declared function."""

    name: str
    module: str = Field(description="dotted name of the module that declares it")
    handler: str = Field(description="qualified name of the handler in that module")
    trigger: dict[str, Any] = Field(description="Trigger.describe(): its kind and settings")
    style: Literal["sync", "async", "generator", "async generator"]
    arity: Literal[0, 1, 2] = Field(description="how many parameters the handler takes")
    level: Literal["payload", "validated", "bytes", "event", "batch"]
    needs: tuple[str, ...] = Field(default=(), description="distributions that binding needs at run time")
    json_schema: dict[str, Any] | None = Field(default=None, description="of the validated payload")
    native: tuple[str, ...] = Field(
        default=(), description="places in the source that reach for .native: 'file:line'"
    )
    retry_delays: tuple[str, ...] = Field(
        default=(), description="places that raise Retry(after=...): 'file:line'"
    )
    defers: tuple[str, ...] = Field(default=(), description="places that defer work: 'file:line'")
    application: str | None = Field(
        default=None, description="the ASGI application that it serves: its class, or the function that it is"
    )
    line: int | None = None


class Manifest(_Model):
    """What the collector found in a project's modules."""

    functions: tuple[FunctionEntry, ...]
    start_hooks: int = 0
    stop_hooks: int = Field(default=0, description="on_stop hooks and resources: what shutdown must run")

    def function(self, name: str) -> FunctionEntry | None:
        """Return the function of this name, or None."""
        return next((entry for entry in self.functions if entry.name == name), None)


class InterpreterEntry(_Model):
    """The interpreter inside a bundle."""

    source: Literal["managed", "host", "archive", "platform", "linked"]
    version: str = Field(description="full version, such as 3.13.2; 3.13.2t is free-threaded")
    origin: str | None = Field(default=None, description="what it was made from: a name, never a local path")


class ArtifactManifest(_Model):
    """`polyfn.json` at the root of a bundle."""

    schema_: int = Field(default=SCHEMA, alias="schema")
    polyfn: str
    target: str
    arch: Literal["amd64", "arm64"]
    interpreter: InterpreterEntry
    project: str
    functions: tuple[FunctionEntry, ...]
    settings: dict[str, Any] = Field(default_factory=dict)
    distributions: dict[str, str] = Field(
        default_factory=dict, description="name to version, of what is inside"
    )
    runtime: dict[str, str] = Field(
        default_factory=dict,
        description="name to version, of the distributions that polyfn's runtime is from",
    )

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of `polyfn.json`."""
    return {**ArtifactManifest.model_json_schema(mode="serialization"), "title": "polyfn.json"}
