# ruff: noqa: E501 - answers as the commands write them
"""Each batch system's own commands: scripts, job ids, states and reasons of the queue, cancelling."""

from __future__ import annotations

import asyncio
import stat

import pytest

from smbo_scheduler.clusters.batch_jobs import cancel, job_script, make_job, queue_of, submit
from smbo_scheduler.clusters.dialects import DIALECTS, Queued, QueueState
from smbo_scheduler.clusters.refusals import RefusalKind, Refused
from smbo_scheduler.clusters.specs import BatchSpec

pytest.importorskip("dask_jobqueue")

WAITING, RUNNING, HELD = QueueState

SLURM = """\
12|PENDING|smbo-a|Resources
13|RUNNING|smbo-b|None
14|PENDING|smbo-c|launch failed requeued held
15|PENDING|smbo-d|ReqNodeNotAvail, UnavailableNodes:n1
16|COMPLETED|smbo-e|None
"""
CONDOR = """\
12.0 1 PREEMPTION_REQUIREMENTS == False
13.0 2 undefined
14.0 5 Error from slot1: no space
15.0 1 undefined
16.0 4 undefined
"""
PBS = """\
Job Id: 12.pbs01
    Job_Name = smbo-a
    Job_Owner = me@login
    job_state = Q
    comment = Not Running: Insufficient amount of resource: ncpus (R: 4 A: 2 T
\t: 8)

Job Id: 13.pbs01
    Job_Name = smbo-b
    job_state = R
    comment = Job run at Tue Dec 01 at 10:00

Job Id: 14.pbs01
    Job_Name = smbo-c
    job_state = H
    comment = job held, too many failed attempts to run

Job Id: 16.pbs01
    job_state = C
"""
LSF = """\
12|PEND|smbo-a|Not enough processors to meet the job's spanning requirement: 3 hosts;
13|RUN|smbo-b|
14|PSUSP|smbo-c|The job was suspended by the user while pending
16|DONE|smbo-e|
"""
SGE = """\
job-ID  prior   name       user         state submit/start at     queue                          slots ja-task-ID
-----------------------------------------------------------------------------------------------------------------
     12 0.55500 smbo-a     me           qw    12/01/2026 10:00:00                                    4
     13 0.55500 smbo-b     me           r     12/01/2026 10:00:00 all.q@n1                           4
     14 0.55500 smbo-c     me           Eqw   12/01/2026 10:00:00                                    4
"""
SGE_DETAILS = """\
==============================================================
job_number:                 12
scheduling info:            cannot run in PE "smp" because it only offers 2 slots
==============================================================
job_number:                 14
error reason    1:          can't chdir to /home/me: No such file or directory
"""
OAR = """\
{
   "12" : {"state" : "Waiting", "name" : "smbo-a", "message" : "Karma=0.014,quota_ok"},
   "13" : {"state" : "Running", "name" : "smbo-b", "message" : "R=4,W=1:0:0"},
   "14" : {"state" : "Hold", "name" : "smbo-c", "message" : ""},
   "16" : {"state" : "Terminated", "name" : "smbo-e"}
}
"""
MOAB = """\
active jobs------------------------
JOBID              USERNAME      STATE PROCS   REMAINING            STARTTIME
13                       me    Running     4     0:59:00  Tue Dec  1 10:00:00
1 active job           4 of 8 processors in use by local jobs (50.00%)
eligible jobs----------------------
Moab.12                  me       Idle     4     1:00:00  Tue Dec  1 10:00:00
blocked jobs-----------------------
14                       me  BatchHold     4     1:00:00  Tue Dec  1 10:00:00
Total jobs:  3
"""

