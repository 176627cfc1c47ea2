"""`[tool.polyfn]`: its keys, its JSON Schema, and what is said of a key that is not one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from polyfn.toolchain.errors import ProjectError
from polyfn.toolchain.report.quantities import SIZE_PATTERN, TIME_PATTERN, parse_size, parse_time

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
MODULE = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"

#: Written with a unit, kept in bytes and in microseconds.
Size = Annotated[
    int, BeforeValidator(lambda value: _quantity(value, parse_size)),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN, "examples": ["12 MB", "500 kB", "40 MiB"]}),
]  # fmt: skip
Time = Annotated[
    int, BeforeValidator(lambda value: _quantity(value, parse_time)),
    WithJsonSchema({"type": "string", "pattern": TIME_PATTERN, "examples": ["150 ms", "1.5 s"]}),
]  # fmt: skip


def _quantity(value: object, parse: Callable[[str], int]) -> int:
    # A number alone is refused as well: is 12 a matter of bytes or of megabytes?
    return parse(value if isinstance(value, str) else "")


class Budget(BaseModel):
    """`[tool.polyfn.budget]`: what an artifact may take. `polyfn package` fails above it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zip: Size | None = Field(default=None, description="size of the artifact's file, such as 12 MB")
    unpacked: Size | None = Field(default=None, description="size of its content, such as 40 MB")
    import_: Time | None = Field(
        default=None, alias="import", description="time to import the functions' module, such as 150 ms"
    )


class Settings(BaseModel):
    """What `[tool.polyfn]` may say. A table in it is the settings of the target it is named for."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="[tool.polyfn]")

    module: str | None = Field(default=None, pattern=MODULE, description="the module with the functions")
    modules: tuple[str, ...] = Field(default=(), description="the modules, where there are several")
    name: str | None = Field(default=None, pattern=NAME, description="[project] name unless given")
    include: tuple[str, ...] = Field(
        default=(), description="globs, from the project's directory, of files to carry besides the code"
    )
    exclude: tuple[str, ...] = Field(default=(), description="globs of files to leave out")
    python: str | None = Field(
        default=None,
        pattern=r"^3\.\d+t?$",
        description="Python version to package for, such as 3.13; 3.13t is the free-threaded build",
    )
    interpreter: str | None = Field(
        default=None, description="managed, host, platform, or an archive's path or URL"
    )
    keep: tuple[str, ...] = Field(
        default=(), description="modules of the standard library that would be left out, such as tkinter"
    )
    prune: tuple[str, ...] = Field(
        default=(), description="modules of the standard library to leave out besides, such as sqlite3"
    )
    budget: Budget = Field(default=Budget(), description="limits that `polyfn package` holds artifacts to")
    providers: dict[str, dict[str, Any]] = Field(default_factory=dict, exclude=True)

    @property
    def all_modules(self) -> tuple[str, ...]:
        """`module` and `modules` together, without repetition."""
        first = () if self.module is None else (self.module,)
        return tuple(dict.fromkeys(first + self.modules))


def read(table: Mapping[str, Any], where: str) -> Settings:
    """Validate the table. `where` names the file in messages. Raises ProjectError."""
    keys = _keys()
    providers = {key: value for key, value in table.items() if isinstance(value, dict) and key not in keys}
    known = {key: value for key, value in table.items() if key not in providers}
    for key in known:
        if key not in keys:
            raise _unknown(key, keys, where)
    try:
        return Settings.model_validate({**known, "providers": providers})
    except ValidationError as error:
        raise ProjectError(f"{where}: {explain(error, 'tool.polyfn')}") from None


def schema() -> dict[str, Any]:
    """Return the JSON Schema of `[tool.polyfn]`."""
    generated = Settings.model_json_schema()
    generated["properties"].pop("providers", None)
    generated["additionalProperties"] = {
        "type": "object",
        "description": "settings of the target that the table is named for",
    }
    return generated


def explain(error: ValidationError, table: str) -> str:
    """Return every fault of a settings table in words, without pydantic's own framing."""
    faults = []
    for fault in error.errors(include_url=False):
        place = ".".join(str(part) for part in (table, *fault["loc"]))
        faults.append(f"{place} = {fault['input']!r}: {fault['msg']}")
    return "; ".join(faults)


def _keys() -> list[str]:
    return [key for key in Settings.model_fields if key != "providers"]


def _unknown(key: str, keys: list[str], where: str) -> ProjectError:
    close = difflib.get_close_matches(key, keys, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return ProjectError(
        f"{where}: [tool.polyfn] has no key {key!r}",
        hint=f"{guess}its keys are {', '.join(keys)}, and a table of settings for each target",
    )
