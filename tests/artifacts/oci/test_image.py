"""Images as skopeo and umoci take them; no Docker is needed: skopeo's docker-archive stands for its load."""

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from polyfn.toolchain.artifacts.oci import blobs, image, index, reading
from polyfn.toolchain.errors import ArtifactError, UsageError
from tests.artifacts.oci.conftest import BUNDLE, EPOCH, grow, spec

CREATED = "2023-11-14T22:13:20Z"


def inside(path, digest):
    """A document of an image."""
    with blobs.opened(path) as source, source.open(digest) as file:
        data = file.read()
    assert hashlib.sha256(data).hexdigest() == digest.partition(":")[2]
    return json.loads(data)


def test_what_is_told_is_true(tree, tmp_path):
    told = image.write(spec(tree), tmp_path / "a.tar", epoch=EPOCH)
    assert told.sha256 == hashlib.sha256((tmp_path / "a.tar").read_bytes()).hexdigest()
    assert told.size == (tmp_path / "a.tar").stat().st_size
    assert told.files == len(BUNDLE)
    assert (
        told.unpacked_size
        == sum(len(c if isinstance(c, bytes) else c.encode()) for c in BUNDLE.values()) - 13
    )
    assert [path.name for path in tmp_path.iterdir()] == ["tree", "a.tar"] or len(
        list(tmp_path.iterdir())
    ) == 2
    assert (tmp_path / "a.tar").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("form", ["oci-archive", "docker-archive", "oci"])
def test_skopeo_reads_it(tree, tmp_path, run, form):
    path = tmp_path / "image"
    told = image.write(spec(tree), path, epoch=EPOCH, archive=form != "oci")
    seen = json.loads(run("skopeo", "inspect", f"{form}:{path}"))
    assert (seen["Architecture"], seen["Os"], seen["Created"]) == ("amd64", "linux", CREATED)
    assert seen["Labels"] == {"team": "one"}
    assert seen["Env"] == ["PORT=8080"]
    if form != "docker-archive":
        assert seen["Digest"] == told.digest
        assert seen["Layers"] == [layer.digest for layer in told.layers]
    config = json.loads(run("skopeo", "inspect", "--config", f"{form}:{path}"))
    assert config["config"] == {
        "User": "65532:65532", "ExposedPorts": {"8080/tcp": {}}, "Env": ["PORT=8080"], "Cmd": ["--all"],
        "Entrypoint": ["/srv/start"], "WorkingDir": "/srv/app", "Labels": {"team": "one"},
    }  # fmt: skip
    assert [one["created_by"] for one in config["history"]] == [
        "polyfn: interpreter", "polyfn: dependencies", "polyfn: code",
    ]  # fmt: skip
    assert config["rootfs"]["diff_ids"] == [layer.diff_id for layer in told.layers]


@pytest.mark.parametrize("form", ["oci-archive", "docker-archive"])
def test_skopeo_copies_it(archive, tmp_path, run, form):
    run("skopeo", "copy", "--insecure-policy", f"{form}:{archive}", f"dir:{tmp_path / 'copy'}")
    layers = {path.name for path in (tmp_path / "copy").iterdir()}
    assert {layer.partition(":")[2] for layer in _diff_ids(archive)} & layers or len(layers) == 6


def _diff_ids(path):
    return reading.config(path)["rootfs"]["diff_ids"]


def test_the_manifest(tree, tmp_path):
    told = image.write(spec(tree), tmp_path / "a", epoch=EPOCH, archive=False)
    manifest = inside(tmp_path / "a", told.digest)
    assert manifest["annotations"] == {
        "org.opencontainers.image.created": CREATED, "org.opencontainers.image.title": "hello",
        "org.opencontainers.image.version": "1.2",
    }  # fmt: skip
    assert [one["mediaType"] for one in manifest["layers"]] == [
        "application/vnd.oci.image.layer.v1.tar+gzip"
    ] * 3
    assert (tmp_path / "a/oci-layout").read_text() == '{"imageLayoutVersion":"1.0.0"}'
    [listed] = json.loads((tmp_path / "a/index.json").read_text())["manifests"]
    assert listed["platform"] == {"architecture": "amd64", "os": "linux"}
    assert not (tmp_path / "a/manifest.json").exists()


