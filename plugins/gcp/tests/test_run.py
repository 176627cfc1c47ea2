"""`polyfn run` on a source with several functions: one service serves them all, or the one that is named."""

import os
import signal
import subprocess
import sys

import httpx
import pytest

SOURCE = """
import polyfn
from polyfn import Http

@polyfn.function
def one(event: dict) -> dict:
    return {"one": event}

@polyfn.function
def two(event: dict) -> dict:
    return {"two": event}

@polyfn.function(Http("GET", "/items/{name}"))
def item(request: polyfn.Request) -> dict:
    return {"item": request.params["name"]}
"""


@pytest.fixture
def run(tmp_path):
    """Serves SOURCE, or one function of it; gives the address and what was said."""
    (tmp_path / "several.py").write_text(SOURCE)
    running = []

    def start(source: str) -> tuple[str, list[str]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "polyfn", "run", source, "--target", "gcp", "--port", "0"], cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "POLYFN_CACHE": str(tmp_path / "cache")},
        )  # fmt: skip
        running.append(process)
        assert process.stdout is not None and process.stderr is not None
        url = process.stdout.readline().strip()
        assert url, process.stderr.read()
        said: list[str] = []
        while not said or "Ctrl-C" not in said[-1]:
            said.append(process.stderr.readline())
        return url, said

    yield start
    for process in running:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 130


def test_all_of_them(run):
    url, said = run("several.py")
    assert said[-1] == "one, two, item on gcp: Ctrl-C stops it\n"
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        assert client.post("/one", json={"a": 1}).json() == {"one": {"a": 1}}
        assert client.post("/two", json={"b": 2}).json() == {"two": {"b": 2}}
        assert client.get("/items/pen").json() == {"item": "pen"}
        assert client.get("/three").status_code == 404


def test_the_one_that_is_named(run):
    url, said = run("several.py::two")
    assert said[-1] == "two on gcp: Ctrl-C stops it\n"
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        assert client.post("/", json={"b": 2}).json() == {"two": {"b": 2}}
        assert client.post("/one", json={}).status_code == 404
