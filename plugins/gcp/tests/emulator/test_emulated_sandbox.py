"""The container in a root of its own: a static shell and nothing of this machine."""

import asyncio
import json
import subprocess
import time

import pytest

from polyfn.toolchain.artifacts.oci.image import ImageSpec, write
from polyfn.toolchain.artifacts.oci.layers import LayerSpec
from polyfn.toolchain.errors import EmulationError, UsageError
from tests.parts import HOST, empty_root, need

SERVER = """#!/bin/sh
echo starting
busybox env | busybox sed 's/^/ENV /'
trap 'echo told to stop; exit 0' TERM
busybox httpd -f -p 0.0.0.0:$PORT -h /app &
wait
"""
ANSWER = "/cgi-bin/answer"


@pytest.fixture
def image(tmp_path):
    """An image on an empty root: `answer` is the script that answers a request."""
    need("bwrap")

    def make(answer, main=SERVER, **config):
        root = tmp_path / "image" / "rootfs"
        (root / "app/cgi-bin").mkdir(parents=True)
        empty_root(root)
        (root / "bin" / "busybox").hardlink_to(root / "bin" / "sh")
        for name, text in {"main": main, "cgi-bin/answer": f"#!/bin/sh\ncd /app\n{answer}"}.items():
            (root / "app" / name).write_text(text)
            (root / "app" / name).chmod(0o755)
        told = {"Entrypoint": ["/app/main"], "User": "65532:65533", "WorkingDir": "/app", **config}
        (root.parent / "config.json").write_text(json.dumps({"config": told}))
        return root.parent

    return make


def said(*commands):
    body = "; ".join(f"busybox {command} 2>&1" if command[0] != "=" else command[1:] for command in commands)
    return f"out=$({body})\nprintf 'Content-Type: text/plain\\r\\n\\r\\n%s' \"$out\"\n"


ON = {"sandbox": "on"}


def test_what_a_container_sees(bench, run, image):
    made = image(
        said("id -u", "id -g", "pwd", "ls /", "ls /app", "hostname", "ls -d /proc/1 /dev/null"), Env=["A=b"]
    )

    async def work():
        async with bench.emulate(made, options=ON, environment={"LD_PRELOAD": "/nothing.so"}) as emulator:
            return (await emulator.http.get(ANSWER)).text

    lines = run(work()).split("\n")
    assert lines[:3] == ["65532", "65533", "/app"]
    names = ["app", "bin", "dev", "etc", "opt", "proc", "rie", "tmp", "var", "cgi-bin", "main"]
    assert sorted(lines[3:-3]) == sorted(names), "and no directory of this machine's"
    assert lines[-3:] == ["localhost", "/dev/null", "/proc/1"]
    assert bench.log[0] == "starting"
    assert not bench.having("cannot be preloaded"), (
        "bubblewrap itself is not loaded with the container's variables"
    )


