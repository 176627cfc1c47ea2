"""A provider of images through the public seam, as docs/writing-a-provider.md shows it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from polyfn.toolchain.artifacts.oci import reading
from tests import parts
from tests.toolchain.plugins.distributions import installed_at

# Making a bundle takes its time.
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/writing-a-provider.md").read_text()

PROVIDER = """
from polyfn.toolchain.hooks import hookimpl
from polyfn.toolchain.provider import Capability, Platform, Provider
from polyfn_crate.package import combine, package

def inputs(wrapping):
    return {"base": open("base.txt").read()}

@hookimpl
def polyfn_provider():
    return Provider(
        name="crate", api=1, summary="images", capabilities=frozenset({Capability.CALL}),
        platforms=(Platform("amd64", (2, 28)), Platform("arm64", (2, 28))),
        runtime="polyfn_crate.runtime.start", ships=("polyfn_crate.runtime",), package=package,
        formats=("image", "layout"), combine=combine,
        platform_pythons=("3.11", "3.12", "3.13", "3.14"), inputs=inputs,
    )
"""
ONE = (
    "import polyfn\n\n@polyfn.function\ndef one(event: dict) -> dict:\n    return {'hello': event['name']}\n"
)


def block(name):
    [body] = re.findall(rf"^```python\n# {re.escape(name)}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return body


def runtime(name):
    return block(f"polyfn_tarball/runtime/{name}.py").replace("polyfn_tarball", "polyfn_crate")


@pytest.fixture
def crate(tmp_path, monkeypatch):
    with installed_at(tmp_path / "site", monkeypatch) as site:
        monkeypatch.setenv("POLYFN_CACHE", str(tmp_path / "cache"))
        modules = {
            "polyfn_crate.__init__": "",
            "polyfn_crate.provider": PROVIDER,
            "polyfn_crate.runtime.__init__": "",
            "polyfn_crate.package": block("polyfn_crate/package.py"),
            **{f"polyfn_crate.runtime.{name}": runtime(name) for name in ("start", "lines")},
        }
        site.install("polyfn-crate", modules, providers={"crate": "polyfn_crate.provider"})
        (site.root / "one.py").write_text(ONE)
        (site.root / "base.txt").write_text("1")
        yield site


def package(site, *options, **more):
    command = ["package", "one.py", "--target", "crate", *options]
    done = site.polyfn(*command, **more)
    assert done.returncode == 0, done.stderr
    return [site.root / line for line in done.stdout.splitlines()]


def test_the_image_runs_in_an_empty_root(crate, tmp_path, run):
    """scratch: the bundle brings its libc. The entrypoint is started as it stands in the image's config."""
    [path] = package(crate, "--interpreter", "host", "--arch", parts.HOST)
    run("skopeo", "copy", "--insecure-policy", f"oci-archive:{path}", f"oci:{tmp_path / 'layout'}:x")
    run("umoci", "unpack", "--rootless", "--image", f"{tmp_path / 'layout'}:x", tmp_path / "bundle")
    rootfs = tmp_path / "bundle/rootfs"
    assert sorted(path.name for path in rootfs.iterdir()) == ["srv", "tmp"]
    config = json.loads(run("skopeo", "inspect", "--config", f"oci-archive:{path}"))["config"]
    user, group = config["User"].split(":")
    root = ["--ro-bind", rootfs, "/", "--proc", "/proc", "--dev", "/dev", "--clearenv"]
    who = ["--unshare-user", "--uid", user, "--gid", group, "--chdir", config["WorkingDir"]]
    command = [parts.need("bwrap"), *root, *who, *config["Entrypoint"]]
    shutil.rmtree(rootfs / "tmp")
    for name in ("proc", "dev", "tmp"):
        (rootfs / name).mkdir()
    done = subprocess.run(command, input=b'{"name": "Ada"}\n', capture_output=True, timeout=60)
    assert done.stdout == b'{"answer":{"hello":"Ada"}}\n', done.stderr
    # A change of code leaves what is big alone.
    before = reading.config(path)["rootfs"]["diff_ids"]
    (crate.root / "one.py").write_text(ONE + "\n# changed\n")
    [path] = package(crate, "--interpreter", "host", "--arch", parts.HOST)
    after = reading.config(path)["rootfs"]["diff_ids"]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False]


def test_formats(crate, run):
    [path] = package(crate, "--interpreter", "platform", "--format", "layout")
    assert (path / "oci-layout").is_file()
    run("skopeo", "inspect", f"oci:{path}")
    # Each has an entry of its own in the cache.
    [path] = package(crate, "--interpreter", "platform", POLYFN_FORMAT="image")
    assert path.is_file()
    [path] = package(crate, "--interpreter", "platform")
    assert path.is_file()


