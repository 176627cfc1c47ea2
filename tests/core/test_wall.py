"""The first law: what ships is tiny. It imports little, needs nothing, and knows no platform."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: `python -m polyfn` is the toolchain's door, though it must stand in the package.
DOOR = ROOT / "polyfn/__main__.py"
SHIPPED = sorted({*(ROOT / "polyfn").glob("*.py"), *(ROOT / "polyfn/runtime").rglob("*.py")} - {DOOR})
PLUGINS = sorted(ROOT.glob("plugins/*/polyfn_*/runtime/**/*.py"))

#: What a plain sync Call function makes a fresh interpreter import, and nothing else.
CALL = {
    "_json", "_thread", "time", "polyfn", "polyfn.binding", "polyfn.context", "polyfn.errors",
    "polyfn.events", "polyfn.functions", "polyfn.invoke", "polyfn.outcomes", "polyfn.runtime",
    "polyfn.runtime.json", "polyfn.runtime.logs", "polyfn.runtime.start", "polyfn.triggers", "user",
}  # fmt: skip
HTTP = CALL | {"polyfn.http", "polyfn.runtime.percent", "polyfn.runtime.replies", "polyfn.runtime.routes"}
DELIVERY = CALL | {"polyfn.runtime.delivery"}
APPLICATION = (CALL - {"_json", "polyfn.runtime.json"}) | {
    "polyfn.applications", "polyfn.http", "polyfn.lifecycle", "polyfn.runtime.lifespan",
}  # fmt: skip

DEAR = {
    "asyncio", "typing", "re", "json", "logging", "inspect", "dataclasses", "enum", "pydantic",
    "pluggy", "socket", "functools", "collections", "contextlib", "threading", "datetime", "pathlib",
    "traceback", "urllib", "http", "concurrent", "types", "warnings",
}  # fmt: skip

FRAME = """
import sys
sys.path[:0] = [{root!r}, {app!r}]
before = set(sys.modules)
from polyfn.runtime import start
from polyfn.invoke import Invoker
from polyfn.context import Context
setting = {{"functions": {{"f": "user"}}, "default": None}}
invoker = Invoker(start.load(setting, start.choose(setting, None)))
context = Context(request_id="r", function="f", provider="test", deadline=9e9)
{dispatch}
print(*sorted(set(sys.modules) - before))
"""

CALL_USER = """
import polyfn

@polyfn.function
def f(event, context):
    return [event, context.function]
"""
CALL_DISPATCH = """
from polyfn.events import Event
from polyfn.runtime import json
assert json.dumps(invoker.call(Event(raw=b'{"a": 1}'), context)) == b'[{"a":1},"f"]'
"""
HTTP_USER = """
import polyfn

@polyfn.function(polyfn.Http("GET", "/o/{id}"))
def f(request: polyfn.Request):
    return {"id": request.params["id"], "q": request.query["q"], "s": request.cookies.get("s")}
"""
HTTP_DISPATCH = """
from polyfn.http import Request
from polyfn.runtime import replies
request = Request(method="GET", raw_path="/o/7%2F8", raw_query="q=%41")
reply = replies.serve(invoker, request, context)
assert (reply.status, reply.body) == (200, b'{"id":"7/8","q":"A","s":null}')
"""
QUEUE_USER = """
import polyfn

@polyfn.function(polyfn.Queue("q"))
def f(message: polyfn.Message[dict]):
    assert message.data == {}
"""
QUEUE_DISPATCH = """
from polyfn.events import Message
assert invoker.deliver([Message(raw=b"{}")], context) == []
"""

#: Only its first request, or its lifespan, makes it import asyncio.
ASGI_USER = """
import polyfn

async def app(scope, receive, send): ...

