"""The artifact for the native Python model: the same functions under Azure's own worker.

Beside the parts of the bundle, which has no interpreter, there are `function_app.py`, host.json without a
custom handler, and requirements.txt. Nothing has to be built: the dependencies are inside. The worker has
the `azure-functions` library itself; requirements.txt names it for a build that Azure is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.manifest import FunctionEntry
from polyfn.toolchain.provider import Build
from polyfn_azure.bindings import Bound, Decorator, bind
from polyfn_azure.function_json import function_json, retry
from polyfn_azure.host_json import host_json
from polyfn_azure.settings import AzureSettings, Output

#: What a parameter is annotated with: the library's own types, by which its converters are chosen.
_TYPES = {
    "httpTrigger": "func.HttpRequest",
    "queueTrigger": "func.QueueMessage",
    "serviceBusTrigger": "func.ServiceBusMessage",
    "eventHubTrigger": "func.EventHubEvent",
    "cosmosDBTrigger": "func.DocumentList",
    "timerTrigger": "func.TimerRequest",
    "eventGridTrigger": "func.EventGridEvent",
    "blobTrigger": "func.InputStream",
}
#: Outputs that take JSON objects; all others take bytes.
_OBJECTS = frozenset({"cosmosdb", "eventgrid", "table", "sql"})

_HEAD = '''\
"""Made by polyfn: the functions of {project} for the native Python model of Azure Functions."""

import os
import sys
import typing

root = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [root + "/runtime", root + "/app"]
sys.path.append(root + "/site")

import azure.functions as func

from polyfn_azure.runtime.native_model import Application

functions = Application(func, {{**{start}, "root": root}}, {types})
app = func.FunctionApp()
'''
_FUNCTION = """

{decorators}
async def {called}({parameters}){returns}:
    return await functions.call({name!r}, {data}, context{outputs})
"""


def write(build: Build, settings: AzureSettings) -> None:
    """Put what the worker reads beside the bundle. Raises ArtifactError for one with an interpreter."""
    from polyfn_azure.package import write_json

    bundle = build.bundle
    if bundle.interpreter != "platform":
        raise ArtifactError(
            "--format native is run by Azure's own Python, and an interpreter was asked for",
            hint="leave --interpreter out, or --format native",
        )
    types = {
        binding["type"]
        for entry in build.manifest.functions
        for binding in function_json(entry, settings)["bindings"]
    }
    write_json(bundle.root / "host.json", host_json(types, settings))
    (bundle.root / "function_app.py").write_text(text(build, settings), encoding="utf-8")
    (bundle.root / "requirements.txt").write_text("azure-functions\n", encoding="utf-8")


def text(build: Build, settings: AzureSettings) -> str:
    """Return function_app.py."""
    entries = build.manifest.functions
    bound = {entry.name: bind(entry, settings) for entry in entries}
    start = {
        "provider": "azure",
        "project": build.project,
        "functions": {entry.name: entry.module for entry in entries},
        "default": entries[0].name if len(entries) == 1 else None,
        "settings": settings.model_dump(mode="json"),
    }
    types = {name: one.type for name, one in bound.items()}
    head = _HEAD.format(project=build.project, start=start, types=types)
    return head + "".join(_function(entry, bound[entry.name], settings) for entry in entries)


def _function(entry: FunctionEntry, bound: Bound, settings: AzureSettings) -> str:
    outputs = settings.function(entry.name).outputs
    returns = " -> func.HttpResponse" if bound.type == "httpTrigger" else " -> None"
    return _FUNCTION.format(
        decorators="\n".join(_decorators(entry.name, bound)),
        # No module-level name of the file's own can be one of these.
        called="function_" + re.sub(r"\W", "_", entry.name),
        parameters=", ".join(
            [f"{bound.data}: {_annotation(bound)}", "context: func.Context", *_outs(outputs)]
        ),
        returns=returns,
        name=entry.name,
        data=bound.data,
        outputs=f", {{{', '.join(f'{one.name!r}: {one.name}' for one in outputs)}}}" if outputs else "",
    )


def _annotation(bound: Bound) -> str:
    one = _TYPES[bound.type]
    return f"typing.List[{one}]" if bound.trigger.arguments.get("cardinality") == "many" else one


def _outs(outputs: Sequence[Output]) -> Iterator[str]:
    for output in outputs:
        yield f"{output.name}: func.Out[{'str' if output.type in _OBJECTS else 'bytes'}]"


def _decorators(name: str, bound: Bound) -> Iterator[str]:
    yield f"@app.function_name({name!r})"
    yield _written(_native(bound.trigger, bound.type))
    yield from (_written(output) for output in bound.outputs)
    if bound.retry is not None:
        told = retry(bound.retry)
        words = {"strategy": {"fixedDelay": "fixed_delay"}.get(told["strategy"], "exponential_backoff")}
        words["max_retry_count"] = str(told["maxRetryCount"])
        names = {"delayInterval": "delay_interval", "minimumInterval": "minimum_interval"}
        names["maximumInterval"] = "maximum_interval"
        words |= {names[key]: value for key, value in told.items() if key in names}
        yield _written(Decorator("retry", words))


def _native(trigger: Decorator, type_: str) -> Decorator:
    """The trigger as the worker's own: it chooses deferred binding itself, and `$return` is HTTP's reply."""
    arguments: dict[str, Any] = {
        key: value for key, value in trigger.arguments.items() if key != "properties"
    }
    if type_ == "httpTrigger":
        arguments["binding_arg_name"] = "$return"
    return Decorator(trigger.name, arguments)


def _written(decorator: Decorator) -> str:
    words = ", ".join(f"{name}={value!r}" for name, value in decorator.arguments.items())
    return f"@app.{decorator.name}({words})"
