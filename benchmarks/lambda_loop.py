"""The cost of the Lambda runtime loop, side by side with awslambdaric in one run.

    python benchmarks/lambda_loop.py [--rounds N] [--invocations N] [--spread] [--json] [--check]

Every subject serves the same handler (a plain dict in, a plain dict out) against the same stand-in
for the Runtime API on loopback. Subjects take turns, round by round, so that what else the machine
does falls on all of them; the figures are medians over the rounds.

- cold: from exec to the first byte of GET /next
- cold CPU: user and system time of the process until then, which a busy machine blurs less
- cpu: user and system time of the process per warm invocation, all its threads
- p50: from the event's sending to the next GET /next
- rss: the highest resident set (VmHWM) at the end

Everything runs on one processor, as in the smallest Lambda. On two, each side waits for an idle one to wake
up, twice per invocation; in a virtual machine that costs more than either runtime, and it is the
hypervisor's. --spread measures that as well.

Needs Linux, and awslambdaric beside polyfn in the interpreter that runs it.
"""

import argparse
import compileall
import contextlib
import importlib.util
import json
import os
import py_compile
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from polyfn.toolchain.artifacts import zip as zips
from polyfn.toolchain.packaging import PackageRequest, package

EVENT = b'{"name": "world"}'
ANSWER = {"message": "hello, world"}
ACCEPTED = (
    b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'
)

BARE = """
import _socket, posix
host, _, port = posix.environ[b"AWS_LAMBDA_RUNTIME_API"].decode().partition(":")
sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
sock.connect((host, int(port)))
sock.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
sock.recv(1)
"""
POLYFN_HANDLER = """
import polyfn

@polyfn.function
def handler(event: dict) -> dict:
    return {"message": "hello, " + event["name"]}
"""
PLAIN_HANDLER = """
def handler(event, context):
    return {"message": "hello, " + event["name"]}
"""
START = """
import sys
sys.path[:0] = [{root!r} + "/runtime", {root!r} + "/app"]
from polyfn_aws.runtime.start import main
main({{"provider": "aws", "project": "hello", "root": {root!r}, "functions": {{"handler": "hello"}},
      "default": "handler", "settings": {{}}}})
"""


class Subject:
    """One way to serve the handler: `serves` is false for what only marks the floor of a cold start."""

    def __init__(self, name: str, command: list[str], folder: Path, *, serves: bool) -> None:
        self.name = name
        self.command = command
        self.folder = folder
        self.serves = serves
        self.cold: list[float] = []
        self.cold_cpu: list[float] = []
        self.cpu: list[float] = []
        self.p50: list[float] = []
        self.rss: list[float] = []


def subjects(root: Path) -> list[Subject]:
    """Lay out what each subject runs under `root`, compiled as a bundle compiles it."""
    runtime = root / "runtime"
    core = Path(str(importlib.util.find_spec("polyfn").origin)).parent  # type: ignore[union-attr]
    aws = Path(str(importlib.util.find_spec("polyfn_aws").origin)).parent  # type: ignore[union-attr]
    skip = shutil.ignore_patterns("__pycache__", "toolchain", "testing", "emulator")
    shutil.copytree(core, runtime / "polyfn", ignore=skip)
    shutil.copytree(aws, runtime / "polyfn_aws", ignore=skip)
    for name, code in {"app": POLYFN_HANDLER, "plain": PLAIN_HANDLER}.items():
        (root / name).mkdir()
        (root / name / "hello.py").write_text(code)
    (root / "start.py").write_text(START.format(root=str(root)))
    (root / "bare.py").write_text(BARE)
    compileall.compile_dir(root, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    python, flags = sys.executable, ["-I", "-S", "-X", "utf8"]
    return [
        Subject("interpreter, same flags", [python, *flags, str(root / "bare.py")], root, serves=False),
        Subject("interpreter, default flags", [python, str(root / "bare.py")], root, serves=False),
        Subject("polyfn", [python, *flags, str(root / "start.py")], root / "app", serves=True),
        Subject("polyfn, finished artifact", [str(artifact(root) / "bootstrap")], root, serves=True),
        Subject("awslambdaric", [python, "-m", "awslambdaric", "hello.handler"], root / "plain", serves=True),
    ]


def artifact(root: Path) -> Path:
    """Package the handler with this machine's interpreter, and unpack the zip."""
    made = package(PackageRequest(root / "app" / "hello.py", "aws", interpreter="host", out=root / "dist"))
    unpacked = root / "task"
    zips.unpack(made[0].path, unpacked)
    return unpacked


def receive(sock: socket.socket) -> bytes:
    """Read one request: its head and its body."""
    data = sock.recv(65536)
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise SystemExit("the subject closed its connection")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += sock.recv(65536)
    return body if length else head


def event(number: int) -> bytes:
    """Write the answer to GET /next with the headers that Lambda sends."""
    deadline = int(time.time() * 1000) + 30_000
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-%012d\r\n"
        b"Lambda-Runtime-Deadline-Ms: %d\r\n"
        b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:hello\r\n"
        b"Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;"
        b"Parent=9a9197af755a6419;Sampled=1\r\n"
        b"Date: Mon, 23 Nov 2026 16:00:00 GMT\r\nContent-Length: %d\r\n\r\n%s"
        % (number, deadline, len(EVENT), EVENT)
    )


