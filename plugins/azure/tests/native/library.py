"""function.json by the azure-functions of this Python: JSON of (function, settings) pairs in, a list out."""

import json
import sys

from polyfn.toolchain.manifest import FunctionEntry
from polyfn_azure.function_json import function_json
from polyfn_azure.settings import AzureSettings

print(
    json.dumps(
        [
            function_json(FunctionEntry(**entry), AzureSettings(**settings))
            for entry, settings in json.load(sys.stdin)
        ]
    )
)
