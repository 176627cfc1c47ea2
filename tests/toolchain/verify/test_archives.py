"""The archive itself: the entry point, names, modes, links, sizes; of zips that polyfn did not make."""

import dataclasses
import os
import shutil
import struct
import subprocess
import tarfile
import zipfile

import pytest

from polyfn.toolchain.artifacts.archive import opened
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.provider import SizeLimit
from polyfn.toolchain.verify import refuse, verify
from tests import parts
from tests.toolchain.verify.zips import BOOTSTRAP, DOS, GOOD, add, codes, dist, link, make, only


def test_nothing_to_report(aws, tmp_path):
    assert verify(make(tmp_path / "a.zip"), aws) == []


def test_a_zip_of_the_zip_program(aws, tmp_path):
    program = parts.need("zip")
    (tmp_path / "bootstrap").write_bytes(BOOTSTRAP)
    (tmp_path / "bootstrap").chmod(0o755)
    (tmp_path / "lib").mkdir(mode=0o755)
    (tmp_path / "lib/helper.py").write_text("import os\n")
    (tmp_path / "lib/helper.py").chmod(0o644)
    subprocess.run([program, "-q", "-r", "made.zip", "bootstrap", "lib"], cwd=tmp_path, check=True)
    assert verify(tmp_path / "made.zip", aws) == []


