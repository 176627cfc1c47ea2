"""Against a real registry: pushed, and pulled back by skopeo as the same content."""

import base64
import dataclasses
import json
import threading

import pytest

from polyfn.toolchain.artifacts.oci import base, blobs, image, index, media, push, reading, reference, upload
from polyfn.toolchain.artifacts.oci.registry import Registry
from polyfn.toolchain.artifacts.oci.wire import Wire
from polyfn.toolchain.errors import ArtifactError, RegistryError, UsageError
from tests.artifacts.oci.conftest import EPOCH, grow, spec


def pushed(paths, text, *, tags=(), mount=(), progress=lambda _: None, log=lambda _: None):
    """Push as the command does; waiting takes no time."""
    to, tags = push.pushable(text, tags)
    with Registry(log, sleep=lambda _: None) as registry:
        opened = [blobs.opened(path) for path in paths]
        found = index.whole([one.__enter__() for one in opened])
        try:
            return push.push(found, to, registry, tags=tags, mount=mount, progress=progress)
        finally:
            for one in opened:
                one.__exit__(None, None, None)


def states(done):
    return sorted(one.state for one in done.transfers)


def test_there_and_back(archive, registry, tmp_path, run):
    done = pushed([archive], f"{registry.host}/team/app:v1", tags=["latest"])
    digest = done.reference.digest
    assert str(done.reference) == f"{registry.host}/team/app@{digest}"
    for name in (f":{'v1'}", ":latest", f"@{digest}"):
        seen = json.loads(
            run("skopeo", "inspect", "--tls-verify=false", f"docker://{registry.host}/team/app{name}")
        )
        assert seen["Digest"] == digest
    back = f"oci:{tmp_path / 'back'}:x"
    run(
        "skopeo",
        "copy",
        "--insecure-policy",
        "--src-tls-verify=false",
        f"docker://{registry.host}/team/app:v1",
        back,
    )
    with blobs.opened(tmp_path / "back") as source:
        assert blobs.images(source)[0].digest == digest
    reading.unpack(tmp_path / "back", tmp_path / "root")
    assert (tmp_path / "root/srv/app/hello.py").exists()


def test_a_second_push_sends_nothing(archive, registry):
    pushed([archive], f"{registry.host}/app")
    before = len(registry.requests())
    done = pushed([archive], f"{registry.host}/app")
    assert set(states(done)) == {"there"}
    assert not [line for line in registry.requests()[before:] if line.startswith(("POST", "PATCH"))]


def test_a_changed_file_sends_kilobytes(tree, registry, tmp_path):
    image.write(spec(tree), tmp_path / "a.tar", epoch=EPOCH)
    first = pushed([tmp_path / "a.tar"], f"{registry.host}/app")
    grow(tree, {"app/hello.py": "changed = True\n"})
    image.write(spec(tree), tmp_path / "b.tar", epoch=EPOCH)
    second = pushed([tmp_path / "b.tar"], f"{registry.host}/app")
    sent = [sum(t.size for t in done.transfers if t.state == "uploaded") for done in (first, second)]
    assert sent[1] < 10_000 < 400_000 < sent[0]


def test_blobs_are_mounted_from_another_repository(archive, registry):
    pushed([archive], f"{registry.host}/one")
    before = len(registry.requests())
    done = pushed([archive], f"{registry.host}/two", mount=["one"])
    assert set(states(done)) == {"mounted"}
    lines = registry.requests()[before:]
    mounts = [line for line in lines if "mount=" in line]
    assert len(mounts) == len(done.transfers)
    assert all(line.startswith("POST") and line.endswith(" 201") for line in mounts)
    assert not [line for line in lines if line.startswith(("PATCH", "PUT /v2/two/blobs"))]


def test_what_cannot_be_mounted_is_uploaded(archive, registry):
    done = pushed([archive], f"{registry.host}/two", mount=["nowhere"])
    assert set(states(done)) == {"uploaded"}
    uploads = [line for line in registry.requests() if line.startswith("DELETE")]
    assert len(uploads) == len(done.transfers)  # those that were begun instead of a mount


