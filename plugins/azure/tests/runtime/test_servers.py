"""The other servers and loops that the settings may choose: the same three transports."""

import json
from importlib.util import find_spec

import pytest

from tests.parts import missing

SOURCE = """
    @polyfn.function
    def hello(event): return event

    @polyfn.function(polyfn.Queue("orders"))
    async def fulfil(message: polyfn.Message): print(message.text)
"""


@pytest.mark.parametrize(
    ("server", "loop"), [("uvicorn", "uvloop"), ("granian", "asyncio"), ("granian", "uvloop")]
)
def test_the_transports(launch, server, loop):
    for name in {server, loop} - {"asyncio"}:
        if find_spec(name) is None:
            missing(f"{name} is not installed")
    program = launch(SOURCE, "hello", "fulfil", server=server, loop=loop).wait()
    assert program.proxied("POST", "/hello", {"a": 1}).text == '{"a":1}'
    for chunked in (True, False):
        answer = program.invoke("fulfil", {"message": '"x"'}, chunked=chunked)
        assert json.loads(answer.raw) == {"Outputs": None, "Logs": [], "ReturnValue": None}
    program.end()
    assert (program.out, program.err) == ("x\nx\n", "")