def test_a_zip_of_zipfile_without_modes(aws, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("bootstrap", BOOTSTRAP)
    # It writes the mode 0600.
    assert codes(tmp_path / "a.zip", aws) == ["PV102", "PV118"]
    assert codes(tmp_path / "a.zip", None) == ["PV118"]


def test_without_a_target(tmp_path):
    assert verify(make(tmp_path / "a.zip", {"hello.py": b"import json\n"}), None) == []


def test_without_an_entry_point(aws, tmp_path):
    found = only(make(tmp_path / "a.zip", {"README": b"hello"}), aws)
    assert (found.code, found.severity) == ("PV101", "error")


def test_an_entry_point_in_a_folder(aws, tmp_path):
    found = only(make(tmp_path / "a.zip", {f"hello/{name}": data for name, data in GOOD.items()}), aws)
    assert (found.code, found.severity, found.path) == ("PV101", "error", "hello/bootstrap")
    assert "zip the content of the folder" in found.remedy


def test_a_zip_for_the_platforms_own_python(aws, tmp_path):
    path = make(tmp_path / "a.zip", {"app.py": b"import boto3\n"})
    assert (only(path, aws).code, only(path, aws).severity) == ("PV101", "warning")


def test_the_entry_point_of_an_artifact_for_the_platforms_own_python(aws, tmp_path):
    manifest = b'{"target": "aws", "arch": "arm64", "interpreter": {"source": "platform", "version": "3.12"}}'
    path = make(tmp_path / "a.zip", {"polyfn.json": manifest, "app.py": b"import boto3, tkinter\n"})
    assert verify(path, aws) == []


@pytest.mark.parametrize("mode", [0o644, 0o744, 0o700])
def test_the_executable_bit(aws, tmp_path, mode):
    found = codes(make(tmp_path / "a.zip", {"bootstrap": (BOOTSTRAP, mode)}), aws)
    assert found[0] == "PV102"


def test_a_zip_made_on_windows(aws, tmp_path):
    found = only(make(tmp_path / "a.zip", GOOD, system=DOS), aws)
    assert (found.code, found.path) == ("PV103", "bootstrap")


@pytest.mark.parametrize(
    ("text", "code", "severity"),
    [
        (b"#!/bin/sh\r\nexec ./run\r\n", "PV104", "error"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "PV105", "error"),
        (b"#!/usr/bin/python3\n", "PV106", "error"),
        (b"#!/usr/bin/env python3\n", "PV106", "error"),
        (b"#!\n", "PV106", "error"),
        (b"echo hello\n", "PV107", "error"),
        (b"", "PV107", "error"),
        (b"MZ\x90\0" + b"\0" * 90, "PV207", "error"),
    ],
)
def test_what_the_entry_point_is(aws, tmp_path, text, code, severity):
    found = only(make(tmp_path / "a.zip", {"bootstrap": (text, 0o755)}), aws)
    assert (found.code, found.severity, found.path) == (code, severity, "bootstrap")


@pytest.mark.parametrize("text", [b"#!/bin/bash -e\n", b"#! /bin/sh\n", b"#!/usr/bin/env bash\n"])
def test_what_the_entry_point_may_be(aws, tmp_path, text):
    assert verify(make(tmp_path / "a.zip", {"bootstrap": (text, 0o755)}), aws) == []


def test_an_entry_point_of_the_wrong_machine(aws, binary, tmp_path):
    path = make(tmp_path / "a.zip", {"bootstrap": (binary("arm64", "_pydantic_core"), 0o755)})
    found = only(path, aws, arch="amd64")
    assert (found.code, found.path) == ("PV201", "bootstrap")
    assert verify(path, aws) == []  # of the architecture of its own binaries


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../evil", "a\\b", "C:/evil"])
def test_a_name_that_leaves_the_tree(aws, tmp_path, name):
    assert only(make(tmp_path / "a.zip", {**GOOD, name: b"x"}), aws).code == "PV111"


def test_a_name_that_comes_twice(aws, tmp_path):
    path = make(tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        add(archive, "hello.py", b"other = 1\n")
    assert only(path, aws).code == "PV112"


def test_names_that_differ_by_case(aws, tmp_path):
    found = only(make(tmp_path / "a.zip", {**GOOD, "Hello.py": b""}), aws)
    assert (found.code, found.severity) == ("PV113", "note")


@pytest.mark.parametrize(
    ("target", "code"), [("/etc/passwd", "PV114"), ("../../up", "PV114"), ("nowhere", "PV115"), ("", "PV114")]
)
def test_links(aws, tmp_path, target, code):
    assert only(make(tmp_path / "a.zip", {**GOOD, "lib/link": link(target)}), aws).code == code


@pytest.mark.parametrize("target", ["../hello.py", "other.py", "../lib"])
def test_links_that_stay(aws, tmp_path, target):
    files = {**GOOD, "lib/other.py": b"", "lib/link": link(target)}
    assert verify(make(tmp_path / "a.zip", files), aws) == []


def test_an_encrypted_entry(aws, tmp_path):
    path = make(tmp_path / "a.zip", {**GOOD, "last.txt": b"secret"})
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02")
    data[place + 8] |= 1
    path.write_bytes(data)
    found = only(path, aws)
    assert (found.code, found.path) == ("PV116", "last.txt")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_uncommon_compression(aws, tmp_path, method):
    path = make(tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as archive:
        add(archive, "odd.txt", b"x" * 100, method=method)
    assert only(path, aws).code == "PV117"


@pytest.mark.parametrize(("name", "mode"), [("lib/a.txt", 0o640), ("lib/", 0o750), ("lib/", 0o754)])
def test_what_others_cannot_read(aws, tmp_path, name, mode):
    found = only(make(tmp_path / "a.zip", {**GOOD, name: (b"", mode)}), aws)
    assert (found.code, found.path) == ("PV118", name.rstrip("/"))


def test_a_pipe(aws, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir(mode=0o755)
    (tree / "bootstrap").write_bytes(BOOTSTRAP)
    (tree / "bootstrap").chmod(0o755)
    os.mkfifo(tree / "pipe")
    (tree / "pipe").chmod(0o644)
    assert only(tree, aws).code == "PV119"


def test_a_damaged_entry(aws, tmp_path):
    path = make(tmp_path / "a.zip", {**GOOD, "app.py": os.urandom(500)}, method=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    place = data.index(b"app.py") + 50
    data[place] ^= 0xFF
    path.write_bytes(data)
    assert "PV120" in codes(path, aws)


def test_an_entry_that_claims_more_than_it_holds(aws, tmp_path):
    """What is read is bounded, whatever the directory of the archive says."""
    path = make(tmp_path / "a.zip", {**GOOD, "bomb.so": b"\x7fELF" + b"\0" * 50_000_000})
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, place + 24, 1000)
    path.write_bytes(data)
    assert "PV120" in codes(path, aws)


def test_a_file_that_is_too_large_to_read(aws, tmp_path, monkeypatch):
    monkeypatch.setattr("polyfn.toolchain.verify.subject.FILE_LIMIT", 1000)
    found = codes(make(tmp_path / "a.zip", {**GOOD, "big.so": b"\x7fELF" + b"\0" * 2000}), aws)
    assert found == ["PV121"]


def with_rules(provider, **changes):
    return dataclasses.replace(provider, rules=dataclasses.replace(provider.rules, **changes))


def test_the_limits_of_lambda(aws):
    assert aws.rules.unpacked_limit.size == 262_144_000
    assert aws.rules.direct_limit.size == 50 * 1024 * 1024


def test_what_is_too_large_unpacked_names_the_biggest(aws, tmp_path):
    files = {**GOOD, "site/big/a.bin": b"x" * 9000, "site/small.py": b"x = 1\n", **dist("big", ["big/a.bin"])}
    strict = with_rules(aws, unpacked_limit=SizeLimit(8000, "https://example.com/limits"))
    found = only(make(tmp_path / "a.zip", files), strict)
    assert (found.code, found.severity) == ("PV401", "error")
    first, biggest, *_ = found.message.splitlines()
    assert "https://example.com/limits" in first
    assert biggest.endswith("big 1.0")


def test_what_cannot_be_uploaded_directly(aws, tmp_path):
    strict = with_rules(aws, direct_limit=SizeLimit(100, "https://example.com/limits", remedy="go by ship"))
    found = only(make(tmp_path / "a.zip"), strict)
    assert (found.code, found.severity, found.remedy) == ("PV402", "warning", "go by ship")


KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("app/server.pem", KEY, "PV501"),
        ("app/id", b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "PV501"),
        (".env", b"TOKEN=1\n", "PV502"),
        ("app/.env.production", b"TOKEN=1\n", "PV502"),
        (".aws/credentials", b"[default]\n", "PV503"),
        ("app/.netrc", b"machine x\n", "PV503"),
        ("app/key.json", b'{\n  "type": "service_account",\n', "PV503"),
        (".git/config", b"[core]\n", "PV504"),
        ("venv/pyvenv.cfg", b"home = /usr/bin\n", "PV505"),
    ],
)
def test_secrets(aws, tmp_path, name, data, code):
    found = only(make(tmp_path / "a.zip", {**GOOD, name: data}), aws)
    assert found.code == code
    assert found.path is not None
    assert name.startswith(found.path)


@pytest.mark.parametrize(
    "name", ["app/.env.example", "app/.gitignore", "app/environment.txt", "app/cert.pem"]
)
def test_what_is_no_secret(aws, tmp_path, name):
    assert verify(make(tmp_path / "a.zip", {**GOOD, name: b"-----BEGIN CERTIFICATE-----\n"}), aws) == []


def test_what_is_no_archive(aws, tmp_path):
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ArtifactError, match="text is no archive that can be read"):
        verify(tmp_path / "text", aws)
    with pytest.raises(ArtifactError, match="does not exist"):
        verify(tmp_path / "nowhere", aws)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tars(aws, tmp_path, mode):
    (tmp_path / "bootstrap").write_bytes(BOOTSTRAP)
    (tmp_path / "bootstrap").chmod(0o755)
    with tarfile.open(tmp_path / "a.tar", mode) as archive:
        archive.add(tmp_path / "bootstrap", "./bootstrap")
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    assert only(tmp_path / "a.tar", aws).code == "PV114"


def test_a_tar_that_unpacks_to_any_number_of_bytes(aws, tmp_path, monkeypatch):
    monkeypatch.setattr("polyfn.toolchain.artifacts.unpacking.LIMIT", 1 << 20)
    (tmp_path / "zeros").write_bytes(b"\0" * (3 << 20))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "zeros", "zeros")
    with pytest.raises(ArtifactError, match="more than 1,048,576 bytes"):
        verify(tmp_path / "a.tar.gz", aws)


