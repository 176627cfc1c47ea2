"""The command that the host runs: customHandler.description of host.json (HttpWorkerOptionsSetup).

Arguments are joined with blanks and not quoted, so that one with a blank in it becomes two.
"""

import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyfn.toolchain.errors import EmulationError
from polyfn_azure.emulator.application import Application
from polyfn_azure.emulator.environment import PATH
from polyfn_azure.emulator.names import expanded

_OVERRIDE = "AzureFunctionsJobHost__customHandler__description__"


@dataclass(frozen=True)
class Command:
    """What is executed, and where."""

    words: tuple[str, ...]
    directory: Path


def command(application: Application, environment: Mapping[str, str]) -> Command:
    """Return the command of a handler. Raises EmulationError."""
    told = _described(application, environment)
    given = told.get("defaultExecutablePath")
    if not isinstance(given, str) or not given:
        raise EmulationError(
            "host.json has no customHandler.description.defaultExecutablePath: this is no custom handler",
            hint="an app of the native Python model runs in Microsoft's worker, not here",
        )
    directory = _directory(application.root, told.get("workingDirectory"))
    program = _program(application.root, directory, expanded(given, environment), environment)
    words = [expanded(str(told["defaultWorkerPath"]), environment)] if told.get("defaultWorkerPath") else []
    joined = [*_list(told, "arguments"), *words, *_list(told, "workerArguments")]
    try:
        arguments = shlex.split(" ".join(expanded(each, environment) for each in joined))
    except ValueError as error:
        raise EmulationError(
            f"host.json: the arguments cannot be parted: {error}", hint="the host joins them with blanks"
        ) from None
    return Command((program, *arguments), directory)


def _described(application: Application, environment: Mapping[str, str]) -> dict[str, Any]:
    told = application.section("customHandler", "description")
    for key in ("arguments", "workerArguments"):
        if (given := environment.get(_OVERRIDE + key)) is None:
            continue
        try:
            told[key] = json.loads(given)
        except ValueError:
            raise EmulationError(
                f"the app setting {_OVERRIDE}{key} is no JSON list", hint='such as ["start.py", "--fast"]'
            ) from None
    return told


def _list(told: Mapping[str, Any], key: str) -> list[str]:
    given = told.get(key)
    return [str(each) for each in given] if isinstance(given, list) else []


def _directory(root: Path, given: Any) -> Path:
    directory = root / given if isinstance(given, str) and given else root
    if not directory.is_dir():
        raise EmulationError(
            f"host.json: workingDirectory is {given!r}, which is not in the app", hint="leave it empty"
        )
    return directory


def _program(root: Path, directory: Path, given: str, environment: Mapping[str, str]) -> str:
    """Return the app's own file if there is one, else what the PATH has."""
    for place in (directory / given, root / given):
        if place.is_file():
            if not place.stat().st_mode & 0o100:
                # As AssignUserExecutePermissionsIfNotExists does on Consumption plans.
                place.chmod(place.stat().st_mode | 0o755)
            return str(place)
    found = shutil.which(given, path=environment.get("PATH", PATH))
    if found is None:
        raise EmulationError(
            f"host.json: defaultExecutablePath is {given!r}, neither in the app nor on the host's PATH",
            hint="name a file of the zip, relative to host.json",
        )
    return found
