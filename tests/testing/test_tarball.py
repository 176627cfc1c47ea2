"""The suite can fail: the provider of docs/writing-a-provider.md joins it, as it is and with defects."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toolchain.plugins.distributions import Site

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "writing-a-provider.md").read_text()
FILES = {
    name: body
    for name, body in re.findall(r"^```python\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    if name.startswith(("polyfn_tarball/", "tests/"))
}

#: What is changed, and the cases that must find it.
DEFECTS = [
    ("dialect.py", '        return Logged(line)\n    told', '        return None\n    told'),
    ("start.py", '"failed": type(error).__name__', '"answer": None'),
    ("start.py", "    lifecycle.stop()\n", ""),
    ("start.py", "json.dumps({\"answer\": invoker.call(event, context)})",
     "json.dumps({\"answer\": invoker.call(event, context)}).replace(b'Ada', b'ADA')"),
    ("provider.py", "Capability.STOP_HOOKS}", "Capability.STOP_HOOKS, Capability.DEFER}"),
]  # fmt: skip
FOUND = {
    "call-logs", "call-fails", "call-refuses-what-does-not-fit", "call-validated", "stop-hooks", "defer",
}  # fmt: skip

PROGRAM = """
import json, sys
from pathlib import Path
from polyfn.testing import matrix
from polyfn.testing.results import run

report = run("tarball", Path(sys.argv[1]))
states = {one.case.name: (one.state, one.detail) for one in report.results}
print(json.dumps({"states": states, "page": matrix.render([report])}))
"""


def installed(folder, defects=()):
    files = dict(FILES)
    for name, old, new in defects:
        [path] = [path for path in files if path.endswith(f"/{name}")]
        assert old in files[path], old
        files[path] = files[path].replace(old, new)
    for package in ("polyfn_tarball", "polyfn_tarball/runtime"):
        files[f"{package}/__init__.py"] = ""
    site = Site(folder)
    modules = {path.removesuffix(".py"): body for path, body in files.items()}
    site.install("polyfn-tarball", modules, providers={"tarball": "polyfn_tarball.provider"})
    return site


def ended(site, *command):
    return subprocess.run(
        [sys.executable, *command], env=site.environment(), cwd=site.root, capture_output=True, text=True
    )


def test_it_joins_as_the_page_says(tmp_path):
    site = installed(tmp_path)
    options = ("-q", "-rs", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tmp_path))
    done = ended(site, "-m", "pytest", "tests/test_golden.py", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tarball does not declare the capability 'partial-batch'" in done.stdout
    assert re.search(r"^10 passed, \d+ skipped", done.stdout, re.MULTILINE), done.stdout


def test_defects_are_found_and_nothing_else(tmp_path):
    site = installed(tmp_path, DEFECTS)
    done = ended(site, "-c", PROGRAM, str(tmp_path))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    failed = {name for name, (state, _) in told["states"].items() if state == "failed"}
    assert failed == FOUND
    assert "passed" in {state for state, _ in told["states"].values()}
    assert "the log lacks text 'golden: printed'" in told["states"]["call-logs"][1]
    assert "'hello, ADA ADA'}, expected {'message': 'hello, Ada Ada'}" in told["states"]["call-validated"][1]
    # The matrix shows what fails, and why.
    assert "| `call` | **fails**: 4 of 9 cases |" in told["page"]
    assert "| `stop-hooks` | **fails**: 1 of 1 case |" in told["page"]
    assert "| `queue` | no |" in told["page"]
    assert (
        "| `tarball` | `defer` | deferring as line:<br>the log lacks INFO 'deferred work was done' |"
        in told["page"]
    )


def test_a_provider_without_a_dialect_is_told_what_it_lacks(tmp_path):
    without = [("provider.py", "        dialect=dialect,\n", "")]
    site = installed(tmp_path, without)
    done = ended(site, "-c", PROGRAM, str(tmp_path))
    assert done.returncode == 1
    assert "target 'tarball' has no dialect" in done.stderr