def test_a_cut_off_tar(aws, tmp_path):
    (tmp_path / "random").write_bytes(os.urandom(50_000))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "random", "random")
    path = tmp_path / "b.tar.gz"
    path.write_bytes((tmp_path / "a.tar.gz").read_bytes()[:20_000])
    with pytest.raises(ArtifactError, match="no archive that can be read"):
        verify(path, aws)


def test_every_form_reads_alike(tmp_path):
    shutil.copy(__file__, tmp_path / "a.py")
    tree = tmp_path / "tree"
    tree.mkdir()
    shutil.copy(__file__, tree / "a.py")
    zipped = make(tmp_path / "a.zip", {"a.py": (tree / "a.py").read_bytes()})
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tree / "a.py", "a.py")
    for path in (zipped, tmp_path / "a.tar", tree):
        with opened(path) as archive:
            (entry,) = archive.entries
            data = (tree / "a.py").read_bytes()
            assert (entry.name, entry.kind, entry.size) == ("a.py", "file", len(data))
            assert archive.head(entry, 9) == data[:9]
            assert archive.read(entry, 1 << 20) == data


def test_ignored(aws, tmp_path):
    assert verify(make(tmp_path / "a.zip", {**GOOD, ".env": b""}), aws, ignore=("PV502",)) == []


def test_refuse(aws, tmp_path):
    refuse(verify(make(tmp_path / "a.zip", {**GOOD, ".env": b""}), aws), "a.zip")
    with pytest.raises(ArtifactError) as caught:
        refuse(verify(make(tmp_path / "b.zip", {**GOOD, ".git/config": b""}), aws), "b.zip")
    assert caught.value.message.splitlines()[1].startswith("PV504: ")
    assert caught.value.hint
