"""A registry behind a proxy that fails as told, and registries that nobody should trust."""

import collections
import contextlib
import hashlib
import http.client
import io
import json
import subprocess
import sys
import tarfile
import threading

import pytest

from polyfn.toolchain.artifacts.oci import blobs, index, media, push, reference, upload
from polyfn.toolchain.artifacts.oci.layout import Layout
from polyfn.toolchain.artifacts.oci.media import Descriptor
from polyfn.toolchain.artifacts.oci.registry import Registry
from polyfn.toolchain.errors import ArtifactError, RegistryError
from tests.artifacts.oci.servers import answering
from tests.artifacts.oci.test_registry import pushed, states


class Proxy:
    """Passes requests on to a registry. `plans` says what happens first, by method: statuses, or `drop`."""

    def __init__(self, host, **plans):
        self.host, self.plans = host, {method: list(plan) for method, plan in plans.items()}
        self.seen = collections.Counter()
        self.lock = threading.Lock()
        self.limit = None
        self.headers = {}

    def answer(self, handler):
        with self.lock:
            self.seen[handler.command] += 1
            plan = self.plans.get(handler.command)
            step = plan.pop(0) if plan else None
        if step == "drop":
            handler.rfile.read(min(10, int(handler.headers.get("content-length", 0))))
            handler.close_connection = True
            return
        length = int(handler.headers.get("content-length", 0))
        if self.limit is not None and length > self.limit:
            handler.body()
            handler.reply(413)
            return
        if step == "late":  # it arrives, and nobody learns of it
            self._pass(handler, handler.body())
            handler.close_connection = True
            return
        body = handler.body()
        if step is not None:
            handler.reply(
                step, json.dumps({"errors": [{"code": "X", "message": "not\nnow"}]}).encode(), **self.headers
            )
            return
        status, headers, data = self._pass(handler, body)
        handler.reply(status, data, **headers)

    def _pass(self, handler, body):
        connection = http.client.HTTPConnection(self.host)
        with contextlib.closing(connection):
            headers = {
                k: v
                for k, v in handler.headers.items()
                if k.lower() not in ("transfer-encoding", "connection")
            }
            # With its host kept, the registry gives locations at this proxy.
            connection.request(
                handler.command, handler.path, body or None, {**headers, "Content-Length": str(len(body))}
            )
            answer = connection.getresponse()
            kept = {
                name.replace("-", "_"): value
                for name, value in answer.getheaders()
                if name.lower() not in ("content-length", "date", "server", "connection", "transfer-encoding")
            }
            return answer.status, kept, answer.read()


@contextlib.contextmanager
def proxied(registry, **plans):
    proxy = Proxy(registry.host, **plans)
    with answering(proxy.answer) as host:
        proxy.here = host
        yield proxy


