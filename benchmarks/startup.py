"""What a start costs, from exec to the first GET /next, and what each part of the artifact adds to it.

    python benchmarks/startup.py [--interpreter SOURCE] [--rounds N] [--model] [--json] [--check]

SOURCE is as in `polyfn package --interpreter`, by default `managed`. The same artifact is started in
several ways, against the same bare interpreter, which opens a socket and sends as much. Subjects take
turns, round by round, on one processor; figures are medians, of wall time and of CPU time, which a
busy machine blurs less. --model serves a function that validates with pydantic.
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


def subjects(folder: Path, source: str, *, model: bool) -> tuple[list[Subject], int]:
    """Package the function and lay out the ways to start it. The second value is the zip's size."""
    code = folder / "hello.py"
    code.write_text(MODEL if model else PLAIN)
    [made] = package(PackageRequest(code, "aws", interpreter=source, out=folder / "dist"))
    packed, files = folder / "packed", folder / "files"
    zips.unpack(made.path, packed)
    python = next(path for path in sorted((packed / "python/bin").iterdir()) if path.suffix != ".elf")
    bare = folder / "bare.py"
    bare.write_text(BARE)
    shutil.copytree(packed, files)
    start = {"provider": "aws", "project": "hello", "functions": {"hello": "hello"}, "default": "hello"}
    (files / "start.py").write_text(FILES.format(start={**start, "settings": {}, "root": str(files)}))
    command = [str(python), "-s", "-P", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, str(files / "runtime")], check=False)
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
        "the artifact: its bootstrap": [str(packed / "bootstrap")],
    }
    return [Subject(name, command, folder, serves=False) for name, command in ways.items()], made.size


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
    parser.add_argument("--model", action="store_true", help="a function that validates with pydantic")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 if the aim is missed")
    given = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        measured, size = subjects(Path(folder).resolve(), given.interpreter, model=given.model)
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
    if given.check and not given.model and rows[last]["wall_ratio"] > AIM:
        print(f"missed: {last} is above {AIM} times the {first}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