class Started:
    """A subject's process and its connection, at its first GET /next."""

    def __init__(self, subject: Subject) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
            environ = {
                "PATH": os.environ["PATH"],
                "AWS_LAMBDA_RUNTIME_API": address,
                "AWS_LAMBDA_FUNCTION_NAME": "hello",
            }
            began = time.perf_counter()
            self.process = subprocess.Popen(subject.command, cwd=subject.folder, env=environ)
            server.settimeout(20)
            self.sock, _ = server.accept()
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            receive(self.sock)
            self.cold = time.perf_counter() - began

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.sock.close()

    def cpu(self) -> float:
        """CPU seconds of the process so far: its own CPU clock, exact to the nanosecond."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def invoke(self, number: int) -> float:
        """Serve one invocation; return the seconds from its sending to the next GET /next."""
        message = event(number)
        began = time.perf_counter()
        self.sock.sendall(message)
        body = receive(self.sock)
        if number == 0 and json.loads(body) != ANSWER:
            raise SystemExit(f"unexpected answer: {body!r}")
        self.sock.sendall(ACCEPTED)
        receive(self.sock)
        return time.perf_counter() - began

    def peak(self) -> float:
        """Highest resident set in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024


def measure_cold(subject: Subject) -> None:
    with contextlib.closing(Started(subject)) as started:
        subject.cold.append(started.cold * 1000)
        subject.cold_cpu.append(started.cpu() * 1000)
        if not subject.serves:
            subject.rss.append(started.peak())


def measure_warm(subject: Subject, invocations: int) -> None:
    with contextlib.closing(Started(subject)) as started:
        for number in range(200):
            started.invoke(number)
        before = started.cpu()
        times = [started.invoke(number) for number in range(200, 200 + invocations)]
        subject.cpu.append((started.cpu() - before) / invocations * 1e6)
        subject.p50.append(statistics.median(times) * 1e6)
        subject.rss.append(started.peak())


def median(values: list[float]) -> float | None:
    return round(statistics.median(values), 2) if values else None


def report(measured: list[Subject]) -> dict[str, object]:
    """Gather the medians and the ratios that are aimed at."""
    figures = {
        one.name: {
            "cold_ms": median(one.cold),
            "cold_cpu_ms": median(one.cold_cpu),
            "cpu_us": median(one.cpu),
            "p50_us": median(one.p50),
            "rss_mib": median(one.rss),
        }
        for one in measured
    }
    mine, theirs = figures["polyfn"], figures["awslambdaric"]
    bare = figures["interpreter, same flags"]

    def ratio(name: str, other: dict[str, float | None]) -> float:
        return round((mine[name] or 0) / (other[name] or 1), 3)

    aims = {
        "cold / awslambdaric": {"ratio": ratio("cold_ms", theirs), "aim": 0.45},
        "cold / interpreter, same flags": {"ratio": ratio("cold_ms", bare), "aim": 1.6},
        "cold CPU / awslambdaric": {"ratio": ratio("cold_cpu_ms", theirs), "aim": None},
        "cold CPU / interpreter, same flags": {"ratio": ratio("cold_cpu_ms", bare), "aim": None},
        "cpu / awslambdaric": {"ratio": ratio("cpu_us", theirs), "aim": 0.5},
        "p50 / awslambdaric": {"ratio": ratio("p50_us", theirs), "aim": None},
        "rss / awslambdaric": {"ratio": ratio("rss_mib", theirs), "aim": None},
    }
    return {"version": 1, "python": sys.version.split()[0], "figures": figures, "ratios": aims}


def markdown(result: dict[str, object]) -> str:
    """Write the result as two tables."""
    lines = [
        "| subject | cold, ms | cold CPU, ms | CPU per warm invocation, us | p50, us | peak RSS, MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    figures: dict[str, dict[str, float | None]] = result["figures"]  # type: ignore[assignment]
    for name, row in figures.items():
        cells = ["-" if value is None else f"{value:.1f}" for value in row.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| polyfn against | ratio | aim |", "|---|---:|---:|"]
    ratios: dict[str, dict[str, float | None]] = result["ratios"]  # type: ignore[assignment]
    for name, row in ratios.items():
        aim = "-" if row["aim"] is None else f"at most {row['aim']}"
        lines.append(f"| {name} | {row['ratio']} | {aim} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the Lambda runtime loop against awslambdaric.")
    parser.add_argument("--rounds", type=int, default=31, help="cold starts of each subject")
    parser.add_argument("--warm-rounds", type=int, default=5, help="warm runs of each subject")
    parser.add_argument("--invocations", type=int, default=4000, help="invocations of each warm run")
    parser.add_argument("--spread", action="store_true", help="use every processor, not one")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 if an aim is missed")
    given = parser.parse_args()
    if importlib.util.find_spec("awslambdaric") is None:
        print("awslambdaric is not installed: pip install awslambdaric", file=sys.stderr)
        return 2
    if not given.spread:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        measured = subjects(Path(folder).resolve())
        for one in measured:
            measure_cold(one)  # fills the file cache and writes bytecode; not counted
            one.cold.clear()
            one.cold_cpu.clear()
        for _ in range(given.rounds):
            for one in measured:
                measure_cold(one)
        for _ in range(given.warm_rounds):
            for one in measured:
                if one.serves:
                    measure_warm(one, given.invocations)
    result = report(measured)
    print(json.dumps(result, indent=2) if given.json else markdown(result))
    ratios: dict[str, dict[str, float | None]] = result["ratios"]  # type: ignore[assignment]
    missed = [name for name, row in ratios.items() if row["aim"] and (row["ratio"] or 0) > row["aim"]]
    if missed and given.check:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
