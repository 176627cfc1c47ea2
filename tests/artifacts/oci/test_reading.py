"""An image as one tree, against umoci's; and images that nobody should trust."""

import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyfn.toolchain.artifacts.archive import opened
from polyfn.toolchain.artifacts.oci import blobs, image, index, media, reading
from polyfn.toolchain.artifacts.oci.layout import Layout
from polyfn.toolchain.artifacts.oci.media import Descriptor
from polyfn.toolchain.emulation.unpacked import unpacked
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.report.examine import examine
from polyfn.toolchain.verify import verify
from tests.artifacts.oci.conftest import EPOCH, spec


def tarred(entries):
    """A layer of (name, content) as anybody could write it: bytes, `-> link`, `=> hard link`, `/` folder."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if content == "/":
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                kind, _, target = content.partition(" ")
                info.type = {"->": tarfile.SYMTYPE, "=>": tarfile.LNKTYPE, "p": tarfile.FIFOTYPE}[kind]
                info.linkname = target
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return made.getvalue()


def made(folder, *layers, pack=gzip.compress, lie=None, kind="+gzip"):
    """A layout of layers given as tar files. `lie` changes the manifest before it is written."""
    layout = Layout(folder)
    packed = [layout.put_bytes(pack(data), media.LAYER + kind) for data in layers]
    diff_ids = [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": media.MANIFEST,
        "config": layout.put(config, media.CONFIG).document(),
        "layers": [one.document() for one in packed],
    }
    if lie:
        lie(manifest)
    named = {**layout.put(manifest, media.MANIFEST).document(), "annotations": {media.REF_NAME: "latest"}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


def listed(root):
    """Everything below a directory: names with what they are."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            called = os.path.relpath(path, root)
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                found[called] = "-> " + os.readlink(path)
            elif stat.S_ISDIR(mode):
                found[called] = "/"
            else:
                found[called] = Path(path).read_bytes()
    return found


LAYERS = {
    "whiteout": ([("a/", "/"), ("a/x", b"1"), ("a/y", b"2")], [("a/.wh.x", b"")]),
    "whiteout of a folder": ([("a/b/c", b"1"), ("a/d", b"2")], [("a/.wh.b", b"")]),
    "whiteout of nothing": ([("a", b"1")], [(".wh.zzz", b""), ("n/.wh.x", b"")]),
    "opaque": (
        [("a/", "/"), ("a/x", b"1"), ("b", b"")],
        [("a/", "/"), ("a/.wh..wh..opq", b""), ("a/n", b"3")],
    ),
    "opaque last": ([("a/", "/"), ("a/x", b"1")], [("a/", "/"), ("a/n", b"3"), ("a/.wh..wh..opq", b"")]),
    "whiteout and again": ([("a/x", b"1")], [("a/.wh.x", b""), ("a/x", b"2")]),
    "file over folder": ([("a/x", b"1")], [("a", b"2")]),
    "folder over file": ([("a", b"1")], [("a/", "/"), ("a/x", b"2")]),
    "link over folder": ([("a/x", b"1"), ("b/", "/")], [("a", "-> b")]),
    "folder over link": ([("b/y", b"1"), ("a", "-> b")], [("a/", "/"), ("a/x", b"2")]),
    "through a link": ([("usr/bin/", "/"), ("bin", "-> usr/bin")], [("bin/x", b"2")]),
    "through an absolute link": ([("usr/bin/", "/"), ("bin", "-> /usr/bin")], [("bin/x", b"2")]),
    "through a link that climbs": (
        [("a/b/", "/"), ("a/b/l", "-> ../../../../c"), ("c/", "/")],
        [("a/b/l/x", b"2")],
    ),
    "whiteout through a link": ([("usr/bin/x", b"1"), ("bin", "-> usr/bin")], [("bin/.wh.x", b"")]),
    "hard link": ([("a/x", b"1"), ("y", "=> a/x")], [("z", "=> a/x")]),
    "hard link to a link": ([("x", b"1"), ("l", "-> x"), ("m", "=> l")],),
    "dots": ([("./a/./x", b"1"), ("./", "/")],),
    "absolute": ([("/a/x", b"1")],),
    "no parents": ([("a/b/c/d", b"1")], [("a/b/e/f", b"2")]),
}


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_as_umoci_has_it(tmp_path, run, layers):
    path = made(tmp_path / "image", *map(tarred, layers))
    reading.unpack(path, tmp_path / "ours")
    run("umoci", "unpack", "--rootless", "--image", f"{path}:latest", tmp_path / "bundle")
    assert listed(tmp_path / "ours") == listed(tmp_path / "bundle/rootfs")


