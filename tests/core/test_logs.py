"""polyfn's own log lines, and logging configured exactly when it is needed."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from polyfn.runtime import logs

ROOT = str(Path(logs.__file__).parents[2])


def fresh(program: str, tmp_path: Path) -> list[str]:
    prelude = f"import sys; sys.path[:0] = [{ROOT!r}, {str(tmp_path)!r}]\nfrom polyfn.runtime import logs\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", prelude + program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


COUNT = "told = []\nlogs.when_logging_is_imported(lambda: told.append('logging' in sys.modules))\n"


def test_logging_is_configured_once_when_it_is_imported(tmp_path: Path) -> None:
    program = COUNT + (
        "assert told == [] and 'logging' not in sys.modules\n"
        "import json\nassert told == []\n"
        "import logging, logging.handlers\nimport logging\n"
        "assert told == [True]\n"
        "assert logging.__spec__.loader is logging.__loader__\n"
        "assert type(logging.__loader__).__name__ == 'SourceFileLoader'\n"
        "import inspect\nassert 'class Logger' in inspect.getsource(logging)\n"
        "print(len([finder for finder in sys.meta_path if 'Logging' in type(finder).__name__]))\n"
    )
    assert fresh(program, tmp_path) == ["0"]


def test_logging_is_configured_when_a_handler_imports_it(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(
        "import polyfn\n@polyfn.function\ndef f(event):\n"
        "    import logging\n    logging.getLogger('mine').warning('hello %s', event)\n"
    )
    program = """
import user
from polyfn.context import Context
from polyfn.events import Event
from polyfn.functions import declared
from polyfn.invoke import Invoker

def configure():
    import logging
    logging.basicConfig(stream=sys.stdout, format="<%(message)s>")

logs.when_logging_is_imported(configure)
mine = Invoker(declared["f"])
for n in (1, 2):
    mine.call(Event(payload=n), Context(request_id="r", function="f", provider="p"))
"""
    assert fresh(program, tmp_path) == ["<hello 1>", "<hello 2>"]


def test_logging_of_a_submodule_or_from_a_thread_is_configured_too(tmp_path: Path) -> None:
    program = COUNT + (
        "import threading\n"
        "threads = [threading.Thread(target=lambda: __import__('logging.handlers')) for _ in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\nprint(told)\n"
    )
    assert fresh(program, tmp_path) == ["[True]"]


def test_a_module_that_shadows_logging_is_the_one_that_is_configured(tmp_path: Path) -> None:
    (tmp_path / "logging.py").write_text("mine = True\n")
    assert fresh(COUNT + "import logging\nprint(logging.mine, told)\n", tmp_path) == ["True [True]"]


def test_a_logging_that_cannot_be_imported_is_not_configured(tmp_path: Path) -> None:
    (tmp_path / "logging.py").write_text("raise ValueError('broken')\n")
    program = COUNT + "try: import logging\nexcept ValueError as error: print(error, told)\n"
    assert fresh(program, tmp_path) == ["broken []"]


def test_logging_that_is_there_is_configured_at_once() -> None:
    told: list[int] = []
    assert logging
    before = list(sys.meta_path)
    logs.when_logging_is_imported(lambda: told.append(1))
    assert told == [1]
    assert sys.meta_path == before


def test_a_line_goes_to_the_sink_that_a_provider_set(lines: list[Any]) -> None:
    error = ValueError("x")
    logs.report("ERROR", "what happened", error=error, request_id="r", message_id=None)
    assert lines == [("ERROR", "what happened", error, {"request_id": "r", "message_id": None})]


def test_without_a_provider_a_line_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    logs.sink = logs.to_stderr
    logs.report("INFO", "all is well", request_id="r", message_id=None)
    try:
        raise ValueError("no")
    except ValueError as error:
        logs.report("ERROR", "it failed", error=error)
    out, err = capsys.readouterr()
    told = err.splitlines()
    assert out == ""
    assert told[:3] == [
        "[INFO] all is well request_id=r",
        "[ERROR] it failed",
        "Traceback (most recent call last):",
    ]
    assert told[-1] == "ValueError: no"


def test_without_standard_error_a_line_is_lost_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    logs.to_stderr("INFO", "nobody hears", None, {})
