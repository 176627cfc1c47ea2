"""Whatever is in an archive, verify answers; for what is no archive it raises ToolchainError."""

import io
import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyfn.toolchain.errors import ToolchainError
from polyfn.toolchain.verify import CODES, SEVERITIES, elf, verify
from tests.toolchain.verify.zips import add

QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=150)

NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
    st.sampled_from([
        "bootstrap", "polyfn.json", "start.py", "app/main.py", "app/__pycache__/main.cpython-311.pyc",
        "a.pyc", "python/lib/python3.11/os.py", "python/bin/python3.11", "python/lib/python311.zip",
        "python/pruned.json", "site/x-1.dist-info/RECORD", "site/x-1.dist-info/WHEEL", ".env", "../x", "/x",
        "site/_x.cpython-311-x86_64-linux-gnu.so", "a/../b", "lib/", "x.abi3.so", "lib/python3.13t/os.py",
        ".git/config",
    ]),
)  # fmt: skip
HEADS = st.sampled_from([
    b"", b"\x7fELF", b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x03\0\x3e\0", b"MZ", b"\xcf\xfa\xed\xfe",
    b"#!", b"#!/bin/sh", b"\xa7\r\r\n", b"import ", b"from .", b"PK\x03\x04",
    b"-----BEGIN PRIVATE KEY-----", b'{"functions": [1, {}],',
    b'{"arch": [], "interpreter": {"version": 3}, "functions": {}}',
    b'{"functions": [{"module": 1}, 2], "arch": "x"}',
])  # fmt: skip
CONTENT = st.builds(bytes.__add__, HEADS, st.binary(max_size=200))
MODES = st.sampled_from([0o644, 0o755, 0o600, 0, 0o120777, 0o010644, 0o040755])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("any")


def answers(path, aws):
    for provider in (aws, None):
        for one in verify(path, provider):
            assert one.code in CODES
            assert one.severity in SEVERITIES
            assert one.message
            assert one.remedy


@QUICK
@given(st.lists(st.tuples(NAMES, CONTENT, MODES, st.sampled_from([0, 3])), max_size=8))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_any_zip(place, aws, entries):
    with zipfile.ZipFile(place / "a.zip", "w") as archive:
        for name, data, mode, system in entries:
            add(archive, name, (data, mode), system=system)
    answers(place / "a.zip", aws)


@QUICK
@given(st.lists(st.tuples(NAMES, CONTENT, MODES), max_size=5))
def test_any_tar(place, aws, entries):
    with tarfile.open(place / "a.tar", "w") as archive:
        for name, data, mode in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.size = mode & 0o7777, len(data)
            archive.addfile(info, io.BytesIO(data))
    answers(place / "a.tar", aws)


@QUICK
@given(st.data())
def test_any_damage_to_a_zip(place, aws, data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        add(archive, "bootstrap", (b"#!/bin/sh\n", 0o755))
        add(archive, "app/main.py", b"import json\n" * 20)
        add(archive, "link", (b"app", 0o120777))
    damaged = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    (place / "b.zip").write_bytes(damaged[: data.draw(st.integers(1, len(damaged)))])
    try:
        answers(place / "b.zip", aws)
    except ToolchainError as error:
        assert error.hint


@QUICK
@given(st.binary(max_size=300))
def test_any_bytes(place, aws, data):
    (place / "c").write_bytes(data)
    try:
        answers(place / "c", aws)
    except ToolchainError as error:
        assert error.code == "PF404"


@QUICK
@given(st.data())
def test_any_damage_to_a_binary(binary, data):
    sound = binary("amd64", "libz.so.1")
    damaged = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 20))):
        # Headers and the dynamic section are where numbers are believed.
        damaged[data.draw(st.integers(0, min(0x1800, len(damaged) - 1)))] = data.draw(st.integers(0, 255))
    try:
        assert elf.parse(bytes(damaged)).machine
    except elf.NotSoundError:
        pass