PART = st.sampled_from(["a", "b", "c"])
PATH = st.lists(PART, min_size=1, max_size=3).map("/".join)
ENTRY = st.one_of(
    st.tuples(PATH, st.binary(max_size=3)),
    st.tuples(PATH.map(lambda path: path + "/"), st.just("/")),
    st.tuples(PATH, PART.map(lambda part: f"-> {part}")),
    st.tuples(st.tuples(PATH, PART).map(lambda pair: f"{pair[0]}/.wh.{pair[1]}"), st.just(b"")),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(ENTRY, max_size=5), min_size=1, max_size=3))
def test_any_layers_stay_inside(tmp_path_factory, layers):
    """Whatever the entries are, all that is written is below the target, and is what the tree says."""
    base = tmp_path_factory.mktemp("any")
    path = made(base / "image", *map(tarred, layers))
    try:
        reading.unpack(path, base / "out/root")
    except ArtifactError as error:
        assert "circles" in str(error)
        return
    with blobs.opened(path) as source:
        tree = reading.Tree(source, blobs.chosen(source, None))
        told = {
            entry.name: {"folder": "/", "link": "-> " + entry.target}.get(entry.kind)
            or b"".join(tree.chunks(entry))
            for entry in tree.entries()
        }
        tree.close()
    assert listed(base / "out/root") == told
    assert sorted(os.listdir(base / "out")) == ["root"]


HOSTILE = {
    "up": [("../evil", b"x")],
    "deep up": [("a/../../evil", b"x")],
    "absolute up": [("/../evil", b"x")],
}


@pytest.mark.parametrize("entries", HOSTILE.values(), ids=HOSTILE)
def test_names_that_leave_are_refused_and_reported(tmp_path, entries):
    path = made(tmp_path / "image", tarred([("fine", b"1"), *entries]))
    with pytest.raises(ArtifactError, match="not safe to unpack"):
        reading.unpack(path, tmp_path / "out/root")
    assert not (tmp_path / "out").exists()
    assert "PV111" in {finding.code for finding in verify(path, None)}


def test_what_goes_through_a_link_stays_inside(tmp_path):
    """A link may point anywhere: what is written through it is written in the tree."""
    outside = tmp_path / "outside"
    outside.mkdir()
    layer = tarred(
        [("l", f"-> {outside}"), ("l/x", b"1"), ("m", "-> ../../../.."), ("m/y", b"2"), ("h", "=> l/x")]
    )
    reading.unpack(made(tmp_path / "image", layer), tmp_path / "root")
    assert list(outside.iterdir()) == []
    assert (tmp_path / "root" / str(outside).lstrip("/") / "x").read_bytes() == b"1"
    assert (tmp_path / "root/y").read_bytes() == b"2"


def test_links_in_circles(tmp_path):
    path = made(tmp_path / "image", tarred([("a", "-> b"), ("b", "-> a"), ("a/x", b"1")]))
    with pytest.raises(ArtifactError, match="circles"):
        reading.unpack(path, tmp_path / "root")


def test_a_deep_tree(tmp_path):
    path = made(tmp_path / "image", tarred([("d/" * 3000 + "x", b"1")]))
    with opened(path) as archive:
        assert len(archive.entries) == 3001


def test_devices_are_left_out(tmp_path):
    path = made(tmp_path / "image", tarred([("pipe", "p "), ("x", b"1"), ("lost", "=> nowhere")]))
    reading.unpack(path, tmp_path / "root")
    assert os.listdir(tmp_path / "root") == ["x"]
    assert [f.code for f in verify(path, None) if f.severity == "error"].count("PV119") == 2


def test_setuid_is_dropped(tmp_path):
    data = bytearray(tarred([("x", b"1")]))
    info = tarfile.TarInfo("x")
    info.size, info.mode = 1, 0o4755
    data[:512] = info.tobuf(tarfile.PAX_FORMAT)
    reading.unpack(made(tmp_path / "image", bytes(data)), tmp_path / "root")
    assert stat.S_IMODE((tmp_path / "root/x").stat().st_mode) == 0o755


