"""What one evaluation does to its process harms neither its worker nor the next evaluation."""

from __future__ import annotations

import ctypes
import io
import multiprocessing
import os
import random
import resource
import signal
import sys
import threading
import time

import numpy as np
import psutil
import pytest
from waiting import wait_until

from smbo_scheduler.errors import ChildNotStarted, SchedulerError, TargetNotLoaded
from smbo_scheduler.executors import SerialExecutor
from smbo_scheduler.jobs import JobStatus
from smbo_scheduler.worker import child as child_module, fork_server
from smbo_scheduler.worker.child import close_children
from smbo_scheduler.worker.runner import RunStatus, run_job


def double(x):
    return 2 * x


def target(payload, context):
    """Do to this process as the payload says, and tell about it."""
    done = DEEDS[payload.get("do", "tell")]()
    return {"pid": os.getpid(), "done": done}


def set_handler():
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def close_stdout():
    print("last words")
    sys.stdout.close()
    os.close(1)


def set_alarm():
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 30.0)


def tell():
    return {
        "folder": os.getcwd(),
        "mask": f"{os.umask(0o22):o}",
        "environment": os.environ.get("SMBO_TEST_WORD"),
        "handlers": [signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL],
        "alarm": signal.getitimer(signal.ITIMER_REAL)[0],
        "recursion": sys.getrecursionlimit(),
        "threads": sum(thread.name.startswith("left") for thread in threading.enumerate()),
        "stdin": os.read(0, 1).decode(),
    }


def wait_for_ever():
    time.sleep(1000)


def nested(context):
    with context.Pool(2) as pool:
        return pool.map(double, [1, 2, 3])


DEEDS = {
    "tell": tell,
    "pid": os.getpid,
    "module path": lambda: os.environ.get("PYTHONPATH", ""),
    "chdir": lambda: os.chdir("/"),
    "umask": lambda: os.umask(0o77),
    "environ": lambda: os.environ.update(SMBO_TEST_WORD="changed"),
    "handler": set_handler,
    "alarm": set_alarm,
    "recursion": lambda: sys.setrecursionlimit(5000),
    "close stdout": close_stdout,
    "close stdin": lambda: os.close(0),
    "replace stdout": lambda: setattr(sys, "stdout", io.StringIO()),
    "thread": lambda: threading.Thread(target=wait_for_ever, name="left").start(),
    "daemon thread": lambda: threading.Thread(target=wait_for_ever, name="left", daemon=True).start(),
    "limit": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)),
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "exit": lambda: os._exit(3),
    "exit well": lambda: os._exit(0),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "terminated": lambda: (os.kill(os.getpid(), signal.SIGTERM), time.sleep(0.01))[1],
    "recurse": lambda: DEEDS["recurse"](),
    "draw": lambda: [random.random(), float(np.random.random())],  # noqa: NPY002
    "fork": lambda: nested(multiprocessing.get_context("fork")),
    "spawn": lambda: nested(multiprocessing.get_context("spawn")),
    "terminate": lambda: terminated_process(),
    "print": lambda: print("hello from the objective"),
    "large": lambda: "x" * 30_000_000,
    "unpicklable": lambda: raise_unpicklable(),
}


def terminated_process():
    process = multiprocessing.get_context("fork").Process(target=wait_for_ever)
    process.start()
    process.terminate()
    process.join(10)
    return process.exitcode


class Unpicklable(Exception):
    def __init__(self, first, second):
        super().__init__(first)
        self.lock = threading.Lock()


def raise_unpicklable():
    raise Unpicklable("it cannot travel", 2)


@pytest.fixture(autouse=True, scope="module")
def _no_child_left():
    yield
    close_children()


@pytest.fixture
def run(spool, make_job):
    def run(do, isolation="process"):
        job = make_job(do=do)
        assert run_job(target, job, spool, isolation) is RunStatus.DONE
        return spool.read(job)

    return run


