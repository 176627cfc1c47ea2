"""Finished images of examples/hello for Cloud Run: read, pushed and run by what polyfn did not make."""

import json
import re

import pytest

from tests import parts, standalone
from tests.artifacts import containers
from tests.artifacts.containers import package, polyfn, run, serving, unpack
from tests.artifacts.oci.conftest import serving as registry_at

# Making the parts may include downloads.
pytestmark = pytest.mark.timeout(300)

ARCHS = ["amd64", "arm64"]
LAYERS = ["interpreter", "dependencies", "runtime", "code"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return containers.base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def both(base, tmp_path_factory):
    """hello-gcp.tar, on a base that is a layout, with an interpreter that uv fetched."""
    folder = tmp_path_factory.mktemp("both")
    source = containers.HELLO.read_text()
    containers.project(
        folder,
        "hello",
        source,
        dependencies=("pydantic>=2.9",),
        more=f'\n[tool.polyfn.gcp]\nbase = "{base}"\n',
    )
    options = ("--arch", ",".join(ARCHS), "--python", standalone.PYTHON, "--interpreter", "managed")
    listed = standalone.downloads(folder, *ARCHS)
    return package(folder, "hello", *options, UV_PYTHON_DOWNLOADS_JSON_URL=listed)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """With this machine's interpreter and its libraries, on nothing."""
    return package(tmp_path_factory.mktemp("host"), containers.HELLO, "--interpreter", "host")


@pytest.fixture(scope="module")
def unpacked(host, both, tmp_path_factory):
    """Each image as umoci unpacks it, made when it is asked for."""
    made = {}

    def get(name):
        if name not in made:
            arch = parts.HOST if name == "host" else name
            artifact = host if name == "host" else both
            made[name] = unpack(artifact, tmp_path_factory.mktemp(name), arch)
        return made[name]

    return get


def inspected(artifact, *options):
    form = "oci" if artifact.is_dir() else "oci-archive"
    return json.loads(run("skopeo", "inspect", *options, f"{form}:{artifact}"))


def test_the_index_names_both(both):
    assert both.name == "hello-gcp.tar"
    assert [path.name for path in both.parent.iterdir()] == [both.name]
    index = inspected(both, "--raw")
    assert [one["platform"] for one in index["manifests"]] == [
        {"architecture": arch, "os": "linux"} for arch in ARCHS
    ]


@pytest.mark.parametrize("arch", ARCHS)
def test_the_base_lies_below(arch, both, base, unpacked):
    config = inspected(both, "--config", "--override-arch", arch)
    below = inspected(base, "--config", "--override-arch", arch)
    assert config["rootfs"]["diff_ids"][:1] == below["rootfs"]["diff_ids"]
    assert [one["created_by"] for one in config["history"][1:]] == [f"polyfn: {name}" for name in LAYERS]
    told = config["config"]
    assert (told["User"], told["WorkingDir"], told["ExposedPorts"]) == (
        "65532:65532",
        "/srv",
        {"8080/tcp": {}},
    )
    assert told["Env"] == ["SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"]
    assert told["Entrypoint"][0].startswith("/srv/python/bin/python3")
    assert "sh" not in told["Entrypoint"]
    rootfs = unpacked(arch).rootfs
    assert (rootfs / "etc/passwd").is_file()
    assert (rootfs / "srv/polyfn.json").is_file()


def test_nothing_lies_below_an_interpreter_with_its_libc(host, unpacked):
    assert host.name == f"hello-gcp-{parts.HOST}.tar"
    assert len(inspected(host)["Layers"]) == len(LAYERS)
    names = {path.name for path in unpacked("host").rootfs.iterdir()}
    assert names - {"proc", "dev"} == {"srv", "tmp"}


@pytest.mark.parametrize("name", ["host", *ARCHS])
def test_it_answers_as_a_container_and_ends_when_told(name, unpacked, tmp_path):
    if name not in ("host", parts.HOST):
        parts.need("qemu")
    with serving(unpacked(name), tmp_path / "log") as service:
        assert service.ask("POST", "/hello", {"name": "wörld ✓"}) == (
            200,
            '{"message":"hello, wörld ✓"}'.encode(),
        )
        assert service.ask("POST", "/hello_model", {"name": "polyfn"}) == (
            200,
            b'{"message":"hello, polyfn"}',
        )
        status, body = service.ask("POST", "/hello_model", {"name": ["none"]})
        assert status == 422, body
        assert service.ask("GET", "/nowhere")[0] == 404
        assert service.end() == 0, service.log.read_text()


def test_a_port_that_is_none_ends_it(unpacked, tmp_path):
    with (
        pytest.raises(AssertionError, match="PORT is 'no'"),
        serving(unpacked("host"), tmp_path / "log", PORT="no"),
    ):
        pass


@pytest.mark.parametrize("form", ["index", "archive", "layout"])
def test_verify_and_report_have_nothing_to_say(form, host, both, tmp_path):
    artifact = both if form == "index" else host
    if form == "layout":
        artifact = tmp_path / "layout"
        run("skopeo", "copy", "--insecure-policy", f"oci-archive:{host}", f"oci:{artifact}:x")
    for arch in ARCHS if form == "index" else [parts.HOST]:
        done = polyfn("verify", artifact, "--strict", "--arch", arch, "--json", cwd=tmp_path)
        told = json.loads(done.stdout)
        # Debian's interpreter has a module whose library the tests do not carry: that is true, and all.
        assert [one for one in told["findings"] if "/_dbm.cpython" not in one["path"]] == []
        assert len(told["findings"]) == (form == "index")
        assert (told["target"], told["arch"], told["python"]) == ("gcp", arch, "3.11")
    done = polyfn("report", artifact, "--json", cwd=tmp_path, POLYFN_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)["report"]
    assert report["target"] == "gcp"
    names = {(one["kind"], one["name"]) for one in report["parts"]}
    assert {("interpreter", "python"), ("distribution", "uvicorn"), ("distribution", "pydantic")} <= names


def test_pushed_and_pulled_it_is_the_same(both, tmp_path):
    with registry_at(tmp_path / "registry") as registry:
        done = polyfn("push", both, f"{registry.host}/team/hello:v1", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        [line] = done.stdout.splitlines()
        name, _, digest = line.partition("@")
        assert name == f"{registry.host}/team/hello"
        choice = ("--insecure-policy", "--src-tls-verify=false", "--all", "--preserve-digests")
        run("skopeo", "copy", *choice, f"docker://{line}", f"oci:{tmp_path / 'back'}:v1")
        [back] = json.loads((tmp_path / "back/index.json").read_text())["manifests"]
        assert back["digest"] == digest
        assert len(back["digest"]) == len("sha256:") + 64
        uploads = [one for one in registry.requests() if one.startswith("PUT") and "/uploads/" in one]
        again = polyfn("push", both, f"{registry.host}/team/hello:v2", cwd=tmp_path)
        assert again.stdout == done.stdout
        assert [one for one in registry.requests() if one.startswith("PUT") and "/uploads/" in one] == uploads


@pytest.fixture(scope="module")
def again(host, tmp_path_factory):
    """The same, made elsewhere: another directory, cache, umask, time zone and language."""
    folder = tmp_path_factory.mktemp("elsewhere") / "a longer way"
    folder.mkdir()
    source = folder / "hello.py"
    source.write_bytes(containers.HELLO.read_bytes())
    source.chmod(0o600)
    return package(folder, "hello.py", "--interpreter", "host", umask=0o077, TZ="Pacific/Chatham", LC_ALL="C")


def test_the_same_bytes_elsewhere(host, again):
    assert again.read_bytes() == host.read_bytes()


def test_a_changed_line_is_one_small_layer(again, tmp_path):
    folder = again.parent.parent
    options = (folder, "hello.py", "--interpreter", "host")
    before = inspected(again)["Layers"]
    with registry_at(tmp_path / "registry") as registry:
        to = f"{registry.host}/hello"
        assert polyfn("push", again, to, cwd=folder).returncode == 0
        source = folder / "hello.py"
        source.write_text(source.read_text().replace("hello, {event.get", "bye, {event.get"))
        changed = package(*options, "--out", "changed")
        after = inspected(changed)["Layers"]
        assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, True, False]
        told = json.loads(polyfn("push", changed, to, "--json", cwd=folder).stdout)
    sent = {one["digest"]: one["size"] for one in told["blobs"] if one["state"] == "uploaded"}
    assert after[-1] in sent
    assert sum(sent.values()) < 50_000


def test_nothing_of_this_machine_is_inside(both, unpacked):
    places = [str(both.parent.parent).encode(), str(containers.REPOSITORY).encode()]
    for name in ("host", *ARCHS):
        for path in (unpacked(name).rootfs / "srv").rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                assert not [place for place in places if place in data], path


def test_layout(host, tmp_path):
    cache = str(host.parent.parent / "cache")
    options = ("--interpreter", "host", "--format", "layout")
    artifact = package(tmp_path, containers.HELLO, *options, POLYFN_CACHE=cache)
    assert (artifact.name, artifact.is_dir()) == (f"hello-gcp-{parts.HOST}", True)
    assert inspected(artifact)["Digest"] == inspected(host)["Digest"]
    for form in (artifact, host):
        target = f"{form}::hello_model"
        done = polyfn("invoke", target, "--data", '{"name": "Ada"}', cwd=tmp_path, POLYFN_CACHE=cache)
        assert (done.returncode, done.stdout) == (0, '{"message":"hello, Ada"}\n'), done.stderr
    assert re.search(r"exit\(0\)", done.stderr)