def test_two_architectures_as_an_index(tree, registry, tmp_path, run):
    paths = []
    for arch in ("amd64", "arm64"):
        grow(tree, {f"app/{arch}": arch})
        paths.append(tmp_path / f"{arch}.tar")
        image.write(spec(tree, arch), paths[-1], epoch=EPOCH)
    done = pushed(paths, f"{registry.host}/app:v1")
    combined = index.write(paths, tmp_path / "both.tar", epoch=EPOCH, name="hello")
    assert combined.digest == done.reference.digest
    place = f"docker://{registry.host}/app:v1"
    raw = json.loads(run("skopeo", "inspect", "--raw", "--tls-verify=false", place))
    assert [one["platform"]["architecture"] for one in raw["manifests"]] == ["amd64", "arm64"]
    command = [
        "copy",
        "--insecure-policy",
        "--all",
        "--src-tls-verify=false",
        place,
        f"oci:{tmp_path / 'back'}:x",
    ]
    run("skopeo", *command)
    assert reading.archs(tmp_path / "back") == ["amd64", "arm64"]
    # The combined artifact is the same content.
    again = pushed([tmp_path / "both.tar"], f"{registry.host}/app:v2")
    assert again.reference == done.reference
    assert set(states(again)) == {"there"}


def test_the_sbom_is_found_by_the_images_digest(archive, registry):
    """docker-registry 2.8 lists no referrers: the tag of the specification's fallback does."""
    done = pushed([archive], f"{registry.host}/app")
    told = registry.json(f"/v2/app/manifests/{done.reference.digest.replace(':', '-')}")
    [one] = told["manifests"]
    assert one["artifactType"] == "application/vnd.cyclonedx+json"
    manifest = registry.json(f"/v2/app/manifests/{one['digest']}")
    assert manifest["subject"]["digest"] == done.reference.digest
    _, _, document = registry.get(f"/v2/app/blobs/{manifest['layers'][0]['digest']}")
    assert json.loads(document)["bomFormat"] == "CycloneDX"
    # Pushed again, it is listed once; what others listed stays.
    pushed([archive], f"{registry.host}/app")
    assert registry.json(f"/v2/app/manifests/{done.reference.digest.replace(':', '-')}") == told


def test_progress(archive, registry):
    seen = {}
    done = pushed(
        [archive],
        f"{registry.host}/app",
        progress=lambda t: seen.setdefault(t.digest, []).append((t.state, t.done)),
    )
    assert set(seen) == {one.digest for one in done.transfers}
    for one in done.transfers:
        assert seen[one.digest][0] == ("uploading", 0)
        assert seen[one.digest][-1] == ("uploaded", one.size)


@pytest.mark.parametrize("text", ["h.io/app@sha256:" + "0" * 64, "Not/Good"])
def test_where_nothing_can_be_pushed(text):
    with pytest.raises(UsageError) as caught:
        push.pushable(text, [])
    assert caught.value.hint


def test_tags():
    assert push.pushable("h.io/a", [])[1] == ["latest"]
    assert push.pushable("h.io/a:v1", ["v2", "v1"])[1] == ["v1", "v2"]
    assert push.pushable("h.io/a", ["v2"])[1] == ["v2"]
    with pytest.raises(UsageError, match="is no tag"):
        push.pushable("h.io/a", ["-x"])


# Bases.


@pytest.fixture
def below(tmp_path):
    """Base images for both architectures, with words of their own."""
    root = grow(
        tmp_path / "below",
        {"etc/os-release": "ID=base\n", "usr/bin/true*": "x" * 100_000, "bin": "-> usr/bin"},
    )
    paths = []
    for arch in ("amd64", "arm64"):
        told = spec(
            root, arch, env={"PATH": "/usr/bin", "LANG": "C", "PORT": "1"}, user="1000", workdir="/home",
            name="base", labels={"maintainer": "they", "org.opencontainers.image.title": "theirs"},
            ports=("9/udp",),
        )  # fmt: skip
        layers = [dataclasses.replace(told.layers[0], paths=None, prefix="", name="rootfs", folders=())]
        image.write(dataclasses.replace(told, layers=layers), tmp_path / f"base-{arch}.tar", epoch=1)
        paths.append(tmp_path / f"base-{arch}.tar")
    return paths


def upon(text, tree, out, arch="amd64", **more):
    with (
        Registry() as registry,
        base.opened(str(text), arch, registry=registry, cache=tree.parent / "cache") as found,
    ):
        return image.write(spec(tree, arch, base=found, **more), out, epoch=EPOCH)