# --- an evaluation that ends its own process


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("segfault", "killed by signal 11 (SIGSEGV)"),
        ("abort", "killed by signal 6 (SIGABRT)"),
        ("killed", "killed by signal 9 (SIGKILL)"),
        ("exit", "exit code 3 by os._exit"),
        ("exit well", "exit code 0 by os._exit"),
    ],
)
def test_an_evaluation_that_ends_its_process_is_named_and_the_next_one_runs(run, do, reason, monkeypatch):
    """Without limits too: it took its Dask worker along, four times, and was booked as a lost machine."""
    monkeypatch.setattr(child_module, "_KILLED_ALONE_SECONDS", 0.0)
    outcome = run(do)
    assert (outcome.status, outcome.reason) == (JobStatus.ERROR, reason)
    assert outcome.error.endswith(f"the evaluation ended its own process: {reason}")
    assert run("pid").status is JobStatus.OK


def test_one_that_the_kernel_kills_for_memory_is_named_without_a_limit_on_memory(run, monkeypatch):
    kills = iter([4, 5])
    monkeypatch.setattr(child_module, "memory_kills", lambda: next(kills))
    monkeypatch.setattr("smbo_scheduler.worker.memory.memory_kills", lambda: next(kills))
    outcome = run("killed")
    assert (outcome.status, outcome.reason) == (JobStatus.MEMORY, "memory")
    assert "killed for memory by the kernel; it had up to" in outcome.error


def test_one_killed_with_most_of_the_memory_in_use_is_most_likely_killed_for_it(run, monkeypatch):
    monkeypatch.setattr("smbo_scheduler.worker.memory.memory_there_is", lambda: 2**20)
    outcome = run("killed")
    assert outcome.status is JobStatus.MEMORY
    assert "most likely for memory" in outcome.error


def test_a_batch_systems_sigterm_to_all_processes_is_left_to_the_worker(run):
    """The worker then lets the evaluation finish; a child that died of it would count as a failure."""
    assert run("terminated").status is JobStatus.OK


# --- what one evaluation changes does not spoil the next


@pytest.mark.parametrize(
    "do",
    [
        "chdir",
        "umask",
        "environ",
        "handler",
        "alarm",
        "recursion",
        "close stdout",
        "close stdin",
        "replace stdout",
        "thread",
        "daemon thread",
        "limit",
    ],
)
def test_the_next_evaluation_finds_its_process_as_the_first_did(run, do):
    clean = run("tell").result["done"]
    assert run(do).status is JobStatus.OK
    assert run("tell").result["done"] == clean


@pytest.mark.parametrize("do", ["chdir", "umask", "environ", "handler", "alarm", "replace stdout"])
def test_a_child_whose_state_can_be_restored_stays(run, do):
    assert run(do).result["pid"] == run("pid").result["pid"]


@pytest.mark.parametrize("do", ["close stdout", "close stdin", "thread", "limit"])
def test_a_child_that_cannot_be_restored_is_replaced(run, do):
    assert run(do).result["pid"] != run("pid").result["pid"]


def test_a_child_whose_memory_has_grown_is_replaced(run, monkeypatch):
    from smbo_scheduler.worker import process_state

    state = process_state.ProcessState()
    monkeypatch.setattr(process_state, "_resident_bytes", iter([2**30, 2 * 2**30, 3 * 2**30]).__next__)
    assert [state._has_not_grown() for _ in range(3)] == [True, True, False]


def test_a_fresh_child_is_used_once(run):
    assert len({run("pid", "fresh").result["pid"] for _ in range(3)}) == 3


def test_the_worker_is_not_changed(run):
    run("pid")
    before = (os.getcwd(), dict(os.environ), threading.active_count())
    for do in ("chdir", "environ", "thread"):
        run(do)
    assert (os.getcwd(), dict(os.environ), threading.active_count()) == before


# --- what an evaluation may do


def test_signal_handlers_can_be_set_by_an_evaluation(run):
    """In a worker's thread they cannot: ``signal only works in main thread``."""
    assert run("handler").status is JobStatus.OK


@pytest.mark.parametrize("do", ["fork", "spawn"])
def test_an_evaluation_can_use_processes_of_its_own(run, do):
    """A daemonic process must not have children; Dask's workers are such processes."""
    assert run(do).result["done"] == [2, 4, 6]


def test_processes_that_an_evaluation_forks_can_be_terminated(run):
    assert run("terminate").result["done"] == -signal.SIGTERM


def test_random_numbers_differ_from_child_to_child(run):
    draws = [run("draw", "fresh").result["done"] for _ in range(3)]
    for column in zip(*draws, strict=True):
        assert len(set(column)) == 3