PLANS = {
    "HEAD": {"HEAD": [503, 429, 500]},
    "POST": {"POST": [502, 408]},
    "PUT": {"PUT": [500, 503]},
    "PUT dropped": {"PUT": ["drop", "drop"]},
    "PUT that arrives unseen": {"PUT": ["late"]},
    "dropped": {"HEAD": ["drop"], "POST": ["drop"]},
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_what_fails_for_a_while(archive, registry, plan, run):
    with proxied(registry, **plan) as proxy:
        done = pushed([archive], f"{proxy.here}/app")
        assert not any(proxy.plans.values())
    seen = run("skopeo", "inspect", "--tls-verify=false", f"docker://{registry.host}/app")
    assert json.loads(seen)["Digest"] == done.reference.digest


def test_what_fails_for_ever(archive, registry):
    with proxied(registry, POST=[503] * 99) as proxy, pytest.raises(RegistryError) as caught:
        pushed([archive], f"{proxy.here}/app")
    assert "refuses POST for app (status 503): X: not now" in str(caught.value)
    assert caught.value.exit_status == 4


@pytest.mark.parametrize("status", [400, 403, 404, 405, 507])
def test_what_is_refused_is_not_tried_again(archive, registry, status):
    with (
        proxied(registry, PUT=[status] * 99) as proxy,
        pytest.raises(RegistryError, match=f"status {status}") as caught,
    ):
        pushed([archive], f"{proxy.here}/app")
    assert proxy.seen["PUT"] <= 6  # once for each blob
    assert caught.value.hint


def test_it_waits_as_long_as_it_is_asked_to(registry):
    waits = []
    with proxied(registry, GET=[429, 503]) as proxy:
        proxy.headers = {"Retry_After": "7"}
        with Registry(sleep=waits.append) as client, pytest.raises(RegistryError, match="404"):
            client.manifest(reference.parse(f"{proxy.here}/nothing"))
    assert waits == [7, 7]


def test_it_does_not_wait_for_ever(registry):
    waits = []
    with proxied(registry, GET=[429]) as proxy:
        proxy.headers = {"Retry_After": "99999"}
        with Registry(sleep=waits.append) as client, pytest.raises(RegistryError):
            client.manifest(reference.parse(f"{proxy.here}/nothing"))
    assert waits == [60]


@pytest.mark.parametrize(
    "plan", [{}, {"PATCH": ["drop", 500]}, {"PATCH": ["late"]}], ids=["fine", "failing", "late"]
)
def test_chunks_where_a_request_may_not_be_big(archive, registry, monkeypatch, plan, run):
    """A proxy takes 100 kB at most: the big layers go in chunks, of which each is tried again by itself."""
    monkeypatch.setattr(upload, "CHUNK", 64 << 10)
    with proxied(registry, **plan) as proxy:
        proxy.limit = 100_000
        done = pushed([archive], f"{proxy.here}/app")
        assert proxy.seen["PATCH"] >= 500_000 // (64 << 10)
    assert set(states(done)) == {"uploaded"}
    seen = run("skopeo", "inspect", "--tls-verify=false", f"docker://{registry.host}/app")
    assert json.loads(seen)["Digest"] == done.reference.digest


_PUSH = """
import resource, sys
from polyfn.toolchain.artifacts.oci import blobs, index, push, reference
from polyfn.toolchain.artifacts.oci.registry import Registry
with blobs.opened(__import__("pathlib").Path(sys.argv[1])) as source, Registry() as registry:
    found = index.whole([source])
    to = reference.parse(sys.argv[2])
    registry.wire(to)
    used = int(open("/proc/self/statm").read().split()[0]) * 4096
    resource.setrlimit(resource.RLIMIT_AS, (used + (300 << 20),) * 2)
    print(push.push(found, to, registry).reference.digest)
"""


def test_a_blob_is_never_in_memory_whole(tmp_path, registry):
    """One of 600 MB is pushed by a process that may have 300 MB more than it has; then it is pulled."""
    big = tmp_path / "big.tar"
    with tarfile.open(big, "w") as tar, (tmp_path / "zeros").open("wb") as zeros:
        zeros.truncate(600 << 20)
        tar.add(tmp_path / "zeros", "zeros")
    layout = Layout(tmp_path / "image")
    with big.open("rb") as file:
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    layer = Descriptor(media.LAYER, digest, big.stat().st_size)
    big.replace(layout.place(layer))
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": media.MANIFEST,
        "config": layout.put(config, media.CONFIG).document(),
        "layers": [layer.document()],
    }
    layout.finish([layout.put(manifest, media.MANIFEST)], name="x", tag="y")
    command = [sys.executable, "-c", _PUSH, tmp_path / "image", f"{registry.host}/app"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with Registry() as client, (tmp_path / "back").open("wb") as sink:
        client.download(reference.parse(f"{registry.host}/app"), layer, sink)


# Registries that nobody should trust.

MANIFEST = media.canonical({"schemaVersion": 2, "mediaType": media.MANIFEST, "layers": []})
DIGEST = media.digest_of(MANIFEST)


def served(path_of, data, **headers):
    def answer(handler):
        handler.body()
        known = handler.path.startswith(path_of)
        handler.reply(200 if known else 404, data if known else b"", **headers)

    return answering(answer)


def test_a_manifest_that_is_another():
    with served("/v2/", MANIFEST) as host, Registry() as client:
        with pytest.raises(ArtifactError, match="is not what its name says"):
            client.manifest(reference.parse(f"{host}/a@sha256:{'0' * 64}"))
        assert client.manifest(reference.parse(f"{host}/a@{DIGEST}"))[1] == MANIFEST


def test_a_manifest_under_a_wrong_digest():
    with (
        served("/v2/", MANIFEST, Docker_Content_Digest="sha256:" + "1" * 64) as host,
        Registry() as client,
        pytest.raises(ArtifactError, match="is not what"),
    ):
        client.manifest(reference.parse(f"{host}/a:v1"))


def test_a_manifest_without_an_end():
    with (
        served("/v2/", b" " * (5 << 20)) as host,
        Registry() as client,
        pytest.raises(RegistryError, match="more than 4,194,304 bytes"),
    ):
        client.manifest(reference.parse(f"{host}/a:v1"))


@pytest.mark.parametrize("data", [b"", b"[]", b"no", b"[" * 100_000, b'{"mediaType": 1}'])
def test_manifests_that_are_none(data):
    with served("/v2/", data) as host, Registry() as client, pytest.raises((ArtifactError, RegistryError)):
        client.image(reference.parse(f"{host}/a:v1"), "amd64")


@pytest.mark.parametrize("more", [b"x", b"x" * 100_000])
def test_a_blob_that_is_longer(more):
    data = b"content"
    what = Descriptor(media.LAYER, f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))
    with served("/v2/", data + more) as host, Registry() as client:
        with pytest.raises(ArtifactError, match="is not what its name says"):
            client.download(reference.parse(f"{host}/a"), what, io.BytesIO())
        with pytest.raises((ArtifactError, RegistryError)):
            client.small(reference.parse(f"{host}/a"), what)


