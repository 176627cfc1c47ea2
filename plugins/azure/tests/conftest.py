"""What the tests of the Azure provider share."""

import contextlib
import json
import os
import socket
import stat
import subprocess
import time
import zipfile

import httpx
import pytest

from polyfn.toolchain.manifest import FunctionEntry, Manifest


def _entry(called, kind="call", /, *, style="sync", application=None, **trigger):
    return FunctionEntry(
        name=called, module="app", handler=called, trigger={"kind": kind, **trigger}, style=style, arity=1,
        level="payload", application=application,
    )  # fmt: skip


@pytest.fixture(scope="session")
def entry():
    """What makes a function of a name whose trigger is of a kind, as the collector describes it."""
    return _entry


@pytest.fixture(scope="session")
def manifest():
    return lambda *entries: Manifest(functions=entries)


def _unpack(artifact, folder):
    """Unpack with modes and links, as the host has the files."""
    with zipfile.ZipFile(artifact.path) as archive:
        for entry in archive.infolist():
            path = folder / entry.filename
            mode = entry.external_attr >> 16
            path.parent.mkdir(parents=True, exist_ok=True)
            if stat.S_ISLNK(mode):
                path.symlink_to(archive.read(entry).decode())
            else:
                path.write_bytes(archive.read(entry))
                path.chmod(stat.S_IMODE(mode))


@contextlib.contextmanager
def _started(artifact, folder, python=None, out=None):
    """Unpack, and start what host.json names as the host does; gives a client once it answers the probe."""
    _unpack(artifact, folder)
    told = json.loads((folder / "host.json").read_text())["customHandler"]["description"]
    program = folder / told["defaultExecutablePath"]
    # What is no file of the app is looked for on the PATH.
    command = [str(program) if program.exists() else python, *told["arguments"]]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "PATH": os.defpath, "FUNCTIONS_CUSTOMHANDLER_PORT": str(port), "FUNCTIONS_HTTPWORKER_PORT": str(port),
        "FUNCTIONS_APP_ROOT_PATH": str(folder),
    }  # fmt: skip
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            _probe(client, process)
            yield client
    finally:
        process.kill()
        said, errors = process.communicate(timeout=30)
    if out is not None:
        out.extend(said.splitlines())
    assert errors == "", "each line on standard error is an error to the host"


def _probe(client, process):
    for _ in range(1200):
        try:
            assert client.get("/").status_code == 200
        except httpx.TransportError:
            assert process.poll() is None, process.communicate()
            time.sleep(0.025)
        else:
            return
    pytest.fail("no answer within the host's 30 seconds")


@pytest.fixture(scope="session")
def started():
    """What starts the zip of a custom handler in a folder; `out` is a list for what it writes."""
    return _started


@pytest.fixture(scope="session")
def unpack():
    return _unpack