def test_every_blob_is_what_its_name_says_and_none_is_left_over(tree, tmp_path):
    image.write(spec(tree), tmp_path / "a", epoch=EPOCH, archive=False)
    named = set()
    for path in (tmp_path / "a/blobs/sha256").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
        named.add(path.name)
    with blobs.opened(tmp_path / "a") as source:
        found = index.whole([source])
    assert named == {digest.partition(":")[2] for digest in {**found.documents, **found.blobs}}


def test_the_sbom_is_about_the_image(tree, tmp_path):
    told = image.write(spec(tree), tmp_path / "a.tar", epoch=EPOCH)
    with blobs.opened(tmp_path / "a.tar") as source:
        [referrer] = index.whole([source]).referrers
    manifest = inside(tmp_path / "a.tar", referrer.digest)
    assert manifest["artifactType"] == referrer.artifact_type == "application/vnd.cyclonedx+json"
    assert manifest["subject"]["digest"] == told.digest
    document = inside(tmp_path / "a.tar", manifest["layers"][0]["digest"])
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None
    assert document["metadata"]["component"]["hashes"][0]["content"] == told.digest.partition(":")[2]
    from polyfn.toolchain.report.sbom import sbom

    assert json.loads(sbom(tmp_path / "a.tar")) == document


def test_umoci_unpacks_it(tree, tmp_path, run):
    image.write(spec(tree), tmp_path / "a", epoch=EPOCH, archive=False)
    run("umoci", "unpack", "--rootless", "--image", f"{tmp_path / 'a'}:latest", tmp_path / "bundle")
    for name, content in BUNDLE.items():
        place = tmp_path / "bundle/rootfs/srv" / name.rstrip("*")
        if place.is_symlink():
            assert f"-> {place.readlink()}" == content
            continue
        assert place.read_bytes() == (content if isinstance(content, bytes) else content.encode())
        assert bool(place.stat().st_mode & 0o111) == name.endswith("*")
    runtime = json.loads((tmp_path / "bundle/config.json").read_text())
    assert runtime["process"]["args"] == ["/srv/start", "--all"]
    assert runtime["process"]["user"] == {"uid": 65532, "gid": 65532}
    assert runtime["process"]["cwd"] == "/srv/app"


def test_a_code_change_leaves_the_other_layers_alone(tree, tmp_path):
    before = image.write(spec(tree), tmp_path / "a.tar", epoch=EPOCH).layers
    (tree / "app/hello.py").write_text("def hello():\n    return 'hello, world'\n")
    after = image.write(spec(tree), tmp_path / "b.tar", epoch=EPOCH).layers
    assert [a.digest == b.digest for a, b in zip(before, after, strict=True)] == [True, True, False]
    assert after[2].size < 2000 < 100_000 < after[0].size


_MAKE = """
import os, sys, time
from pathlib import Path
from polyfn.toolchain.artifacts.oci import image
from tests.artifacts.oci.conftest import spec
os.umask(int(sys.argv[3], 8))
print(image.write(spec(Path(sys.argv[1])), Path(sys.argv[2]), epoch=1700000000).sha256)
"""


def test_the_same_bytes_whoever_makes_it(tree, tmp_path):
    shutil.copytree(tree, tmp_path / "other/tree", symlinks=True)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for root, folder, umask, zone in (
        (tree, "one", "022", "UTC"), (tmp_path / "other/tree", "two", "077", "Pacific/Apia"),
    ):  # fmt: skip
        command = [sys.executable, "-c", _MAKE, root, tmp_path / folder / "a.tar", umask]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "TZ": zone})
    first, second = (tmp_path / name / "a.tar" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_what_was_there_is_replaced_and_kept_after_an_error(tree, tmp_path):
    out = tmp_path / "out"
    grow(out, {"old": "x"})
    image.write(spec(tree), out, epoch=EPOCH, archive=False)
    assert not (out / "old").exists()
    (tree / "app/bad").symlink_to("/etc")
    with pytest.raises(ArtifactError):
        image.write(spec(tree), out, epoch=EPOCH, archive=False)
    assert (out / "index.json").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"out", "tree"}