# what the submit command answers; the query's answer; the jobs in it
CASES = {
    "slurm": ("Submitted batch job 12", SLURM, "scancel"),
    "htcondor": ("1 job(s) submitted to cluster 12.", CONDOR, "condor_rm"),
    "pbs": ("12.pbs01", PBS, "qdel"),
    "lsf": ("Job <12> is submitted to queue <normal>.", LSF, "bkill"),
    "sge": ('Your job 12 ("smbo-a") has been submitted', SGE, "qdel"),
    "oar": ("[ADMISSION RULE] Modify resource\nOAR_JOB_ID=12", OAR, "oardel"),
    "moab": ("\n12", MOAB, "canceljob"),
}
REASONS = {
    "slurm": "Resources",
    "htcondor": "PREEMPTION_REQUIREMENTS == False",
    "pbs": "Not Running: Insufficient amount of resource: ncpus (R: 4 A: 2 T: 8)",
    "lsf": "Not enough processors to meet the job's spanning requirement: 3 hosts;",
    "sge": 'cannot run in PE "smp" because it only offers 2 slots',
    "oar": "Karma=0.014,quota_ok",
    "moab": None,
}
HOLDS = {
    "slurm": "launch failed requeued held",
    "htcondor": "Error from slot1: no space",
    "pbs": "job held, too many failed attempts to run",
    "lsf": "The job was suspended by the user while pending",
    "sge": "can't chdir to /home/me: No such file or directory",
    "oar": None,
    "moab": "BatchHold",
}


def spec(system, **settings):
    common = {"cores": 4, "memory_bytes": 8 * 2**30, "walltime_seconds": 26 * 3600.0, "queue": "long"}
    return BatchSpec(system, **{**common, "account": "higgs", **settings})


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Write stand-ins for commands, which note their arguments and input and answer as they are told."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")

    def write(name, answer, code=0, error=""):
        (tmp_path / f"{name}.answer").write_text(answer)
        (tmp_path / f"{name}.error").write_text(error)
        path = place / name
        path.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/{name}.words\n[ -t 0 ] || cat > {tmp_path}/{name}.input\n'
            f"env > {tmp_path}/{name}.env\ncat {tmp_path}/{name}.error >&2\ncat {tmp_path}/{name}.answer\nexit {code}\n"
        )
        path.chmod(stat.S_IRWXU)

    return write


def query_command(system):
    return DIALECTS[system].query("me", ["12", "13", "14"])[0]


def submit_command(system, folder):
    return make_job(spec(system), folder, "smbo-a", "tls://h:1").submit_command.split()[0]


def ids_of(system):
    return {number: f"{number}.0" if system == "htcondor" else number for number in ("12", "13", "14")}


@pytest.mark.parametrize("system", CASES)
def test_a_job_is_submitted_and_its_id_is_read(commands, tmp_path, monkeypatch, system):
    monkeypatch.setenv("SLURM_JOB_ID", "99")
    monkeypatch.setenv("SLURM_MEM_PER_CPU", "1")
    name = submit_command(system, tmp_path)
    commands(name, f"Welcome!  Your group has 37 hours left.\n{CASES[system][0]}\n")
    job = make_job(spec(system), tmp_path, "smbo-a", "tls://h:1")
    assert asyncio.run(submit(spec(system), job)) == ids_of(system)["12"]
    told = (tmp_path / f"{name}.words").read_text() + (tmp_path / f"{name}.input").read_text()
    if system == "lsf":
        assert "#BSUB -q long" in told, "bsub reads the script from its standard input"
    if system == "oar":
        assert "host_agent" in told, (
            "oarsub is given the script's lines, since its file is gone when the job starts"
        )
    assert "SLURM_MEM_PER_CPU" not in (tmp_path / f"{name}.env").read_text()


@pytest.mark.parametrize("system", CASES)
def test_states_and_reasons_of_the_queue_are_read(commands, system, tmp_path):
    ids = ids_of(system)
    if system == "sge":
        # one command for both questions
        commands("qstat", "")
        (tmp_path / "bin" / "qstat").write_text(
            f'#!/bin/sh\n[ "$1" = -j ] && cat <<"X" || cat <<"Y"\n{SGE_DETAILS}X\n{SGE}Y\n'
        )
    else:
        commands(query_command(system), CASES[system][1])
    found = asyncio.run(queue_of(spec(system), list(ids.values())))
    assert {number: found[job_id].state for number, job_id in ids.items()} == {
        "12": WAITING, "13": RUNNING, "14": HELD,
    }  # fmt: skip
    assert found[ids["12"]].reason == REASONS[system]
    assert found[ids["13"]].reason is None
    assert found[ids["14"]].reason == HOLDS[system]
    assert not any(job_id.startswith("16") for job_id in found), "a job that is over"


@pytest.mark.parametrize("system", CASES)
def test_jobs_are_cancelled_by_their_ids(commands, tmp_path, system):
    name = CASES[system][2]
    commands(name, "")
    assert asyncio.run(cancel(spec(system), ["12", "13"]))
    assert (tmp_path / f"{name}.words").read_text().split() == ["12", "13"]


