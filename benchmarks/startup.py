"""What a start costs, from exec to the first GET /next, and what each part of the artifact adds to it.

    python benchmarks/startup.py [--interpreter SOURCE] [--rounds N] [--model | --imports] [--json] [--check]

SOURCE is as in `polyfn package --interpreter`, by default `managed`. The same artifact is started in
several ways, against the same bare interpreter, which opens a socket and sends as much. Subjects take
turns, round by round, on one processor; figures are medians, of wall time and of CPU time, which a
busy machine blurs less. --model serves a function that validates with pydantic, --imports one that
imports asyncio, httpx and pydantic for what it seldom does. An interpreter that has lazy imports (PEP 810,
Python 3.15) is also started with all of them lazy, and, with --imports, with those that the module names.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from lambda_loop import BARE, Started, Subject

from polyfn.toolchain.artifacts import zip as zips
from polyfn.toolchain.packaging import PackageRequest, package

PLAIN = """
import polyfn

@polyfn.function
def hello(event: dict) -> dict:
    return {"message": "hello, " + event["name"]}
"""
MODEL = """
# /// script
# dependencies = ["pydantic>=2.9"]
# ///
import polyfn
from pydantic import BaseModel

class Greeting(BaseModel):
    name: str

@polyfn.function
def hello(event: Greeting) -> dict:
    return {"message": "hello, " + event.name}
"""
IMPORTS = """
# /// script
# dependencies = ["httpx>=0.27", "pydantic>=2.9"]
# ///
import asyncio

import httpx
import polyfn
from pydantic import TypeAdapter

def seldom(url: str) -> object:
    return TypeAdapter(dict).validate_json(asyncio.run(httpx.AsyncClient().get(url)).content)

@polyfn.function
def hello(event: dict) -> dict:
    return {"message": "hello, " + event["name"]}
"""
NAMED = '__lazy_modules__ = ["asyncio", "httpx", "pydantic"]\n'
AIM = 1.5
FLAGS = ["-I", "-S", "-X", "utf8"]
#: A start.py that imports the runtime from files, as if there were no pack.
FILES = """
import posix, sys
root = __file__.rpartition("/")[0]
sys.path[:0] = [root + "/runtime", root + "/app"]
sys.path.append(root + "/site")
posix.chdir(root + "/app")
from polyfn_aws.runtime.start import main
main({start})
"""


def subjects(folder: Path, source: str, text: str) -> tuple[list[Subject], int]:
    """Package the function and lay out the ways to start it. The second value is the zip's size."""
    code = folder / "hello.py"
    code.write_text(text)
    [made] = package(PackageRequest(code, "aws", interpreter=source, out=folder / "dist"))
    packed, files = folder / "packed", folder / "files"
    zips.unpack(made.path, packed)
    python = next(path for path in sorted((packed / "python/bin").iterdir()) if path.suffix != ".elf")
    bare = folder / "bare.py"
    bare.write_text(BARE)
    shutil.copytree(packed, files)
    start = {"provider": "aws", "project": "hello", "functions": {"hello": "hello"}, "default": "hello"}
    (files / "start.py").write_text(FILES.format(start={**start, "settings": {}, "root": str(files)}))
    recompile(python, files / "runtime")
    name = python.relative_to(packed)
    dash = files / "dash"
    dash.write_text(f'#!/bin/sh\nexec "{files / name}" {" ".join(FLAGS)} "{files}/start.py"\n')
    line = files / "line"
    line.write_text(f"#!{files / name} -ISXutf8\n" + (files / "start.py").read_text())
    for path in (dash, line):
        path.chmod(0o755)
    ways = {
        "bare interpreter, same flags": [str(python), *FLAGS, str(bare)],
        "bare interpreter, default flags": [str(python), str(bare)],
        "a file per module, shell script": [str(dash)],
        "a file per module, #! line": [str(line)],
        "a file per module": [str(files / name), *FLAGS, str(files / "start.py")],
        "pack, start.py": [str(python), *FLAGS, str(packed / "start.py")],
        "pack, start.pyc": [str(python), *FLAGS, str(packed / "start.pyc")],
        "pack, start.pyc, shell script": ["sh", str(script(packed))],
    }
    if has_lazy_imports(python):
        ways["pack, start.pyc, -X lazy_imports=all"] = [
            *(str(python), *FLAGS, "-X", "lazy_imports=all", str(packed / "start.pyc"))
        ]
        if text == IMPORTS:
            ways["the artifact, with __lazy_modules__"] = [str(named(packed, python) / "bootstrap")]
    ways["the artifact: its bootstrap"] = [str(packed / "bootstrap")]
    return [Subject(name, command, folder, serves=False) for name, command in ways.items()], made.size


def recompile(python: Path, folder: Path) -> None:
    """Compile what has no bytecode, or another's."""
    command = [str(python), "-s", "-P", "-m", "compileall", "-qf", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, str(folder)], check=False)


def has_lazy_imports(python: Path) -> bool:
    """Whether it has them at all; an older one takes any -X without a word."""
    command = [str(python), "-c", "import sys; sys.exit(not hasattr(sys, 'set_lazy_imports'))"]
    return subprocess.run(command, check=False).returncode == 0


def named(packed: Path, python: Path) -> Path:
    """Copy an artifact and name in its module what is to be imported on first use."""
    root = packed.with_name("named")
    shutil.copytree(packed, root)
    module = root / "app" / "hello.py"
    module.write_text(NAMED + module.read_text())
    recompile(python, root / "app")
    return root


def script(root: Path) -> Path:
    """Write the start script as it would be for start.pyc."""
    path = root / "start-pyc"
    path.write_text((root / "start").read_text().replace("start.py", "start.pyc"))
    return path


def measure(subject: Subject) -> None:
    started = Started(subject)
    subject.cold.append(started.cold * 1000)
    subject.cold_cpu.append(started.cpu() * 1000)
    started.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what a start costs.")
    parser.add_argument("--interpreter", default="managed", help="as in polyfn package")
    parser.add_argument("--rounds", type=int, default=61, help="starts of each subject")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--model", action="store_true", help="a function that validates with pydantic")
    what.add_argument("--imports", action="store_true", help="a function that imports what it seldom uses")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 if the aim is missed")
    given = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        text = MODEL if given.model else IMPORTS if given.imports else PLAIN
        measured, size = subjects(Path(folder).resolve(), given.interpreter, text)
        for number in range(given.rounds + 1):
            for one in measured:
                measure(one)
                if number == 0:  # fills the file cache
                    one.cold.clear()
                    one.cold_cpu.clear()
    wall = {one.name: statistics.median(one.cold) for one in measured}
    cpu = {one.name: statistics.median(one.cold_cpu) for one in measured}
    first, last = measured[0].name, measured[-1].name
    rows = {
        name: {
            "wall_ms": round(wall[name], 2),
            "cpu_ms": round(cpu[name], 2),
            "wall_ratio": round(wall[name] / wall[first], 3),
            "cpu_ratio": round(cpu[name] / cpu[first], 3),
        }
        for name in wall
    }
    if given.json:
        print(json.dumps({"version": 1, "zip": size, "figures": rows}, indent=2))
    else:
        print("| start | wall, ms | CPU, ms | wall / bare | CPU / bare |\n|---|---:|---:|---:|---:|")
        for name, row in rows.items():
            print(f"| {name} | {' | '.join(map(str, row.values()))} |")
        print(f"\nzip: {size / 1e6:.1f} MB")
    if given.check and text == PLAIN and rows[last]["wall_ratio"] > AIM:
        print(f"missed: {last} is above {AIM} times the {first}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