def test_a_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr("polyfn.toolchain.artifacts.unpacking.LIMIT", 1 << 20)
    path = made(tmp_path / "image", tarred([("zeros", bytes(3 << 20))]))
    with pytest.raises(ArtifactError, match="more than 1,048,576 bytes"):
        reading.unpack(path, tmp_path / "root")


def test_many_small_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_TOTAL", 1 << 20)
    path = made(tmp_path / "image", *[tarred([(f"z{n}", bytes(400_000))]) for n in range(3)])
    with pytest.raises(ArtifactError, match="more than 1,048,576 bytes"):
        reading.unpack(path, tmp_path / "root")


def _wrong_layer(manifest):
    manifest["layers"][0] |= {"digest": "sha256:" + "0" * 64}


def _long_layer(manifest):
    manifest["layers"][0]["size"] += 1


def _no_layers(manifest):
    manifest["layers"] = "none"


def _climbing(manifest):
    manifest["layers"][0]["digest"] = "sha256:../../../etc/passwd"


def _one_too_many(manifest):
    manifest["layers"].append(manifest["layers"][0])


def _foreign(manifest):
    manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"


@pytest.mark.parametrize(
    ("lie", "what"),
    [
        (_wrong_layer, "has no blob sha256:0000"),
        (_long_layer, "is not what its name says"),
        (_no_layers, "does not tell"),
        (_climbing, "is no digest"),
        (_one_too_many, "does not tell its layers"),
        (_foreign, "cannot be read"),
    ],
)
def test_manifests_that_lie(tmp_path, lie, what):
    path = made(tmp_path / "image", tarred([("x", b"1")]), lie=lie)
    with pytest.raises(ArtifactError, match=what) as caught:
        reading.unpack(path, tmp_path / "root")
    assert caught.value.hint


def test_changed_blobs(tmp_path):
    path = made(tmp_path / "image", tarred([("x", b"1")]))
    for blob in sorted((path / "blobs/sha256").iterdir()):
        before = blob.read_bytes()
        blob.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        with pytest.raises(ArtifactError, match=r"is not what its name says|cannot be unpacked"):
            reading.unpack(path, tmp_path / "root")
        blob.write_bytes(before)
    reading.unpack(path, tmp_path / "root")


def test_a_layer_that_is_not_what_the_config_says(tmp_path):
    def lie(manifest):
        other = Layout(tmp_path / "image").put_bytes(
            gzip.compress(tarred([("x", b"2")])), media.LAYER + "+gzip"
        )
        manifest["layers"] = [other.document()]

    path = made(tmp_path / "image", tarred([("x", b"1")]), lie=lie)
    with pytest.raises(ArtifactError, match="does not hold what the config says"):
        reading.unpack(path, tmp_path / "root")


@pytest.mark.parametrize("data", [b"", b"nothing", gzip.compress(b"no tar" * 200)])
def test_layers_that_are_no_tar(tmp_path, data):
    path = made(tmp_path / "image", data)
    with pytest.raises(ArtifactError) as caught:
        reading.unpack(path, tmp_path / "root")
    assert caught.value.hint


def test_an_uncompressed_layer(tmp_path):
    path = made(tmp_path / "image", tarred([("x", b"1")]), pack=bytes, kind="")
    reading.unpack(path, tmp_path / "root")
    assert listed(tmp_path / "root") == {"x": b"1"}


def test_a_layer_link_in_the_layout_is_not_followed(tmp_path):
    path = made(tmp_path / "image", tarred([("x", b"1")]))
    [layer] = [blob for blob in (path / "blobs/sha256").iterdir() if blob.read_bytes()[:2] == b"\x1f\x8b"]
    layer.rename(tmp_path / "secret")
    layer.symlink_to(tmp_path / "secret")
    with pytest.raises(ArtifactError, match="has no blob"):
        reading.unpack(path, tmp_path / "root")


