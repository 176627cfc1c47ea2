"""What `polyfn package` shows while it works: on a real terminal, and that nothing of it is anywhere else."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from polyfn.toolchain.progress import Step
from tests.toolchain.cli import terminals

ONE = "import polyfn\n\n@polyfn.function\ndef one(event): ...\n"
PACKAGE = ("package", "one.py", "--target", "slow", "--interpreter", "platform", "--arch", "amd64,arm64")
#: What the box looks like when it is half full, and what it waits for then, so that a test can look at it.
HALF, GATE = r"filling the box +\d+\.\d s +2\.0 MB of 4\.0 MB", "gate"
#: Through the public seam alone: a provider that takes its time, and tells of bytes and of something else.
WRAPPING = """
import os
import time
from polyfn.toolchain import progress

def package(build):
    with progress.step("filling the box", total=4_000_000) as step:
        for number in range(20):
            if number == 10:
                build.log(f"half of {build.bundle.arch}: " + "long " * 40 + "line")
                while "WAIT" in os.environ and not os.path.exists("gate"):
                    time.sleep(0.02)
            step.advance(200_000)
            time.sleep(0.03)
    return wrap(build)
"""


@pytest.fixture
def slow(box):
    """The target `slow`: the box, filled slowly."""
    source = Path(__file__).with_name("boxes.py").read_text()
    source = source.replace("def package(", "def wrap(").replace('"box"', '"slow"') + WRAPPING
    runtime = Path(__file__).with_name("boxes_runtime.py").read_text()
    modules = {"polyfn_slow.provider": source, "polyfn_slow.runtime": runtime, "polyfn_slow.__init__": ""}
    modules = {name: text.replace("polyfn_box", "polyfn_slow") for name, text in modules.items()}
    box.install("polyfn-slow", modules, providers={"slow": "polyfn_slow.provider"})
    (box.root / "one.py").write_text(ONE)
    return box


@pytest.fixture
def terminal(slow, monkeypatch):
    """Runs a command on a terminal of its own."""
    monkeypatch.delenv("CI", raising=False)

    def terminal(*arguments, columns=120, stdout=None, **more):
        environment = slow.environment(**{"TERM": "xterm-256color", **more})
        return terminals.opened(
            *arguments, environment=environment, cwd=slow.root, columns=columns, stdout=stdout
        )

    return terminal


@pytest.fixture
def gate(slow):
    """Opens the gate that a box which is half full waits for."""
    return (slow.root / GATE).touch


def test_a_line_for_each_architecture_and_gone_in_the_end(terminal, gate):
    with terminal(*PACKAGE, WAIT="1") as there:
        there.read(until=rf"half of[^$]*half of[^$]*amd64  {HALF}.*\s*arm64  {HALF}.*\n")
        seen = there.screen
        gate()
        there.read()
        assert there.process.wait(10) == 0
    lines = [line for line in seen.lines if line.startswith(("amd64 ", "arm64 "))]
    for arch, line in zip(("amd64", "arm64"), lines, strict=True):
        assert re.match(rf"{arch}  {HALF} +━+[╸╺]?━+ *$", line)
    # Messages stand above it, whole: a terminal breaks long lines itself, and copies them as one.
    assert sorted(line[:13] for line in seen.lines if "half of" in line) == ["half of amd64", "half of arm64"]
    assert all(line.rstrip().endswith("long line") for line in seen.lines if "half of" in line)
    last = there.screen
    assert "filling" not in last.text and last.cursor
    assert [line.split()[0] for line in last.text.splitlines()] == [
        "half", "half", "arch", "amd64", "arm64", "dist/one-amd64", "dist/one-arm64",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "expected"), [(70, r"of 4\.0 MB *$"), (50, r"^amd64  filling the box +\d+\.\d s *$")]
)
def test_a_narrow_terminal_has_no_room_for_the_bar(terminal, gate, columns, expected):
    with terminal(*PACKAGE, WAIT="1", columns=columns) as there:
        there.read(until=r"filling the box +\d+\.[5-9] s")
        [line] = [line for line in there.screen.lines if line.startswith("amd64 ")]
        gate()
        there.read()
    assert re.search(expected, line)
    assert "━" not in there.raw


def test_what_is_all_in_the_cache_shows_nothing_and_loads_nothing_for_it(terminal, slow):
    (slow.root / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "atexit.register(lambda: print('loaded', 'rich.live' in sys.modules, file=sys.stderr))\n"
    )

    def told():
        with terminal(*PACKAGE) as there:
            there.read()
            assert there.process.wait(10) == 0
        return "filling" in there.raw, "loaded True" in there.screen.text

    assert told() == (True, True)
    # A busy machine may take long for anything: then it is shown, and that is right.
    assert (False, False) in (told() for _ in range(4))


def test_ctrl_c_leaves_a_sane_terminal(terminal, slow, gate):
    with terminal(*PACKAGE, WAIT="1") as there:
        there.read(until=HALF)
        there.type(b"\x03")
        there.read(until=r"\^C")
        gate()
        there.read()
        assert there.process.wait(10) == 130
    assert there.screen.cursor
    assert "filling" not in there.screen.text
    assert "Traceback" not in there.raw
    assert not (slow.root / "dist").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_cursor_is_there_however_it_ends(terminal, gate, number):
    with terminal(*PACKAGE, WAIT="1") as there:
        there.read(until=HALF)
        there.process.send_signal(number)
        gate()
        there.read()
    assert there.screen.cursor
    assert ("filling" in there.screen.text) is (number == signal.SIGKILL)


def test_an_error_stands_where_the_display_was(terminal, slow):
    (slow.root / "one.py").write_text("import time\ntime.sleep(1)\n1 / 0\n")
    with terminal(*PACKAGE) as there:
        there.read()
        assert there.process.wait(10) == 1
    assert "reading the functions" in there.raw
    assert there.screen.text.startswith("error[PF102]: the module 'one' cannot be imported")


def test_what_a_plugin_prints_does_not_garble_it(terminal, slow):
    hook = """
        import sys, time
        from polyfn.toolchain.hooks import hookimpl

        @hookimpl
        def polyfn_after_package(artifact, build):
            print(f"printed for {build.bundle.arch}")
            print(f"complained of {build.bundle.arch}", file=sys.stderr)
    """
    slow.install("scanner", {"cli_scanner": hook}, plugins={"scanner": "cli_scanner"})
    with terminal(*PACKAGE) as there:
        there.read()
    lines = there.screen.text.splitlines()
    for text in ("printed for", "complained of"):
        assert sorted(line for line in lines if text in line) == [f"{text} amd64", f"{text} arm64"]
    assert "filling" not in there.screen.text


def test_stdout_in_a_pipe_has_the_paths_alone(terminal):
    with terminal(*PACKAGE, stdout=subprocess.PIPE) as there:
        there.read()
        assert there.process.stdout.read() == b"dist/one-amd64\ndist/one-arm64\n"
    assert "filling the box" in there.raw


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ((), {"TERM": "dumb"}),
        ((), {"NO_COLOR": "1"}),
        ((), {"CI": "true"}),
        (("--json",), {}),
    ],
)
def test_a_terminal_that_nobody_watches_shows_nothing(terminal, arguments, environment):
    with terminal(*PACKAGE, *arguments, **environment) as there:
        there.read()
        assert there.process.wait(10) == 0
    assert "filling" not in there.raw
    assert "\x1b[2K" not in there.raw and "\x1b[1A" not in there.raw
    if arguments:
        told = there.raw[there.raw.index("{") :]
        assert len(json.loads(told)["artifacts"]) == 2


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1"}])
def test_a_pipe_gets_none_of_it(slow, environment):
    done = slow.polyfn(*PACKAGE, "--json", TERM="xterm-256color", **environment)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["artifacts"]) == 2
    done = slow.polyfn(*PACKAGE, "--refresh", TERM="xterm-256color", **environment)
    assert "filling" not in done.stderr and "\x1b[1A" not in done.stderr
    if not environment:
        assert "\x1b" not in done.stderr + done.stdout


def test_packaging_before_a_run_is_shown_as_well(terminal):
    with terminal("invoke", "one.py", "--target", "slow", "--data", "{}") as there:
        there.read()
        assert there.process.wait(10) == 0
    assert "filling the box" in there.raw
    assert "filling the box" not in there.screen.text


def test_times_and_bytes_are_told_as_people_do():
    from polyfn.toolchain.cli.progress import _bytes, _time

    assert [_time(0.04), _time(9.96), _time(75.2)] == ["0.0 s", "10.0 s", "1:15 min"]
    step = Step("compressing", total=2_000_000, done=3_000_000, began=time.monotonic())
    assert _bytes(step, 0) == ("2.0 MB of 2.0 MB",)
    assert _bytes(Step("waiting"), 80) == ()