def test_a_format_that_there_is_not(crate):
    done = crate.polyfn("package", "one.py", "--target", "crate", "--format", "zip")
    assert done.returncode == 3
    assert done.stderr.startswith(
        "error[PF305]: the target 'crate' has no format 'zip'; it has image, layout\nhint: "
    )
    done = crate.polyfn("providers", "--check", "--json")
    [told] = [one for one in json.loads(done.stdout)["providers"] if one["name"] == "crate"]
    assert told["formats"] == ["image", "layout"]


@pytest.mark.parametrize("form", ["image", "layout"])
def test_several_architectures_are_one_artifact(crate, form):
    options = ("--interpreter", "platform", "--arch", "amd64,arm64", "--format", form)
    [path] = package(crate, *options)
    assert reading.archs(path) == ["amd64", "arm64"]
    assert [one.name for one in (crate.root / "dist").iterdir()] == [path.name]
    done = crate.polyfn("package", "one.py", "--target", "crate", *options, "--json")
    [told] = json.loads(done.stdout)["artifacts"]
    assert (told["arch"], told["archs"]) == ("amd64", ["amd64", "arm64"])
    for command in ("verify", "report"):
        done = crate.polyfn(command, str(path))
        assert done.returncode == 0, done.stderr


def test_what_else_it_is_made_from(crate):
    """An artifact is taken from the cache as long as its base is the same."""
    kept = crate.root.parent / "cache/store/artifacts"
    options = ("--interpreter", "host", "--arch", parts.HOST)
    counts = []
    for base in ("1", "1", "2"):
        (crate.root / "base.txt").write_text(base)
        package(crate, *options)
        counts.append(len(list(kept.iterdir())))
    package(crate, *options, "--format", "layout")
    assert [*counts, len(list(kept.iterdir()))] == [1, 1, 2, 3]


def test_verify_and_report_look_inside(crate):
    [path] = package(crate, "--interpreter", "platform")
    done = crate.polyfn("verify", str(path), "--json")
    assert json.loads(done.stdout)["target"] == "crate"
    report = json.loads(crate.polyfn("report", str(path), "--json").stdout)["report"]
    assert {one["kind"] for one in report["parts"]} == {"app", "runtime", "start"}


def test_push(crate, registry, run):
    [path] = package(crate, "--interpreter", "platform", "--arch", "amd64,arm64")
    done = crate.polyfn("push", str(path), f"{registry.host}/team/one:v1", "--tag", "v2")
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    assert re.fullmatch(rf"{registry.host}/team/one@sha256:[0-9a-f]{{64}}", line)
    assert re.search(r"/team/one:v1: .* sent, 0 of \d+ blobs were there$", done.stderr.strip())
    for tag in ("v1", "v2"):
        raw = run(
            "skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/team/one:{tag}"
        )
        assert [one["platform"]["architecture"] for one in json.loads(raw)["manifests"]] == ["amd64", "arm64"]
    again = crate.polyfn("push", str(path), f"{registry.host}/team/one", "--json")
    told = json.loads(again.stdout)
    assert (told["schema"], told["reference"], told["tags"]) == (1, line, ["latest"])
    assert {one["state"] for one in told["blobs"]} == {"there"}
    mounted = crate.polyfn("push", str(path), f"{registry.host}/other", "--mount", "team/one", "--json")
    assert {one["state"] for one in json.loads(mounted.stdout)["blobs"]} == {"mounted"}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["one.py", "localhost:1/a"], 4, "error[PF404]: one.py is no image"),
        (["nowhere.tar", "localhost:1/a"], 2, "error[PF200]: ARTIFACT nowhere.tar does not exist"),
        (["one.py", "localhost:1/A"], 2, "error[PF200]: 'localhost:1/A' is no reference to an image"),
        (["one.py", "localhost:1/a:x", "--tag", "-"], 2, "error[PF200]: --tag '-' is no tag"),
        (["one.py"], 2, "error[PF200]: "),
    ],
)
def test_what_cannot_be_pushed(crate, arguments, status, said):
    done = crate.polyfn("push", *arguments)
    assert done.returncode == status
    assert done.stderr.startswith(said), done.stderr
    assert "hint: " in done.stderr
    assert done.stdout == ""


def test_a_zip_cannot_be_pushed(crate):
    shutil.make_archive(str(crate.root / "a"), "zip", crate.root, "one.py")
    done = crate.polyfn("push", "a.zip", "localhost:1/a")
    assert done.returncode == 4
    assert "error[PF404]: a.zip is no image" in done.stderr


def test_a_registry_that_is_not_there(crate):
    [path] = package(crate, "--interpreter", "platform")
    done = crate.polyfn("push", str(path), "127.0.0.1:1/a", "--json")
    assert done.returncode == 4
    assert json.loads(done.stdout)["error"]["code"] == "PF406"