def test_what_docker_saved(archive, tmp_path, run):
    """The form of `docker save` before it had an index.json, as skopeo writes it."""
    run(
        "skopeo",
        "copy",
        "--insecure-policy",
        f"oci-archive:{archive}",
        f"docker-archive:{tmp_path / 'd.tar'}:a:b",
    )
    with tarfile.open(tmp_path / "d.tar") as tar:
        assert "index.json" not in tar.getnames()
    for path, name in ((archive, "one"), (tmp_path / "d.tar", "two")):
        reading.unpack(path, tmp_path / name)
    assert listed(tmp_path / "one") == listed(tmp_path / "two") != {}
    assert reading.config(tmp_path / "d.tar")["config"]["Entrypoint"] == ["/srv/start"]


@pytest.mark.parametrize(
    "digest", ["sha256:../../../../secret", "../../secret", "/etc/passwd", "sha256:" + "0" * 64]
)
def test_referrers_that_leave_the_layout(tmp_path, digest):
    (tmp_path / "secret").write_text("{}")
    path = made(tmp_path / "image", tarred([("x", b"1")]))
    document = json.loads((path / "index.json").read_text())
    (path / "index.json").write_text(json.dumps({**document, "annotations": {media.REFERRERS: digest}}))
    with blobs.opened(path) as source, pytest.raises(ArtifactError, match=r"no digest|has no blob"):
        index.whole([source])


def test_an_index_in_an_index(tmp_path, tree):
    """An image index may list others (image-spec, image-index.md)."""
    image.write(spec(tree), tmp_path / "a", epoch=EPOCH, archive=False)
    outer = json.loads((tmp_path / "a/index.json").read_text())
    inner = Layout(tmp_path / "a").put({"schemaVersion": 2, "manifests": outer["manifests"]}, media.INDEX)
    (tmp_path / "a/index.json").write_text(json.dumps({"manifests": [inner.document()]}))
    assert reading.archs(tmp_path / "a") == ["amd64"]


BUNDLE = [
    ("srv/polyfn.json", b"{}"),
    ("srv/app/a.py", b"import os\n"),
    ("etc/passwd", b"root"),
    ("srv/l", "-> app/a.py"),
]


def test_every_reader_takes_the_bundle_inside(tmp_path):
    path = made(tmp_path / "image", tarred(BUNDLE))
    with opened(path) as archive:
        names = [entry.name for entry in archive.entries]
        assert names == ["app", "app/a.py", "l", "polyfn.json"]
        entry = archive.entries[1]
        assert archive.head(entry, 6) == b"import"
        assert archive.read(entry, 100) == b"".join(archive.chunks(entry)) == b"import os\n"
    assert verify(path, None) == []
    with unpacked(path) as root:
        assert (root / "etc/passwd").read_text() == "root"
    assert not root.exists()


def test_the_report_of_an_image(tree, tmp_path):
    told = image.write(spec(tree), tmp_path / "a.tar", epoch=EPOCH)
    report = examine(tmp_path / "a.tar")
    assert (report.files, report.unpacked) == (told.files, told.unpacked_size + len("python3.13"))
    assert report.sha256 == told.sha256


def test_a_tar_with_a_manifest_of_something_else(tmp_path):
    (tmp_path / "a.tar").write_bytes(
        tarred([("manifest.json", b'{"name": "a web app"}'), ("index.js", b"1")])
    )
    with opened(tmp_path / "a.tar") as archive:
        assert [entry.name for entry in archive.entries] == ["manifest.json", "index.js"]


@pytest.mark.parametrize("content", [b"", b"text", tarred([("a", b"1")]), b"\x1f\x8b bad"])
def test_what_is_no_image(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    for path in (tmp_path / "a", tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ArtifactError) as caught, blobs.opened(path):
            raise AssertionError
        assert caught.value.hint


def test_a_big_document(tmp_path):
    layout = Layout(tmp_path / "image")
    big = layout.put_bytes(b"{" + b" " * media.DOCUMENT_LIMIT + b"}", media.MANIFEST)
    layout.finish([Descriptor("x", big.digest, big.size)], name="x", tag="y")
    index = (tmp_path / "image/index.json").read_text().replace('"x"', f'"{media.MANIFEST}"', 1)
    (tmp_path / "image/index.json").write_text(index)
    with pytest.raises(ArtifactError, match="more than 4,194,304 bytes"):
        reading.config(tmp_path / "image")
