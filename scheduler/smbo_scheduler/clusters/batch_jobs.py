"""Batch jobs: scripts by dask-jobqueue, submitted and cancelled, and the state of the queue."""

from __future__ import annotations

import asyncio
import getpass
import importlib
import importlib.util
import logging
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from smbo_scheduler.clusters.dialects import DIALECTS, Dialect, Queued, QueueState
from smbo_scheduler.clusters.environment import for_submission, module_settings, thread_settings
from smbo_scheduler.clusters.refusals import RefusalKind, Refused, refusal_kind
from smbo_scheduler.clusters.specs import BatchSpec
from smbo_scheduler.errors import ClusterError

logger = logging.getLogger(__name__)

_COMMAND_SECONDS = 60.0


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
    dialect = DIALECTS[spec.system]
    module, _, kind = dialect.job.partition(":")
    logs = str(folder / "logs")
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
        "job_script_prologue": [*thread_settings(spec.n_threads), *module_settings(), *spec.prologue],
        "log_directory": logs,
        "job_name": job_name,
    }
    try:
        job = getattr(importlib.import_module(module), kind)(**common, **dialect.settings(spec, logs))
        if getattr(job, "job_header", None):
            job.job_header = _with_quoted_logs(job.job_header, logs)
        job.job_script()  # of HTCondor's it is here that quotes are checked
        return job
    except (ValueError, TypeError) as error:
        raise Refused(f"dask-jobqueue refuses the job: {error}", RefusalKind.FINAL) from error


def job_script(spec: BatchSpec, folder: Path) -> str:
    """Return the script that would be submitted, for a person to check.

    Raises:
        ClusterError: as for ``make_job``.
    """
    # creating a job creates the folder of its logs; one that needs quotes stands for one that does
    needs_quotes = shlex.quote(str(folder)) != str(folder)
    with tempfile.TemporaryDirectory(prefix="smbo logs" if needs_quotes else "smbo-logs") as scratch:
        script = str(make_job(spec, Path(scratch), "smbo-0", "tls://SCHEDULER:PORT").job_script())
        return script.replace(shlex.quote(scratch), shlex.quote(str(folder))).replace(scratch, str(folder))


async def submit(spec: BatchSpec, job: Any) -> str:
    """Submit one of dask-jobqueue's jobs and return its id.

    Raises:
        Refused: the batch system did not take the job.
    """
    dialect = DIALECTS[spec.system]
    environment = for_submission(os.environ)

    async def call(words: list[str], **_: Any) -> str:
        return await _call(words, environment)

    try:
        with job.job_file() as path:
            if dialect.reads_stdin:
                script = Path(path).read_bytes()
                answer = await _call(shlex.split(job.submit_command), environment, script)
            else:
                job._call = call  # dask-jobqueue's own has no time limit: a controller may hang
                answer = await job._submit_job(path)
        found = re.findall(dialect.job_id, answer, re.MULTILINE) if dialect.job_id else []
        return str(found[-1] if found else job._job_id_from_submit_output(answer))
    except (ValueError, OSError) as error:
        raise Refused(_on_one_line(error), refusal_kind(str(error))) from error
    except ClusterError as error:
        kind = (
            RefusalKind.FINAL if isinstance(error.__cause__, FileNotFoundError) else refusal_kind(str(error))
        )
        raise Refused(_on_one_line(error), kind) from error


async def queue_of(spec: BatchSpec, job_ids: Sequence[str] = ()) -> dict[str, Queued]:
    """Return this user's jobs by id; of some batch systems only those of ``job_ids``, which are ours.

    Raises:
        ClusterError: the queue does not answer.
    """
    dialect = DIALECTS[spec.system]
    try:
        answer = await _call(dialect.query(getpass.getuser(), job_ids))
    except _CommandFailed as error:
        if dialect.empty is None or not re.search(dialect.empty, error.said):
            raise
        answer = error.output  # of the jobs that are still there
    try:
        found = {job.job_id: job for job in dialect.read(answer)}
    except (ValueError, IndexError) as error:
        raise ClusterError(str(error)) from None
    return await _with_details(dialect, found, job_ids)


async def _with_details(
    dialect: Dialect, found: dict[str, Queued], job_ids: Sequence[str]
) -> dict[str, Queued]:
    """Return jobs with the reasons that only a further command tells."""
    waiting = [job_id for job_id in job_ids if job_id in found and found[job_id].state != QueueState.RUNNING]
    if dialect.details is None or not waiting:
        return found
    try:
        reasons = dialect.read_details(await _call(dialect.details(waiting)))
    except ClusterError:  # the state is known; the reason can wait for the next look
        return found
    return {**found, **{i: replace(found[i], reason=text) for i, text in reasons.items() if i in found}}


async def cancel(spec: BatchSpec, job_ids: list[str]) -> bool:
    """Remove jobs from the queue, or end them; return False if the batch system was not there to do it.

    Jobs that are gone are not an error.
    """
    if job_ids:
        try:
            await _call([DIALECTS[spec.system].cancel, *job_ids])
        except ClusterError as error:
            logger.warning("%s", error)
            return refusal_kind(str(error)) not in (RefusalKind.PASSING, RefusalKind.CREDENTIALS)
    return True


def _with_quoted_logs(header: str, logs: str) -> str:
    """Return directives in which the files of a job's output stand in quotes if their folder needs them."""
    if shlex.quote(logs) == logs:
        return header
    return re.sub(rf"(?<= -[eo] )({re.escape(logs)}\S*)$", r'"\1"', header, flags=re.MULTILINE)


def _agent_arguments(spec: BatchSpec, folder: Path) -> list[str]:
    """Return the options of ``clusters.host_agent`` that dask-jobqueue does not know."""
    words = ["--folder", shlex.quote(str(folder)), "--workers", str(spec.workers_per_job)]
    if spec.lifetime_seconds is not None:
        words += ["--lifetime", f"{spec.lifetime_seconds:g}", "--stagger", f"{spec.stagger_seconds:g}"]
    for name, amount in spec.resources.items():
        words += ["--resource", shlex.quote(f"{name}={amount:g}")]
    return words


class _CommandFailed(ClusterError):
    """A command that ended with another exit code than 0."""

    def __init__(self, text: str, output: str, said: str) -> None:
        super().__init__(text)
        self.output, self.said = output, said


async def _call(
    words: Sequence[str], environment: Mapping[str, str] | None = None, stdin: bytes | None = None
) -> str:
    """Return the output of a command.

    Raises:
        ClusterError: the command fails, does not exist, or takes too long.
    """
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else pipe,
            stdout=pipe,
            stderr=pipe,
            env=environment,
        )
    except OSError as error:
        raise ClusterError(f"{words[0]} cannot be run here: {error}") from error
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), _COMMAND_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise ClusterError(f"{words[0]} did not answer within {_COMMAND_SECONDS:g} s") from None
    output, said = out.decode(errors="replace"), err.decode(errors="replace").strip()
    if process.returncode:
        # OAR and others write their refusals to standard output
        text = f"{words[0]} failed with exit code {process.returncode}: {(said or output.strip())[-500:]}"
        raise _CommandFailed(text, output, said)
    return output


def _on_one_line(text: object) -> str:
    return " ".join(str(text).split())
