"""What a project's modules declare, read in a process of their own."""

import sys
import time
from pathlib import Path

import pytest

from polyfn.errors import DeclarationError, FunctionNotFoundError, ModuleLoadError
from polyfn.toolchain.bundle import ships
from polyfn.toolchain.collect import Surroundings, collect
from polyfn.toolchain.project import load


@pytest.fixture
def collected(write, tmp_path):
    """Collect one file's text, with nothing but polyfn's runtime around it."""
    ships.copy((), tmp_path / "runtime")

    def collected(text, *, site=None, limit=30.0, files=()):
        root = write({"hello.py": text, **dict(files)})
        around = Surroundings(sys.executable, root, tmp_path / "runtime", site)
        return collect(load(root / "hello.py"), around, limit=limit)

    return collected


def test_functions_come_back_as_declared(collected):
    manifest = collected(
        """
        import polyfn

        @polyfn.function
        def hello(event: dict) -> dict:
            return {}

        @polyfn.function(polyfn.Queue("orders"), name="fulfil")
        async def handle(message: polyfn.Message[dict], context) -> None:
            print(message.native, context.native)

        @polyfn.function(polyfn.Schedule("0 6 * * *"))
        def nightly():
            yield 1

        @polyfn.on_start
        def begin(): ...

        @polyfn.on_stop
        def end(): ...

        @polyfn.resource
        def thing(): ...
        """
    )
    assert [entry.name for entry in manifest.functions] == ["hello", "fulfil", "nightly"]
    assert (manifest.start_hooks, manifest.stop_hooks) == (1, 2)
    hello, fulfil, nightly = manifest.functions
    assert (hello.module, hello.handler, hello.style, hello.arity, hello.level) == (
        "hello", "hello", "sync", 1, "payload",
    )  # fmt: skip
    assert (fulfil.handler, fulfil.style, fulfil.arity, fulfil.level) == ("handle", "async", 2, "event")
    assert fulfil.trigger == {"kind": "queue", "name": "orders", "concurrency": 1}
    assert fulfil.native == ("hello.py:9",)
    assert (nightly.style, nightly.arity) == ("generator", 0)
    assert nightly.trigger == {"kind": "schedule", "cron": "0 6 * * *"}
    assert hello.line == 3


def test_an_application_is_described_and_not_started(collected):
    manifest = collected(
        """
        import polyfn

        async def app(scope, receive, send):
            raise SystemExit("nobody serves it here")

        @polyfn.function
        def other(event, context):
            context.defer(print)

        api = polyfn.asgi(app)
        """
    )
    assert [entry.name for entry in manifest.functions] == ["other", "api"]
    other, api = manifest.functions
    assert (api.module, api.handler, api.application) == ("hello", "api", "hello.app")
    assert (api.style, api.arity, api.level, api.needs) == ("async", 2, "event", ())
    assert api.trigger == {"kind": "http"}
    assert api.line == 10
    assert other.application is None
    # What it has to do at start and stop is not known before it is served.
    assert (manifest.start_hooks, manifest.stop_hooks) == (0, 0)
    assert (other.defers, api.defers) == (("hello.py:8",), ())


def test_functions_of_imported_modules_are_found_under_their_own_module(collected):
    other = "import polyfn\n@polyfn.function\ndef other(): ...\n"
    manifest = collected("import other\n", files={"other.py": other}.items())
    assert [(entry.name, entry.module) for entry in manifest.functions] == [("other", "other")]


def test_what_the_module_prints_is_not_taken_for_an_answer(collected):
    manifest = collected(
        """
        import os, sys, polyfn
        print('{"functions": []}')
        os.write(1, b"noise"); os.write(2, b"noise")
        sys.stdout.close()
        @polyfn.function
        def hello(): ...
        """
    )
    assert [entry.name for entry in manifest.functions] == ["hello"]


def test_the_toolchain_is_not_there(collected):
    with pytest.raises(ModuleLoadError, match=r"No module named 'polyfn\.toolchain'"):
        collected("import polyfn.toolchain")
    with pytest.raises(ModuleLoadError, match="No module named 'click'"):
        collected("import click")


def test_the_parent_imports_nothing_of_the_user(collected):
    collected("import polyfn\n@polyfn.function\ndef hello(): ...\n")
    assert "hello" not in sys.modules


def test_a_broken_module_shows_the_users_frames_alone(collected):
    with pytest.raises(ModuleLoadError) as caught:
        collected("import broken\n", files={"broken.py": "def f():\n    return 1 / 0\n\nf()\n"}.items())
    assert caught.value.message == (
        "the module 'hello' cannot be imported: ZeroDivisionError: division by zero"
        "\n  hello.py:1: import broken\n  broken.py:4: f()\n  broken.py:2: return 1 / 0"
    )


