"""References, read as docker reads them; skopeo is the judge of which are none."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.toolchain.artifacts.oci.reference import Reference, is_tag, loopback, parse
from polyfn.toolchain.errors import UsageError
from tests import parts

SHA = "sha256:" + "ab" * 32

GOOD = {
    "alpine": Reference("docker.io", "library/alpine"),
    "alpine:3": Reference("docker.io", "library/alpine", "3"),
    "user/app": Reference("docker.io", "user/app"),
    "docker.io/alpine": Reference("docker.io", "library/alpine"),
    "index.docker.io/alpine": Reference("docker.io", "library/alpine"),
    "localhost/app": Reference("localhost", "app"),
    "localhost:5000/app:v1": Reference("localhost:5000", "app", "v1"),
    "host:5000/a/b/c": Reference("host:5000", "a/b/c"),
    "Host/app": Reference("Host", "app"),
    "gcr.io/p/app": Reference("gcr.io", "p/app"),
    "europe-docker.pkg.dev/p/r/app:V.1-x_": Reference("europe-docker.pkg.dev", "p/r/app", "V.1-x_"),
    f"alpine@{SHA}": Reference("docker.io", "library/alpine", None, SHA),
    f"h.io/a:t@{SHA}": Reference("h.io", "a", "t", SHA),
    "127.0.0.1:5000/x": Reference("127.0.0.1:5000", "x"),
    "[::1]:5000/x": Reference("[::1]:5000", "x"),
    "a__b/c--d.e_f": Reference("docker.io", "a__b/c--d.e_f"),
    "alpine:" + "t" * 128: Reference("docker.io", "library/alpine", "t" * 128),
}

BAD = [
    "",
    ":",
    "@",
    "Alpine",
    "user/App",
    "alpine:",
    "alpine:.x",
    "alpine:-x",
    "alpine:" + "t" * 129,
    "a//b",
    "/a",
    "a/",
    "a___b",
    "a..b",
    "-a",
    "a-",
    "h.io/",
    "h.io:port/a",
    "h_h.io/a",
    "-h.io/a",
    "alpine@",
    f"alpine@{SHA}0",
    "alpine@sha256:xyz",
    "alpine@md5:" + "a" * 32,
    "https://h.io/a",
    "a b",
    "a\n",
    "alpine:3\n",
    "ünï",
    "h.io/" + "a" * 256,
    "ab" * 32,
    "h.io:5000:x/a",
    "[::1/a",
    "a:b:c",
    "a?b=c",
    "a#b",
    "h.io/..",
    "h.io/../b",
    f"alpine@{SHA}@{SHA}",
]


#: What skopeo 1.9 judges otherwise, and why.
OTHERWISE = {
    f"h.io/a:t@{SHA}": "it takes no tag beside a digest; docker does",
    "Host/app": "capitals in a host and IPv6 came into the grammar later",
    "[::1]:5000/x": "capitals in a host and IPv6 came into the grammar later",
    "h_h.io/a": "it takes what cannot be a host for a part of the path, and then has no host",
}


@pytest.mark.parametrize("text", GOOD)
def test_good(text):
    assert parse(text) == GOOD[text]
    assert parse(str(GOOD[text])) == GOOD[text]


@pytest.mark.parametrize("text", BAD)
def test_bad(text):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.hint


@pytest.mark.parametrize("text", [*GOOD, *BAD])
def test_skopeo_agrees(text, tmp_path):
    # A limit of time, so that a reference that is one is not looked for.
    command = [parts.need("skopeo"), "--command-timeout", "1ms", "inspect", f"docker://{text}"]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    refused = "pinging container registry" not in said and "deadline exceeded" not in said
    assert refused == ((text in BAD) != (text in OTHERWISE)), said


@given(st.from_regex(re.compile(r"[a-zA-Z0-9.:/@_\-\[\]]{0,40}"), fullmatch=True))
def test_what_is_read_is_written_the_same(text):
    try:
        found = parse(text)
    except UsageError:
        return
    assert parse(str(found)) == found
    assert str(found).endswith(text.split("/", 1)[-1])
    assert found.tag is None or is_tag(found.tag)


def test_where_it_is():
    assert parse("alpine").url == "https://registry-1.docker.io"
    assert parse("h.io:8443/a").url == "https://h.io:8443"
    assert parse("127.0.0.1:5000/a").url == "http://127.0.0.1:5000"
    assert parse("alpine").target == "latest"
    assert parse(f"a:t@{SHA}").target == SHA
    assert str(parse("h.io/a:t").at(SHA)) == f"h.io/a@{SHA}"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("localhost:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:5000", True),
        ("[::1]", True),
        ("h.io", False),
        ("128.0.0.1", False),
        ("localhost.evil.io", False),
        ("127.0.0.1.evil.io", False),
        ("[::2]:1", False),
    ],
)
def test_this_machine(host, expected):
    assert loopback(host) is expected
