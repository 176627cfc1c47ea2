"""`polyfn invoke`, on a real artifact of a provider that is installed as a distribution."""

import json

import pytest

SOURCE = """
import sys
import polyfn

@polyfn.function
def hello(event: dict) -> dict:
    print("working", file=sys.stderr)
    return {"message": f"hello, {event.get('name')}"}

@polyfn.function
def echo(event):
    return {"got": event}

@polyfn.function
def crash():
    raise ValueError("why")

@polyfn.function
def binary(event: bytes) -> bytes:
    return bytes([0xff, 0])

@polyfn.function(polyfn.Queue("orders"))
def fulfil(batch: polyfn.Event):
    return batch.payload

@polyfn.function(polyfn.Schedule("0 6 * * *"))
def nightly(): ...
"""


@pytest.fixture
def invoke(box):
    (box.root / "app.py").write_text(SOURCE)

    def invoke(function, *arguments, target="box", **more):
        named = ("--target", target) if target else ()
        return box.polyfn("invoke", f"app.py::{function}", *named, *arguments, **more)

    return invoke


def test_data_in_answer_out_logs_aside(invoke):
    done = invoke("hello", "--data", '{"name": "Ada"}')
    assert done.returncode == 0, done.stderr
    assert done.stdout == '{"message":"hello, Ada"}\n'
    assert "working\n" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "stdin", "got"),
    [
        (["--data", "-"], '[1, "\u00fc"]', [1, "\u00fc"]),
        (["--data", "@data.json"], "", {"from": "a file"}),
        (["--data", '"text"'], "", "text"),
        (["--data", "null"], "", None),
        ([], "", {"name": "world"}),
        (["--event", "data.json"], "", {"from": "a file"}),
        (["--event", "-"], "7", 7),
    ],
)
def test_where_the_payload_comes_from(invoke, box, arguments, stdin, got):
    (box.root / "data.json").write_text('{"from": "a file"}')
    done = invoke("echo", *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"got": got}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "{name: Ada}"], "--data is not JSON"),
        (["--data", "@missing.json"], "missing.json cannot be read: No such file"),
        (["--event", "."], ". cannot be read: Is a directory"),
        (["--event", "app.py"], "--event app.py is not JSON"),
    ],
)
def test_a_payload_that_cannot_be_read(invoke, arguments, message):
    done = invoke("echo", *arguments)
    assert done.returncode == 2
    assert "error[PF202]: " in done.stderr
    assert message in done.stderr
    assert "hint: " in done.stderr


def test_a_failing_function(invoke):
    done = invoke("crash")
    assert done.returncode == 1
    assert "ValueError: why" in done.stderr
    assert done.stderr.endswith("failed: crash: Crashed\n")


def test_the_answer_as_json(invoke):
    answer = json.loads(invoke("echo", "--data", "1", "--json").stdout)
    assert answer == {
        "schema": 1, "target": "box", "function": "echo", "failed": None, "status": 200,
        "payload": {"got": 1}, "report": {"bytes": 9},
    }  # fmt: skip


