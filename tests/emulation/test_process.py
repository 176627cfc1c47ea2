"""The supervisor of an artifact's process."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from polyfn.toolchain.emulation.lines import LONGEST
from polyfn.toolchain.emulation.process import Exit, Process
from polyfn.toolchain.emulation.processes import Member, descendant, family, living


def run(work):
    return asyncio.run(asyncio.wait_for(work, 20))


def start(code, log, **settings):
    return Process(
        [sys.executable, "-c", code], cwd=settings.pop("cwd", Path("/")), environment=settings, log=log.append
    )


def state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


async def until(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("code", "exit_", "words"),
    [
        ("", Exit(0, None), "exit status 0"),
        ("raise SystemExit(7)", Exit(7, None), "exit status 7"),
        ("import os; os.kill(os.getpid(), 9)", Exit(None, 9), "signal: killed"),
        ("import os; os.kill(os.getpid(), 15)", Exit(None, 15), "signal: terminated"),
    ],
)
def test_ends(code, exit_, words):
    async def work():
        return await start(code, []).ended

    assert run(work()) == exit_
    assert str(exit_) == words


def test_environment_and_directory_are_those_given_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setenv("OUTSIDE", "1")
    log = []

    async def work():
        code = (
            "import os; print(os.getcwd(), os.environ.get('A'), os.environ.get('OUTSIDE'), "
            "os.getsid(0) == os.getpid())"
        )
        await start(code, log, cwd=tmp_path, A="1").ended

    run(work())
    assert log == [f"{tmp_path} 1 None True"]


def test_lines_of_both_streams_in_order():
    log = []
    code = (
        "import os\n"
        "for n in range(3): os.write(1, b'out %d\\n' % n); os.write(2, b'err %d\\n' % n)\n"
        "os.write(1, b'\\xff no newline')"
    )

    async def work():
        await start(code, log).ended

    run(work())
    assert log == ["out 0", "err 0", "out 1", "err 1", "out 2", "err 2", "\ufffd no newline"]


def test_a_line_without_end_is_cut():
    log = []

    async def work():
        await start(f"print('x' * {LONGEST + 10})", log).ended

    run(work())
    assert [len(line) for line in log] == [LONGEST, 10]


def test_drain_needs_no_turn_of_the_loop(tmp_path):
    log = []

    async def work():
        process = start(
            "import time; print('here', flush=True); open('done', 'w').close(); time.sleep(60)",
            log,
            cwd=tmp_path,
        )
        while not (tmp_path / "done").exists():
            time.sleep(0.002)  # the loop must not run
        assert log == []
        process.drain()
        seen = list(log)
        await process.stop(0)
        return seen

    assert run(work()) == ["here"]


FAMILY = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
child, loner = subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)
print(child.pid, loner.pid, flush=True)
time.sleep(60)
"""


def test_freeze_thaw_and_stop_reach_the_family():
    log = []

    async def work():
        process = start(FAMILY, log)
        await until(lambda: log)
        pids = [process.pid, *map(int, log[0].split())]
        assert [member.pid for member in family(process.pid)] == sorted(pids[1:])
        process.freeze()
        assert process.frozen
        await until(lambda: [state(pid) for pid in pids] == ["T"] * 3)
        process.thaw()
        await until(lambda: [state(pid) for pid in pids] == ["S"] * 3)
        process.freeze()
        ended = await process.stop(0)
        await until(lambda: {state(pid) for pid in pids} <= {"Z", "gone"})
        return ended

    assert run(work()) == Exit(None, 9)


def test_what_a_crash_leaves_behind_is_killed():
    log = []

    async def work():
        process = start(FAMILY, log)
        await until(lambda: log)
        process.memory()
        os.kill(process.pid, signal.SIGKILL)
        await process.ended
        await until(lambda: {state(int(pid)) for pid in log[0].split()} <= {"Z", "gone"})

    run(work())


def test_stop_warns_first_if_there_is_time():
    code = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"warned\\n"), sys.exit(3)))
os.write(1, b"ready\\n")
while True: time.sleep(60)
"""

    async def work(grace, *, frozen):
        log = []
        process = start(code, log)
        await until(lambda: log)
        if frozen:
            process.freeze()
        return await process.stop(grace), log[1:]

    assert run(work(5, frozen=False)) == (Exit(3, None), ["warned"])
    assert run(work(5, frozen=True)) == (Exit(3, None), ["warned"])
    assert run(work(0, frozen=False)) == (Exit(None, 9), [])


def test_stop_of_what_has_ended():
    async def work():
        process = start("", [])
        await process.ended
        process.freeze()
        process.thaw()
        return await process.stop(1), process.alive

    assert run(work()) == (Exit(0, None), False)


def test_memory_is_the_peak_even_after_it_was_freed():
    log = []

    async def work():
        process = start(
            "import time; b = b'x' * (80 << 20); del b; print('x', flush=True); time.sleep(60)", log
        )
        before = process.memory()
        await until(lambda: log)
        peak = process.memory()
        await process.stop(0)
        return before, peak, process.memory()

    before, peak, after = run(work())
    assert before < 80 << 20 < peak < 130 << 20
    assert after >= peak


def test_memory_of_several_processes_is_added_up():
    log = []
    code = """
import subprocess, sys, time
hold = "import time; b = b'x' * (30 << 20); print('x', flush=True); time.sleep(60)"
for _ in range(2): subprocess.Popen([sys.executable, "-c", hold])
time.sleep(60)
"""

    async def work():
        process = start(code, log)
        await until(lambda: len(log) == 2)
        peak = process.memory()
        await process.stop(0)
        return peak

    assert 60 << 20 < run(work()) < 150 << 20


def test_a_number_used_again_is_another_process():
    assert living([Member(os.getpid(), -1)]) == []


def test_a_command_that_does_not_exist():
    async def work():
        with pytest.raises(FileNotFoundError):
            Process(["/no/such/command"], cwd=Path("/"), environment={}, log=print)

    before = len(os.listdir("/proc/self/fd"))
    run(work())
    assert len(os.listdir("/proc/self/fd")) <= before


def test_descendants_are_counted_by_generation(tmp_path):
    code = """
import os, subprocess, sys
if (depth := int(sys.argv[1])):
    child = subprocess.Popen([sys.executable, __file__, str(depth - 1)])
    print(depth, os.getpid(), flush=True)
    child.wait()
else:
    print(depth, os.getpid(), flush=True)
    __import__('time').sleep(20)
"""
    script = tmp_path / "chain.py"
    script.write_text(code)

    async def work():
        log = []
        process = Process([sys.executable, str(script), "2"], cwd=Path("/"), environment={}, log=log.append)
        try:
            await until(lambda: len(log) == 3 or not process.alive)
            pids = dict(line.split() for line in log)
            told = [descendant(process.pid, depth) for depth in (0, 1, 2, 3)]
            return pids, process.pid, told
        finally:
            await process.stop(0)

    pids, pid, (itself, child, grandchild, nobody) = run(work())
    assert (itself.pid, str(child.pid), str(grandchild.pid)) == (pid, pids["1"], pids["0"])
    assert nobody is None


def test_lines_of_stderr_can_be_told_apart():
    async def work():
        out, errors = [], []
        code = "import sys; print('a'); print('b', file=sys.stderr); sys.stderr.write('c')"
        process = Process(
            [sys.executable, "-c", code], cwd=Path("/"), environment={}, log=out.append, errors=errors.append
        )
        await process.ended
        return out, errors

    assert run(work()) == (["a"], ["b", "c"])
