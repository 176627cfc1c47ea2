"""The runtime that docs/writing-a-provider.md shows for a platform that speaks HTTP to a port."""

import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection

from tests.ports import free_port
from tests.serving.conftest import ROOT, eventually, listens

BLOCK = re.compile(r"^```python\n(import itertools\n.*?)^```$", re.MULTILINE | re.DOTALL)


def test_it_serves(tmp_path) -> None:
    (code,) = BLOCK.findall((ROOT / "docs" / "writing-a-provider.md").read_text())
    (tmp_path / "example.py").write_text(code)
    (tmp_path / "user.py").write_text(
        "import polyfn\n\n@polyfn.function\ndef hello(event):\n    return {'hello': event.get('name')}\n"
    )
    start = {"functions": {"hello": "user"}, "settings": {"concurrency": 80}}
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", f"import example; example.main({start!r})"], cwd=tmp_path,
        env={**os.environ, "PORT": str(port), "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )  # fmt: skip
    try:
        assert eventually(lambda: listens(port), 20)
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/", b'{"name": "Ada"}')
        assert connection.getresponse().read() == b'{"hello":"Ada"}'
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
