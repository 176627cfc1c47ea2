"""Tokens: a real registry asks for them, and a service gives those that it believes."""

import base64
import contextlib
import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.toolchain.artifacts.oci.registry import Registry
from polyfn.toolchain.artifacts.oci.retries import after
from polyfn.toolchain.artifacts.oci.tokens import challenges
from polyfn.toolchain.errors import RegistryError
from tests.artifacts.oci.servers import Tokens, answering
from tests.artifacts.oci.test_registry import pushed, states


@pytest.fixture
def guarded(serve, tmp_path):
    """A registry that asks for tokens, and the service that gives them to ada."""
    tokens = Tokens(tmp_path, {"ada": "s3cret"})
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(answering(lambda handler: tokens.answer(handler)))
        yield stack.enter_context(serve(tokens.configuration(host))), tokens


def write(tmp_path, config):
    (tmp_path / "docker").mkdir(exist_ok=True)
    (tmp_path / "docker/config.json").write_text(json.dumps(config))


def auth(user, secret):
    return {"auth": base64.b64encode(f"{user}:{secret}".encode()).decode()}


def test_a_token_for_a_password(archive, guarded, tmp_path, run):
    registry, tokens = guarded
    write(tmp_path, {"auths": {registry.host: auth("ada", "s3cret")}})
    done = pushed([archive], f"{registry.host}/team/app")
    assert set(states(done)) == {"uploaded"}
    asked = {(one["method"], one["user"], one["scope"]) for one in tokens.asked}
    assert ("GET", "ada", "repository:team/app:pull,push") in asked
    # One for each scope, however many threads need it.
    assert len(tokens.asked) == len(asked)
    seen = run(
        "skopeo",
        "inspect",
        "--tls-verify=false",
        "--creds",
        "ada:s3cret",
        f"docker://{registry.host}/team/app",
    )
    assert json.loads(seen)["Digest"] == done.reference.digest


def test_a_token_that_allows_to_mount(archive, guarded, tmp_path):
    registry, tokens = guarded
    write(tmp_path, {"auths": {registry.host: auth("ada", "s3cret")}})
    pushed([archive], f"{registry.host}/one")
    done = pushed([archive], f"{registry.host}/two", mount=["one"])
    assert set(states(done)) == {"mounted"}
    assert "repository:two:pull,push repository:one:pull" in {one["scope"] for one in tokens.asked}


def test_an_identity_token(archive, guarded, tmp_path):
    registry, tokens = guarded
    tokens.users["app"] = "id3ntity"
    write(tmp_path, {"auths": {registry.host: {"identitytoken": "id3ntity"}}})
    pushed([archive], f"{registry.host}/app")
    assert {(one["method"], one["grant_type"]) for one in tokens.asked} == {("POST", "refresh_token")}


def test_nobody_in_particular_may_read(archive, guarded, tmp_path):
    registry, tokens = guarded
    write(tmp_path, {"auths": {registry.host: auth("ada", "s3cret")}})
    done = pushed([archive], f"{registry.host}/public/app").reference
    (tmp_path / "docker/config.json").unlink()
    tokens.asked.clear()
    with Registry() as client:
        assert client.manifest(done)[0].digest == done.digest
    assert [one["user"] for one in tokens.asked] == [""]
    with pytest.raises(RegistryError, match="status 401"):
        pushed([archive], f"{registry.host}/public/app2")


def test_a_token_that_runs_out(archive, guarded, tmp_path, monkeypatch):
    registry, tokens = guarded
    tokens.seconds = 10  # good for no time at all, as it is dropped early
    monkeypatch.setattr("polyfn.toolchain.artifacts.oci.tokens._EARLY", 1000)
    monkeypatch.setattr("polyfn.toolchain.artifacts.oci.tokens.max", lambda *_: 0.02, raising=False)
    write(tmp_path, {"auths": {registry.host: auth("ada", "s3cret")}})
    pushed([archive], f"{registry.host}/app")
    assert len(tokens.asked) > 1


def test_the_wrong_password(archive, guarded, tmp_path):
    registry, _ = guarded
    write(tmp_path, {"auths": {registry.host: auth("ada", "wr0ng")}})
    with pytest.raises(RegistryError, match="gives no token") as caught:
        pushed([archive], f"{registry.host}/app")
    assert "wr0ng" not in f"{caught.value}{caught.value.hint}{caught.value.__cause__!r}"


def test_a_helper(archive, guarded, tmp_path, monkeypatch):
    registry, tokens = guarded
    helper = tmp_path / "bin/docker-credential-vault"
    helper.parent.mkdir()
    helper.write_text(
        f'#!/bin/sh\nread -r host\n[ "$1 $host" = "get {registry.host}" ] || exit 1\n'
        'echo \'{"ServerURL": "x", "Username": "ada", "Secret": "s3cret"}\'\n'
    )
    helper.chmod(helper.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{helper.parent}:/usr/bin:/bin:/usr/sbin")
    write(tmp_path, {"credHelpers": {registry.host: "vault"}})
    pushed([archive], f"{registry.host}/app")
    assert {one["user"] for one in tokens.asked} == {"ada"}


@pytest.mark.parametrize("realm", ["http://tokens.example.com/token", "ftp://127.0.0.1/x", "", "token"])
def test_a_service_that_must_not_have_a_password(archive, tmp_path, realm):
    def answer(handler):
        handler.body()
        handler.reply(401, WWW_Authenticate=f'Bearer realm="{realm}",service="s"')

    with answering(answer) as host:
        write(tmp_path, {"auths": {host: auth("ada", "s3cret")}})
        with pytest.raises(RegistryError, match="not encrypted"):
            pushed([archive], f"{host}/app")


def test_challenges():
    words = 'service="s, \\"q\\"",scope="repository:a:pull,push"'
    told = challenges([f'Bearer realm="https://a/t?x=1,2",{words}, Basic realm="b"', "Negotiate"])
    assert told == {
        "bearer": {"realm": "https://a/t?x=1,2", "service": 's, "q"', "scope": "repository:a:pull,push"},
        "basic": {"realm": "b"},
        "negotiate": {},
    }
    assert challenges(["bearer realm=x"]) == {"bearer": {"realm": "x"}}
    assert challenges([]) == {}


@given(st.lists(st.text(max_size=60)))
def test_any_challenge_is_read(headers):
    for parameters in challenges(headers).values():
        assert all(isinstance(text, str) for text in parameters.values())


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=40))
def test_quoted_words_come_back(text):
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert challenges([f'Bearer realm="{quoted}",service="x"'])["bearer"] == {"realm": text, "service": "x"}


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("3", 3, 3),
        ("0", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Fri, 31 Dec 2199 23:59:59 GMT", 1e9, 1e10),
    ],
)
def test_retryafter(text, least, most):
    assert least <= after(text) <= most


@pytest.mark.parametrize("text", ["", None, "soon", "-1", "Wed, 99 Oct", "1e3"])
def test_retry_after_that_says_nothing(text):
    assert after(text) is None
