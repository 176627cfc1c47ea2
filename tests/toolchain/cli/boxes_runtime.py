"""What `box` ships: the function's name as argument, one event on stdin, one answer on stdout."""

import sys

from polyfn.context import Context
from polyfn.events import Event
from polyfn.invoke import Invoker
from polyfn.runtime import json
from polyfn.runtime.start import load


def main(start):
    invoker = Invoker(load(start, sys.argv[1]))
    context = Context(request_id="1", function=sys.argv[1], provider="box")
    answer = invoker.call(Event(raw=sys.stdin.buffer.read()), context)
    sys.stdout.buffer.write(answer if isinstance(answer, bytes) else json.dumps(answer))
