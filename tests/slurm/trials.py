"""Runs of `smbo run` on a real SLURM: ``python tests/slurm/trials.py`` (as root, on Debian; ten minutes).

Each trial is a function; ``--only NAME`` runs one.  See ``private_slurm.py`` for what is started.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from private_slurm import NODES, PrivateSlurm, install

OBJECTIVE = """
import json, os, subprocess, time

def evaluate(params, context):
    began = time.time()
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID", "SLURMD_NODENAME")
    seen = {name: os.environ.get(name) for name in names}
    program = os.environ.get("TRIAL_PROGRAM")
    said = subprocess.run(program, shell=True, capture_output=True, text=True) if program else None
    time.sleep(float(os.environ.get("TRIAL_SECONDS", "0.2")))
    about = {"seed": context.seed, "began": began, "ended": time.time(), **seen}
    about["said"] = said and said.stdout.split()
    about["error"] = said and said.stderr
    with open(os.environ["TRIAL_LOG"], "a") as log:
        log.write(json.dumps(about) + "\\n")
    return (params["x"] - 0.3) ** 2
"""

JOB = """
study: toy
objective: {python: slurm_toy:evaluate}
space:
  x: {real: [0.0, 1.0]}
recipe: sobol
seed: 1
report: false
"""


@dataclass
class Place:
    """A folder in which one study runs, and what its objective wrote down."""

    folder: Path
    slurm: PrivateSlurm

    def job(self, cluster: dict[str, Any], /, **keys: Any) -> None:
        """Write the job file; ``cluster`` changes the keys of `cluster: {slurm: …}`."""
        base = {"workers": 2, "memory": "500MB", "walltime": "10min", "host": "127.0.0.1", "poll": "2s"}
        whole = {"cluster": {"slurm": {**base, **cluster}}, "budget": {"trials": 4}, **keys}
        lines = [f"{key}: {json.dumps(value)}" for key, value in whole.items()]
        (self.folder / "job.yaml").write_text(JOB + "\n".join(lines) + "\n")
        (self.folder / "slurm_toy.py").write_text(OBJECTIVE)

    def start(self, **environment: str) -> subprocess.Popen[str]:
        """Start `smbo run`; its output goes to a file."""
        with (self.folder / "run.out").open("a") as stream:
            return subprocess.Popen(
                self.command("run", "job.yaml"),
                cwd=self.folder,
                stdout=stream,
                stderr=stream,
                text=True,
                env=self.environment(environment),
            )

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        threads = [name for name in os.environ if name.endswith("_NUM_THREADS")]
        kept = {name: value for name, value in os.environ.items() if name not in threads}
        log = {"TRIAL_LOG": str(self.folder / "evaluated")}
        return {**kept, **self.slurm.environment, **log, **more}

    @staticmethod
    def command(*words: str) -> list[str]:
        return [sys.executable, "-m", "smbo.cli", *words]

    def run(self, seconds: float = 240.0, **environment: str) -> None:
        """Run `smbo run` to its end."""
        self.finish(self.start(**environment), seconds)

    def finish(self, run: subprocess.Popen[str], seconds: float = 240.0) -> None:
        code = run.wait(seconds)
        assert code == 0, f"exit code {code}\n{self.output}"

    @property
    def output(self) -> str:
        return (self.folder / "run.out").read_text()

    def status(self) -> str:
        words = self.command("status", "toy")
        environment = self.environment({})
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, env=environment)
        return done.stdout + done.stderr

    def evaluated(self) -> list[dict[str, Any]]:
        path = self.folder / "evaluated"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for(self, is_so: Callable[[], Any], seconds: float = 90.0) -> None:
        until = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < until, f"not so after {seconds} s\n{self.output}\n{self.slurm.jobs()}"
            time.sleep(0.2)

    def check_once_each(self, n_trials: int) -> None:
        seeds = [each["seed"] for each in self.evaluated()]
        assert len(seeds) == len(set(seeds)) == n_trials, f"{n_trials} trials, evaluated {sorted(seeds)}"


def cores_asked_for_are_threads_seen(place: Place) -> None:
    place.job({"cores": 4, "workers": 1})
    place.run()
    assert {each["OMP_NUM_THREADS"] for each in place.evaluated()} == {"4"}, place.evaluated()
    assert {each["MKL_NUM_THREADS"] for each in place.evaluated()} == {"4"}, place.evaluated()


def threads_that_the_user_set_are_kept(place: Place) -> None:
    place.job({"cores": 4, "workers": 1})
    place.run(OMP_NUM_THREADS="3")
    assert {each["OMP_NUM_THREADS"] for each in place.evaluated()} == {"3"}, place.evaluated()


def cores_of_an_evaluation_make_slots(place: Place) -> None:
    place.job({"cores": 4, "workers": 2}, resources={"cores": 2})
    place.run(TRIAL_SECONDS="3")
    seen = place.evaluated()
    assert {each["OMP_NUM_THREADS"] for each in seen} == {"2"}, seen
    assert len({each["SLURM_JOB_ID"] for each in seen}) == 1, "two evaluations in one job"
    assert most_at_once(seen) == 2, seen


def two_jobs_on_one_machine_that_see_the_same_gpu_number_do_not_wait(place: Place) -> None:
    place.job(
        {"workers": 4, "directives": ["--gres=gpu:1"], "resources": {"GPU": 1}},
        resources={"GPU": 1},
        limits={"survive": True},
        budget={"trials": 8},
    )
    place.run(TRIAL_SECONDS="6")
    seen = place.evaluated()
    assert {each["CUDA_VISIBLE_DEVICES"] for each in seen} <= {"0", "1"}, seen
    assert {each["SLURMD_NODENAME"] for each in seen} == set(NODES), seen
    assert most_at_once(seen) >= 3, f"{most_at_once(seen)} at once"


def a_controller_that_is_away_at_the_start_is_waited_for(place: Place) -> None:
    place.job({})
    place.slurm.stop_controller()
    run = place.start()
    time.sleep(30)
    assert run.poll() is None, place.output
    said = place.status()
    place.slurm.start_controller()
    place.finish(run)
    assert "Unable to contact slurm controller" in said.replace("\n", " "), said
    place.check_once_each(4)


def a_controller_that_is_away_while_jobs_run_costs_nothing(place: Place) -> None:
    place.job({}, budget={"trials": 30})
    run = place.start(TRIAL_SECONDS="2")
    place.wait_for(lambda: len(place.evaluated()) >= 2)
    place.slurm.stop_controller()
    before = len(place.evaluated())
    time.sleep(30)
    assert run.poll() is None, place.output
    during = len(place.evaluated())
    place.slurm.start_controller()
    place.finish(run)
    assert during > before + 5, "evaluations go on while the controller is away"
    place.check_once_each(30)


def a_controller_that_is_away_at_the_end_leaves_no_job(place: Place) -> None:
    place.job({}, budget={"trials": 6})
    run = place.start(TRIAL_SECONDS="2")
    place.wait_for(lambda: len(place.evaluated()) >= 2)
    place.slurm.stop_controller()
    place.wait_for(lambda: len(place.evaluated()) >= 6)
    time.sleep(5)
    place.slurm.start_controller()
    place.finish(run)
    place.wait_for(lambda: not place.slurm.jobs())


def a_partition_that_is_down_is_told(place: Place) -> None:
    place.job({})
    place.slurm.call("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        run = place.start()
        place.wait_for(lambda: "PartitionDown" in place.status())
        place.wait_for(lambda: "no job has started: PartitionDown" in place.output, 120)
    finally:
        place.slurm.call("scontrol", "update", "PartitionName=main", "State=UP")
    place.finish(run)


def a_job_that_is_cancelled_is_replaced(place: Place) -> None:
    place.job({}, budget={"trials": 8})
    run = place.start(TRIAL_SECONDS="4")
    place.wait_for(lambda: len(place.evaluated()) >= 2)
    victim = place.slurm.jobs("%i")[0]
    place.slurm.call("scancel", victim.strip())
    place.finish(run)
    assert "8 complete" in place.status(), place.status()
    seeds = {each["seed"] for each in place.evaluated()}
    assert len(seeds) == 8, seeds


def drained_nodes_give_no_worker_until_they_are_resumed(place: Place) -> None:
    place.job({}, budget={"trials": 8})
    run = place.start(TRIAL_SECONDS="2")
    place.wait_for(lambda: len(place.evaluated()) >= 2)
    place.slurm.call("scontrol", "update", "NodeName=n1,n2", "State=DRAIN", "Reason=trial")
    try:
        for job in place.slurm.jobs("%i"):
            place.slurm.call("scancel", job.strip())
        place.wait_for(lambda: "waiting in the queue" in place.status())
        said = place.status()
    finally:
        place.slurm.call("scontrol", "update", "NodeName=n1,n2", "State=RESUME")
    place.finish(run)
    assert "8 complete" in place.status(), place.status()
    print("   ", next(line for line in said.splitlines() if "waiting" in line).strip())


def the_end_of_the_walltime_costs_no_evaluation(place: Place) -> None:
    place.job({"walltime": "1min", "stagger": "5s"}, budget={"trials": 50})
    place.run(TRIAL_SECONDS="3")
    place.check_once_each(50)
    jobs = {each["SLURM_JOB_ID"] for each in place.evaluated()}
    assert len(jobs) > 2, jobs


def a_killed_driver_is_resumed(place: Place) -> None:
    place.job({}, budget={"trials": 12})
    run = place.start(TRIAL_SECONDS="1")
    place.wait_for(lambda: len(place.evaluated()) >= 3)
    run.send_signal(signal.SIGKILL)
    run.wait()
    jobs = place.slurm.jobs("%i")
    assert len(jobs) == 2, jobs
    place.run(TRIAL_SECONDS="1")
    place.check_once_each(12)
    assert len({each["SLURM_JOB_ID"] for each in place.evaluated()}) == 2, "the jobs were taken over"


def an_evaluation_starts_programs_of_its_own_on_two_nodes(place: Place) -> None:
    place.job({"workers": 1, "directives": ["--nodes=2", "--ntasks=2"]}, budget={"trials": 2})
    place.run(TRIAL_PROGRAM="srun --ntasks=2 printenv SLURMD_NODENAME")
    assert [sorted(each["said"]) for each in place.evaluated()] == [list(NODES)] * 2, place.evaluated()


def a_whole_run_uses_all_nodes_of_its_allocation(place: Place) -> None:
    place.job(
        {}, budget={"trials": 16}, resources={"cores": 2}, cluster={"allocation": {"host": "127.0.0.1"}}
    )
    script = place.folder / "script.sh"
    script.write_text("#!/bin/sh\nexec " + " ".join(place.command("run", "job.yaml")) + "\n")
    done = subprocess.run(
        [
            "sbatch",
            "--wait",
            "--nodes=2",
            "--ntasks-per-node=1",
            "--cpus-per-task=4",
            "-o",
            "run.out",
            "script.sh",
        ],
        cwd=place.folder,
        env=place.environment({"TRIAL_SECONDS": "3"}),
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, place.output
    seen = place.evaluated()
    place.check_once_each(16)
    assert {each["SLURMD_NODENAME"] for each in seen} == set(NODES), seen
    assert {each["OMP_NUM_THREADS"] for each in seen} == {"2"}, seen
    assert most_at_once(seen) == 4, most_at_once(seen)


def a_job_submitted_from_within_an_allocation_is_a_job_of_its_own(place: Place) -> None:
    place.job({"workers": 1, "cores": 2}, budget={"trials": 2})
    script = place.folder / "script.sh"
    script.write_text("#!/bin/sh\nexec " + " ".join(place.command("run", "job.yaml")) + "\n")
    words = [
        "sbatch",
        "--wait",
        "--ntasks=1",
        "--cpus-per-task=1",
        "--mem-per-cpu=400M",
        "-o",
        "run.out",
        "script.sh",
    ]
    program = {"TRIAL_PROGRAM": "srun --ntasks=1 printenv SLURM_JOB_ID"}
    done = subprocess.run(words, cwd=place.folder, env=place.environment(program), timeout=240, check=False)
    assert done.returncode == 0, place.output
    assert all(each["said"] == [each["SLURM_JOB_ID"]] for each in place.evaluated()), place.evaluated()
    assert {each["OMP_NUM_THREADS"] for each in place.evaluated()} == {"2"}, place.evaluated()


def most_at_once(seen: Sequence[dict[str, Any]]) -> int:
    """Return how many evaluations ran at the same moment."""
    return max(sum(each["began"] <= other["began"] < each["ended"] for each in seen) for other in seen)


def a_folder_with_a_blank_in_its_name_is_no_trouble(place: Place) -> None:
    place.folder = place.folder / "my studies"
    place.folder.mkdir()
    place.job({})
    place.run()
    place.check_once_each(4)
    logs = list(place.folder.glob("*-spool/*/cluster-slurm/logs/*.out"))
    assert logs, "the jobs' logs are in their folder"


def a_run_that_waits_is_stopped_at_once_and_takes_its_jobs_along(place: Place) -> None:
    place.job({})
    place.slurm.call("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        run = place.start()
        place.wait_for(lambda: "PartitionDown" in place.status())
        run.send_signal(signal.SIGINT)
        code = run.wait(30)
        assert code == 3, f"exit code {code}\n{place.output}"
        assert not place.slurm.jobs(), place.slurm.jobs()
    finally:
        place.slurm.call("scontrol", "update", "PartitionName=main", "State=UP")


def a_run_is_stopped_while_the_controller_is_away(place: Place) -> None:
    place.job({}, budget={"trials": 30})
    run = place.start(TRIAL_SECONDS="1")
    place.wait_for(lambda: len(place.evaluated()) >= 2)
    place.slurm.stop_controller()
    try:
        time.sleep(5)
        run.send_signal(signal.SIGINT)
        began = time.monotonic()
        run.wait(150)
        print(f"    ended after {time.monotonic() - began:.0f} s")
    finally:
        place.slurm.start_controller()
    # the jobs end by themselves, since the folder of the cluster says that it is over
    place.wait_for(lambda: not place.slurm.jobs())


def a_job_that_is_requeued_comes_back(place: Place) -> None:
    place.job({"directives": ["--requeue"]}, budget={"trials": 14})
    run = place.start(TRIAL_SECONDS="2")
    place.wait_for(lambda: len(place.evaluated()) >= 2)
    place.slurm.call("scontrol", "requeue", place.slurm.jobs("%i")[0].strip())
    place.finish(run)
    assert "14 complete" in place.status(), place.status()


def a_node_that_dies_costs_its_evaluation_only(place: Place) -> None:
    place.job({"cores": 4}, budget={"trials": 14})
    run = place.start(TRIAL_SECONDS="2")
    place.wait_for(lambda: len({each["SLURMD_NODENAME"] for each in place.evaluated()}) == 2)
    place.slurm.stop_node("n1")
    try:
        place.finish(run)
    finally:
        place.slurm.start_node("n1")
    assert "14 complete" in place.status(), place.status()


TRIALS = (
    a_run_that_waits_is_stopped_at_once_and_takes_its_jobs_along,
    a_run_is_stopped_while_the_controller_is_away,
    a_job_that_is_requeued_comes_back,
    a_folder_with_a_blank_in_its_name_is_no_trouble,
    cores_asked_for_are_threads_seen,
    threads_that_the_user_set_are_kept,
    cores_of_an_evaluation_make_slots,
    two_jobs_on_one_machine_that_see_the_same_gpu_number_do_not_wait,
    an_evaluation_starts_programs_of_its_own_on_two_nodes,
    a_whole_run_uses_all_nodes_of_its_allocation,
    a_job_submitted_from_within_an_allocation_is_a_job_of_its_own,
    a_controller_that_is_away_at_the_start_is_waited_for,
    a_controller_that_is_away_while_jobs_run_costs_nothing,
    a_controller_that_is_away_at_the_end_leaves_no_job,
    a_partition_that_is_down_is_told,
    a_job_that_is_cancelled_is_replaced,
    drained_nodes_give_no_worker_until_they_are_resumed,
    the_end_of_the_walltime_costs_no_evaluation,
    a_killed_driver_is_resumed,
    a_node_that_dies_costs_its_evaluation_only,
)


def main() -> int:
    """Run the trials, each on queues that are empty, and return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=[trial.__name__ for trial in TRIALS])
    parser.add_argument("--keep", action="store_true", help="leave the folder of the trials behind")
    given = parser.parse_args()
    install()
    folder = Path(tempfile.mkdtemp(prefix="smbo-slurm-"))
    folder.chmod(0o755)
    n_failed = 0
    with PrivateSlurm(folder) as slurm:
        for trial in TRIALS:
            if given.only and trial.__name__ not in given.only:
                continue
            place = Place(folder / trial.__name__, slurm)
            place.folder.mkdir()
            began = time.monotonic()
            try:
                trial(place)
                place.wait_for(lambda: not slurm.jobs(), 60)
                said = "ok    "
            except Exception:
                n_failed += 1
                said = "FAILED"
                traceback.print_exc()
                slurm.start_controller()  # a trial may have ended while it was away
                slurm.call("scancel", "--user", "root")
            print(f"{said} {time.monotonic() - began:5.0f} s  {trial.__name__.replace('_', ' ')}", flush=True)
    if not given.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return n_failed


if __name__ == "__main__":
    raise SystemExit(main())
