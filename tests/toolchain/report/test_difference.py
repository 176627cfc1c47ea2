"""What changed since the previous build, and which build that was."""

import pytest

from polyfn.toolchain.report import history
from polyfn.toolchain.report.difference import difference
from polyfn.toolchain.report.model import Imports


def imports(total, *, emulated=False):
    return Imports(
        module="shop",
        total=total,
        runtime=0,
        functions=total,
        modules=1,
        runs=3,
        emulated=emulated,
        top=(),
        tree=(),
    )


def test_every_kind_of_change(imagined):
    old = imagined(
        ("up", "1.9", 10),
        ("down", "2.0", 50),
        ("gone", "1", 500),
        ("same", "1", 5),
        ("odd", "x", 1),
        ("big", "1", 9),
    )
    new = imagined(
        ("Up", "1.10", 30),
        ("down", "1.0", 40),
        ("new", "1", 300),
        ("same", "1", 5),
        ("odd", "y", 1),
        ("big", "1", 7),
    )
    found = difference(old, new)
    assert [
        (one.name, one.change, one.before, one.after, one.packed, one.unpacked) for one in found.changes
    ] == [
        ("gone", "removed", "1", None, -500, -1500),
        ("new", "added", None, "1", 300, 900),
        ("Up", "up", "1.9", "1.10", 20, 60),
        ("down", "down", "2.0", "1.0", -10, -30),
        ("big", "resized", "1", "1", -2, -6),
        ("odd", "changed", "x", "y", 0, 0),
    ]
    assert (found.size, found.unpacked, found.files) == (-192, -576, 0)


def test_two_real_artifacts(made, report):
    from polyfn.toolchain.report.examine import examine
    from tests import parts

    other = examine(made({"amd64": "arm64", "arm64": "amd64"}[parts.HOST]))
    found = difference(other, report)
    assert found.size == report.size - other.size
    assert sum(one.packed for one in found.changes) == found.size
    assert {"python", "pydantic_core"} <= {one.name for one in found.changes}
    assert {one.change for one in found.changes} == {"resized"}


def test_import_times_are_compared_where_both_were_measured_alike(imagined):
    fast, slow = imagined(imports=(imports(100),)), imagined(imports=(imports(50), imports(300)))
    assert difference(fast, slow).imports == 200
    assert difference(imagined(), slow).imports is None
    assert difference(imagined(imports=(imports(100, emulated=True),)), slow).imports is None


def test_a_directory_has_no_packed_sizes(imagined):
    flat = imagined(("a", "1", 10))
    flat = flat.model_copy(
        update={"size": None, "parts": tuple(p.model_copy(update={"packed": None}) for p in flat.parts)}
    )
    found = difference(flat, imagined(("a", "1", 20)))
    assert (found.size, found.changes[0].packed, found.changes[0].unpacked) == (None, None, 30)


def test_the_previous_build_is_the_last_other_one(imagined, tmp_path):
    first, second, third = (imagined(("a", "1", n), sha256=str(n) * 64) for n in (1, 2, 3))
    assert history.previous(first, tmp_path) is None
    for report, before in ((first, None), (second, first), (second, first), (third, second), (third, second)):
        assert history.previous(report, tmp_path) == before
        history.remember(report, tmp_path)
        assert history.previous(report, tmp_path) == before
    assert len(list(tmp_path.iterdir())) == 1


def test_what_was_measured_is_not_forgotten_by_a_build_of_the_same_bytes(imagined, tmp_path):
    history.remember(imagined(imports=(imports(100),)), tmp_path)
    history.remember(imagined(), tmp_path)
    assert history.previous(imagined(sha256="1" * 64), tmp_path).slowest.total == 100


def test_builds_are_told_apart(imagined, tmp_path):
    report = imagined()
    for other in ({"project": "other"}, {"target": "gcp"}, {"arch": "arm64"}):
        history.remember(report.model_copy(update={**other, "sha256": "1" * 64}), tmp_path)
    assert history.previous(report, tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '[{"schema": 2}]', "[1]"])
def test_what_cannot_be_read_is_as_if_it_were_not_there(imagined, tmp_path, text):
    history.remember(imagined(), tmp_path)
    [place] = tmp_path.iterdir()
    place.write_text(text)
    other = imagined(sha256="1" * 64)
    assert history.previous(other, tmp_path) is None
    history.remember(other, tmp_path)
    assert history.previous(imagined(), tmp_path) == other


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(imagined, tmp_path):
    (tmp_path / "file").write_text("")
    history.remember(imagined(), tmp_path / "file")
    assert history.previous(imagined(), tmp_path / "file") is None
