"""What a run says with -v and -q, what its driver.log holds, and that Dask's tracebacks are there alone."""

import json
import logging
import os
import signal
import subprocess
import sys

import pytest
from waiting import PATIENCE_SECONDS, wait_until

# Says that it runs, and waits for the file "go".
GATED = """
import os, time


def evaluate(params):
    open("started", "a").close()
    while not os.path.exists("go"):
        time.sleep(0.02)
    return params["x"]
"""


def driver_log(folder):
    (path,) = folder.path.glob("*-spool/*/driver.log")
    return path.read_text()


def test_a_run_says_results_and_progress_and_logs_what_is_done_to_its_file_alone(folder):
    ran = folder.smbo("run", folder.job())
    assert ran.exit_code == 0, ran.output
    assert "4/4 done" in ran.stdout
    assert ran.stderr == ""
    log = driver_log(folder)
    assert "INFO smbo.study.run: study toy runs on SerialExecutor" in log
    assert "INFO smbo.study.run: study toy: the run ended: budget" in log
    assert "DEBUG" not in log


@pytest.mark.parametrize("words", [("-v", "run"), ("run", "-v"), ("run", "--verbose")])
def test_v_says_what_is_done_and_not_each_trial(folder, words):
    ran = folder.smbo(*words, folder.job())
    assert "study toy runs on SerialExecutor\n" in ran.stderr
    assert "study toy: the run ended: budget\n" in ran.stderr
    assert "trial 0" not in ran.stderr
    assert "4 complete" in ran.stdout


def test_vv_says_everything_with_the_names_of_the_loggers(folder):
    ran = folder.smbo("run", folder.job("recipe: auto", "budget: {trials: 7}"), "-vv")
    assert ran.exit_code == 0, ran.output
    assert "smbo.study.job_source: trial 0 is evaluated under token" in ran.stderr
    assert "smbo.study.job_source: trial 0 is recorded: complete" in ran.stderr
    assert "smbo_scheduler.loop: job toy-0-" in ran.stderr
    assert "smbo.proposal.propose: gp is chosen: 1 axes" in ran.stderr
    assert "DEBUG smbo.study.job_source: trial 0 is recorded" in driver_log(folder)


@pytest.mark.parametrize("words", [("-q", "run"), ("run", "-q"), ("run", "-vq", "--quiet")])
def test_q_leaves_the_result(folder, words):
    ran = folder.smbo(*words, folder.job("fixed: {x: 0.5}", "budget: {trials: 1, cost: 9}"))
    assert ran.exit_code == 0, ran.output
    assert ran.stderr == ""
    first, *others = ran.stdout.splitlines()
    assert first.startswith("toy: 1 complete")
    assert all(line.startswith(("recommended", "nothing to recommend", "ended because")) for line in others)
    assert "the run ended" in driver_log(folder)


def test_q_leaves_errors(folder):
    folder.write("cli_broken.py", "def evaluate(params):\n    return undefined\n")
    ran = folder.smbo("run", folder.job("objective: {python: cli_broken:evaluate}"), "-q")
    assert ran.exit_code == 4
    assert "NameError" in ran.stderr
    assert "every evaluation failed by the same mistake" in ran.stderr
    wrong = folder.smbo("run", folder.job("recipe: nonsense", name="wrong.yaml"), "-q")
    assert wrong.exit_code == 2
    assert wrong.stderr.startswith("error: ")


def test_one_run_is_not_as_quiet_as_the_one_before(folder):
    job = folder.job()
    folder.smbo("run", job, "-q")
    assert "report" not in folder.smbo("status").stderr
    assert "toy is finished" in folder.smbo("run", job).stdout


def test_a_log_that_cannot_be_written_costs_nothing(folder):
    folder.smbo("run", folder.job(), "--trials", "1")
    (log,) = folder.path.glob("*-spool/*/driver.log")
    log.unlink()
    log.mkdir()
    ran = folder.smbo("run", "job.yaml")
    assert ran.exit_code == 0, ran.output
    assert ran.stderr == ""
    assert "4 complete" in ran.stdout


