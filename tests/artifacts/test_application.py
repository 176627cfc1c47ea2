"""examples/fastapi_app as a finished artifact, behind AWS's own emulator, where there is no Python."""

import base64
import json
import os
import subprocess
import sys

import pytest

from tests import parts
from tests.artifacts.harness import REPOSITORY

# Packaging installs FastAPI.
pytestmark = pytest.mark.timeout(300)


def event(method, path, query=""):
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "api.example", "x-forwarded-proto": "https"},
        "requestContext": {
            "apiId": "z9",
            "domainName": "api.example",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "198.51.100.5"},
            "requestId": "r",
            "stage": "$default",
            "timeEpoch": 1700000000456,
        },
        "isBase64Encoded": False,
    }


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("application")
    source = REPOSITORY / "examples" / "fastapi_app"
    command = [
        *(
            sys.executable,
            "-m",
            "polyfn",
            "package",
            str(source),
            "--target",
            "aws",
            "--out",
            str(folder / "out"),
        ),
        *("--arch", parts.HOST, "--interpreter", "host", "--ignore", "PV202"),
    ]
    environment = os.environ | {"POLYFN_CACHE": str(folder / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "out" / f"shop-aws-{parts.HOST}.zip"


def test_fastapi_without_a_python(artifact, unpacked, aws, tmp_path):
    tree = unpacked(artifact)
    [entry] = json.loads((tree / "polyfn.json").read_text())["functions"]
    assert entry["application"] == "fastapi.applications.FastAPI"
    with aws(tree, parts.empty_root(tmp_path / "root"), "api") as function:

        def ask(*of):
            told = function.invoke(event(*of))
            body = told["body"]
            return told["statusCode"], base64.b64decode(body).decode() if told["isBase64Encoded"] else body

        assert ask("GET", "/", "name=polyfn") == (200, '{"message":"hello, polyfn"}')
        status, body = ask("PUT", "/orders/7", "quantity=two")
        assert (status, json.loads(body)["detail"][0]["type"]) == (422, "int_parsing")
        assert ask("PUT", "/orders/7", "quantity=2") == (201, '{"id":"7","quantity":2}')
        # The state that the lifespan made is there for the next invocation.
        assert ask("GET", "/orders/7") == (200, '{"id":"7","quantity":2}')
        assert ask("GET", "/orders/8") == (404, '{"detail":"no such order"}')
        assert ask("GET", "/numbers") == (200, "0\n1\n2\n")
        assert "confirmed 7" in function.log.read_text()