def test_a_syntax_error_names_its_line(collected):
    with pytest.raises(ModuleLoadError, match=r"SyntaxError.*\n  hello\.py:2: def f\("):
        collected("x = 1\ndef f(\n")


def test_a_missing_distribution_says_where_to_add_it(collected):
    with pytest.raises(ModuleLoadError) as caught:
        collected("import requests\n")
    assert caught.value.hint == "add what provides 'requests' to the script block in hello.py"


def test_a_wrong_declaration_keeps_its_code_and_hint(collected):
    with pytest.raises(DeclarationError) as caught:
        collected("import polyfn\npolyfn.Http('GETT')\n")
    assert "expected an HTTP method" in caught.value.message
    assert "hello.py:2" in caught.value.message
    assert "the method comes first" in caught.value.hint


def test_a_type_that_no_payload_fits_is_a_wrong_declaration(collected):
    import pydantic

    text = "import polyfn\nclass Odd: ...\n@polyfn.function\ndef hello(event: Odd): ...\n"
    with pytest.raises(DeclarationError) as caught:
        collected(text, site=Path(pydantic.__path__[0]).parent)
    assert "function 'hello': payloads cannot be bound to <class 'hello.Odd'>" in caught.value.message


def test_functions_of_a_dependency_name_no_place_of_this_machine(collected, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "ready.py").write_text("import polyfn\n@polyfn.function\ndef ready(e): return e.native\n")
    assert collected("import ready\n", site=site).functions[0].native == ("ready.py:3",)


def test_a_handler_that_cannot_be_called_is_a_wrong_declaration(collected):
    with pytest.raises(DeclarationError, match="takes 3 parameters"):
        collected("import polyfn\n@polyfn.function\ndef hello(a, b, c): ...\n")


def test_no_function_is_an_error_with_a_hint(collected):
    with pytest.raises(FunctionNotFoundError) as caught:
        collected("def hello(event): ...\n")
    assert caught.value.message == "the module 'hello' declares no function"
    assert "@polyfn.function" in caught.value.hint


@pytest.mark.parametrize("leave", ["raise SystemExit(3)", "import sys; sys.exit('no')"])
def test_a_module_that_exits_is_told_apart(collected, leave):
    with pytest.raises(ModuleLoadError, match="SystemExit"):
        collected(f"{leave}\n")


def test_a_module_that_ends_the_process_shows_its_last_words(collected):
    with pytest.raises(ModuleLoadError, match=r"ended with status 7 while importing\n  bye"):
        collected("import os\nos.write(1, b'bye')\nos._exit(7)\n")


def test_last_words_need_no_flush(collected):
    with pytest.raises(ModuleLoadError, match=r"ended with status 7 while importing\n  bye"):
        collected("import os\nprint('bye')\nos._exit(7)\n")


def test_a_module_that_forks_declares_once(collected):
    manifest = collected("""
        import os, polyfn
        child = os.fork() == 0
        if child:
            polyfn.function(lambda: 1, name="child")
        else:
            os.wait()
        polyfn.function(lambda: 1, name="both")
    """)
    assert [entry.name for entry in manifest.functions] == ["both"]


def test_a_hanging_import_has_a_limit_and_leaves_nothing_running(collected, tmp_path):
    sign = tmp_path / "alive"
    text = f"""
        import subprocess, time
        print("connecting", flush=True)
        subprocess.Popen(["sh", "-c", "sleep 2.5; touch {sign}"])
        time.sleep(60)
        """
    began = time.monotonic()
    with pytest.raises(ModuleLoadError, match=r"took more than 1 s to import\n  connecting"):
        collected(text, limit=1.0)
    assert time.monotonic() - began < 2.4
    time.sleep(2)
    assert not sign.exists()


def test_threads_of_the_module_do_not_keep_it(collected):
    began = time.monotonic()
    collected(
        """
        import threading, time, polyfn
        threading.Thread(target=time.sleep, args=(20,)).start()
        @polyfn.function
        def hello(): ...
        """
    )
    assert time.monotonic() - began < 10


def test_validated_payloads_have_their_schema_where_pydantic_is(collected, tmp_path):
    text = """
        import polyfn
        from dataclasses import dataclass

        @dataclass
        class Order:
            id: int

        @polyfn.function
        def order(event: Order): ...
        """
    without = collected(text).functions[0]
    assert (without.level, without.needs, without.json_schema) == ("validated", ("pydantic",), None)
    import pydantic

    with_it = collected(text, site=Path(pydantic.__path__[0]).parent).functions[0]
    assert with_it.json_schema["properties"] == {"id": {"title": "Id", "type": "integer"}}