def test_a_base_image_of_a_registry(tree, below, registry, tmp_path, run):
    name = f"{registry.host}/team/base"
    under = pushed(below, f"{name}:1").reference
    upon(f"{name}:1", tree, tmp_path / "a.tar", "arm64", workdir=None, user=None)
    seen = json.loads(run("skopeo", "inspect", "--config", f"oci-archive:{tmp_path / 'a.tar'}"))
    assert seen["architecture"] == "arm64"
    assert seen["config"] == {
        "User": "1000", "Env": ["PATH=/usr/bin", "LANG=C", "PORT=8080"], "Entrypoint": ["/srv/start"],
        "Cmd": ["--all"], "WorkingDir": "/home", "Labels": {"maintainer": "they", "team": "one"},
        "ExposedPorts": {"9/udp": {}, "8080/tcp": {}},
    }  # fmt: skip
    assert [one["created_by"] for one in seen["history"]][:2] == ["polyfn: rootfs", "polyfn: interpreter"]
    with blobs.opened(tmp_path / "a.tar") as source:
        manifest = blobs.document(source, blobs.images(source)[0])
    assert manifest["annotations"][media.BASE_NAME] == f"{name}:1"
    # The digest of the base is its image's, for this architecture.
    with Registry() as client:
        assert manifest["annotations"][media.BASE_DIGEST] == client.image(under, "arm64")[0].digest
    reading.unpack(tmp_path / "a.tar", tmp_path / "root")
    assert (tmp_path / "root/bin/true").read_text() == "x" * 100_000
    # Its layers are in the registry already: mounted from where they are.
    done = pushed([tmp_path / "a.tar"], f"{registry.host}/app")
    assert states(done).count("mounted") >= 1
    # What was pulled is kept, and taken from there.
    before = len(registry.requests())
    upon(f"{name}:1", tree, tmp_path / "again/a.tar", "arm64", workdir=None, user=None)
    assert (tmp_path / "again/a.tar").read_bytes() == (tmp_path / "a.tar").read_bytes()
    manifests = [line for line in registry.requests()[before:] if "/blobs/" in line]
    assert len(manifests) == 1  # the config alone


def test_base_images_of_files(tree, below, tmp_path, run):
    amd64 = below[0]
    run("skopeo", "copy", "--insecure-policy", f"oci-archive:{amd64}", f"oci:{tmp_path / 'layout'}:x")
    run(
        "skopeo",
        "copy",
        "--insecure-policy",
        f"oci-archive:{amd64}",
        f"docker-archive:{tmp_path / 'd.tar'}:a:b",
    )
    trees = []
    for place in (amd64, tmp_path / "layout", tmp_path / "d.tar"):
        out = tmp_path / f"out-{place.name}"
        upon(place, tree, out)
        run("skopeo", "inspect", f"oci-archive:{out}")
        reading.unpack(out, tmp_path / f"root-{place.name}")
        trees.append(
            sorted(
                str(path.relative_to(tmp_path / f"root-{place.name}"))
                for path in (tmp_path / f"root-{place.name}").rglob("*")
            )
        )
    assert trees[0] == trees[1] == trees[2]
    assert "etc/os-release" in trees[0]


def test_scratch(tree, tmp_path):
    upon("scratch", tree, tmp_path / "a.tar")
    image.write(spec(tree), tmp_path / "b.tar", epoch=EPOCH)
    assert reading.config(tmp_path / "a.tar") == reading.config(tmp_path / "b.tar")


def test_a_base_of_another_architecture(tree, below, registry, tmp_path):
    with pytest.raises(ArtifactError, match="not for arm64: it is for amd64"):
        upon(below[0], tree, tmp_path / "a.tar", "arm64")
    name = pushed(below[:1], f"{registry.host}/base").reference.name
    with pytest.raises(ArtifactError, match="is for linux/amd64, and the image for linux/arm64"):
        upon(name, tree, tmp_path / "a.tar", "arm64")


def test_what_stands_for_a_base(below, registry):
    with Registry() as client:
        there = pushed(below, f"{registry.host}/base").reference
        told = base.identity(there.name, "amd64", registry=client)
        assert told == base.identity(str(below[0]), "amd64", registry=client)
        assert told != base.identity(there.name, "arm64", registry=client)
        assert base.identity("scratch", "arm64", registry=client) == "scratch"


