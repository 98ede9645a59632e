"""Batch jobs of SLURM and HTCondor: scripts by dask-jobqueue, and the state of the queue."""

from __future__ import annotations

import asyncio
import getpass
import importlib.util
import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smbo_scheduler.clusters.specs import BatchSpec
from smbo_scheduler.errors import ClusterError
from smbo_scheduler.outbox.processes import module_path

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_COMMAND_SECONDS = 60.0

# job ids and states, one job a line; of this user alone
_QUEUE = {
    "slurm": ("squeue", "--noheader", "--format=%i %T", "--user"),
    "htcondor": ("condor_q", "-autoformat:j", "JobStatus", "HoldReason"),
}
# HTCondor's JobStatus; removed or completed jobs may stay in its queue for days (leave_in_queue, -spool)
_HELD, _OVER = "5", ("3", "4")


@dataclass(frozen=True)
class Queued:
    """State of a job in the queue; ``held`` is the reason why the batch system will not run it."""

    job_id: str
    held: str | None = None


def check_batch() -> None:
    """Check that job scripts can be written.

    Raises:
        ClusterError: with what to install.
    """
    if importlib.util.find_spec("dask_jobqueue") is None:
        raise ClusterError(
            "a cluster in a batch system needs the package dask-jobqueue: pip install 'smbo[jobqueue]'"
        )


def make_job(spec: BatchSpec, folder: Path, name: str, address: str, job_name: str = "smbo") -> Any:
    """Return one of dask-jobqueue's jobs, not submitted yet.

    Args:
        spec: resources and directives of the job.
        folder: folder of the cluster, on a disk that the job reaches.
        name: unique among the jobs of the cluster.
        address: address of the scheduler, for people who read the script.
        job_name: name of the job in the queue.

    Raises:
        ClusterError: dask-jobqueue is missing, or refuses the spec.
    """
    check_batch()
    from dask_jobqueue.htcondor import HTCondorJob
    from dask_jobqueue.slurm import SLURMJob

    python = f"exec {shlex.quote(spec.python or sys.executable)} -P"
    common: dict[str, Any] = {
        "scheduler": address,
        "name": name,
        "cores": spec.cores,
        "processes": 1,
        "memory": spec.memory_bytes,
        "python": python,
        "worker_command": "smbo_scheduler.clusters.host_agent",
        "worker_extra_args": _agent_arguments(spec, folder),
        "death_timeout": spec.death_timeout_seconds,
        "job_script_prologue": [*_environment(spec), *spec.prologue],
        "log_directory": str(folder / "logs"),
        "job_name": job_name,
    }
    try:
        if spec.system == "slurm":
            return SLURMJob(
                **common,
                queue=spec.queue,
                account=spec.account,
                walltime=None if spec.walltime_seconds is None else slurm_time(spec.walltime_seconds),
                job_extra_directives=list(spec.directives),
            )
        return HTCondorJob(**common, disk=spec.disk_bytes, job_extra_directives=_condor_directives(spec))
    except (ValueError, TypeError) as error:
        raise ClusterError(f"dask-jobqueue refuses the job: {error}") from error


def job_script(spec: BatchSpec, folder: Path) -> str:
    """Return the script that would be submitted, for a person to check.

    Raises:
        ClusterError: as for ``make_job``.
    """
    with tempfile.TemporaryDirectory() as scratch:  # creating a job creates the folder of its logs
        script = str(make_job(spec, Path(scratch), "smbo-0", "tls://SCHEDULER:PORT").job_script())
        return script.replace(shlex.quote(scratch), shlex.quote(str(folder))).replace(scratch, str(folder))


async def queue_of(spec: BatchSpec) -> dict[str, Queued]:
    """Return this user's jobs by id.

    Raises:
        ClusterError: the queue does not answer.
    """
    words = list(_QUEUE[spec.system])
    if spec.system == "slurm":
        words.append(getpass.getuser())
    found = {}
    for line in (await _call(words)).splitlines():
        job_id, _, rest = line.strip().partition(" ")
        state, _, reason = rest.partition(" ")
        is_condor = spec.system == "htcondor"
        if job_id and not (is_condor and state in _OVER):
            is_held = is_condor and state == _HELD
            found[job_id] = Queued(job_id, held=reason or "no reason given" if is_held else None)
    return found


async def cancel(spec: BatchSpec, job_ids: list[str]) -> None:
    """Remove jobs from the queue, or end them; jobs that are gone are not an error."""
    command = "scancel" if spec.system == "slurm" else "condor_rm"
    if job_ids:
        try:
            await _call([command, *job_ids])
        except ClusterError as error:
            print(error, flush=True)


def slurm_time(seconds: float) -> str:
    """Return a duration as SLURM writes it, days-hours:minutes:seconds, rounded down to seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days}-{hours:02}:{minutes:02}:{rest:02}" if days else f"{hours:02}:{minutes:02}:{rest:02}"


def _agent_arguments(spec: BatchSpec, folder: Path) -> list[str]:
    """Return the options of ``clusters.host_agent`` that dask-jobqueue does not know."""
    words = ["--folder", shlex.quote(str(folder)), "--workers", str(spec.workers_per_job)]
    if spec.lifetime_seconds is not None:
        words += ["--lifetime", f"{spec.lifetime_seconds:g}", "--stagger", f"{spec.stagger_seconds:g}"]
    for name, amount in spec.resources.items():
        words += ["--resource", shlex.quote(f"{name}={amount:g}")]
    return words


def _environment(spec: BatchSpec) -> list[str]:
    """Return shell commands that let a job find the same modules as this process, on as many threads."""
    threads = max(1, spec.cores // spec.workers_per_job)
    return [
        *(f"export {name}=${{{name}:-{threads}}}" for name in _THREADS),
        f"export PYTHONPATH={shlex.quote(module_path())}",
    ]


def _condor_directives(spec: BatchSpec) -> dict[str, str]:
    lines: dict[str, str] = {}
    if spec.walltime_seconds is not None:
        # an attribute by which CERN's and other pools end jobs; elsewhere it only documents the limit
        lines["+MaxRuntime"] = str(int(spec.walltime_seconds))
    if spec.queue is not None:
        lines["+JobFlavour"] = f'"{spec.queue}"'
    if spec.account is not None:
        lines["accounting_group"] = spec.account
    for line in spec.directives:
        key, _, value = line.partition("=")
        lines[key.strip()] = value.strip()
    return lines


async def _call(words: list[str]) -> str:
    """Return the output of a command.

    Raises:
        ClusterError: the command fails, does not exist, or takes too long.
    """
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=pipe)
    except OSError as error:
        raise ClusterError(f"{words[0]} cannot be run here: {error}") from error
    try:
        out, err = await asyncio.wait_for(process.communicate(), _COMMAND_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise ClusterError(f"{words[0]} did not answer within {_COMMAND_SECONDS:g} s") from None
    if process.returncode:
        said = err.decode(errors="replace").strip()[-500:]
        raise ClusterError(f"{words[0]} failed with exit code {process.returncode}: {said}")
    return out.decode(errors="replace")
