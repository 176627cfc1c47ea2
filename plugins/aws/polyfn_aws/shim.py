"""The way in through Lambda's own Python: what `--interpreter platform` puts in place of `bootstrap`.

Lambda's managed runtime `python3.x` imports the module that the handler setting names, before it asks
for the first invocation. This one replaces the process with the same interpreter running the bundle's
`start.py`, as an execution wrapper would: the same pid, the same environment, polyfn's own loop. So
streaming, stop hooks, logs and everything else are what they are with an interpreter of one's own.
"""

from __future__ import annotations

#: The module's name. The handler setting is this and the function: `polyfn_handler.hello`.
MODULE = "polyfn_handler"

#: Run by the managed runtime, so nothing here may need more than any Python 3 has.
TEXT = '''\
"""Made by polyfn: set the handler of the Lambda function to {module}.{example}"""

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
os.execv(sys.executable, [sys.executable, "-I", "-S", "-X", "utf8", os.path.join(here, "start.py")])
'''


def text(example: str) -> str:
    """Return the module's source; `example` is one of the artifact's functions."""
    return TEXT.format(module=MODULE, example=example)