def test_environment(bench, run, image):
    made = image("", Env=["A=b", "PATH=/bin"])

    async def work():
        async with bench.emulate(made, options=ON, environment={"LD_X": "y"}):
            await bench.until(lambda: bench.having("probe succeeded"))

    run(work())
    names = {line.split()[1].partition("=")[0] for line in bench.log if line.startswith("ENV ")}
    expected = {"A", "PATH", "HOME", "LD_X", "PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == expected | {"CLOUD_RUN_TIMEOUT_SECONDS"}


def test_the_image_is_read_only_and_tmp_is_not(bench, run, image):
    made = image(
        said("touch /app/x", "touch /x", "=echo hello > /tmp/x; busybox cat /tmp/x; busybox cat /tmp/y 2>&1")
    )
    (made / "rootfs/tmp/y").write_text("of the image")

    async def work():
        async with bench.emulate(made, options=ON) as emulator:
            return (await emulator.http.get(ANSWER)).text

    lines = run(work()).split("\n")
    assert [("Read-only" in line or "Permission" in line) for line in lines] == [True, True, False, False]
    assert lines[2] == "hello"
    assert not (made / "rootfs/app/x").exists()
    assert not (made / "rootfs/tmp/x").exists()


def test_sigterm_reaches_the_program_inside(bench, run, image):
    async def work():
        async with bench.emulate(image(said("true")), options=ON) as emulator:
            await emulator.http.get(ANSWER)
            begin = time.monotonic()
        return time.monotonic() - begin

    assert run(work()) < 5
    assert "told to stop" in bench.log
    assert bench.having("Container called exit(0).")


def test_sigterm_that_is_not_handled_ends_it(bench, run, image):
    made = image(said("true"), main=SERVER.replace("trap", "# trap"))

    async def work():
        async with bench.emulate(made, options=ON) as emulator:
            await emulator.http.get(ANSWER)

    run(work())
    assert bench.having("Container terminated on signal 15.")


def test_it_is_frozen_between_requests(bench, run, image):
    async def work():
        async with bench.emulate(image(said("true")), options=ON) as emulator:
            await emulator.http.get(ANSWER)
            # The processes inside have no number here: they are found by what they hold open.
            await asyncio.sleep(0.1)
            found = subprocess.run(["ps", "-eo", "stat=,args="], capture_output=True, text=True).stdout
            mine = [
                line
                for line in found.splitlines()
                if ("httpd" in line and "/app" in line) or "/app/main" in line
            ]
            return [line.split()[0][0] for line in mine]

    letters = run(work())
    assert letters
    assert set(letters) == {"T"}


def test_files_count_as_memory(bench, run, image):
    fill = "=busybox dd if=/dev/zero of=/tmp/big bs=1048576 count=80 2>&1; busybox sleep 5"

    async def work():
        async with bench.emulate(image(said(fill)), options=ON, memory=64, timeout=20) as emulator:
            return await emulator.http.get(ANSWER)

    assert run(work()).status_code == 503
    assert bench.having("Memory limit of 64 MiB exceeded with ")


def test_exit_statuses_come_through(bench, run, image):
    made = image("", main="#!/bin/sh\nexit 7\n")

    async def work():
        async with bench.emulate(made, options=ON) as emulator:
            await emulator.http.get(ANSWER)

    run(work())
    assert bench.having("Container called exit(7).")


def test_nothing_is_left(bench, run, image):
    made = image("", main="#!/bin/sh\nbusybox sleep 4711 & busybox sleep 4711 & echo up; wait\n")

    async def work():
        async with bench.emulate(made, options=ON):
            await bench.until(lambda: "up" in bench.log)

    run(work())
    assert subprocess.run(["pgrep", "-f", "sleep 4711"], capture_output=True).stdout == b""


def test_a_job(bench, run, image):
    made = image("", main="#!/bin/sh\necho task $CLOUD_RUN_TASK_INDEX port ${PORT-none}\nexit 3\n")

    async def work():
        options = {**ON, "job": "on", "max-retries": "0"}
        async with bench.emulate(made, options=options) as emulator:
            return await emulator.invoke(b"{}")

    assert run(work()).report["attempts"][0]["exit"] == 3
    assert "task 0 port none" in bench.log


def test_an_image_that_needs_this_machine_s_interpreter_runs_without(bench, run):
    made = bench.image("serve(lambda request: request.reply(os.getcwd()))")
    manifest = {"interpreter": {"source": "linked"}, "project": "Shop API"}
    (made / "rootfs/app/polyfn.json").write_text(json.dumps(manifest))

    async def work():
        async with bench.emulate(made, options={"sandbox": "auto"}) as emulator:
            return (await emulator.http.get(ANSWER)).text

    assert run(work()) == str(made / "rootfs/app")
    assert bench.having('container "shop-api-1"')

    async def refused():
        async with bench.emulate(made, options=ON):
            pass

    with pytest.raises(UsageError, match="this machine's own interpreter"):
        run(refused())


def test_without_bubblewrap(bench, run, image, monkeypatch):
    monkeypatch.setattr("polyfn_gcp.emulator.launch.bubblewrap", lambda: None)

    async def work():
        async with bench.emulate(image(said("true")), options=ON):
            pass

    with pytest.raises(UsageError, match="no bubblewrap"):
        run(work())


def test_a_runtime_bundle_as_umoci_unpacks_it(bench, run, image):
    made = image(said("id -u", "pwd"))
    process = {"args": ["/app/main"], "env": ["PATH=/bin"], "cwd": "/app", "user": {"uid": 1234, "gid": 5}}
    (made / "config.json").write_text(json.dumps({"ociVersion": "1.0.0", "process": process}))

    async def work():
        async with bench.emulate(made, options=ON) as emulator:
            return (await emulator.http.get(ANSWER)).text

    assert run(work()).split("\n") == ["1234", "/app"]


@pytest.mark.parametrize("archive", [True, False])
def test_an_image_as_it_is_deployed(bench, run, image, tmp_path, archive):
    root = image(said("id -u", "pwd", "=echo $FROM_IMAGE")) / "rootfs"
    spec = ImageSpec(
        arch=HOST, layers=[LayerSpec("all", root)], entrypoint=["/app/main"], workdir="/app",
        env={"PATH": "/bin", "FROM_IMAGE": "yes"},
    )  # fmt: skip
    made = tmp_path / "image.tar"
    write(spec, made, epoch=0, archive=archive)
    assert made.is_dir() is not archive

    async def work():
        async with bench.emulate(made, options=ON) as emulator:
            return (await emulator.http.get(ANSWER)).text

    assert run(work()).split("\n") == ["65532", "/app", "yes"]


def test_an_image_that_umoci_unpacked(bench, run, image, tmp_path):
    umoci, made = need("umoci"), tmp_path / "layout"
    root = image(said("id -u", "pwd")) / "rootfs"
    spec = ImageSpec(HOST, [LayerSpec("all", root)], ["/app/main"], workdir="/app", env={"PATH": "/bin"})
    write(spec, made, epoch=0, archive=False)
    bundle = tmp_path / "bundle"
    command = [umoci, "unpack", "--rootless", "--image", f"{made}:latest", bundle]
    subprocess.run(command, check=True, capture_output=True)

    async def work():
        async with bench.emulate(bundle, options=ON) as emulator:
            return (await emulator.http.get(ANSWER)).text

    assert run(work()).split("\n") == ["65532", "/app"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"Entrypoint": None}, "neither an entrypoint nor a command"),
        ({"Entrypoint": ["/app/other"]}, "/app/other is not in it"),
        ({"Entrypoint": ["/app/data"]}, "/app/data is not executable"),
        ({"User": "nobody"}, "user 'nobody'"),
    ],
)
def test_images_that_could_not_be_started(bench, run, image, config, words):
    made = image("", **config)
    (made / "rootfs/app/data").write_text("")

    async def work():
        async with bench.emulate(made):
            pass

    with pytest.raises(EmulationError, match=words):
        run(work())


def test_what_is_no_image(bench, run, tmp_path):
    (tmp_path / "app").mkdir()

    async def work(path):
        async with bench.emulate(path):
            pass

    with pytest.raises(EmulationError, match="does not exist"):
        run(work(tmp_path / "none"))
    with pytest.raises(EmulationError, match="is no image") as caught:
        run(work(tmp_path / "app"))
    assert "--format source" in caught.value.hint