f = polyfn.asgi(app, name="f")
"""
ASGI_DISPATCH = """
from polyfn import lifecycle
assert lifecycle.counts() == (1, 0)
"""

CASES = {
    "call": (CALL_USER, CALL_DISPATCH, CALL),
    "http": (HTTP_USER, HTTP_DISPATCH, HTTP),
    "queue": (QUEUE_USER, QUEUE_DISPATCH, DELIVERY),
    "asgi": (ASGI_USER, ASGI_DISPATCH, APPLICATION),
}


@pytest.mark.parametrize("case", CASES)
def test_a_plain_function_imports_nothing_but_this(case: str, tmp_path: Path) -> None:
    user, dispatch, allowed = CASES[case]
    (tmp_path / "user.py").write_text(user)
    program = FRAME.format(root=str(ROOT), app=str(tmp_path), dispatch=dispatch)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    gained = set(done.stdout.split())
    assert not gained & DEAR
    assert gained <= allowed
    # The list says what is imported, not what once was.
    assert allowed <= gained | {"time", "_thread"}


#: What may be imported beside the standard library, by file. Payload types are bound with pydantic, which is
#: the function's own dependency; a server is there where the provider asks for it.
GUESTS = {
    "binding.py": {"pydantic"},
    "server.py": {"uvloop"},
    "on_uvicorn.py": {"uvicorn"},
    "protocol.py": {"uvicorn"},
    "on_granian.py": {"granian"},
}

SERVER = """
import sys
sys.path.insert(0, {root!r})
from polyfn.runtime import server, router, current
print(*sorted(sys.modules))
from polyfn.runtime import asgi, serving
print(*sorted(sys.modules))
"""


def test_a_server_is_imported_only_when_it_is_started() -> None:
    program = SERVER.format(root=str(ROOT))
    done = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, check=True)
    named, application = (set(line.split()) for line in done.stdout.splitlines())
    assert not named & (DEAR - {"types", "warnings"} - _at_start()) - {"re"}
    assert not application & {"uvicorn", "httptools", "granian", "uvloop", "click"}
    assert "asyncio" in application


def _at_start() -> set[str]:
    """What this interpreter has without anybody's asking, such as what an editable install brings."""
    told = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(told.stdout.split())


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    tree = ast.parse(path.read_bytes())
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            # For type checkers alone, which have this one without installing it.
            node.body = [
                entry
                for entry in node.body
                if not (isinstance(entry, ast.ImportFrom) and entry.module == "typing_extensions")
            ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_there_is_something_to_look_at() -> None:
    assert len(SHIPPED) > 15
    assert PLUGINS


@pytest.mark.parametrize("path", SHIPPED + PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_ships_imports_the_standard_library_and_what_ships(path: Path) -> None:
    for name in _imported(path):
        first = name.split(".")[0]
        if path in PLUGINS and first == path.relative_to(ROOT).parts[2]:
            # The package itself is imported for where it is or its version; it holds nothing else.
            assert name.split(".")[1:2] in ([], ["runtime"], ["__version__"]), name
        elif first == "polyfn":
            assert not name.startswith(("polyfn.toolchain", "polyfn.testing")), name
        else:
            assert first in sys.stdlib_module_names or first in GUESTS.get(path.name, ()), name


TESTING = sorted((ROOT / "polyfn/testing").rglob("*.py"))
#: What the golden project imports: what any project may.
GOLDEN = {"polyfn", "golden", "pydantic"}


@pytest.mark.parametrize("path", TESTING, ids=lambda path: str(path.relative_to(ROOT)))
def test_testing_stays_home_and_names_no_provider(path: Path) -> None:
    """It may use the toolchain, and pytest where its class is; a provider is reached by its target."""
    is_golden = path.parent.name == "golden"
    for name in _imported(path):
        first = name.split(".")[0]
        assert not first.startswith("polyfn_"), name
        assert first != "pytest" or path.name == "conformance.py", name
        if is_golden:
            assert first in GOLDEN | sys.stdlib_module_names, name
            assert not name.startswith(("polyfn.toolchain", "polyfn.testing", "polyfn.runtime")), name


def test_testing_is_imported_without_pytest_and_without_the_toolchain() -> None:
    program = "import sys\nfrom polyfn.testing import invoke, message\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    gained = set(done.stdout.split()) - _at_start()
    assert not {name for name in gained if name.startswith(("pytest", "_pytest", "polyfn.toolchain"))}


PROVIDERS = {"aws", "gcp", "azure", "lambda", "google", "amazon", "sqs", "pubsub"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_names_no_provider(path: Path) -> None:
    """By identifiers and strings that code compares or writes; prose may give an example."""
    tree = ast.parse(path.read_bytes())
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        words: list[str] = []
        for field in ("id", "attr", "name", "arg", "module", "asname"):
            word = getattr(node, field, None)
            words += [word] if isinstance(word, str) else []
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            words.append(node.value)
        for word in words:
            found = PROVIDERS.intersection(word.lower().replace(".", "_").replace("-", "_").split("_"))
            assert not found, f"{path}:{getattr(node, 'lineno', '?')} names {found}"
