"""In a child process an objective can hang, crash, exit or eat memory without taking its worker along."""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cloudpickle
import psutil
import pytest

from smbo_scheduler.errors import TargetNotLoaded
from smbo_scheduler.jobs import JobStatus
from smbo_scheduler.worker.child import Child, close_children
from smbo_scheduler.worker.loading import PickledTarget
from smbo_scheduler.worker.runner import Receipt, Runner, RunStatus, run_job

FOREVER = [sys.executable, "-c", "import time; time.sleep(1000)"]


def target(payload, context):
    """Do as the payload says."""
    match payload.get("do", "pid"):
        case "pid":
            return {"pid": os.getpid()}
        case "sleep":
            time.sleep(1000)
        case "family":
            _start_family(Path(payload["notes"]))
            time.sleep(1000)
        case "segfault":
            print("about to go", flush=True)
            ctypes.string_at(0)
        case "comet":
            # each process lives only until its child does
            if os.fork() == 0:
                while True:
                    if os.fork():
                        os._exit(0)
                    os.setsid()
            time.sleep(0.2)
            return {}
        case "exit":
            os._exit(7)
        case "print on a full disk":
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, 1)
            os.dup2(full, 2)
            print("x" * 100_000, flush=True)
            print("remarks", file=sys.stderr)
            return {"value": 1.5}
        case "array":
            return {"size": len(bytearray(payload["bytes"]))}
        case "creep":
            hoard = []
            while True:
                hoard.append(os.urandom(5_000_000))
                time.sleep(0.01)
        case "hold":
            # a C call that never gives the interpreter back
            ctypes.PyDLL(None).sleep(1000)
    raise AssertionError(payload)


def _start_family(notes):
    """Start one in our group, one in a session of its own, and one that its parent leaves behind."""
    pids = [subprocess.Popen(FOREVER, start_new_session=own).pid for own in (False, True)]
    if (between := os.fork()) == 0:
        os.setsid()
        if (orphan := os.fork()) == 0:
            os.execv(FOREVER[0], FOREVER)
        notes.with_suffix(".orphan").write_text(str(orphan))
        os._exit(0)
    os.waitpid(between, 0)
    pids.append(int(notes.with_suffix(".orphan").read_text()))
    notes.write_text(" ".join(map(str, [os.getpid(), *pids])))


@pytest.fixture(autouse=True)
def _no_child_left():
    yield
    close_children()


@pytest.fixture
def outcome_of(spool):
    def run(job, isolation="auto"):
        assert run_job(target, job, spool, isolation) is RunStatus.DONE
        return spool.read(job)

    return run


def are_gone(pids, seconds=60.0):
    until = time.monotonic() + seconds
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def test_a_job_without_limits_runs_here_and_one_with_limits_in_a_child(outcome_of, make_job):
    assert outcome_of(make_job()).result == {"pid": os.getpid()}
    assert outcome_of(make_job(time_seconds=30)).result["pid"] != os.getpid()


def test_a_child_stays_for_the_next_job(outcome_of, make_job):
    pids = {outcome_of(make_job(), "process").result["pid"] for _ in range(3)}
    assert len(pids) == 1


def test_a_hanging_job_is_ended_at_its_time_limit(outcome_of, make_job):
    began = time.monotonic()
    outcome = outcome_of(make_job(do="sleep", time_seconds=0.3))
    assert outcome.status is JobStatus.TIMEOUT
    assert "0.3 s" in outcome.error
    assert time.monotonic() - began < 300
    assert are_gone([outcome.pid])


def test_everything_that_a_hanging_job_started_is_ended_with_it(outcome_of, make_job, tmp_path):
    notes = tmp_path / "pids"
    outcome = outcome_of(make_job(do="family", notes=str(notes), time_seconds=1.0))
    assert outcome.status is JobStatus.TIMEOUT
    pids = [int(pid) for pid in notes.read_text().split()]
    assert len(pids) == 4
    assert are_gone(pids)


def test_a_family_that_forks_on_and_on_is_ended_with_its_child(outcome_of, make_job):
    before = set(psutil.pids())
    assert outcome_of(make_job(do="comet"), "process").status is JobStatus.OK
    close_children()
    ours = [pid for pid in set(psutil.pids()) - before if is_ours(pid)]
    assert are_gone(ours)


def is_ours(pid):
    try:
        return "smbo_scheduler.worker.fork_server_main" in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


@pytest.mark.parametrize(
    ("do", "reason"), [("segfault", "killed by signal 11 (SIGSEGV)"), ("exit", "exit code 7 by os._exit")]
)
def test_a_crash_is_told_by_its_signal_or_exit_code_and_the_next_job_runs(outcome_of, make_job, do, reason):
    outcome = outcome_of(make_job(do=do), "process")
    assert outcome.status is JobStatus.ERROR
    assert outcome.reason == reason
    assert outcome_of(make_job(), "process").status is JobStatus.OK


def test_a_crash_comes_with_what_was_printed_before_it(outcome_of, make_job):
    assert "about to go" in outcome_of(make_job(do="segfault"), "process").error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_measurement_does_not_fail_because_its_remarks_find_no_room(outcome_of, make_job):
    assert outcome_of(make_job(do="print on a full disk"), "process").result == {"value": 1.5}


