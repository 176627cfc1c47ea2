"""Who one is at a registry, as docker and podman wrote it down or their helpers tell."""

import base64
import json

import pytest

from polyfn.toolchain.artifacts.oci import credentials
from polyfn.toolchain.artifacts.oci.credentials import Credential, find
from polyfn.toolchain.errors import RegistryError


def auth(user="ada", secret="s3cret"):
    return {"auth": base64.b64encode(f"{user}:{secret}".encode()).decode()}


@pytest.fixture
def write(tmp_path):
    def writing(place, content):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return writing


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """Writes a credential helper: a shell script."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def writing(name, script):
        (folder / f"docker-credential-{name}").write_text(f"#!/bin/sh\n{script}\n")
        (folder / f"docker-credential-{name}").chmod(0o755)

    return writing


def told(host, repository="team/app"):
    said = []
    return find(host, repository, said.append), said


def test_nobody():
    assert told("h.io") == (None, [])


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("h.io", "h.io"),
        ("https://h.io", "h.io"),
        ("https://h.io/v2/", "h.io"),
        ("http://h.io:5000/", "h.io:5000"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
    ],
)
def test_keys_of_docker(write, key, host):
    write("docker/config.json", {"auths": {key: auth()}})
    assert told(host) == (Credential("ada", "s3cret"), [])
    assert told("other.io")[0] is None


def test_a_key_with_a_path_is_for_that_path(write):
    """containers-auth.json(5): the most exact one."""
    auths = {"h.io": auth("all"), "h.io/team": auth("team"), "h.io/team/app": auth("app")}
    write("docker/config.json", {"auths": auths})
    found = {
        name: told("h.io", name)[0].user for name in ("team/app", "team/app/x", "team/other", "teams/app")
    }
    assert found == {"team/app": "app", "team/app/x": "app", "team/other": "team", "teams/app": "all"}


def test_forms_of_an_entry(write):
    entries = {
        "a.io": {"username": "ada", "password": "p:w"},
        "b.io": {"identitytoken": "t0ken"},
        "c.io": {**auth("", ""), "identitytoken": "t0ken"},
        "d.io": {"auth": "bm90IGJhc2U2NA=!"},
        "e.io": {"auth": base64.b64encode(b"ada:p:w").decode()},
        "f.io": {},
        "g.io": "nothing",
    }
    write("docker/config.json", {"auths": entries})
    assert [told(host)[0] for host in entries] == [
        Credential("ada", "p:w"),
        Credential(identity_token="t0ken"),
        Credential(identity_token="t0ken"),
        None,
        Credential("ada", "p:w"),
        None,
        None,
    ]


def test_the_order_of_places(write, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    places = [
        "home/.config/containers/auth.json",
        "run/containers/auth.json",
        "docker/config.json",
        "file.json",
    ]
    for number, place in enumerate(places):
        path = write(place, {"auths": {"h.io": auth(f"user{number}")}})
        if place == "file.json":
            monkeypatch.setenv("REGISTRY_AUTH_FILE", str(path))
        assert told("h.io")[0].user == f"user{number}"
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {"h.io": auth("text")}}))
    assert told("h.io")[0].user == "text"


def test_the_home_directory(write, monkeypatch):
    monkeypatch.delenv("DOCKER_CONFIG")
    write("home/.docker/config.json", {"auths": {"h.io": auth()}})
    assert told("h.io")[0] == Credential("ada", "s3cret")


@pytest.mark.parametrize("content", ["", "[]", "no"])
def test_a_file_that_cannot_be_read_is_told(write, content):
    path = write("docker/config.json", content)
    assert told("h.io") == (None, [f"{path} is no JSON object: no credentials are taken from it"])


def test_a_helper_for_a_host_wins(write, helper):
    helper("one", """read -r host; echo "{\\"Username\\": \\"$1\\", \\"Secret\\": \\"$host\\"}" """)
    helper("all", """echo '{"Username": "all", "Secret": "x"}' """)
    config = {"credHelpers": {"h.io": "one"}, "credsStore": "all", "auths": {"h.io": auth(), "w.io": auth()}}
    write("docker/config.json", config)
    assert told("h.io")[0] == Credential("get", "h.io")
    assert told("w.io")[0] == Credential("ada", "s3cret")
    assert told("other.io")[0] == Credential("all", "x")


def test_docker_hub_has_another_name_for_helpers(write, helper):
    helper("all", """read -r host; echo "{\\"Username\\": \\"u\\", \\"Secret\\": \\"$host\\"}" """)
    write("docker/config.json", {"credsStore": "all"})
    assert told("docker.io")[0].secret == "https://index.docker.io/v1/"


def test_what_clouds_answer(write, helper):
    """Artifact Registry's helper gives an access token as a password; Azure's an identity token."""
    helper("gcloud", """echo '{"ServerURL": "h", "Username": "oauth2accesstoken", "Secret": "ya29"}' """)
    helper("acr", """echo '{"Username": "<token>", "Secret": "t0ken"}' """)
    helpers = {"europe-docker.pkg.dev": "gcloud", "x.azurecr.io": "acr"}
    write("docker/config.json", {"credHelpers": helpers})
    found = told("europe-docker.pkg.dev")[0]
    assert base64.b64decode(found.basic.removeprefix("Basic ")) == b"oauth2accesstoken:ya29"
    assert told("x.azurecr.io")[0] == Credential(identity_token="t0ken")
    assert told("x.azurecr.io")[0].basic is None


def test_a_helper_that_knows_nobody(write, helper):
    helper("all", "echo 'credentials not found in native keychain'; exit 1")
    write("docker/config.json", {"credsStore": "all"})
    assert told("h.io") == (None, [])


@pytest.mark.parametrize(
    "script",
    ["echo s3cret; echo s3cret >&2; exit 1", "echo s3cret", """echo '{"Secret": "s3cret"}' """, "echo '[]'"],
)
def test_a_helper_that_fails_gives_nothing_away(write, helper, script):
    helper("bad", script)
    write("docker/config.json", {"credsStore": "bad"})
    with pytest.raises(RegistryError, match="docker-credential-bad") as caught:
        told("h.io")
    error = caught.value
    assert "s3cret" not in f"{error} {error.hint} {error.__cause__!r}"
    assert error.hint


def test_a_helper_that_hangs(write, helper, monkeypatch):
    monkeypatch.setattr(credentials, "_PATIENCE", 0.2)
    helper("slow", "exec sleep 30")
    write("docker/config.json", {"credsStore": "slow"})
    with pytest.raises(RegistryError, match="did not answer"):
        told("h.io")


@pytest.mark.parametrize("name", ["missing", "../../bin/evil", "a b"])
def test_a_helper_that_is_not_there(write, helper, name):
    write("docker/config.json", {"credsStore": name})
    found, said = told("h.io")
    assert found is None
    assert len(said) == 1


def test_it_does_not_show():
    assert "s3cret" not in repr(Credential("ada", "s3cret", "s3cret"))