def test_a_blob_from_elsewhere_gets_no_password(tmp_path):
    """A registry sends to its storage: there nobody is told who we are."""
    data, told = b"content", []
    what = Descriptor(media.LAYER, f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))

    def storage(handler):
        told.append(handler.headers.get("authorization"))
        handler.reply(200, data)

    with answering(storage) as there:

        def registry(handler):
            if not handler.headers.get("authorization"):
                handler.reply(401, WWW_Authenticate='Basic realm="x"')
            else:
                handler.reply(307, Location=f"http://{there}/blob?signature=s3cret")

        with answering(registry) as host, Registry() as client:
            (tmp_path / "docker").mkdir()
            (tmp_path / "docker/config.json").write_text(json.dumps({"auths": {host: {"auth": "YTpi"}}}))
            sink = io.BytesIO()
            client.download(reference.parse(f"{host}/a"), what, sink)
    assert sink.getvalue() == data
    assert told == [None]


def test_an_upload_to_elsewhere_gets_no_password(archive, tmp_path):
    told = []

    def elsewhere(handler):
        handler.body()
        told.append(handler.headers.get("authorization"))
        handler.reply(201)

    with answering(elsewhere) as there:

        def registry(handler):
            handler.body()
            if not handler.headers.get("authorization"):
                handler.reply(401, WWW_Authenticate='Basic realm="x"')
            elif handler.command == "POST":
                handler.reply(202, Location=f"http://{there}/upload?state=s3cret")
            else:
                handler.reply(201 if handler.command == "PUT" else 404)

        with answering(registry) as host:
            (tmp_path / "docker").mkdir()
            (tmp_path / "docker/config.json").write_text(json.dumps({"auths": {host: {"auth": "YTpi"}}}))
            pushed([archive], f"{host}/app")
    assert set(told) == {None}


@pytest.mark.parametrize("location", ["ftp://x/y", "file:///etc/passwd", "http://[", ""])
def test_locations_that_are_no_place(archive, location):
    def registry(handler):
        handler.body()
        handler.reply({"HEAD": 404, "POST": 202}.get(handler.command, 201), Location=location)

    with answering(registry) as host, pytest.raises(RegistryError) as caught:
        pushed([archive], f"{host}/app")
    assert caught.value.hint


def test_redirects_without_an_end():
    def registry(handler):
        handler.reply(302, Location=handler.path + "x")

    with (
        answering(registry) as host,
        Registry() as client,
        pytest.raises(RegistryError, match="from one place to the next"),
    ):
        client.manifest(reference.parse(f"{host}/a"))


def test_a_registry_that_stores_something_else(archive):
    def registry(handler):
        handler.body()
        status = {"HEAD": 200, "PUT": 201}.get(handler.command, 404)
        handler.reply(status, Docker_Content_Digest="sha256:" + "2" * 64)

    with answering(registry) as host, pytest.raises(RegistryError, match="stored something else"):
        pushed([archive], f"{host}/app")


def test_a_registry_that_lists_referrers_itself(archive):
    """It says so by OCI-Subject (distribution-spec 1.1): then no tag is written for it."""
    names = []

    def registry(handler):
        handler.body()
        if handler.command == "PUT" and "/manifests/" in handler.path:
            names.append(handler.path.rpartition("/")[2])
        handler.reply({"HEAD": 200, "PUT": 201}.get(handler.command, 404), OCI_Subject="sha256:" + "3" * 64)

    with answering(registry) as host:
        done = pushed([archive], f"{host}/app:v1")
    assert names[-1] == "v1"
    assert done.reference.digest.replace(":", "-") not in names


def test_no_secret_in_what_is_said(archive, tmp_path, caplog):
    """Neither the password nor the state in an upload's URL."""

    def registry(handler):
        handler.body()
        if not handler.headers.get("authorization"):
            handler.reply(401, WWW_Authenticate='Basic realm="x"')
        elif handler.command == "POST":
            handler.reply(202, Location="/upload?_state=st4te")
        elif handler.command == "HEAD":
            handler.reply(404)
        else:
            handler.close_connection = True

    said = []
    with answering(registry) as host, Registry(said.append, sleep=lambda _: None) as client:
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker/config.json").write_text(
            json.dumps({"auths": {host: {"auth": "YWRhOnMzY3JldA=="}}})
        )
        with blobs.opened(archive) as source, pytest.raises(RegistryError) as caught:
            push.push(index.whole([source]), reference.parse(f"{host}/app"), client)
        texts = [
            str(caught.value),
            str(caught.value.hint),
            repr(caught.value.__cause__),
            repr(client.__dict__),
            *said,
        ]
    for text in texts:
        assert "s3cret" not in text
        assert "st4te" not in text
        assert "YWRhOnMzY3JldA" not in text
