"""`polyfn package` and `polyfn check` through the command line."""

import json
import signal
import subprocess
import sys
import time

import pytest

ONE = "import polyfn\n\n@polyfn.function\ndef one(event):\n    return event.native\n"

HOOKS = """
    from polyfn.toolchain.errors import ArtifactError
    from polyfn.toolchain.hooks import hookimpl

    @hookimpl
    def polyfn_before_package(build):
        (build.bundle.root / "app" / "added.txt").write_text("by a hook")

    @hookimpl
    def polyfn_after_package(artifact, build):
        build.log(f"scanned {artifact.path.name}")
        if build.project == "refused":
            raise ArtifactError("the scanner found something", hint="look at it")

    @hookimpl
    def polyfn_checks(manifest, provider):
        return [("error", f"no {provider.name} on Fridays")] if provider.name == "box" else []
"""


@pytest.fixture
def project(box):
    (box.root / "one.py").write_text(ONE)
    return box


def test_paths_on_stdout_and_a_report_on_stderr(project):
    done = project.polyfn(
        "package", "one.py", "--target", "box", "--interpreter", "platform", "--out", "made"
    )
    assert done.returncode == 0, done.stderr
    [path] = done.stdout.splitlines()
    assert (project.root / path / "polyfn.json").is_file()
    head, row = [line.split() for line in done.stderr.splitlines()][-2:]
    assert head == ["arch", "size", "unpacked", "files", "sha256", "artifact"]
    assert row[-1] == path


def test_as_json(project):
    done = project.polyfn("package", "one.py", "--target", "box", "--interpreter", "platform", "--json")
    content = json.loads(done.stdout)
    assert content["schema"] == 1
    [artifact] = content["artifacts"]
    facts = {"path", "target", "arch", "sha256", "size", "unpacked_size", "files", "archs"}
    assert set(artifact) == facts | {"change", "report"}
    assert artifact["change"] is None and artifact["report"] is None


def test_a_report_of_each_artifact_on_stderr(project):
    command = ("package", "one.py", "--target", "box", "--interpreter", "platform", "--arch", "amd64,arm64")
    done = project.polyfn(*command, "--report")
    assert done.stdout == "dist/one-amd64\ndist/one-arm64\n"
    for arch in ("amd64", "arm64"):
        assert f"\none-{arch}; box {arch}, Python 3." in done.stderr
    why = "there is no interpreter inside: the platform's own runs it"
    assert done.stderr.count(f"\nwarning: imports were not measured: {why}\n") == 2
    assert done.stderr.count("\nruntime ") == 2


def test_an_artifact_of_a_format_that_nobody_knows_has_no_report(project):
    hook = """
        from polyfn.toolchain.hooks import hookimpl

        @hookimpl
        def polyfn_after_package(artifact, build):
            (artifact.path / "polyfn.json").write_text("{}")
    """
    project.install("breaker", {"cli_breaker": hook}, plugins={"breaker": "cli_breaker"})
    command = ("package", "one.py", "--target", "box", "--interpreter", "platform", "--report")
    done = project.polyfn(*command)
    assert done.returncode == 0, done.stderr
    assert "warning: dist/one-amd64 has no report: one-amd64: its polyfn.json cannot be read" in done.stderr
    assert json.loads(project.polyfn(*command, "--json").stdout)["artifacts"][0]["report"] is None


def test_what_changed_since_the_previous_build_is_told(project):
    command = ("package", "one.py", "--target", "box", "--interpreter", "platform")
    assert "since the previous build" not in project.polyfn(*command).stderr
    (project.root / "one.py").write_text(ONE + "# " + "longer " * 1000 + "\n")
    done = project.polyfn(*command)
    assert done.returncode == 0, done.stderr
    assert "amd64, since the previous build: +" in done.stderr


def test_the_hooks_around_packaging(project):
    project.install("scanner", {"cli_scanner": HOOKS}, plugins={"scanner": "cli_scanner"})
    done = project.polyfn("package", "one.py", "--target", "box", "--interpreter", "platform")
    assert done.returncode == 0, done.stderr
    assert (project.root / done.stdout.strip() / "app" / "added.txt").read_text() == "by a hook"
    assert "scanned one-" in done.stderr


def test_a_hook_may_refuse(project):
    project.install("scanner", {"cli_scanner": HOOKS}, plugins={"scanner": "cli_scanner"})
    (project.root / "refused.py").write_text(ONE)
    done = project.polyfn("package", "refused.py", "--target", "box", "--interpreter", "platform")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.endswith("error[PF404]: the scanner found something\nhint: look at it\n")