def test_a_large_result_passes(run):
    assert len(run("large").result["done"]) == 30_000_000


def test_an_exception_that_does_not_pickle_is_told(run):
    assert "Unpicklable: it cannot travel" in run("unpicklable").error


def test_infinite_recursion_is_an_error_of_the_evaluation(run):
    assert "RecursionError" in run("recurse").error


def test_prints_go_where_the_worker_prints(run, capsys):
    run("print")
    assert capsys.readouterr().out == "hello from the objective\n"


def test_a_child_has_the_workers_environment_and_folder_of_the_moment(run, monkeypatch, tmp_path):
    run("pid")
    monkeypatch.setenv("SMBO_TEST_WORD", "later")
    monkeypatch.chdir(tmp_path)
    done = run("tell").result["done"]
    assert (done["environment"], done["folder"]) == ("later", str(tmp_path))


def test_programs_that_an_evaluation_starts_do_not_get_the_workers_module_path(run, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert run("module path").result["done"] == ""


# --- children that cannot be had


def test_two_targets_that_take_turns_keep_their_children(spool, make_job):
    first, second = (
        (lambda payload, context: {"pid": os.getpid()}),
        (lambda payload, context: {"pid": os.getpid()}),
    )
    pids = []
    for each in (first, second, first, second):
        job = make_job()
        run_job(each, job, spool, "process")
        pids.append(spool.read(job).result["pid"])
    assert (pids[0], pids[1]) == (pids[2], pids[3])


def test_children_that_wait_in_vain_are_ended(run, monkeypatch):
    """They would keep a GPU's memory on a cluster that goes on for weeks."""
    close_children()
    monkeypatch.setattr(child_module, "_IDLE_SECONDS", 0.01)
    child_module._is_ending_idle = threading.Lock()  # the thread of earlier tests sleeps for minutes
    pid = run("pid").result["pid"]
    wait_until(lambda: not psutil.pid_exists(pid))
    wait_until(lambda: not child_module._is_ending_idle.locked())


def test_a_target_that_cannot_be_sent_is_refused_with_what_to_do(spool):
    lock = threading.Lock()
    with pytest.raises(SchedulerError, match=r"cannot be sent to another process: TypeError.*open files"):
        SerialExecutor(lambda payload, context: {"lock": lock}, spool, isolation="process")


def test_a_fork_that_fails_is_a_passing_fault_and_claims_nothing(spool, make_job, monkeypatch):
    def refuse(*_):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    close_children()
    monkeypatch.setattr(child_module, "fork_child", refuse)
    job = make_job(do="pid")
    with pytest.raises(ChildNotStarted, match="temporarily unavailable"):
        run_job(target, job, spool, "process")
    assert spool.claim_of(job) is None


def test_a_fork_server_that_was_killed_is_replaced(run):
    run("pid")
    fork_server._server._process.kill()
    fork_server._server._process.wait()
    close_children()
    with pytest.raises(ChildNotStarted):
        run("pid")
    assert run("pid").status is JobStatus.OK


class KilledWhileLoading:
    def __reduce__(self):
        return os._exit, (9,)

    def __call__(self, payload, context):
        return {}


class Missing:
    def __reduce__(self):
        return __import__, ("no_such_module_anywhere",)

    def __call__(self, payload, context):
        return {}


def test_a_child_that_dies_while_it_loads_is_a_passing_fault(spool, make_job):
    job = make_job()
    with pytest.raises(ChildNotStarted, match="ended while loading"):
        run_job(KilledWhileLoading(), job, spool, "process")
    assert spool.claim_of(job) is None


def test_a_module_that_is_missing_is_no_passing_fault(spool, make_job):
    job = make_job()
    with pytest.raises(TargetNotLoaded, match="no_such_module_anywhere"):
        run_job(Missing(), job, spool, "process")
    assert spool.claim_of(job) is None


def test_a_child_that_died_while_idle_is_replaced(run):
    pid = run("pid").result["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid))
    assert run("pid").result["pid"] != pid


def test_thousands_of_evaluations_take_no_more_descriptors_or_memory(run):
    run("pid")
    here = psutil.Process()
    before = here.num_fds(), here.num_threads()
    assert len({run("pid").result["pid"] for _ in range(100)}) == 1
    for _ in range(5):
        run("exit")
    assert (here.num_fds(), here.num_threads()) <= before
