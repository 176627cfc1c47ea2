"""The finished zip: its shape, and its process, started as the host starts what host.json names."""

import json
import stat
import subprocess
import sys
import zipfile

import pytest

from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.packaging import PackageRequest
from polyfn.toolchain.packaging import package as packaged

PROJECT = """
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.11"

[tool.polyfn]
module = "shop"

[tool.polyfn.azure]
loop = "asyncio"

[tool.polyfn.azure.functions.fulfil]
outputs = [{name = "audit", type = "queue", queueName = "audit"}]
"""
SOURCE = """
import polyfn
from polyfn import Http, Message, Queue, Schedule


@polyfn.function
def hello(event: dict) -> dict:
    return {"message": f"hello, {event['name']}"}


@polyfn.function(Http("GET", "/orders/{order_id}"))
async def app(request: polyfn.Request) -> dict:
    return {"id": request.params["order_id"], "query": request.raw_query}


@polyfn.function(Queue("orders"))
def fulfil(message: Message[bytes], context: polyfn.Context) -> None:
    context.native.outputs["audit"] = message.data


@polyfn.function(Schedule("0 6 * * *"))
def nightly(tick: polyfn.Tick) -> None:
    raise polyfn.Retry(after=30)
"""
ID = "6ad5ed5c-1f3f-4f0d-9c0a-000000000001"
FROM_HOST = {"X-Azure-Functions-HostVersion": "4.1041.0.0", "X-Azure-Functions-InvocationId": ID}


def project(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "shop.py").write_text(SOURCE)
    return folder


def made(folder, out, **wanted):
    (artifact,) = packaged(
        PackageRequest(project(folder), "azure", out=folder / out, **wanted), log=lambda _: None
    )
    return artifact


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return made(tmp_path_factory.mktemp("shop"), "dist", interpreter="host")


@pytest.fixture(scope="module")
def platform_artifact(tmp_path_factory):
    return made(tmp_path_factory.mktemp("platform"), "dist", interpreter="platform", python="3.11")


def content(artifact, name):
    with zipfile.ZipFile(artifact.path) as archive:
        return json.loads(archive.read(name))


def test_what_the_host_reads(artifact):
    assert artifact.path.name == "shop-azure-amd64.zip"
    with zipfile.ZipFile(artifact.path) as archive:
        names = {name for name in archive.namelist() if name.count("/") <= 1}
    functions = {f"{name}/function.json" for name in ("app", "fulfil", "hello", "nightly")}
    assert {"host.json", "start", "polyfn.json", "app/shop.py", *functions} <= names
    assert {name for name in names if name.endswith("/function.json")} == functions
    host = content(artifact, "host.json")
    assert host["version"] == "2.0"
    assert host["customHandler"]["description"] == {
        "defaultExecutablePath": "start", "arguments": [], "workingDirectory": "",
    }  # fmt: skip
    assert host["extensionBundle"]["id"] == "Microsoft.Azure.Functions.ExtensionBundle"
    assert [one["type"] for one in content(artifact, "fulfil/function.json")["bindings"]] == [
        "queueTrigger",
        "queue",
    ]


def test_modes_and_who_made_it(artifact):
    with zipfile.ZipFile(artifact.path) as archive:
        entries = archive.infolist()
    assert {entry.create_system for entry in entries} == {3}
    modes = {entry.filename: entry.external_attr >> 16 for entry in entries}
    assert stat.S_IMODE(modes["start"]) == 0o755
    assert {stat.S_IMODE(mode) for mode in modes.values() if stat.S_ISREG(mode)} == {0o755, 0o644}
    assert stat.S_IMODE(modes["host.json"]) == stat.S_IMODE(modes["fulfil/function.json"]) == 0o644


def test_two_builds_are_the_same(tmp_path, monkeypatch):
    sums = set()
    for turn in ("one", "two"):
        monkeypatch.setenv("POLYFN_CACHE", str(tmp_path / f"cache-{turn}"))
        sums.add(made(tmp_path / turn, "dist", interpreter="platform").sha256)
    assert len(sums) == 1


def test_verify_finds_nothing_wrong(artifact):
    done = subprocess.run(
        [sys.executable, "-m", "polyfn", "verify", str(artifact.path), "--json"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    told = json.loads(done.stdout)
    assert (told["target"], told["arch"], told["findings"]) == ("azure", "amd64", [])


def test_verify_misses_the_program_that_host_json_names(artifact, tmp_path):
    broken = tmp_path / "shop-azure-amd64.zip"
    with zipfile.ZipFile(artifact.path) as old, zipfile.ZipFile(broken, "w") as new:
        for entry in old.infolist():
            if entry.filename != "start":
                new.writestr(entry, old.read(entry))
    done = subprocess.run(
        [sys.executable, "-m", "polyfn", "verify", str(broken)], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "start" in done.stdout + done.stderr


def test_what_the_host_would_not_take_is_not_packaged(tmp_path):
    project(tmp_path)
    (tmp_path / "shop.py").write_text(SOURCE.replace("0 6 * * *", "0 6 1 * 1"))
    request = PackageRequest(tmp_path, "azure", interpreter="platform", out=tmp_path / "dist")
    with pytest.raises(ArtifactError, match="nightly: it names days"):
        packaged(request, log=lambda _: None)
    assert not list((tmp_path / "dist").glob("*.zip"))


def answers(client):
    """Ask once by each transport that host.json turns on, and once for each outcome."""
    marked = {**FROM_HOST, "x-ms-invocation-id": ID}
    proxied = client.get("/orders/a%20b?x=1&x=2", headers=marked)
    assert proxied.json() == {"id": "a b", "query": "x=1&x=2"}
    assert client.post("/hello", json={"name": "you"}, headers=FROM_HOST).json() == {"message": "hello, you"}
    message = {"Data": {"message": "/wA0MTIzNA=="}, "Metadata": {"DequeueCount": "1", "Id": '"a"'}}
    done = client.post("/fulfil", json=message, headers=FROM_HOST)
    assert (done.status_code, done.json()["Outputs"]) == (200, {"audit": "/wA0MTIzNA=="})
    timer = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
    tick = client.post("/nightly", json={"Data": {"timer": timer}, "Metadata": {}}, headers=FROM_HOST)
    assert tick.status_code == 500


def test_the_finished_zip_serves(artifact, started, tmp_path):
    with started(artifact, tmp_path) as client:
        answers(client)


def test_a_zip_for_azures_own_python_serves(platform_artifact, started, tmp_path):
    description = content(platform_artifact, "host.json")["customHandler"]["description"]
    assert description["defaultExecutablePath"] == "python"
    assert not any(" " in word for word in description["arguments"])
    with started(platform_artifact, tmp_path, python=sys.executable) as client:
        answers(client)