def test_a_hook_that_raises_is_the_plugins(project):
    project.install(
        "scanner", {"cli_scanner": HOOKS.replace("build.log(", "build.lgo(")}, plugins={"s": "cli_scanner"}
    )
    done = project.polyfn("package", "one.py", "--target", "box", "--interpreter", "platform")
    assert done.returncode == 3
    assert "error[PF302]: plugin 's' of scanner 1.0 failed: AttributeError" in done.stderr


def test_check_reports_notes_without_failing(project):
    done = project.polyfn("check", "one.py", "--target", "box")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "note: box: one uses .native, which ties it to one platform (one.py:5)\n"


def test_check_for_every_installed_target(project, provider_source):
    project.install("polyfn-fly", {"cli_fly": provider_source("fly")}, providers={"fly": "cli_fly"})
    project.install("polyfn-bad", {"cli_bad": "1/0"}, providers={"bad": "cli_bad"})
    (project.root / "two.py").write_text(
        "import polyfn\n\n@polyfn.function\ndef two(): ...\n\n"
        "@polyfn.function(polyfn.Queue('q'))\ndef queued(message: polyfn.Message): ...\n"
    )
    done = project.polyfn("check", "two.py", "--json", POLYFN_PLUGINS="box,fly,bad")
    content = json.loads(done.stdout)
    assert done.returncode == 1
    assert content["targets"] == ["box", "fly"]
    told = [(f["severity"], f["target"], f["function"]) for f in content["findings"]]
    assert told == [("warning", "box", "queued"), ("warning", "box", None), ("error", "fly", "queued")]
    assert done.stderr.count("polyfn-bad") == 1


def test_the_checks_hook(project):
    project.install("scanner", {"cli_scanner": HOOKS}, plugins={"scanner": "cli_scanner"})
    done = project.polyfn("check", "one.py", "--target", "box")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "error: box: no box on Fridays"


@pytest.mark.parametrize("answer", ["['error']", "[('fatal', 'x')]", "[('error', 1)]", "7"])
def test_a_checks_hook_that_answers_wrongly(project, answer):
    source = HOOKS.replace("return [(", f"return {answer}\n        return [(")
    project.install("scanner", {"cli_scanner": source}, plugins={"scanner": "cli_scanner"})
    done = project.polyfn("check", "one.py", "--target", "box")
    assert done.returncode == 3
    assert "polyfn_checks()" in done.stderr


def test_a_place_that_the_system_refuses_is_a_usage_error(project):
    (project.root / "file").write_text("")
    done = project.polyfn(
        "package", "one.py", "--target", "box", "--interpreter", "platform", "--out", "file/dist"
    )
    assert done.returncode == 2
    assert "error[PF200]: " in done.stderr
    assert "file" in done.stderr
    assert "hint: " in done.stderr


@pytest.mark.parametrize(
    "archs", [["--arch", "amd64,arm64"], ["--arch", "arm64", "--arch", "amd64", "--arch", "arm64"]]
)
def test_architectures_in_one_option_or_several(project, archs):
    done = project.polyfn(
        "package", "one.py", "--target", "box", "--interpreter", "platform", "--json", *archs
    )
    assert done.returncode == 0, done.stderr
    assert {made["arch"] for made in json.loads(done.stdout)["artifacts"]} == {"amd64", "arm64"}


@pytest.mark.parametrize("command", ["package", "run", "invoke"])
def test_two_targets_are_not_one(project, command):
    done = project.polyfn(command, "one.py", "--target", "box", "--target", "boxx")
    assert done.returncode == 2
    assert "error[PF200]: --target box and --target boxx" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_leaves_nothing_behind(project, number):
    (project.root / "slow.py").write_text("import pathlib, time\nprint('here', flush=True)\ntime.sleep(60)\n")
    places = project.root / "temporary"
    places.mkdir()
    command = ["package", "slow.py", "--target", "box", "--interpreter", "platform"]
    process = subprocess.Popen(
        [sys.executable, "-m", "polyfn", *command],
        env=project.environment(TMPDIR=str(places)), cwd=project.root, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not [file for file in places.glob("polyfn-collect-*/output") if file.read_text()]:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, messages = process.communicate(timeout=30)
    assert (process.returncode, messages.strip()) == (128 + number, "")
    assert list(places.iterdir()) == []
    assert not (project.root / "dist").exists()


def test_check_without_any_platform(project):
    done = project.polyfn("check", "one.py", POLYFN_PLUGINS="")
    assert done.returncode == 3
    assert "error[PF301]: there is no target to check for" in done.stderr