class Run:
    """The command `smbo run` in a process of its own."""

    def __init__(self, folder, *words):
        self.out, self.err = folder.path / "out", folder.path / "err"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "smbo.cli", "run", *words],
                cwd=folder.path,
                env=environment,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def said(self):
        return self.out.read_text() + self.err.read_text()


@pytest.mark.dask
def test_dasks_account_of_a_killed_scheduler_is_in_the_driver_log_and_not_on_the_terminal(folder):
    folder.write("gated.py", GATED)
    folder.job("objective: {python: gated:evaluate}", "cluster: {local: {workers: 1}}")
    run = Run(folder, "job.yaml")
    try:
        wait_until((folder.path / "started").exists)
        (state,) = folder.path.glob("*-spool/*/cluster/cluster.json")
        os.kill(json.loads(state.read_text())["keeper"]["pid"], signal.SIGKILL)
        wait_until(lambda: " distributed." in driver_log(folder) or run.process.poll() is not None)
        (folder.path / "go").touch()
        assert run.process.wait() == 0, run.said
    finally:
        (folder.path / "go").touch()
        run.process.kill()
        run.process.wait()
    assert "4 complete" in run.said
    assert "Traceback" not in run.said
    assert "distributed" not in run.said
    assert "the connection to the Dask scheduler is lost" in run.err.read_text()
    log = driver_log(folder)
    assert " distributed.client: " in log
    assert "connected again" in log
    logs = state.parent
    assert "smbo_scheduler.clusters.manager: process" in (logs / "manager.log").read_text()
    assert "smbo_scheduler.clusters.worker: worker" in (logs / "worker-0.log").read_text()


OWN = """
import sys

from distributed import LocalCluster

if __name__ == "__main__":
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0")
    print(cluster.scheduler_address, flush=True)
    sys.stdin.readline()
    cluster.close()
"""


@pytest.mark.dask
def test_a_users_cluster_that_is_closed_during_a_run_leaves_no_traceback_on_its_terminal(folder):
    folder.write("gated.py", GATED)
    folder.write("own.py", OWN)
    with subprocess.Popen(
        [sys.executable, "own.py"],
        cwd=folder.path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as own:
        address = own.stdout.readline().strip()
        folder.job("objective: {python: gated:evaluate}", f"cluster: {{address: '{address}'}}")
        run = Run(folder, "job.yaml")
        try:
            wait_until((folder.path / "started").exists)
            own.communicate("close\n")
            wait_until(lambda: "waiting for a worker" in run.said or run.process.poll() is not None)
            run.process.send_signal(signal.SIGINT)
            assert run.process.wait() == 3, run.said
        finally:
            run.process.kill()
            run.process.wait()
    assert "Traceback" not in run.said
    assert "distributed" not in run.said
    assert "the same command goes on from here" in run.said


SITE = """
from distributed import LocalCluster


def make():
    return LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0")
"""


@pytest.mark.dask
def test_an_interrupt_from_the_terminal_leaves_the_workers_of_a_sites_own_cluster_to_their_evaluations(
    folder,
):
    folder.write("gated.py", GATED)
    folder.write("site_cluster.py", SITE)
    folder.job("objective: {python: gated:evaluate}", "cluster: {client: 'site_cluster:make'}")
    run = Run(folder, "job.yaml")
    try:
        wait_until((folder.path / "started").exists)
        os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does
        wait_until(lambda: "stopping when what runs is done" in run.said or run.process.poll() is not None)
        (folder.path / "go").touch()
        assert run.process.wait(PATIENCE_SECONDS) == 3, run.said
    finally:
        (folder.path / "go").touch()
        run.process.kill()
        run.process.wait()
    assert "1 complete" in run.said
    assert "Traceback" not in run.said


def test_a_command_called_within_a_program_leaves_its_loggers_as_they_were(folder):
    loggers = [logging.getLogger(name) for name in ("smbo", "smbo_scheduler", "smbo_objectives")]
    before = [(list(logger.handlers), logger.level) for logger in loggers]
    assert folder.smbo("-v", "run", folder.job()).exit_code == 0
    assert [(list(logger.handlers), logger.level) for logger in loggers] == before