@pytest.mark.parametrize("system", CASES)
def test_jobs_are_not_called_cancelled_by_a_batch_system_that_is_away(commands, system):
    commands(CASES[system][2], "", code=1, error="Connection refused")
    assert not asyncio.run(cancel(spec(system), ["12"]))
    commands(CASES[system][2], "", code=1, error="Invalid job id specified")
    assert asyncio.run(cancel(spec(system), ["12"])), "a job that is gone needs no cancelling"


@pytest.mark.parametrize("system", CASES)
def test_a_refusal_is_told_in_the_batch_systems_words(commands, tmp_path, system):
    name = submit_command(system, tmp_path)
    job = make_job(spec(system), tmp_path, "smbo-a", "tls://h:1")
    for text, kind in (("Connection refused", RefusalKind.PASSING), ("no such queue", RefusalKind.FINAL)):
        commands(name, "", code=1, error=text)
        with pytest.raises(Refused, match=text) as caught:
            asyncio.run(submit(spec(system), job))
        assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("system", "error"),
    [("pbs", "qstat: Unknown Job Id 12.pbs01"), ("pbs", "qstat: 12.pbs01 Job has finished, use -x"),
     ("lsf", "No unfinished job found")],
)  # fmt: skip
def test_a_queue_without_our_jobs_is_no_error(commands, system, error):
    commands(query_command(system), "", code=35, error=error)
    assert asyncio.run(queue_of(spec(system), ["12"])) == {}


def test_a_submit_command_that_is_not_there_is_final(monkeypatch, tmp_path):
    job = make_job(spec("pbs"), tmp_path, "smbo-a", "tls://h:1")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="qsub cannot be run here") as caught:
        asyncio.run(submit(spec("pbs"), job))
    assert caught.value.kind is RefusalKind.FINAL


@pytest.mark.parametrize(
    ("system", "lines"),
    [
        ("slurm", ["#SBATCH -p long", "#SBATCH -A higgs", "#SBATCH --cpus-per-task=4", "#SBATCH -t 1-02:00:00"]),
        ("pbs", ["#PBS -q long", "#PBS -A higgs", "#PBS -l select=1:ncpus=4:mem=8192MB", "#PBS -l walltime=26:00:00"]),
        ("moab", ["#PBS -q long", "#PBS -l walltime=26:00:00"]),
        ("lsf", ["#BSUB -q long", '#BSUB -P "higgs"', "#BSUB -n 4", "#BSUB -W 26:00"]),
        ("sge", ["#$ -q long", "#$ -P higgs", "#$ -l h_rt=26:00:00", "#$ -pe smp 4", "#$ -l h_vmem=2048M"]),
        ("oar", ["#OAR -q long", "#OAR --project higgs", "#OAR -l /nodes=1/core=4,walltime=26:00:00"]),
    ],
)  # fmt: skip
def test_a_script_says_what_was_asked_for(tmp_path, system, lines):
    of_sge = {"parallel_environment": "smp", "memory_property": "h_vmem"} if system == "sge" else {}
    script = job_script(spec(system, **of_sge), tmp_path)
    for line in [*lines, "export OMP_NUM_THREADS=${OMP_NUM_THREADS:-4}"]:
        assert line in script.splitlines(), script


@pytest.mark.parametrize(
    ("system", "directive"),
    [("slurm", "#SBATCH -o"), ("pbs", "#PBS -o"), ("lsf", "#BSUB -o"), ("sge", "#$ -o")],
)
def test_a_folder_with_a_blank_in_its_name_stands_in_quotes(tmp_path, system, directive):
    environment = {"parallel_environment": "smp"} if system == "sge" else {}
    lines = job_script(spec(system, **environment), tmp_path / "my studies").splitlines()
    (line,) = (line for line in lines if line.startswith(directive))
    assert line.startswith(f'{directive} "{tmp_path}/my studies/logs/')
    assert line.endswith('"')


def test_an_answer_that_is_no_queue_is_an_error_and_not_an_empty_queue(commands):
    commands("oarstat", "{oarstat: broken")
    with pytest.raises(Exception, match="something else than JSON"):
        asyncio.run(queue_of(spec("oar"), ["12"]))


def test_a_queue_line_may_hold_the_separator():
    assert DIALECTS["lsf"].read("12|PEND|a|x | y") == [Queued("12", WAITING, "x | y", "a")]