def test_a_failure_as_json(invoke):
    done = invoke("crash", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["failed"] == "Crashed"


def test_an_answer_that_is_no_json(invoke):
    assert json.loads(invoke("binary", "--json").stdout)["payload_base64"] == "/wA="


def test_a_sample_by_its_name(invoke):
    assert json.loads(invoke("fulfil", "--data", "5").stdout) == {"box": [5]}
    assert json.loads(invoke("fulfil", "--data", "5", "--sample", "two").stdout) == {"box": [5, 5]}
    done = invoke("fulfil", "--sample", "tow")
    assert done.returncode == 2
    assert "there is no sample 'tow'" in done.stderr
    assert "did you mean 'two'? the samples are one, two" in done.stderr


def test_no_sample_at_all(invoke):
    done = invoke("nightly")
    assert done.returncode == 2
    assert "target 'box' has no sample event for schedule" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["app.py", "--target", "box"], 2, "app: there are 6 functions; it has hello, echo, crash, binary"),
        (["app.py::hell", "--target", "box"], 2, "there is no function 'hell'; it has hello"),
        (["app.py::hello", "--target", "box", "--function", "echo"], 2, "name two functions"),
        (["app.py::", "--target", "box"], 2, "expected PATH or PATH::function"),
        (["app.py"], 2, "app.py is a source: it runs on no platform yet"),
        (["missing.py", "--target", "box"], 2, "ARTIFACT|SOURCE missing.py does not exist"),
        (["app.py::hello", "--target", "bux"], 3, "unknown target 'bux'"),
        (["app.py::hello", "--target", "box", "--env", "A"], 2, "--env 'A': expected KEY=VALUE"),
        (["app.py::echo", "--target", "box", "--data", "1", "--event", "-"], 2, "leave --data out"),
        (["boxes.bin"], 4, "boxes.bin is not an artifact of polyfn"),
        (["broken.py", "--target", "box"], 1, "the module 'broken' cannot be imported: ZeroDivisionError"),
        (["empty.py", "--target", "box"], 1, "declares no function"),
    ],
)
def test_what_cannot_work(invoke, box, arguments, code, message):
    (box.root / "boxes.bin").write_bytes(b"nothing")
    (box.root / "broken.py").write_text("import polyfn\n1 / 0\n")
    (box.root / "empty.py").write_text("import polyfn\n")
    done = box.polyfn("invoke", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_artifact_knows_its_target(invoke, box):
    (box.root / "one.py").write_text("import polyfn\n\n@polyfn.function\ndef one():\n    return 1\n")
    made = box.polyfn("package", "one.py", "--target", "box", "--interpreter", "host")
    assert made.returncode == 0, made.stderr
    artifact = made.stdout.strip()
    assert box.polyfn("invoke", artifact).stdout == "1\n"
    wrong = box.polyfn("invoke", artifact, "--target", "aws")
    assert wrong.returncode == 2
    assert "was packaged for 'box', not for 'aws'" in wrong.stderr


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_a_manifest_of_another_polyfn(box, form):
    import shutil

    tree = box.root / "tree"
    tree.mkdir()
    (tree / "polyfn.json").write_text('{"schema": 99}')
    archive = shutil.make_archive(str(box.root / "old"), form, tree)
    done = box.polyfn("invoke", archive)
    assert done.returncode == 4
    assert "its polyfn.json is not one of schema 1" in done.stderr
    assert "package the source again" in done.stderr


def test_a_target_without_an_emulator(site, provider_source):
    site.install("polyfn-fly", {"inv_fly": provider_source("fly")}, providers={"fly": "inv_fly"})
    (site.root / "app.py").write_text(SOURCE)
    done = site.polyfn("invoke", "app.py::hello", "--target", "fly")
    assert done.returncode == 3
    assert "error[PF307]: target 'fly' has no emulator" in done.stderr


def test_an_emulator_that_raises_is_the_plugins(box):
    (box.root / "one.py").write_text("import polyfn\n\n@polyfn.function\ndef one():\n    return 1\n")
    path = box.root / "polyfn_box" / "provider.py"
    path.write_text(
        path.read_text().replace(
            "async def invoke(self, event):", "async def invoke(self, event):\n        1/0\n"
        )
    )
    done = box.polyfn("invoke", "one.py", "--target", "box")
    assert done.returncode == 3
    assert "error[PF302]: plugin 'box' of polyfn-box 0.3 failed: ZeroDivisionError" in done.stderr
    assert "in invoke)" in done.stderr


def test_a_damaged_archive(box):
    import io
    import zipfile

    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("polyfn.json", json.dumps(list(range(100))), zipfile.ZIP_DEFLATED)
    damaged = bytearray(whole.getvalue())
    damaged[60:80] = b"\xff" * 20
    (box.root / "damaged.zip").write_bytes(damaged)
    done = box.polyfn("invoke", "damaged.zip")
    assert done.returncode == 4
    assert "error[PF404]: damaged.zip cannot be read: " in done.stderr
