"""What the tests of finished images work with: skopeo and umoci read them, bubblewrap runs them."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyfn.toolchain.artifacts.oci import image, index
from polyfn.toolchain.artifacts.oci.image import ImageSpec
from polyfn.toolchain.artifacts.oci.layers import LayerSpec
from tests import parts, standalone
from tests.artifacts.harness import REPOSITORY
from tests.ports import free_port

HELLO = REPOSITORY / "examples/hello/hello.py"
#: glibc, and what the default base image has besides.
LIBRARIES = (
    "ld-linux-*.so.*", "libc.so.*", "libm.so.*", "libdl.so.*", "libpthread.so.*", "librt.so.*",
    "libutil.so.*", "libgcc_s.so.*",
)  # fmt: skip
LOADERS = {"amd64": "lib64/ld-linux-x86-64.so.2", "arm64": "lib/ld-linux-aarch64.so.1"}


def run(program: str, *arguments: object, status: int = 0) -> str:
    """Run a program that a test needs; returns its stdout."""
    command = [str(parts.need(program)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == status, done.stderr
    return done.stdout


def polyfn(*arguments: object, cwd: Path, umask: int = 0o022, **environment: str) -> "Done":
    """Run the command line as a user does: from a directory, with nothing of polyfn's own set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POLYFN_")}
    return subprocess.run(
        [sys.executable, "-m", "polyfn", *map(str, arguments)],
        cwd=cwd, env={**kept, **environment}, umask=umask, capture_output=True, text=True, timeout=200,
    )  # fmt: skip


Done = subprocess.CompletedProcess[str]


def package(folder: Path, source: object, *options: str, **more: Any) -> Path:
    """Package for gcp in a folder, into its dist; returns the one artifact."""
    environment = {"POLYFN_CACHE": str(folder / "cache")} | more
    done = polyfn("package", source, "--target", "gcp", *options, cwd=folder, **environment)
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    return folder / line


def project(
    folder: Path, name: str, source: str, *, dependencies: tuple[str, ...] = (), more: str = ""
) -> Path:
    """Write a project of one module."""
    place = folder / name
    place.mkdir(parents=True)
    wanted = json.dumps(list(dependencies))
    (place / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = {wanted}\n\n'
        f'[tool.polyfn]\nmodules = ["{name}"]\n{more}'
    )
    (place / f"{name}.py").write_text(source)
    return place


def base(folder: Path) -> Path:
    """An image of both architectures to build upon, as a layout: glibc and libgcc, and no shell."""
    made = []
    for arch, loader in LOADERS.items():
        tree, place = folder / arch, f"usr/lib/{standalone.MACHINE[arch]}-linux-gnu"
        (tree / place).mkdir(parents=True)
        (tree / loader).parent.mkdir(exist_ok=True)
        root = parts.need(f"root-{arch}")
        for file in (found for name in LIBRARIES for found in (root / f"{place[4:]}").glob(name)):
            shutil.copy(file, tree / place / file.name)
        shutil.copy(tree / place / Path(loader).name, tree / loader)
        (tree / "etc").mkdir()
        (tree / "etc/passwd").write_text("nonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n")
        spec = ImageSpec(
            arch=arch,
            layers=(LayerSpec("base", tree),),
            entrypoint=("/no/such/program",),
            env={"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"},
            labels={"made.by": "the tests"},
        )
        made.append(folder / f"base-{arch}.tar")
        image.write(spec, made[-1], epoch=1_600_000_000)
    index.write(made, folder / "base", epoch=1_600_000_000, archive=False, name="base")
    return folder / "base"


@dataclass
class Image:
    """An image that umoci has unpacked, and what is said of how it is run."""

    rootfs: Path
    config: dict[str, Any]

    def command(self, environment: dict[str, str], *more: object) -> list[str]:
        """The command line that runs it as a container does: its own root, its user, as the first process."""
        user, group = self.config["User"].split(":")
        told = dict(one.split("=", 1) for one in self.config.get("Env", ())) | environment
        command = [parts.need("bwrap"), "--ro-bind", self.rootfs, "/", "--proc", "/proc", "--dev", "/dev"]
        command += ["--tmpfs", "/tmp", "--unshare-user", "--uid", user, "--gid", group]
        command += ["--unshare-pid", "--as-pid-1", "--die-with-parent", "--clearenv", *more]
        for name, value in told.items():
            command += ["--setenv", name, value]
        words = [*command, "--chdir", self.config["WorkingDir"], *self.config["Entrypoint"]]
        return [str(word) for word in (*words, *self.config.get("Cmd", ()))]


def unpack(artifact: Path, folder: Path, arch: str = parts.HOST) -> Image:
    """Have skopeo take an image of one architecture out of an artifact, and umoci unpack it."""
    form, layout = "oci" if artifact.is_dir() else "oci-archive", folder / "layout"
    choice = ("--override-os", "linux", "--override-arch", arch)
    run("skopeo", "copy", "--insecure-policy", *choice, f"{form}:{artifact}", f"oci:{layout}:x")
    run("umoci", "unpack", "--rootless", "--image", f"{layout}:x", folder / "bundle")
    told = json.loads(run("skopeo", "inspect", "--config", *choice, f"oci:{layout}:x"))
    assert told["architecture"] == arch
    rootfs = folder / "bundle/rootfs"
    return Image(rootfs, told["config"])


@dataclass
class Service:
    """A container that listens. `end` is SIGTERM to its first process; it gives the exit status."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]
    end: Callable[[], int] = field(default=lambda: 0)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"content-type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()


@contextlib.contextmanager
def serving(made: Image, log: Path, **environment: str) -> Iterator[Service]:
    """Run an image under bubblewrap, with what Cloud Run sets."""
    port = free_port()
    told = {
        "PORT": str(port),
        "K_SERVICE": "hello",
        "K_REVISION": "hello-00001-abc",
        "K_CONFIGURATION": "hello",
    }
    for name in ("proc", "dev", "tmp"):
        (made.rootfs / name).mkdir(exist_ok=True)
    read, write = os.pipe()
    command = made.command({**told, **environment}, "--info-fd", write)
    with log.open("wb") as output, open(read) as info:
        process = subprocess.Popen(command, stdout=output, stderr=output, pass_fds=[write])
        os.close(write)
        try:
            first = json.loads(info.read())["child-pid"]
            wait(process, port, log)
            yield Service(port, log, process, lambda: ended(process, first))
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def started(command: list[str], port: int, log: Path, **environment: str) -> Iterator[Service]:
    """Run a program that listens, as it is."""
    with log.open("wb") as output:
        told = {"PATH": os.defpath, "PORT": str(port), **environment}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=told)
        try:
            wait(process, port, log)
            yield Service(port, log, process, lambda: ended(process, process.pid))
        finally:
            process.kill()
            process.wait()


def ended(process: subprocess.Popen[bytes], first: int) -> int:
    os.kill(first, signal.SIGTERM)
    return process.wait(20)


def wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 40
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            with contextlib.closing(connection):
                connection.connect()
                return
        time.sleep(0.02)
    raise AssertionError(log.read_text())