@pytest.mark.parametrize(
    ("more", "what"),
    [({"user": "0"}, "as root"), ({"user": "root:root"}, "as root"), ({"entrypoint": ()}, "no entrypoint"),
     ({"entrypoint": "sh -c x"}, "no entrypoint")],
)  # fmt: skip
def test_refused(tree, tmp_path, more, what):
    with pytest.raises(ArtifactError, match=what) as caught:
        image.write(spec(tree, **more), tmp_path / "a.tar", epoch=EPOCH)
    assert caught.value.hint
    assert not (tmp_path / "a.tar").exists()


@pytest.fixture
def both(tree, tmp_path):
    """Two architectures' archives."""
    paths = []
    for arch in ("amd64", "arm64"):
        grow(tree, {f"app/{arch}.txt": arch})
        paths.append(tmp_path / f"{arch}.tar")
        image.write(spec(tree, arch), paths[-1], epoch=EPOCH)
    return paths


@pytest.mark.parametrize("form", ["oci-archive", "oci"])
def test_two_architectures_as_one(both, tmp_path, run, form):
    path = tmp_path / "both"
    told = index.write(both, path, epoch=EPOCH, archive=form != "oci", name="hello")
    raw = run("skopeo", "inspect", "--raw", f"{form}:{path}")
    assert hashlib.sha256(raw.encode()).hexdigest() == told.digest.partition(":")[2]
    platforms = [one["platform"]["architecture"] for one in json.loads(raw)["manifests"]]
    assert platforms == ["amd64", "arm64"]
    for arch in platforms:
        seen = json.loads(run("skopeo", "--override-arch", arch, "inspect", "--config", f"{form}:{path}"))
        assert seen["architecture"] == arch
    command = ["copy", "--insecure-policy", "--all", f"{form}:{path}", f"dir:{tmp_path / 'all'}"]
    run("skopeo", *command)
    # The order in which they are given makes no difference, and both SBOMs come along.
    again = index.write(both[::-1], tmp_path / "again", epoch=EPOCH, archive=form != "oci", name="hello")
    assert again == told
    with blobs.opened(path) as source:
        assert len(index.whole([source]).referrers) == 2
    assert reading.archs(path) == ["amd64", "arm64"]
    with pytest.raises(ArtifactError, match="not for riscv64: it is for amd64, arm64"):
        reading.config(path, arch="riscv64")


def test_two_of_one_architecture(tree, archive, tmp_path):
    grow(tree, {"app/more.py": ""})
    image.write(spec(tree), tmp_path / "b.tar", epoch=EPOCH)
    with pytest.raises(UsageError, match="two of the images are for linux/amd64"):
        index.write([archive, tmp_path / "b.tar"], tmp_path / "c.tar", epoch=EPOCH, name="x")


def test_a_tar_beside_docker_loads_form(archive):
    """What `docker load` asks for: manifest.json with a config and layers that are there."""
    with tarfile.open(archive) as tar:
        [told] = json.load(tar.extractfile("manifest.json"))
        assert told["RepoTags"] == ["hello:latest"]
        names = tar.getnames()
        assert {told["Config"], *told["Layers"]} <= set(names)
        assert names == sorted(names)
        assert {(one.uid, one.gid, one.mtime) for one in tar} == {(0, 0, EPOCH)}


def test_layers_that_come_to_nothing_are_left_out(tree, tmp_path):
    shutil.rmtree(tree / "site")
    (tree / "site").mkdir()
    told = image.write(dataclasses.replace(spec(tree)), tmp_path / "a.tar", epoch=EPOCH)
    assert [layer.name for layer in told.layers] == ["interpreter", "code"]
