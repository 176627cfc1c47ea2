"""The start script, run by the shells that platforms have."""

import os
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.toolchain.bundle.script import start_script, word

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
PLAIN = ("python/bin/python3.11",)


@pytest.fixture
def bundle(tmp_path):
    """A bundle whose interpreter prints its arguments, one a line."""
    root = tmp_path / "a 'bundle' \"$HOME\""
    (root / "python/bin").mkdir(parents=True)
    program = root / "python/bin/python3.11"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$@"\nenv | grep ^LD_ || :\n')
    program.chmod(0o755)
    (root / "start.py").touch()
    (root / "start").write_text(start_script(PLAIN, root_variable="TASK_ROOT"))
    (root / "start").chmod(0o755)
    return root


def run(command, **more):
    answer = subprocess.run(command, capture_output=True, text=True, **more)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


def shell(name):
    return ["busybox", "sh"] if name == "busybox" else [name]


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("how", ["absolute", "relative", "here", "bare", "path"])
def test_finds_its_bundle(bundle, name, how):
    where, root = {
        "absolute": (bundle / "start", bundle),
        "relative": (f"{bundle.name}/start", bundle.name),
        "here": ("./start", "."),
        "bare": ("start", "."),
        "path": (shutil.which("start", path=str(bundle)), bundle),
    }[how]
    cwd = bundle.parent if how == "relative" else bundle
    program, *lines = run([*shell(name), str(where), "a b", "$x"], cwd=cwd)
    # bash makes the path of what it executes absolute.
    assert (cwd / program).resolve() == bundle / "python/bin/python3.11"
    assert lines == [
        "-I", "-S", "-X", "utf8", f"{root}/start.py", "a b", "$x",
    ]  # fmt: skip


def test_is_executed_through_the_path(bundle):
    lines = run(["start"], env={"PATH": f"{bundle}:{os.environ['PATH']}"})
    assert lines[0] == f"{bundle}/python/bin/python3.11"


def test_copied_away_it_asks_the_variable(bundle, tmp_path):
    copy = tmp_path / "bootstrap"
    shutil.copy(bundle / "start", copy)
    lines = run([copy], env={"TASK_ROOT": str(bundle), "PATH": os.environ["PATH"]})
    assert lines[0] == f"{bundle}/python/bin/python3.11"


def test_lies_at_the_root_of_the_file_system():
    find = start_script(PLAIN).splitlines()[1]
    assert run(["sh", "-c", f'{find}; echo "$root/python"', "/start"]) == ["/python"]


def test_one_exec_and_nothing_else():
    loader = (
        "python/lib/ld.so",
        "--library-path",
        "python/lib",
        "--argv0",
        "python/bin/p",
        "python/bin/p.elf",
    )
    text = start_script(loader)
    assert text.startswith("#!/bin/sh\n")
    assert not any(sign in text for sign in ("$(", "`", "|", "export", "LD_LIBRARY_PATH"))
    assert text.splitlines()[-1] == (
        'exec "$root/python/lib/ld.so" --library-path "$root/python/lib" --argv0 "$root/python/bin/p" '
        '"$root/python/bin/p.elf" -I -S -X utf8 "$root/start.py" "$@"'
    )


def test_linked_names_the_interpreter_where_it_lies():
    text = start_script(("/opt/my python/bin/python3",))
    assert 'exec "/opt/my python/bin/python3" -I' in text


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_words_survive_the_shell(part):
    answer = subprocess.run(["sh", "-c", f"root=R; printf %s {word(part)}"], capture_output=True)
    assert answer.stderr == b""
    inside = "/" in part and not part.startswith(("/", "-"))
    assert answer.stdout.decode() == (f"R/{part}" if inside else part)
