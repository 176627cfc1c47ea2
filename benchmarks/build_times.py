"""The time and size of packaging one function, side by side with pip and with AWS SAM in one run.

    python benchmarks/build_times.py [--rounds N] [--cold-rounds N] [--json] [--check]

The function imports pydantic and httpx. Every subject makes what can be deployed of it, for amd64:

- polyfn, platform: `polyfn package --interpreter platform`: the same content as the others make
- polyfn, with interpreter: `polyfn package` with this machine's interpreter inside
- pip: `pip install --target` and the `zip` module of the standard library
- sam: `sam build --cached`, which leaves a directory; zipping that is not in its time, its size is

Cold starts with empty caches of the tool, of uv and of pip: what it downloads comes over the network.
Warm is the same command again with nothing changed. pip has no cache of results, so that its warm run
installs again from its downloads. Subjects take turns, round by round; the figures are medians.

aws-sam-cli is installed by uv into a directory of its own, which is kept. Without one (no network)
its rows are left out, and the output says so. SAM needs no Docker for this, but a Python of the
function's version with pip on the PATH.
"""

import argparse
import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Build = Callable[[Path, Path], Path]
REQUIREMENTS = "httpx\npydantic\n"
HANDLER = """
import httpx
from pydantic import BaseModel


class Greeting(BaseModel):
    name: str = "world"


def greet(greeting):
    return {"message": f"hello, {greeting.name}", "client": httpx.__version__}
"""
POLYFN = """
import polyfn

@polyfn.function
def hello(event: Greeting) -> dict:
    return greet(event)
"""
LAMBDA = """
def handler(event, context):
    return greet(Greeting.model_validate(event))
"""
PYPROJECT = """
[project]
name = "hello"
version = "1"
requires-python = ">=3.11"
dependencies = ["httpx", "pydantic"]
[tool.polyfn]
module = "hello"
"""
TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties: {{CodeUri: src/, Handler: hello.handler, Runtime: python{python}, Architectures: [x86_64]}}
"""
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
#: Ratios of warm build times, and the most that each may be.
AIMS = {("polyfn, platform", "pip"): 0.3, ("polyfn, platform", "sam"): 0.3,
        ("polyfn, with interpreter", "pip"): 0.3, ("polyfn, with interpreter", "sam"): 0.3}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="of warm builds")
    parser.add_argument("--cold-rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit with 1 if an aim is missed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="polyfn-benchmark-") as folder:
        result = measure(Path(folder), options.rounds, options.cold_rounds)
    print(json.dumps(result, indent=2) if options.json else markdown(result))
    missed = [ratio for ratio in result["ratios"] if ratio["aim"] and ratio["ratio"] > ratio["aim"]]
    return 1 if options.check and missed else 0


def measure(folder: Path, rounds: int, cold_rounds: int) -> dict[str, Any]:
    sources(folder)
    subjects = {
        "polyfn, platform": functools.partial(polyfn, "platform"),
        "polyfn, with interpreter": functools.partial(polyfn, "host"),
        "pip": pip,
    }
    program, why = sam_program()
    if program is not None:
        subjects["sam"] = functools.partial(sam, program)
    times = {name: {"cold": [], "warm": []} for name in subjects}
    sizes = {}
    for turn in range(cold_rounds):
        for name, build in subjects.items():
            place = folder / f"{name.replace(', ', '-').replace(' ', '-')}-{turn}"
            place.mkdir()
            times[name]["cold"].append(timed(build, folder, place)[0])
    for _ in range(rounds):
        for name, build in subjects.items():
            place = folder / f"{name.replace(', ', '-').replace(' ', '-')}-{cold_rounds - 1}"
            taken, sizes[name] = timed(build, folder, place)
            times[name]["warm"].append(taken)
    rows = {
        name: {**{kind: statistics.median(values) for kind, values in times[name].items()}, **sizes[name]}
        for name in subjects
    }
    ratios = [
        {"of": one, "to": other, "ratio": rows[one]["warm"] / rows[other]["warm"], "aim": aim}
        for (one, other), aim in AIMS.items()
        if other in rows
    ]
    return {
        "schema": 1,
        "python": VERSION,
        "rows": rows,
        "ratios": ratios,
        "left_out": {"sam": why} if why else {},
    }


def sources(folder: Path) -> None:
    """One function in the two spellings, each with what its tool reads."""
    for name, ending in (("polyfn", POLYFN), ("lambda/src", LAMBDA)):
        place = folder / "source" / name
        place.mkdir(parents=True)
        (place / "hello.py").write_text(HANDLER + ending)
        (place / "requirements.txt").write_text(REQUIREMENTS)
    (folder / "source" / "polyfn" / "pyproject.toml").write_text(PYPROJECT)
    (folder / "source" / "lambda" / "template.yaml").write_text(TEMPLATE.format(python=VERSION))


def timed(build: Build, folder: Path, place: Path) -> tuple[float, dict[str, int]]:
    begun = time.perf_counter()
    made = build(folder / "source", place)
    taken = time.perf_counter() - begun
    return taken, measured(made, place)


def measured(made: Path, place: Path) -> dict[str, int]:
    if made.is_dir():
        made = zipped(made, place / "measured.zip")
    with zipfile.ZipFile(made) as archive:
        return {"size": made.stat().st_size, "unpacked": sum(entry.file_size for entry in archive.infolist())}


def polyfn(interpreter: str, source: Path, place: Path) -> Path:
    # polyfn supports Lambda's own Python from 3.12 on.
    python = VERSION if interpreter != "platform" or sys.version_info >= (3, 12) else "3.12"
    run([sys.executable, "-m", "polyfn", "package", source / "polyfn", "--target", "aws", "--arch", "amd64",
         "--python", python, "--interpreter", interpreter, "--out", place / "out"],
        place, POLYFN_CACHE=place / "cache", UV_CACHE_DIR=place / "uv")  # fmt: skip
    return place / "out" / "hello-aws-amd64.zip"


def pip(source: Path, place: Path) -> Path:
    target = place / "target"
    shutil.rmtree(target, ignore_errors=True)
    run([python_with_pip(), "-m", "pip", "install", "--quiet", "--target", target, "-r",
         source / "lambda" / "src" / "requirements.txt"], place, PIP_CACHE_DIR=place / "pip")  # fmt: skip
    shutil.copy(source / "lambda" / "src" / "hello.py", target)
    return zipped(target, place / "pip.zip")


def sam(program: Path, source: Path, place: Path) -> Path:
    # In the order of a PATH, so that the Python with pip is the one that SAM finds.
    path = os.pathsep.join([str(Path(python_with_pip()).parent), os.environ["PATH"]])
    run([program, "build", "--cached", "--cache-dir", place / "cache", "--build-dir", place / "build",
         "--template", source / "lambda" / "template.yaml"],
        place, PIP_CACHE_DIR=place / "pip", PATH=path, SAM_CLI_TELEMETRY="0", HOME=place)  # fmt: skip
    return place / "build" / "Hello"


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return target


def run(command: list[object], place: Path, **environment: object) -> None:
    finished = subprocess.run(
        [str(word) for word in command], cwd=place, capture_output=True, text=True,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
    )  # fmt: skip
    if finished.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{finished.stdout}{finished.stderr}")


@functools.cache
def python_with_pip() -> str:
    for python in (sys.executable, getattr(sys, "_base_executable", ""), f"python{VERSION}", "python3"):
        found = shutil.which(python) if python else None
        if found and not subprocess.run([found, "-m", "pip", "--version"], capture_output=True).returncode:
            return found
    sys.exit(f"no Python {VERSION} with pip was found")


def sam_program() -> tuple[Path | None, str | None]:
    """Return aws-sam-cli's program and None, or None and why there is none."""
    import uv

    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "polyfn-benchmarks"
    program = base / "sam" / "bin" / "sam"
    if not program.exists():
        python = base / "sam" / "bin" / "python"
        for command in (["venv", "--python", sys.executable, base / "sam"],
                        ["pip", "install", "--python", python, "aws-sam-cli"]):  # fmt: skip
            made = subprocess.run([uv.find_uv_bin(), *map(str, command)], capture_output=True, text=True)
            if made.returncode:
                shutil.rmtree(base / "sam", ignore_errors=True)
                return None, f"aws-sam-cli cannot be installed: {made.stderr.strip().splitlines()[-1]}"
    return program, None


def markdown(result: dict[str, Any]) -> str:
    lines = ["| subject | cold, s | warm, s | zip, MB | unpacked, MB |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {name} | {row['cold']:.2f} | {row['warm']:.2f} "
        f"| {row['size'] / 1e6:.1f} | {row['unpacked'] / 1e6:.1f} |"
        for name, row in result["rows"].items()
    ]
    lines += ["", "| warm build time | ratio | aim |", "|---|---:|---:|"]
    lines += [
        f"| {one['of']} / {one['to']} | {one['ratio']:.3f} | at most {one['aim']} |"
        for one in result["ratios"]
    ]
    lines += [f"\n{name} is left out: {why}" for name, why in result["left_out"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
