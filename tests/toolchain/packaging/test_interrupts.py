"""A build that is ended early leaves nothing behind: no temporary tree, no process, no output."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.toolchain.packaging import houses

HOST = {"x86_64": "amd64", "aarch64": "arm64"}[houses.MACHINE]
BUILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from polyfn.toolchain.packaging import PackageRequest, package
from tests.toolchain.packaging import targets
package(PackageRequest(Path(sys.argv[1]), "desk", ("amd64", "arm64"), interpreter="platform",
                       out=Path(sys.argv[2])), plugins=targets.OnlyDesk(hooks=False), log=print)
"""
IMPORTING = "import os, polyfn, time\nopen(os.environ['MARK'], 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
SLOW = "import os, time\nopen(os.environ['MARK'], 'w').write(str(os.getpid()))\ntime.sleep(60)\n"


@pytest.mark.parametrize("where", ["collecting", "installing"])
def test_nothing_is_left(write, house, desk, tmp_path, monkeypatch, where):
    text = "import polyfn\n@polyfn.function\ndef hello(): ...\n"
    if where == "installing":
        houses.source(tmp_path, "pf_slow", SLOW)
        monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
        text = "# /// script\n# dependencies = ['pf_slow']\n# ///\n" + text
    else:
        text = IMPORTING + text
    root = write({"hello.py": text})
    place = tmp_path / "tmp"
    place.mkdir()
    environment = {**os.environ, "TMPDIR": str(place), "MARK": str(tmp_path / "mark")}
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, root / "hello.py", tmp_path / "out", tmp_path / "installed"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while not (tmp_path / "mark").exists() or not (tmp_path / "mark").read_text():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == -signal.SIGINT, said
    assert time.monotonic() - began < 10
    assert not list(place.glob("polyfn-*"))
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "cache").glob("store/tmp/*"))


def test_the_command_line_ends_with_the_status_of_the_signal(write, tmp_path, monkeypatch):
    root = write({"hello.py": IMPORTING})
    monkeypatch.setenv("MARK", str(tmp_path / "mark"))
    monkeypatch.setenv("POLYFN_CACHE", str(tmp_path / "cache"))
    command = [sys.executable, "-m", "polyfn", "package", root / "hello.py", "--target", "aws",
               "--interpreter", "platform", "--python", "3.12", "--out", tmp_path / "out"]  # fmt: skip
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        (tmp_path / "mark").unlink(missing_ok=True)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            while not (tmp_path / "mark").exists():
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
            process.send_signal(number)
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
        assert process.returncode == status
        assert "Traceback" not in said
        assert not (tmp_path / "out").exists()
