"""A program is ended with all that it started, wherever that hid, and it is said why."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from smbo_objectives import process
from smbo_objectives.process import ProcessLimits, run

# What is below tries to outlive its run: each case leaves its pids in a file, one a line.
NOTE = """
import os, signal, sys, time
def note():
    with open("pids", "a") as file:
        file.write(f"{os.getpid()}\\n")
"""
DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note()
        time.sleep(1000)
    os._exit(0)
os.wait()
"""
SAVE_ON_SIGTERM = """
def end(*_):
    open("saved", "w")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
note()
time.sleep(1000)
"""
UNTIL_NOTED = """
while not os.path.exists("pids"):
    time.sleep(0.01)
"""
MANY = "for _ in range(20):" + DAEMON.rstrip().replace("\n", "\n    ") + "\n"


def execute(folder: Path, code: str, on_poll=process.do_nothing, **limits: object) -> process.ProcessResult:
    return run(
        [sys.executable, "-c", NOTE + code],
        env=dict(os.environ),
        cwd=folder,
        logs=folder,
        limits=ProcessLimits(grace_seconds=0.3, **limits),  # type: ignore[arg-type]
        on_poll=on_poll,
    )


def noted(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "pids").read_text().splitlines()]


def living(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def test_daemons_in_sessions_of_their_own_do_not_outlive_a_good_run(tmp_path):
    ended = execute(tmp_path, DAEMON + UNTIL_NOTED)
    assert (ended.code, ended.ended_by, ended.left) == (0, None, ())
    assert len(noted(tmp_path)) == 1
    assert living(noted(tmp_path)) == []


def test_twenty_daemons_that_ignore_sigterm_are_gone_when_a_timeout_is_reported(tmp_path):
    ended = execute(tmp_path, MANY + "time.sleep(1000)", timeout_seconds=3.0)
    assert ended.ended_by == "timeout"
    assert len(noted(tmp_path)) == 20
    assert living(noted(tmp_path)) == []
    assert ended.seconds < 300  # `hostile.py` holds it to the second


def test_a_program_that_forks_as_fast_as_it_can_is_ended(tmp_path):
    # a comet: each process lives only until its child does
    code = (
        "note()\nuntil = time.time() + 30\n"
        "while time.time() < until:\n    if os.fork():\n        os._exit(0)\n    os.setsid()"
    )
    ended = execute(
        tmp_path, f"if os.fork() == 0:\n    {code.replace(chr(10), chr(10) + '    ')}\ntime.sleep(0.3)"
    )
    assert ended.code == 0
    assert ended.left == ()


def test_a_program_may_clean_up_when_its_time_is_over(tmp_path):
    assert execute(tmp_path, SAVE_ON_SIGTERM, timeout_seconds=1.0).ended_by == "timeout"
    assert (tmp_path / "saved").exists()


@pytest.mark.parametrize(
    ("code", "bounds", "ended_by"),
    [
        (
            "hoard = []\nwhile True: hoard.append(os.urandom(5_000_000))",
            {"memory_bytes": 100_000_000},
            "memory",
        ),
        ("while True: print('x' * 10_000)", {"output_limit_bytes": 1_000_000}, "output"),
        (MANY + "time.sleep(1000)", {"processes": 10}, "processes"),
    ],
)
def test_what_uses_more_than_it_may_is_ended_and_it_is_said_why(tmp_path, code, bounds, ended_by):
    ended = execute(tmp_path, code, timeout_seconds=60.0, **bounds)
    assert ended.ended_by == ended_by
    assert ended.seconds < 60.0
    assert living(noted(tmp_path) if (tmp_path / "pids").exists() else []) == []


@pytest.mark.parametrize(
    ("code", "bounds", "number"),
    [
        ("while True: pass", {"cpu_seconds": 1}, signal.SIGXCPU),
        (
            "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nopen('big', 'wb').write(bytes(2_000_000))",
            {"file_bytes": 1_000_000},
            signal.SIGXFSZ,
        ),
    ],
)
def test_the_kernel_holds_a_process_to_its_own_limits(tmp_path, code, bounds, number):
    assert execute(tmp_path, code, timeout_seconds=60.0, **bounds).code == -number


def test_memory_that_children_share_is_counted_once(tmp_path):
    code = (
        "hoard = os.urandom(60_000_000)\n"
        + "pids = [os.fork() or time.sleep(1) or os._exit(0) for _ in range(5)]"
    )
    ended = execute(tmp_path, code + "\ntime.sleep(0.5)", memory_bytes=150_000_000)
    assert (ended.code, ended.ended_by) == (0, None)


def test_a_look_that_raises_ends_the_program_before_it_goes_on(tmp_path):
    def look() -> None:
        if (tmp_path / "pids").exists():
            raise LookupError("pruned")

    with pytest.raises(LookupError, match="pruned"):
        execute(tmp_path, SAVE_ON_SIGTERM, on_poll=look)
    assert (tmp_path / "saved").exists()
    assert living(noted(tmp_path)) == []


def test_a_program_outlives_the_thread_that_started_it_only_by_its_own_will(tmp_path):
    # the kernel's signal at a parent's death hangs on the thread that forked: ours must not come
    seen: list[process.ProcessResult] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: seen.append(execute(tmp_path, "time.sleep(0.3)")))
        thread.start()
        thread.join()
    assert [ended.code for ended in seen] == [0, 0]


def test_a_program_whose_supervisor_is_killed_is_ended_and_the_next_one_runs(tmp_path):
    def look() -> None:
        if (tmp_path / "pids").exists():
            supervisors = psutil.Process(fork_server().pid).children()
            for each in supervisors:
                each.kill()

    with pytest.raises(OSError, match="was killed"):
        execute(tmp_path, DAEMON + "note()\ntime.sleep(1000)", on_poll=look)
    until = time.monotonic() + 300
    while living(noted(tmp_path)) and time.monotonic() < until:
        time.sleep(0.05)
    assert living(noted(tmp_path)) == []
    assert execute(tmp_path, "print(1)").code == 0


def test_a_batch_systems_sigterm_to_all_leaves_the_program_time_to_save_its_state(tmp_path):
    def look() -> None:
        if (tmp_path / "pids").exists() and not is_told:
            is_told.append(True)
            # all of them: one that has reported on an earlier run may not have been reaped yet
            for each in psutil.Process(fork_server().pid).children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.terminate()
            fork_server().terminate()

    is_told: list[bool] = []
    ended = execute(tmp_path, SAVE_ON_SIGTERM, on_poll=look, timeout_seconds=60.0)
    assert ended.ended_by == "asked"
    assert (tmp_path / "saved").exists()


def test_a_program_finds_signals_as_they_should_be(tmp_path):
    code = "print([signal.getsignal(n) == signal.SIG_DFL for n in (1, 15, 17)])"
    assert execute(tmp_path, code).stdout_tail == b"[True, True, True]\n"


def test_a_new_fork_server_replaces_one_that_was_killed(tmp_path):
    execute(tmp_path, "print(1)")
    fork_server().kill()
    fork_server().wait()
    assert execute(tmp_path, "print(1)").stdout_tail == b"1\n"


def fork_server() -> subprocess.Popen[bytes]:
    assert process._fork_server is not None
    return process._fork_server._process


def test_a_program_that_cannot_be_started_is_an_error_of_the_system(tmp_path):
    (tmp_path / "program").write_text("no interpreter")
    (tmp_path / "program").chmod(0o755)
    with pytest.raises(OSError, match="Exec format"):
        run([str(tmp_path / "program")], env={}, cwd=tmp_path, logs=tmp_path, limits=ProcessLimits())
