"""Functions of each kind in finished artifacts for Google Cloud Run, and what there is beside images."""

import http.client
import json
import sys

import pytest

from tests import parts
from tests.artifacts import containers
from tests.artifacts.containers import package, polyfn, serving, started, unpack
from tests.artifacts.harness import REPOSITORY
from tests.ports import free_port

# Making a bundle takes its time.
pytestmark = pytest.mark.timeout(300)

SHOP = """
import polyfn


def act(message):
    print("attempt", message.attempt, flush=True)
    match message.data["do"]:
        case "retry":
            raise polyfn.Retry(after=30)
        case "drop":
            raise polyfn.Drop("because")
        case "fail":
            raise ValueError("secret")


@polyfn.function(polyfn.Topic("orders"))
def told(message: polyfn.Message):
    act(message)


@polyfn.function(polyfn.Queue("work"))
async def worked(message: polyfn.Message):
    act(message)


@polyfn.function(polyfn.Schedule("0 6 * * *"))
def nightly(tick: polyfn.Tick):
    print("tick", tick.time.isoformat(), flush=True)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    containers.project(folder, "shop", SHOP)
    return package(folder, "shop", "--interpreter", "host")


def invoked(artifact, function, sample, data=None, *options):
    folder = artifact.parent.parent
    payload = () if data is None else ("--data", json.dumps(data))
    choice = ("--sample", sample, "--json", *payload, *options)
    done = polyfn(
        "invoke", f"{artifact}::{function}", *choice, cwd=folder, POLYFN_CACHE=str(folder / "cache")
    )
    told = json.loads(done.stdout)
    # The report has the log, in which it belongs.
    assert "secret" not in json.dumps([told.get("payload"), told.get("payload_base64")])
    return done, told


@pytest.mark.parametrize(
    ("function", "sample"),
    [("told", "pubsub-push"), ("told", "eventarc"), ("worked", "cloud-tasks")],
)
def test_outcomes_of_messages(function, sample, shop):
    statuses = {}
    for do in ("return", "retry", "drop", "fail"):
        done, told = invoked(shop, function, sample, {"do": do}, "--option", "redrive=2")
        statuses[do] = done.returncode, [one["status"] for one in told["report"]["deliveries"]]
    assert statuses == {
        "return": (0, [204]), "retry": (1, [503, 503]), "drop": (0, [204]), "fail": (1, [500, 500])
    }  # fmt: skip


def test_a_schedule(shop):
    done, _ = invoked(shop, "nightly", "cloud-scheduler")
    assert done.returncode == 0, done.stderr
    assert "tick 20" in done.stderr


def test_source_runs_with_a_plain_python(tmp_path):
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    made = package(tmp_path, containers.HELLO, "--format", "source", "--python", version)
    assert made.name == "hello-gcp-source"
    assert (made / "Procfile").read_text() == "web: python main.py\n"
    assert (made / ".python-version").read_text() == f"{version}\n"
    assert not (made / "python").exists()
    port = free_port()
    with started([sys._base_executable, str(made / "main.py")], port, tmp_path / "log") as service:
        assert service.ask("POST", "/hello_model", {"name": "Ada"}) == (200, b'{"message":"hello, Ada"}')
        assert service.end() == 0, service.log.read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--format", "source", "--arch", "arm64"), "Google runs what it is given as source on amd64"),
        (("--interpreter", "platform"), "an image brings its own interpreter"),
    ],
)
def test_what_is_refused(options, said, tmp_path):
    (tmp_path / "one.py").write_text("import polyfn\n\n@polyfn.function\ndef one():\n    return 1\n")
    done = polyfn(
        "package", "one.py", "--target", "gcp", *options, cwd=tmp_path, POLYFN_CACHE=str(tmp_path / "cache")
    )
    assert (done.returncode, done.stdout) == (4, "")
    error, hint = done.stderr.strip().splitlines()[-2:]
    assert error.startswith(f"error[PF404]: {said}")
    assert hint.startswith("hint: leave --")
    assert not (tmp_path / "dist").exists()


def test_an_application_answers_and_streams(tmp_path):
    made = package(tmp_path, REPOSITORY / "examples/fastapi_app", "--interpreter", "host")
    with serving(unpack(made, tmp_path, parts.HOST), tmp_path / "log") as service:
        assert service.ask("GET", "/?name=polyfn") == (200, b'{"message":"hello, polyfn"}')
        assert service.ask("PUT", "/orders/7?quantity=2") == (201, b'{"id":"7","quantity":2}')
        assert service.ask("GET", "/orders/7") == (200, b'{"id":"7","quantity":2}')
        assert service.ask("GET", "/orders/8") == (404, b'{"detail":"no such order"}')
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
        connection.request("GET", "/numbers")
        answer = connection.getresponse()
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.read() == b"0\n1\n2\n"
        connection.close()
        assert service.end() == 0
        assert "confirmed 7" in service.log.read_text()
