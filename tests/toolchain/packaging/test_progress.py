"""What a build tells of its steps, to whoever listens."""

import threading
import time
from contextvars import copy_context

import pytest

from polyfn.errors import ModuleLoadError
from polyfn.toolchain import progress
from polyfn.toolchain.artifacts.zip import write_zip
from polyfn.toolchain.bundle.store import Store
from polyfn.toolchain.interrupts import parallel
from polyfn.toolchain.packaging import PackageRequest, package

HELLO = "import polyfn\n\n@polyfn.function\ndef hello(): ...\n"


class Recorder(progress.Listener):
    """Writes down what it hears, as (event, architecture, name)."""

    def __init__(self):
        self.heard, self.steps, self.lock = [], [], threading.Lock()

    def started(self, step):
        with self.lock:
            self.steps.append(step)
            self.heard.append(("started", step.arch, step.name))

    def ended(self, step):
        with self.lock:
            self.heard.append(("ended", step.arch, step.name))

    def of(self, arch):
        return [step.name for step in self.steps if step.arch == arch]


@pytest.fixture
def recorder():
    recorder = Recorder()
    with progress.listening(recorder):
        yield recorder


def test_a_step_is_of_the_architecture_of_the_one_around_it(recorder):
    with progress.step("bundling", "arm64"):
        with progress.step("compiling"):
            pass
        with progress.step("installing", "amd64"), progress.step("fetching"):
            pass
    with progress.step("collecting"):
        pass
    assert [(step.arch, step.name) for step in recorder.steps] == [
        ("arm64", "bundling"), ("arm64", "compiling"), ("amd64", "installing"), ("amd64", "fetching"),
        (None, "collecting"),
    ]  # fmt: skip


def test_a_step_ends_however_its_block_ends(recorder):
    with pytest.raises(KeyboardInterrupt), progress.step("outer", "amd64"), progress.step("inner"):
        raise KeyboardInterrupt
    assert recorder.heard == [
        ("started", "amd64", "outer"), ("started", "amd64", "inner"),
        ("ended", "amd64", "inner"), ("ended", "amd64", "outer"),
    ]  # fmt: skip
    with progress.step("next") as step:
        assert step.arch is None


def test_without_a_listener_nothing_happens(recorder, capsys):
    quiet = threading.Thread(target=lambda: progress.step("in a context of its own").__enter__().advance(1))
    quiet.start()
    quiet.join()
    assert recorder.heard == []
    assert capsys.readouterr() == ("", "")


def test_threads_that_work_for_a_build_are_heard_and_do_not_mix(recorder):
    both = threading.Barrier(2)

    def work(arch):
        with progress.step("outer", arch):
            both.wait(10)
            with progress.step("inner"):
                both.wait(10)

    parallel(work, ["amd64", "arm64"])
    assert recorder.of("amd64") == recorder.of("arm64") == ["outer", "inner"]


def test_compressing_counts_the_bytes_of_the_tree(recorder, tmp_path):
    for name, size in {"a": 5, "deep/b": 100_000, "empty": 0}.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(bytes(size))
    (tmp_path / "tree" / "link").symlink_to("a")
    written = write_zip(tmp_path / "tree", tmp_path / "a.zip", epoch=0, kept=tmp_path / "kept")
    [step] = recorder.steps
    assert (step.name, step.total, step.done) == ("compressing", 100_006, 100_006)
    assert written.unpacked_size == 100_006


def test_waiting_for_another_build_is_a_step(recorder, tmp_path):
    store = Store(tmp_path)
    with store.lock("sites", "key"):
        assert recorder.heard == []
        waiting = threading.Thread(
            target=copy_context().run, args=(lambda: store.lock("sites", "key").__enter__(),)
        )
        waiting.start()
        deadline = time.monotonic() + 10
        while not recorder.heard and time.monotonic() < deadline:
            time.sleep(0.01)
    waiting.join(10)
    assert [event for event, _, name in recorder.heard if name == "waiting for another build"] == [
        "started", "ended",
    ]  # fmt: skip


@pytest.fixture
def built(write, desk, tmp_path):
    def built(text, name="hello.py", **request):
        root = write({name: text})
        given = PackageRequest(root / name, "desk", ("amd64", "arm64"), interpreter="platform",
                               out=tmp_path / "out", **request)  # fmt: skip
        return package(given, plugins=desk)

    return built


def test_a_build_tells_of_each_architecture(built, house, recorder):
    built("# /// script\n# dependencies = ['pf_small']\n# ///\n" + HELLO)
    assert recorder.of(None)[:2] == ["copying the code", "reading the functions"]
    for arch in ("amd64", "arm64"):
        told = recorder.of(arch)
        assert told[:2] == ["looking up what is kept", "resolving dependencies"]
        order = ["installing dependencies", "compiling", "wrapping"]
        assert [name for name in told if name in order] == order
        for name in told:
            started, ended = (recorder.heard.index((event, arch, name)) for event in ("started", "ended"))
            assert started < ended
    count = len(recorder.heard)
    assert sum(event == "started" for event, _, _ in recorder.heard) * 2 == count


def test_a_build_that_fails_leaves_no_step_open(built, recorder):
    with pytest.raises(ModuleLoadError):
        built("1 / 0\n")
    events = [event for event, _, _ in recorder.heard]
    assert events.count("started") == events.count("ended") > 0
    assert ("ended", None, "reading the functions") in recorder.heard
