"""The HTTP server of a service, side by side with functions-framework, Starlette and uvicorn in one run.

    python benchmarks/http_server.py [--rounds N] [--seconds N] [--json] [--check]

Every subject answers the same JSON to the same GET, one worker process each. The server has one
processor, the load generator (wrk, one thread, 32 connections) another. Subjects take turns, round by
round, so that what else the machine does falls on all of them; the figures are medians over the rounds.

- req/s and p99: with wrk; errors end the run
- CPU: user and system time of the server per request, all its processes, which a busy machine blurs less
- start: from exec to the first 200, a new process each time
- PSS: of all its processes, after the load

All run on uvloop, as polyfn's containers do unless they are set otherwise; functions-framework chooses for
itself. polyfn's rows run what `polyfn.runtime` is, laid out and started as in a bundle: compiled, with the
interpreter's flags of a start script. functions-framework (Google's own) is installed by uv into a directory
of its own, which is kept; without it (no network) its rows are left out, and the output says so.

Needs Linux with two processors, wrk, and uvicorn, httptools, uvloop and starlette beside polyfn.
"""

import argparse
import compileall
import http.client
import importlib.util
import json
import os
import py_compile
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ANSWER = b'{"message":"hello"}'
SERVER_CPU, CLIENT_CPU = 0, 1
BARE = """
import sys, uvicorn

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"application/json"), (b"content-length", b"19")]})
    await send({"type": "http.response.body", "body": b'{"message":"hello"}'})

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), http="httptools", loop=sys.argv[2], lifespan="off",
            access_log=False, log_level="critical")
"""
STARLETTE = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def hello(request):
    return JSONResponse({"message": "hello"})

uvicorn.run(Starlette(routes=[Route("/", hello)]), host="127.0.0.1", port=int(sys.argv[1]), http="httptools",
            loop="uvloop", access_log=False, log_level="critical")
"""
FUNCTIONS = """
import polyfn

@polyfn.function(polyfn.Http("GET", "/"))
{word}def hello(request: polyfn.Request):
    return {{"message": "hello"}}
"""
START = """
import json, os, sys
sys.path[:0] = [{root!r} + "/runtime", {root!r} + "/" + sys.argv[2]]
sys.path.append({root!r} + "/site")
import time
from polyfn.context import Context
from polyfn.invoke import Invoker
from polyfn.runtime import asgi, router, server, serving
from polyfn.runtime.replies import Reply
from polyfn.runtime.start import load

routes = router.Router([Invoker(load({{"functions": {{"hello": "user"}}}}, "hello"))])

def make_context(request):
    return Context(request_id="r", function="", provider="benchmark", deadline=time.time() + 300)

async def serve(request, context):
    found = routes.resolve(request)
    return found if isinstance(found, Reply) else await serving.serve(found, request, context)

os._exit(server.run(asgi.Application(serve, make_context), host="127.0.0.1", port=int(sys.argv[1]),
                    settings=json.loads(sys.argv[3])))
"""
FRAMEWORK = """
{word}def hello(request):
    return {answer}
