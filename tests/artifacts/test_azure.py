"""A finished zip for Azure, as unzip unpacks it and host.json starts it, where there is no Python."""

import contextlib
import json
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests import parts, standalone
from tests.artifacts.harness import package, wait_for
from tests.ports import free_port

# Making the parts may include downloads.
pytestmark = pytest.mark.timeout(300)

#: On Azure it is /home/site/wwwroot; a root that is read-only has this one place for it.
PLACE = "/rie/wwwroot"
ID = "6ad5ed5c-1f3f-4f0d-9c0a-000000000001"
FROM_HOST = {"X-Azure-Functions-HostVersion": "4.1041.0.0", "X-Azure-Functions-InvocationId": ID}


@pytest.fixture(scope="module")
def unzipped(tmp_path_factory):
    """The trees that the two kinds of interpreter make, by the kind."""
    unzip = parts.need("unzip")
    made = {}

    def get(kind: str) -> Path:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            options, environment = ["--interpreter", kind], {}
            if kind == "managed":
                options += ["--python", standalone.PYTHON]
                environment["UV_PYTHON_DOWNLOADS_JSON_URL"] = standalone.downloads(folder, "amd64")
            (artifact,) = package(folder / "out", *options, target="azure", environment=environment)
            subprocess.run([unzip, "-q", artifact, "-d", folder / "tree"], check=True)
            made[kind] = folder / "tree"
        return made[kind]

    return get


@contextlib.contextmanager
def hosted(tree: Path, root: Path, log: Path):
    """Start what host.json names, with the environment that the host gives."""
    described = json.loads((tree / "host.json").read_text())["customHandler"]["description"]
    port = free_port()
    environment = {
        "FUNCTIONS_CUSTOMHANDLER_PORT": str(port),
        "FUNCTIONS_APP_ROOT_PATH": PLACE,
        "HOME": "/home",
    }
    command = parts.in_root(root, (tree, PLACE), environment=environment)
    command += ["--chdir", PLACE, f"{PLACE}/{described['defaultExecutablePath']}"]
    command += described.get("arguments", [])
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            wait_for(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def ask(url: str, payload: object, **headers: str) -> object:
    told = FROM_HOST | {"Content-Type": "application/json"} | headers
    with urllib.request.urlopen(
        urllib.request.Request(url, json.dumps(payload).encode(), told), timeout=60
    ) as reply:
        return json.load(reply)


@pytest.mark.parametrize("kind", ["managed", "host"])
def test_it_serves_where_there_is_no_python(kind, unzipped, tmp_path):
    if parts.HOST != "amd64":
        parts.need("qemu")
    # With its libc inside, it needs nothing at all.
    root = parts.empty_root(tmp_path / "root") if kind == "host" else parts.need("root-amd64")
    assert not [path for path in root.rglob("*") if "python" in path.name.lower()]
    log = tmp_path / "log"
    mark = {"x-ms-invocation-id": ID}
    with hosted(unzipped(kind), root, log) as url:
        for name in ("hello", "hello_model"):
            assert ask(f"{url}/{name}", {"name": "wörld ✓"}, **mark) == {"message": "hello, wörld ✓"}
        with pytest.raises(urllib.error.HTTPError, match=r"422|400"):
            ask(f"{url}/hello_model", {"name": ["no", "name"]}, **mark)
    assert "Traceback" not in log.read_text()


def test_modes_survive_unzip(unzipped):
    tree = unzipped("managed")
    assert (tree / "start").stat().st_mode & 0o777 == 0o755
    assert (tree / "host.json").stat().st_mode & 0o777 == 0o644
    assert {path.parent.name for path in tree.glob("*/function.json")} == {"hello", "hello_model"}