def test_one_array_beyond_the_memory_limit_is_a_memory_ending(outcome_of, make_job):
    outcome = outcome_of(make_job(do="array", bytes=2**30, memory_bytes=200 * 2**20))
    assert outcome.status is JobStatus.MEMORY


def test_memory_that_grows_beyond_the_limit_is_a_memory_ending(outcome_of, make_job):
    outcome = outcome_of(make_job(do="creep", memory_bytes=100 * 2**20, time_seconds=30))
    assert outcome.status is JobStatus.MEMORY


def test_a_job_within_its_memory_limit_is_left_alone(outcome_of, make_job):
    outcome = outcome_of(make_job(do="array", bytes=50 * 2**20, memory_bytes=400 * 2**20))
    assert outcome.result == {"size": 50 * 2**20}


def test_a_job_that_is_asked_to_end_is_cancelled(spool, make_job):
    job = make_job(do="sleep")
    spool.ask_to_end(job)
    run_job(target, job, spool, "process")
    assert spool.read(job).status is JobStatus.CANCELLED


@pytest.mark.parametrize("edited", ["model_of_runs.py", "helper_of_runs.py", "lazy_of_runs.py"])
def test_a_child_of_an_earlier_run_is_not_used_when_a_file_has_changed(
    spool, make_job, tmp_path, monkeypatch, edited
):
    """On workers that stay, the next run was evaluated with the code of the run before."""
    monkeypatch.syspath_prepend(tmp_path)
    files = {
        "model_of_runs.py": "import os\nfrom helper_of_runs import n\ndef target(payload, context):\n"
        "    from lazy_of_runs import m\n    return {'pid': os.getpid(), 'sum': n + m}\n",
        "helper_of_runs.py": "n = 1\n",
        "lazy_of_runs.py": "m = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    data = cloudpickle.dumps(importlib.import_module("model_of_runs").target)

    def result_of(target):
        job = make_job()
        run_job(target, job, spool, "process")
        return spool.read(job).result

    first, second, third = (PickledTarget(data) for _ in range(3))
    before = result_of(first)
    assert result_of(second) == before  # nothing has changed: the child stays
    (tmp_path / edited).write_text(files[edited].replace("n + m", "n + m + 10").replace("= 1", "= 11"))
    assert result_of(second) == before  # nor does it within a run
    after = result_of(third)
    assert (after["sum"], after["pid"] != before["pid"]) == (12, True)


def test_a_target_that_cannot_be_loaded_is_told(spool, make_job, tmp_path, monkeypatch):
    (tmp_path / "gone_later.py").write_text("def target(payload, context):\n    return {}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import gone_later

    (tmp_path / "gone_later.py").write_text("raise RuntimeError('no more')\n")
    job = make_job()
    with pytest.raises(TargetNotLoaded, match="no more"):
        run_job(gone_later.target, job, spool, "process")
    assert spool.claim_of(job) is None


WORKER = """
import sys
sys.path[:0] = [{here!r}]
from test_child import target
from smbo_scheduler.jobs import Job
from smbo_scheduler.worker.runner import run_job
from smbo_scheduler.outbox.spool import Spool

run_job(target, Job("dying", 0, 1, {payload!r}), Spool({spool!r}), "process")
"""


@pytest.mark.parametrize("do", ["family", "hold"])
def test_a_child_does_not_outlive_its_worker(spool, tmp_path, do):
    notes = tmp_path / "pids"
    code = WORKER.format(
        here=os.path.dirname(__file__), payload={"do": do, "notes": str(notes)}, spool=str(spool.folder)
    )
    with subprocess.Popen([sys.executable, "-c", code]) as worker:
        until = time.monotonic() + 300
        children = []
        while not (children and (notes.exists() or do == "hold")):
            assert time.monotonic() < until
            children = psutil.Process(worker.pid).children(recursive=True)
            time.sleep(0.05)
        time.sleep(0.5 if do == "hold" else 0)  # for the call to begin
        worker.send_signal(signal.SIGKILL)
    pids = [process.pid for process in children]
    assert pids
    noted = [int(pid) for pid in notes.read_text().split()] if do == "family" else []
    assert are_gone([*pids, *noted])


def test_a_child_whose_guard_is_killed_ends_too(spool, make_job, tmp_path):
    notes = tmp_path / "pids"
    child = Child(PickledTarget.of(target))
    child.load()
    thread = threading.Thread(
        target=child.run, args=(make_job(do="family", notes=str(notes)), tmp_path / "attempt", lambda: False)
    )
    thread.start()
    until = time.monotonic() + 300
    while not notes.exists() and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    thread.join(20)
    pids = [int(pid) for pid in notes.read_text().split()]
    assert are_gone(pids[:1])
    for pid in filter(psutil.pid_exists, pids):
        os.kill(pid, signal.SIGKILL)


def test_a_runner_travels(spool, make_job):
    import pickle

    job = make_job()
    runner = pickle.loads(pickle.dumps(Runner(target, spool)))
    assert runner(job) == Receipt(RunStatus.DONE)
    assert runner(job) == Receipt(RunStatus.CLAIMED_ALREADY)
    assert spool.read(job).result == {"pid": os.getpid()}