"""
#: Ratios, and what they are to be: at least (requests) or at most (start).
AIMS = (
    ("req/s", "polyfn, async", "functions-framework", 6.0),
    ("req/s", "polyfn, async", "uvicorn, bare ASGI", 0.75),
    ("start", "polyfn, async", "functions-framework", 0.6),
)


class Subject:
    """One way to serve, and what was measured of it."""

    def __init__(self, name: str, command: list[object], folder: Path) -> None:
        self.name = name
        self.command = command
        self.folder = folder
        self.figures: dict[str, list[float]] = {
            "req/s": [], "p99": [], "cpu": [], "start": [], "pss": [],
        }  # fmt: skip

    def median(self, figure: str) -> float:
        """Return the median of a figure over the rounds."""
        return statistics.median(self.figures[figure])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of load, per subject and round")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit with 1 if an aim is missed")
    options = parser.parse_args()
    if shutil.which("wrk") is None or (os.cpu_count() or 1) < 2:
        sys.exit("this needs wrk (a Debian package of that name) and two processors")
    with tempfile.TemporaryDirectory(prefix="polyfn-benchmark-") as folder:
        measured, left_out = measure(Path(folder), options.rounds, options.seconds)
    result = report(measured, left_out)
    print(json.dumps(result, indent=2) if options.json else markdown(result))
    missed = [ratio for ratio in result["ratios"] if not ratio["met"]]
    return 1 if options.check and missed else 0


def measure(folder: Path, rounds: int, seconds: int) -> tuple[list[Subject], dict[str, str]]:
    left_out = {}
    every = [*polyfns(folder), *uvicorns(folder)]
    python, why = functions_framework()
    if python is None:
        left_out["functions-framework"] = why
    else:
        every += frameworks(folder, python)
    for _ in range(rounds):
        for subject in every:
            once(subject, seconds)
    return every, left_out


def polyfns(root: Path) -> list[Subject]:
    """Lay out what a bundle has: the runtime, the code and the server in the site, all compiled."""
    for name, word in {"async": "async ", "sync": ""}.items():
        (root / name).mkdir()
        (root / name / "user.py").write_text(FUNCTIONS.format(word=word))
    (root / "start.py").write_text(START.format(root=str(root)))
    lay_out(root, "polyfn")
    command = [sys.executable, "-I", "-S", "-X", "utf8", root / "start.py", "PORT"]
    return [
        Subject(name, [*command, kind, json.dumps(settings)], root)
        for name, kind, settings in (
            ("polyfn, async", "async", {"loop": "uvloop"}),
            ("polyfn, sync", "sync", {"loop": "uvloop"}),
            ("polyfn, sync, concurrency 1", "sync", {"loop": "uvloop", "concurrency": 1}),
            ("polyfn, async, asyncio", "async", {"loop": "asyncio"}),
            ("polyfn, async, granian", "async", {"server": "granian"}),
        )
    ]


def lay_out(root: Path, *packages: str) -> None:
    """Put the packages into `root/runtime` and the servers into `root/site`, and compile it all."""
    skip = shutil.ignore_patterns("__pycache__", "toolchain", "testing")
    servers = ("uvicorn", "httptools", "click", "h11", "uvloop", "granian")
    for name in (*packages, *servers):
        place = Path(str(importlib.util.find_spec(name).origin)).parent  # type: ignore[union-attr]
        shutil.copytree(place, root / ("site" if name in servers else "runtime") / name, ignore=skip)
    compileall.compile_dir(root, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def uvicorns(root: Path) -> list[Subject]:
    (root / "bare.py").write_text(BARE)
    (root / "starlette_app.py").write_text(STARLETTE)
    return [
        Subject("uvicorn, bare ASGI", [sys.executable, root / "bare.py", "PORT", "uvloop"], root),
        Subject("uvicorn, bare ASGI, asyncio", [sys.executable, root / "bare.py", "PORT", "asyncio"], root),
        Subject("Starlette on uvicorn", [sys.executable, root / "starlette_app.py", "PORT"], root),
    ]


def frameworks(root: Path, python: Path) -> list[Subject]:
    """Google's framework as its own images start it: one gunicorn worker, by its command."""
    program = python.with_name("functions-framework")
    made = []
    for name, word, answer, flags in (
        ("functions-framework", "", '{"message": "hello"}', []),
        ("functions-framework, async", "async ", '{"message": "hello"}', ["--asgi"]),
    ):
        source = root / f"{name.replace(', ', '-')}.py"
        source.write_text(FRAMEWORK.format(word=word, answer=answer))
        command = [program, "--target", "hello", "--source", source, "--host", "127.0.0.1", "--port", "PORT"]
        made.append(Subject(name, [*command, *flags], root))
    return made


