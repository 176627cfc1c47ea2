"""`[tool.polyfn.azure]`: what a project may set for Azure Functions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

#: `api` or `api/v1`: what the host puts in front of every route.
Prefix = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?$")]
#: The name of an app setting that holds a connection, or begins those of an identity.
Connection = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_:.-]*$")]
AuthLevel = Literal["anonymous", "function", "admin"]
QueueKind = Literal["storage", "servicebus"]
TopicKind = Literal["servicebus", "eventgrid"]
StreamKind = Literal["eventhub", "cosmosdb"]
BlobSource = Literal["EventGrid", "LogsAndContainerScan"]
#: The services that a connection is for.
Service = Literal["storage", "servicebus", "eventhub", "cosmosdb", "eventgrid", "sql", "table"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Retry(_Model):
    """function.json's `retry`: the host runs a failed invocation again.

    Only the triggers of Event Hubs, Cosmos DB, Kafka and timers have it
    (https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages).
    """

    strategy: Literal["fixed", "exponential"] = Field(default="fixed", description="How the delay grows.")
    count: int = Field(default=5, ge=-1, description="Retries at most; -1 is without end.")
    delay: int = Field(default=10, ge=0, le=86400, description="Seconds between retries, of `fixed`.")
    minimum: int = Field(
        default=1, ge=0, le=86400, description="Shortest delay in seconds, of `exponential`."
    )
    maximum: int = Field(
        default=300, ge=0, le=86400, description="Longest delay in seconds, of `exponential`."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Retry:
        if self.strategy == "exponential" and self.minimum > self.maximum:
            raise ValueError(f"minimum is {self.minimum} s and maximum {self.maximum} s: the wrong way round")
        return self


class Output(BaseModel):
    """An output binding: what a function writes as `context.native.outputs[name]`.

    Beside these, the keys of the binding itself as function.json has them (queueName, path, ...).
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,126}$")]
    type: Literal["queue", "servicebus", "eventhub", "blob", "cosmosdb", "eventgrid", "table", "sql"]
    connection: Connection | None = None

    @property
    def keys(self) -> dict[str, Any]:
        """The binding's own keys."""
        return dict(self.model_extra or {})


class FunctionSettings(_Model):
    """What differs for one function. None leaves it as the app has it."""

    auth_level: AuthLevel | None = Field(default=None, description="Who may call it over HTTP.")
    queue: QueueKind | None = Field(default=None, description="What kind of queue it reads.")
    topic: TopicKind | None = Field(default=None, description="What kind of topic it reads.")
    stream: StreamKind | None = Field(default=None, description="What kind of stream it reads.")
    blob_source: BlobSource | None = Field(default=None, description="How new blobs are found.")
    connection: Connection | None = Field(default=None, description="App setting with its connection.")
    subscription: str | None = Field(
        default=None, description="Subscription of a Service Bus topic; by default the function's name."
    )
    consumer_group: str | None = Field(default=None, description="Consumer group of an event hub.")
    batch: bool = Field(default=False, description="Whether Service Bus delivers several messages at once.")
    sessions: bool = Field(default=False, description="Whether the Service Bus entity has sessions.")
    retry: Retry | None = Field(default=None, description="Retries by the host, where Azure has them.")
    disabled: bool = Field(default=False, description="Whether the host leaves it alone.")
    outputs: tuple[Output, ...] = Field(default=(), description="Output bindings.")

    @model_validator(mode="after")
    def _named_once(self) -> FunctionSettings:
        names = [output.name.lower() for output in self.outputs]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two outputs are named {min(twice)!r}")
        return self


class AzureSettings(_Model):
    """Settings of the target azure. As JSON they travel in the artifact and reach its runtime."""

    route_prefix: Prefix = Field(
        default="",
        description="What the host puts in front of every route; empty, so that paths are as declared.",
    )
    transport: Literal["proxy", "forward", "envelope"] = Field(
        default="proxy",
        description="How HTTP arrives: proxied, which streams; forwarded, for hosts before 4.1041; or in the "
        "host's JSON envelope.",
    )
    auth_level: AuthLevel = Field(default="anonymous", description="Who may call functions over HTTP.")
    timeout: int = Field(
        default=300, ge=1, le=86400, description="functionTimeout in seconds; what a plan allows differs."
    )
    queue: QueueKind = Field(default="storage", description="What Queue reads.")
    topic: TopicKind = Field(default="servicebus", description="What Topic reads.")
    stream: StreamKind = Field(default="eventhub", description="What Stream reads.")
    blob_source: BlobSource = Field(
        default="EventGrid", description="How new blobs are found; Flex Consumption has EventGrid alone."
    )
    message_encoding: Literal["base64", "none"] = Field(
        default="base64", description="How the text of messages in Storage queues is encoded."
    )
    connections: dict[Service, Connection] = Field(
        default={}, description="App settings with connections, by service."
    )
    extension_bundle: Annotated[str, StringConstraints(pattern=r"^[\[(][0-9.* ]+,[0-9.* ]+[\])]$")] = Field(
        default="[4.*, 5.0.0)", description="Versions of the extension bundle, as an interval."
    )
    log_level: Literal["Trace", "Debug", "Information", "Warning", "Error", "Critical", "None"] = Field(
        default="Information", description="The host's own log level."
    )
    concurrency: int = Field(
        default=100, ge=1, le=10000, description="Invocations that one instance serves at once; others wait."
    )
    threads: int = Field(
        default=80,
        ge=1,
        le=1000,
        description="Threads for sync handlers, of which each serves one invocation.",
    )
    server: Literal["uvicorn", "granian"] = Field(default="uvicorn", description="The HTTP server.")
    loop: Literal["uvloop", "asyncio"] = Field(default="uvloop", description="The event loop.")
    poison: Literal["retry", "drop"] = Field(
        default="retry",
        description="What becomes of a message or an event whose payload does not fit: failed, so that the "
        "host tries again and then puts it aside, or given up with an error in the log.",
    )
    functions: dict[str, FunctionSettings] = Field(default={}, description="What differs, by function.")

    def function(self, name: str) -> FunctionSettings:
        """Return what differs for a function."""
        return self.functions.get(name) or FunctionSettings()