def test_no_such_image(registry, tree, tmp_path):
    with pytest.raises(RegistryError, match="status 404"):
        upon(f"{registry.host}/nowhere", tree, tmp_path / "a.tar")


# Who one is.


@pytest.fixture
def htpasswd(tmp_path, run):
    """A registry's configuration for one user, whose password has a colon and more in it."""
    (tmp_path / "passwords").write_text(run("htpasswd", "-Bbn", "ada", "s3cr:et/ü"))
    return f"auth:\n  htpasswd:\n    realm: here\n    path: {tmp_path / 'passwords'}\n"


def logged_in(tmp_path, host, user="ada", secret="s3cr:et/ü"):
    folder = tmp_path / "docker"
    folder.mkdir(exist_ok=True)
    auth = base64.b64encode(f"{user}:{secret}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


def test_a_password(archive, serve, htpasswd, tmp_path, run):
    with serve(htpasswd) as registry:
        logged_in(tmp_path, registry.host)
        done = pushed([archive], f"{registry.host}/app")
        seen = run(
            "skopeo",
            "inspect",
            "--tls-verify=false",
            "--creds",
            "ada:s3cr:et/ü",
            f"docker://{registry.host}/app",
        )
        assert json.loads(seen)["Digest"] == done.reference.digest
        # Asked once, told with every other request.
        assert 1 <= registry.log.read_text().count("error authorizing context") <= 6


@pytest.mark.parametrize("secret", [None, "wrong-s3cr3t"])
def test_without_the_right_password(archive, serve, htpasswd, tmp_path, secret):
    with serve(htpasswd) as registry:
        if secret:
            logged_in(tmp_path, registry.host, secret=secret)
        with pytest.raises(RegistryError, match="status 401") as caught:
            pushed([archive], f"{registry.host}/app")
    assert "docker login" in caught.value.hint
    assert "s3cr" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__!r}"


def test_waiting_for_nothing(tmp_path):
    """A port that nobody listens on: tried again, then told."""
    waits = []
    with Registry(sleep=waits.append) as registry, pytest.raises(RegistryError, match="cannot be reached"):
        registry.manifest(reference.parse("127.0.0.1:1/a"))
    assert all(0.9 * least <= wait <= 1.1 * least for wait, least in zip(waits, (0.5, 1.5, 4.5), strict=True))


def test_certificates_of_ones_own(archive, serve, tmp_path, run, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    run(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
    )  # fmt: skip
    waits = []
    with serve(f"  tls: {{certificate: {certificate}, key: {key}}}\n") as registry:
        for trusted in (False, True):
            if trusted:
                monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            to = reference.parse(f"{registry.host}/app")
            with Registry(sleep=waits.append) as client, blobs.opened(archive) as source:
                # A registry on this machine is spoken to without TLS, unless one insists.
                client._wires[to.host] = Wire(to.host, f"https://{to.host}", sleep=waits.append)
                if trusted:
                    push.push(index.whole([source]), to, client, tags=["v1"])
                    continue
                with pytest.raises(RegistryError, match="certificate verify failed") as caught:
                    client.manifest(to)
                assert "SSL_CERT_FILE" in caught.value.hint
        run(
            "skopeo",
            "inspect",
            "--cert-dir",
            tmp_path,
            "--tls-verify=false",
            f"docker://{registry.host}/app:v1",
        )
    assert waits == []


def test_one_failure_stops_the_rest(archive, registry, monkeypatch):
    """Nothing more is sent, and nobody waits for another attempt."""
    seen = []

    def reading(self, start, end):
        seen.append(self.what.digest)
        raise ArtifactError("the disk is gone")
        yield b""

    monkeypatch.setattr(upload.Upload, "_read", reading)
    monkeypatch.setattr(push, "_AT_ONCE", 1)
    with pytest.raises(ArtifactError, match="the disk is gone"):
        pushed([archive], f"{registry.host}/app")
    assert len(seen) == 1
    with Registry() as client:
        client.stop()
        with pytest.raises(RegistryError, match="stopped"):
            client.manifest(reference.parse("127.0.0.1:1/a"))


def test_many_threads_use_one_registry(archive, registry):
    done = pushed([archive], f"{registry.host}/app").reference
    with Registry() as client:
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(client.manifest(done)[0].digest)) for _ in range(8)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert found == [done.digest] * 8
