import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from polyfn.toolchain.bundle.interpreter import Interpreter
from polyfn.toolchain.bundle.script import start_script

#: What a function may need of an interpreter, and what shows that it found itself and nobody else.
PROBE = """
import sys
import bz2, ctypes, decimal, hashlib, lzma, socket, sqlite3, ssl, threading, uuid, zlib
import asyncio, json, os, subprocess
thread = threading.Thread(target=lambda: None)
thread.start()
thread.join()
ctypes.CDLL(None).getpid()
sqlite3.connect(":memory:").execute("select 1")
ssl.create_default_context()
child = subprocess.run([sys.executable, "-I", "-S", "-c", "import ssl, sys; print(sys.prefix)"],
                       capture_output=True, text=True)
print(json.dumps({
    "prefix": sys.prefix, "executable": sys.executable, "version": sys.version.split()[0],
    "path": sys.path, "argv": sys.argv, "utf8": sys.flags.utf8_mode, "site": "site" in sys.modules,
    "environment": sorted(os.environ), "child": child.stdout.strip(), "child_error": child.stderr,
    "machine": os.uname().machine,
}))
"""


@pytest.fixture
def finish() -> Callable[[Interpreter, Path], Path]:
    """Makes the start script and a start.py that tells what it sees."""

    def make(interpreter: Interpreter, root: Path) -> Path:
        start = root / "start"
        start.write_text(start_script(interpreter.command))
        start.chmod(start.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        (root / "start.py").write_text(PROBE)
        return start

    return make
