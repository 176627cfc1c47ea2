"""`[tool.polyfn.aws]`: what a project may set for AWS Lambda."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

#: `/api` or `/api/v1`: what is taken off the front of every path.
BasePath = Annotated[str, StringConstraints(pattern=r"^(/[^/?#\s]+)*$")]


class AwsSettings(BaseModel):
    """Settings of the target aws. As JSON they travel in the artifact and reach its runtime."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_path: BasePath = Field(
        default="",
        description="Path in front of every route, such as '/api': for a custom domain's path mapping. "
        "A stage of API Gateway is taken off without it.",
    )
    stream: tuple[Literal["function-url", "rest"], ...] = Field(
        default=("function-url",),
        description="HTTP sources that are configured to stream: a Function URL whose invoke mode is "
        "RESPONSE_STREAM, a REST API whose response transfer mode is STREAM. On any other source, what a "
        "handler yields is collected and sent at once.",
    )
    partial_batch: bool = Field(
        default=True,
        description="Whether event source mappings have ReportBatchItemFailures on. Without it Lambda "
        "ignores a report and deletes failed messages, so with false any failure fails the whole batch.",
    )
    memory: int = Field(default=512, ge=128, le=10240, description="Memory size in MB.")
    timeout: int = Field(default=30, ge=1, le=900, description="Invocation limit in seconds.")
