"""A custom handler of Azure Functions: over the wire against the samples' way, inside against the native one.

    python benchmarks/azure_handler.py [--rounds N] [--seconds N] [--newer PYTHON] [--json]

The first table loads processes with what the host sends: the envelope of a queue message, and a proxied GET.
`http.server` is a handler as Microsoft's samples for other languages show it, in Python's own server:
read the body, take the message out, answer. It closes the connection after every answer, which is that
server's way, and does not take chunked bodies; so all are sent with a length. wrk has one processor, the
handler another; subjects take turns, and the figures are medians over the rounds.

The second table calls what is inside, without any wire, in one process of one Python: polyfn's dispatch from
an ASGI scope and body to the reply's bytes, and `azure-functions-runtime`, Microsoft's own, from decoded
values to decoded values: its gRPC wire is the platform's and is not in the figure, while polyfn's parsing of
the envelope is. It needs Python 3.13 or newer (--newer says where one is) and is installed by uv into a
directory of its own, which is kept; where that cannot be, the table is left out and the output says so.

Needs Linux with two processors, wrk, and uvicorn, httptools and uvloop beside polyfn.
"""

import argparse
import base64
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from http_server import SERVER_CPU, Subject, children, cpu, free_port, lay_out, load, pss

INVOCATION = "5c1a2b3c-0000-4000-8000-000000000001"
#: A queue message as the host sends it for the function.json of an artifact: base64 (dataType binary), and
#: metadata as JSON in strings (captured from real hosts).
ENVELOPE = json.dumps(
    {
        "Data": {"message": base64.b64encode(b'{"id": 7, "item": "tea"}').decode()},
        "Metadata": {
            "DequeueCount": "1", "Id": '"4434a3c5-0000-4000-8000-000000000001"', "PopReceipt": '"AgAAAA"',
            "InsertionTime": "2026-05-10T16:13:45+00:00", "ExpirationTime": "2026-05-17T16:13:45+00:00",
            "NextVisibleTime": "2026-05-10T16:23:45+00:00",
            "sys": {"MethodName": "take", "UtcNow": "2026-05-10T16:13:46Z", "RandGuid": INVOCATION},
        },
    }
)  # fmt: skip
HEADERS = {
    "X-Azure-Functions-InvocationId": INVOCATION,
    "X-Azure-Functions-HostVersion": "4.1041.0.0",
    "User-Agent": "Azure-Functions-Host/4.1041.0.0",
}
FUNCTIONS = """
import polyfn

@polyfn.function(polyfn.Queue("orders"))
{word}def take(message: polyfn.Message):
    message.data["item"]

@polyfn.function(polyfn.Http("GET", "/hello"))
{word}def hello(request: polyfn.Request):
    return {{"message": "hello"}}
"""
START = """
import sys
sys.path[:0] = [{root!r} + "/runtime", {root!r} + "/" + sys.argv[1]]
sys.path.append({root!r} + "/site")
from polyfn_azure.runtime.start import main
main({{"functions": {{"take": "user", "hello": "user"}}, "default": None, "root": {root!r},
       "settings": {{"loop": sys.argv[2]}}}})
"""
SAMPLE = """
import base64, json, os
from http.server import BaseHTTPRequestHandler, {server}

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        json.loads(base64.b64decode(told["Data"]["message"]))["item"]
        self.answer({{"Outputs": None, "Logs": [], "ReturnValue": None}})

    def do_GET(self):
        self.answer({{"message": "hello"}})

    def answer(self, said):
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said):
        pass

{server}(("127.0.0.1", int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"])), Handler).serve_forever()
"""
#: What wrk sends: a Lua script for each transport.
LUA = """
wrk.method = "{method}"
wrk.body = {body}
wrk.headers = {{{headers}}}
"""
INSIDE = Path(__file__).with_name("azure_inside.py")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of load, per transport, subject and round")
    parser.add_argument("--newer", default=">=3.13", help="a Python 3.13 or newer, for the second table")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if shutil.which("wrk") is None or (os.cpu_count() or 1) < 2:
        sys.exit("this needs wrk (a Debian package of that name) and two processors")
    with tempfile.TemporaryDirectory(prefix="polyfn-benchmark-") as folder:
        wire = over_the_wire(Path(folder), options.rounds, options.seconds)
        inside, why = within(Path(folder), options.rounds, options.newer)
    result = {"schema": 1, "python": sys.version.split()[0], "wire": wire, "inside": inside, "left_out": why}
    print(json.dumps(result, indent=2) if options.json else markdown(result))
    return 0


def over_the_wire(root: Path, rounds: int, seconds: int) -> dict[str, Any]:
    """Load every subject by every transport; return medians by name and transport."""
    subjects = [*polyfns(root), *samples(root)]
    scripts = {
        "queue": (script(root, "queue", "POST", ENVELOPE, {"Content-Type": "application/json"}), "/take"),
        "proxied": (script(root, "proxied", "GET", None, {"x-ms-invocation-id": INVOCATION}), "/hello"),
    }
    figures: dict[str, dict[str, list[float]]] = {subject.name: {} for subject in subjects}
    for _ in range(rounds):
        for subject in subjects:
            once(subject, scripts, seconds, figures[subject.name])
    return {
        name: {figure: round(statistics.median(values), 2) for figure, values in found.items()}
        for name, found in figures.items()
    }