def once(subject: Subject, seconds: int) -> None:
    """Start it, ask until it answers, load it, and end it."""
    port = free_port()
    command = [str(port) if word == "PORT" else str(word) for word in subject.command]
    begun = time.perf_counter()
    process = subprocess.Popen(
        ["taskset", "-c", str(SERVER_CPU), *command], cwd=subject.folder, stdout=subprocess.DEVNULL
    )
    try:
        first_answer(port, process)
        subject.figures["start"].append((time.perf_counter() - begun) * 1000)
        load(port, 1)
        family = children(process.pid)
        before = sum(cpu(pid) for pid in family)
        told = load(port, seconds)
        spent = sum(cpu(pid) for pid in family) - before
        requests = int(told["requests"])
        subject.figures["req/s"].append(requests / seconds)
        subject.figures["p99"].append(told["p99"])
        subject.figures["cpu"].append(spent / requests * 1e6)
        subject.figures["pss"].append(sum(pss(pid) for pid in family))
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def first_answer(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.perf_counter() + 30
    while time.perf_counter() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/")
            response = connection.getresponse()
            body = response.read()
        except OSError:
            if process.poll() is not None:
                sys.exit(f"a subject ended with {process.returncode}: {process.args}")
            time.sleep(0.001)
            continue
        finally:
            connection.close()
        if response.status != 200 or json.loads(body) != json.loads(ANSWER):
            sys.exit(f"{process.args} answered {response.status} {body!r}")
        return
    sys.exit(f"{process.args} did not answer in 30 s")


def load(port: int, seconds: int, path: str = "/", script: Path | None = None) -> dict[str, float]:
    command = ["taskset", "-c", str(CLIENT_CPU), "wrk", "-t1", "-c32", f"-d{seconds}s", "--latency"]
    if script is not None:
        command += ["-s", str(script)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        sys.exit(f"errors under load:\n{done.stdout}")
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    requests = re.search(r"(\d+) requests in", done.stdout)
    assert p99 is not None and requests is not None, done.stdout
    return {"p99": float(p99[1]) * units[p99[2]], "requests": float(requests[1])}


def children(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def cpu(pid: int) -> float:
    """CPU seconds of a process so far: its own CPU clock, exact to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)


def pss(pid: int) -> float:
    """Proportional set size in MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0]) / 1024


def functions_framework() -> tuple[Path | None, str]:
    """Return the Python of an environment that has it, or None and why there is none."""
    import uv

    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "polyfn-benchmarks"
    python = base / "functions-framework" / "bin" / "python"
    if not python.with_name("functions-framework").exists():
        for command in (["venv", "--python", sys.executable, base / "functions-framework"],
                        ["pip", "install", "--compile-bytecode", "--python", python,
                         "functions-framework"]):  # fmt: skip
            made = subprocess.run([uv.find_uv_bin(), *map(str, command)], capture_output=True, text=True)
            if made.returncode:
                shutil.rmtree(base / "functions-framework", ignore_errors=True)
                return None, f"it cannot be installed: {made.stderr.strip().splitlines()[-1]}"
    return python, ""


def report(measured: list[Subject], left_out: dict[str, str]) -> dict[str, Any]:
    rows = {one.name: {figure: round(one.median(figure), 2) for figure in one.figures} for one in measured}
    ratios = []
    for figure, one, other, aim in AIMS:
        if one in rows and other in rows:
            ratio = rows[one][figure] / rows[other][figure]
            met = ratio <= aim if figure == "start" else ratio >= aim
            ratios.append({"figure": figure, "of": one, "to": other, "ratio": ratio, "aim": aim, "met": met})
    return {
        "schema": 1,
        "python": sys.version.split()[0],
        "rows": rows,
        "ratios": ratios,
        "left_out": left_out,
    }


def markdown(result: dict[str, Any]) -> str:
    lines = [
        "| subject | req/s | p99, ms | CPU, us/request | start, ms | PSS, MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {row['req/s']:,.0f} | {row['p99']:.1f} | {row['cpu']:.0f} | {row['start']:.0f} "
        f"| {row['pss']:.1f} |"
        for name, row in result["rows"].items()
    ]
    lines += ["", "| ratio | is | aim |", "|---|---:|---:|"]
    lines += [
        f"| {one['figure']}: {one['of']} / {one['to']} | {one['ratio']:.2f} "
        f"| {'at most' if one['figure'] == 'start' else 'at least'} {one['aim']} |"
        for one in result["ratios"]
    ]
    lines += [f"\n{name} is left out: {why}" for name, why in result["left_out"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
