"""Scripts of batch jobs say what was asked for, and queues are read as they are."""

from __future__ import annotations

import asyncio

import pytest

from smbo_scheduler.clusters import batch_jobs
from smbo_scheduler.clusters.batch_jobs import job_script, queue_of
from smbo_scheduler.clusters.dialects import Queued, QueueState, clock_time
from smbo_scheduler.clusters.specs import BatchSpec, SchedulerOptions

pytest.importorskip("dask_jobqueue")


def spec(system="slurm", **settings):
    common = {"scheduler": SchedulerOptions(host="127.0.0.1"), "cores": 1, "memory_bytes": 10**9}
    return BatchSpec(system, **{**common, **settings})


def test_a_slurm_script_says_what_was_asked_for(tmp_path):
    asked = spec(
        cores=8, memory_bytes=16 * 10**9, walltime_seconds=4 * 3600, lifetime_seconds=3600.0,
        workers_per_job=4, queue="main", account="higgs", directives=("--qos=long",),
        prologue=("module load python",), resources={"GPU": 1},
    )  # fmt: skip
    script = job_script(asked, tmp_path / "a folder")
    for line in (
        "#SBATCH -p main",
        "#SBATCH -A higgs",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --mem=15G",
        "#SBATCH -t 04:00:00",
        "#SBATCH --qos=long",
        "module load python",
        "export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}",
    ):
        assert line in script.splitlines()
    command = script.splitlines()[-1]
    assert f"--folder '{tmp_path}/a folder' --workers 4 --lifetime 3600" in command
    assert "--resource GPU=1" in command
    assert not (tmp_path / "a folder").exists()


def test_a_condor_script_says_what_was_asked_for(tmp_path):
    asked = spec("htcondor", walltime_seconds=7200, queue="longlunch", directives=("requirements = x == 1",))
    lines = job_script(asked, tmp_path).splitlines()
    for line in ("requirements = x == 1", "+MaxRuntime = 7200", '+JobFlavour = "longlunch"'):
        assert line in lines


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.9, "00:00:59"), (4 * 3600, "04:00:00"), (90000, "1-01:00:00")]
)
def test_times_are_written_as_slurm_reads_them(seconds, text):
    assert clock_time(seconds, days=True) == text


def test_a_queue_tells_which_jobs_are_held_and_forgets_those_that_are_over(monkeypatch):
    async def answer(words, *_):
        return "7.0 2\n8.0 5 no such file\n9.0 4\n"

    monkeypatch.setattr(batch_jobs, "_call", answer)
    queue = asyncio.run(queue_of(spec("htcondor")))
    held = Queued("8.0", QueueState.HELD, "no such file")
    assert queue == {"7.0": Queued("7.0", QueueState.RUNNING), "8.0": held}