def polyfns(root: Path) -> list[Subject]:
    places = {word or "sync": root / (word.strip() or "sync") for word in ("async ", "")}
    for word, place in zip(("async ", ""), places.values(), strict=True):
        place.mkdir()
        (place / "user.py").write_text(FUNCTIONS.format(word=word))
    (root / "start.py").write_text(START.format(root=str(root)))
    lay_out(root, "polyfn", "polyfn_azure")
    command = [sys.executable, "-I", "-S", "-X", "utf8", root / "start.py"]
    return [
        Subject("polyfn, async", [*command, "async", "uvloop"], root),
        Subject("polyfn, sync", [*command, "sync", "uvloop"], root),
        Subject("polyfn, async, asyncio", [*command, "async", "asyncio"], root),
    ]


def samples(root: Path) -> list[Subject]:
    made = []
    for server in ("HTTPServer", "ThreadingHTTPServer"):
        (root / f"{server}.py").write_text(SAMPLE.format(server=server))
        made.append(Subject(f"http.server, {server}", [sys.executable, root / f"{server}.py"], root))
    return made


def script(root: Path, name: str, method: str, body: str | None, headers: dict[str, str]) -> Path:
    """Write what wrk sends."""
    told = ", ".join(
        f"[{json.dumps(key)}] = {json.dumps(value)}" for key, value in (HEADERS | headers).items()
    )
    path = root / f"{name}.lua"
    path.write_text(
        LUA.format(method=method, headers=told, body="nil" if body is None else f"[==[{body}]==]")
    )
    return path


def once(
    subject: Subject, scripts: dict[str, tuple[Path, str]], seconds: int, figures: dict[str, list[float]]
) -> None:
    """Start it, ping it as the host does until it answers, load it, and kill it as the host does."""
    port = free_port()
    begun = time.perf_counter()
    process = subprocess.Popen(
        ["taskset", "-c", str(SERVER_CPU), *map(str, subject.command)], cwd=subject.folder,
        env={"PATH": os.defpath, "FUNCTIONS_CUSTOMHANDLER_PORT": str(port)}, stdout=subprocess.DEVNULL,
        # wrk ends while requests are under way, and http.server says so at length.
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        pinged(port, process)
        figures.setdefault("start", []).append((time.perf_counter() - begun) * 1000)
        for name, (path, target) in scripts.items():
            load(port, 1, target, path)
            family = children(process.pid)
            before = sum(cpu(pid) for pid in family)
            told = load(port, seconds, target, path)
            spent = sum(cpu(pid) for pid in family) - before
            figures.setdefault(f"{name} req/s", []).append(told["requests"] / seconds)
            figures.setdefault(f"{name} p99", []).append(told["p99"])
            figures.setdefault(f"{name} cpu", []).append(spent / told["requests"] * 1e6)
        figures.setdefault("pss", []).append(sum(pss(pid) for pid in children(process.pid)))
    finally:
        process.kill()
        process.wait()


def pinged(port: int, process: subprocess.Popen[bytes]) -> None:
    """Ask as the host does: any answer will do (here every millisecond, there every 25)."""
    import http.client

    end = time.perf_counter() + 30
    while time.perf_counter() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except OSError:
            if process.poll() is not None:
                sys.exit(f"a subject ended with {process.returncode}: {process.args}")
            time.sleep(0.001)
            continue
        finally:
            connection.close()
        return
    sys.exit(f"{process.args} did not answer in 30 s")


def within(root: Path, rounds: int, newer: str) -> tuple[dict[str, float], str]:
    """Measure both in one process of the newer Python; return microseconds of CPU by name, or why not."""
    python, why = microsofts(newer)
    if python is None:
        return {}, why
    done = subprocess.run(
        [python, "-I", INSIDE, root / "runtime", str(rounds), ENVELOPE], capture_output=True, text=True
    )
    if done.returncode:
        return {}, f"it fails: {done.stderr.strip().splitlines()[-1]}"
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found, ""


def microsofts(newer: str) -> tuple[Path | None, str]:
    """Return the Python of an environment that has Microsoft's runtime, or None and why there is none."""
    import uv

    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "polyfn-benchmarks" / "azure"
    python = base / "bin" / "python"
    if not (base / "installed").exists():
        for command in (["venv", "--allow-existing", "--python", newer, base],
                        ["pip", "install", "--compile-bytecode", "--python", python,
                         "azure-functions-runtime", "httptools"]):  # fmt: skip
            made = subprocess.run([uv.find_uv_bin(), *map(str, command)], capture_output=True, text=True)
            if made.returncode:
                return None, f"it cannot be installed: {made.stderr.strip().splitlines()[-1]}"
        (base / "installed").touch()
    return python, ""


def markdown(result: dict[str, Any]) -> str:
    lines = [
        "| subject | queue, req/s | CPU, us | proxied, req/s | CPU, us | start, ms | PSS, MiB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {row['queue req/s']:,.0f} | {row['queue cpu']:.0f} | {row['proxied req/s']:,.0f} "
        f"| {row['proxied cpu']:.0f} | {row['start']:.0f} | {row['pss']:.1f} |"
        for name, row in result["wire"].items()
    ]
    if result["inside"]:
        lines += ["", "| inside one process | CPU, us |", "|---|---:|"]
        lines += [f"| {name} | {figure:.1f} |" for name, figure in result["inside"].items()]
    else:
        lines += ["", f"azure-functions-runtime is left out: {result['left_out']}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
