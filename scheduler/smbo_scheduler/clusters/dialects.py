"""Dialects of batch systems: dask-jobqueue's class, the commands for the queue, and how to read them."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from smbo_scheduler.clusters.specs import BatchSpec, BatchSystem


class QueueState(StrEnum):
    """State of a job in the queue."""

    WAITING = "waiting"
    RUNNING = "running"
    HELD = "held"  # the batch system will not run it before somebody does something about it


@dataclass(frozen=True)
class Queued:
    """A job in the queue.

    Attributes:
        job_id: as the batch system's submit command returned it.
        state: whether it waits, runs or is held.
        reason: in the batch system's words, why it waits or is held; None where it does not say.
        name: the job's name; empty where the query does not tell.
    """

    job_id: str
    state: QueueState
    reason: str | None = None
    name: str = ""


@dataclass(frozen=True)
class Dialect:
    """How one batch system is spoken to.

    Attributes:
        job: class of dask-jobqueue, "module:class".
        settings: its keywords for a spec and the folder of the logs, besides those that all classes have.
        query: the command that lists jobs, given the user's name and the ids of ours.
        read: the jobs in that command's answer; those that are over are left out.
        cancel: the command that removes jobs.
        details, read_details: a further command for jobs that wait, and their reasons in its answer.
        empty: what the query says, failing, when none of the jobs is in the queue any more.
        reads_stdin: whether the submit command reads the script from its standard input.
        job_id: finds the id in what the submit command answers, after greetings of the site's own; None:
            as dask-jobqueue does.
    """

    job: str
    settings: Callable[[BatchSpec, str], dict[str, Any]]
    query: Callable[[str, Sequence[str]], list[str]]
    read: Callable[[str], list[Queued]]
    cancel: str
    details: Callable[[Sequence[str]], list[str]] | None = None
    read_details: Callable[[str], Mapping[str, str]] = lambda _: {}
    empty: str | None = None
    reads_stdin: bool = False
    job_id: str | None = None


def _state(word: str, waiting: Sequence[str], held: Sequence[str], over: Sequence[str]) -> QueueState | None:
    """Return the state that a batch system's word means, None for jobs that are over; others run."""
    if word in over:
        return None
    if word in waiting:
        return QueueState.WAITING
    return QueueState.HELD if word in held else QueueState.RUNNING


def _reason(text: str) -> str | None:
    """Return a reason on one line; None for words that mean that there is none."""
    line = " ".join(text.split())
    line = line[1:-1] if line.startswith("(") and line.endswith(")") else line
    return None if line.lower() in ("", "none", "-", "undefined", "error", "unknown") else line[:300]


def clock_time(seconds: float, *, days: bool = False) -> str:
    """Return a duration as hours:minutes:seconds, rounded down; with ``days``, days-hours:minutes:seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    n_days, hours = divmod(hours, 24) if days else (0, hours)
    return f"{n_days}-{hours:02}:{minutes:02}:{rest:02}" if n_days else f"{hours:02}:{minutes:02}:{rest:02}"


def _queue(spec: BatchSpec, *, owner: str, days: bool = False) -> dict[str, Any]:
    """Return the keywords that most classes share; ``owner`` is their name for the account."""
    walltime = spec.walltime_seconds
    return {
        "queue": spec.queue,
        owner: spec.account,
        "walltime": None if walltime is None else clock_time(walltime, days=days),
        "job_extra_directives": list(spec.directives),
    }


# --- SLURM -----------------------------------------------------------------------------------


def _read_slurm(answer: str) -> list[Queued]:
    found = []
    for line in answer.splitlines():
        job_id, word, name, reason = [*line.strip().split("|", 3), "", "", ""][:4]
        over = ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY")
        state = _state(word, ("PENDING", "REQUEUED"), ("SPECIAL_EXIT",), (*over, "PREEMPTED", "TIMEOUT", ""))
        if state is None:
            continue
        if "launch failed requeued held" in reason.replace("_", " ").lower():
            state = QueueState.HELD
        found.append(Queued(job_id, state, None if state is QueueState.RUNNING else _reason(reason), name))
    return found


# --- HTCondor --------------------------------------------------------------------------------


def _condor_settings(spec: BatchSpec, _logs: str) -> dict[str, Any]:
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
    return {"disk": spec.disk_bytes, "job_extra_directives": lines}


def _read_condor(answer: str) -> list[Queued]:
    found = []
    for line in answer.splitlines():
        job_id, _, rest = line.strip().partition(" ")
        word, _, reason = rest.partition(" ")
        # removed or completed jobs may stay in the queue for days (leave_in_queue, -spool)
        state = _state(word, ("1",), ("5",), ("3", "4", ""))
        if state is not None:
            found.append(Queued(job_id, state, None if state is QueueState.RUNNING else _reason(reason)))
    return found


# --- PBS, Torque and Moab --------------------------------------------------------------------


def _read_pbs(answer: str) -> list[Queued]:
    found = []
    for block in re.split(r"^Job Id:", answer, flags=re.MULTILINE)[1:]:
        number = re.match(r"\s*(\d+)", block)
        # a long value goes on in the next line, behind a tab
        fields = dict(re.findall(r"^\s+(\w+) = (.*)$", re.sub(r"\n\t", "", block), flags=re.MULTILINE))
        state = _state(fields.get("job_state", ""), ("Q", "W", "T"), ("H",), ("C", "F", "X", "E", ""))
        if number and state is not None:
            reason = None if state is QueueState.RUNNING else _reason(fields.get("comment", ""))
            found.append(Queued(number[1], state, reason, fields.get("Job_Name", "")))
    return found


def _read_moab(answer: str) -> list[Queued]:
    found = []
    for line in answer.splitlines():
        match = re.match(r"\s*(?:[A-Za-z][\w-]*\.)?(\d+)\S*\s+\S+\s+([A-Za-z]+)\b", line)
        if match:
            held = ("Hold", "BatchHold", "UserHold", "SystemHold")
            state = _state(
                match[2], ("Idle", "Deferred", "Migrated", "Staged"), held, ("Completed", "Removed")
            )
            if state is not None:
                found.append(Queued(match[1], state, None if match[2] in ("Running", "Idle") else match[2]))
    return found


# --- LSF -------------------------------------------------------------------------------------


def _lsf_settings(spec: BatchSpec, _logs: str) -> dict[str, Any]:
    settings = _queue(spec, owner="project")
    if spec.walltime_seconds is not None:
        settings["walltime"] = clock_time(spec.walltime_seconds)[:-3]  # hours:minutes
    return {**settings, "use_stdin": True}


def _read_lsf(answer: str) -> list[Queued]:
    found = []
    for line in answer.splitlines():
        job_id, word, name, reason = [*line.strip().split("|", 3), "", "", ""][:4]
        state = _state(word, ("PEND", "WAIT"), ("PSUSP",), ("DONE", "EXIT", "ZOMBI", ""))
        if job_id.isdigit() and state is not None:
            found.append(
                Queued(job_id, state, None if state is QueueState.RUNNING else _reason(reason), name)
            )
    return found


# --- SGE and its descendants -----------------------------------------------------------------


def _sge_settings(spec: BatchSpec, _logs: str) -> dict[str, Any]:
    settings = _queue(spec, owner="project")
    lines = ["-S /bin/bash"]  # else many sites run scripts by csh
    if spec.parallel_environment is not None:
        lines.append(f"-pe {spec.parallel_environment} {spec.cores}")
    if spec.memory_property is not None:
        # SGE counts memory per slot
        lines.append(f"-l {spec.memory_property}={math.ceil(spec.memory_bytes / spec.cores / 2**20)}M")
    return {**settings, "job_extra_directives": [*lines, *settings["job_extra_directives"]]}


def _read_sge(answer: str) -> list[Queued]:
    found = []
    for line in answer.splitlines():
        columns = line.split()
        if len(columns) >= 5 and columns[0].isdigit():
            word = columns[4]
            # Eqw: the job failed to start; hqw: a hold; qw: it waits
            state = QueueState.HELD if "E" in word else QueueState.RUNNING
            state = QueueState.WAITING if state is not QueueState.HELD and "q" in word else state
            reason = "hold" if "h" in word else None
            found.append(Queued(columns[0], state, reason if state is not QueueState.RUNNING else None))
    return found


def _read_sge_details(answer: str) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for block in re.split(r"^=+\s*$", answer, flags=re.MULTILINE):
        number = re.search(r"^job_number:\s*(\d+)", block, flags=re.MULTILINE)
        error = re.search(r"^error reason\s+\d+:\s*(.+)", block, flags=re.MULTILINE)
        scheduling = re.search(r"^scheduling info:\s*(.+)", block, flags=re.MULTILINE)
        said = error or scheduling
        if number and said and (reason := _reason(said[1])):
            reasons[number[1]] = reason
    return reasons


# --- OAR -------------------------------------------------------------------------------------


def _oar_settings(spec: BatchSpec, logs: str) -> dict[str, Any]:
    settings = _queue(spec, owner="project")
    output = [
        f"{option} {shlex.quote(f'{logs}/%jobid%.{end}')}" for option, end in (("-O", "out"), ("-E", "err"))
    ]
    return {
        **settings,
        "job_extra_directives": [*output, *settings["job_extra_directives"]],
        # without a property dask-jobqueue warns that memory is not asked for
        "memory_per_core_property_name": spec.memory_property or "not_applicable",
    }


def _read_oar(answer: str) -> list[Queued]:
    start = answer.find("{")
    try:
        jobs = json.loads(answer[start:]) if start >= 0 else {}
    except ValueError:
        raise ValueError(f"oarstat -J answers something else than JSON: {answer[:200]!r}") from None
    found = []
    for job_id, about in jobs.items():
        word = str(about.get("state", ""))
        waiting = ("Waiting", "toLaunch", "toAckReservation", "Launching")
        state = _state(word, waiting, ("Hold",), ("Terminated", "Error", "Finishing", "toError", ""))
        if state is not None:
            reason = None if state is QueueState.RUNNING else _reason(str(about.get("message") or ""))
            found.append(Queued(str(job_id), state, reason, str(about.get("name") or "")))
    return found


DIALECTS: Mapping[BatchSystem, Dialect] = {
    "slurm": Dialect(
        "dask_jobqueue.slurm:SLURMJob",
        lambda spec, _: _queue(spec, owner="account", days=True),
        lambda user, _: ["squeue", "--noheader", "--format=%i|%T|%j|%r", "--user", user],
        _read_slurm,
        "scancel",
        job_id=r"[Ss]ubmitted batch job (\d+)",
    ),
    "htcondor": Dialect(
        "dask_jobqueue.htcondor:HTCondorJob",
        _condor_settings,
        # of a job that waits, what the negotiator said when it last found no machine for it
        lambda _user, _ids: [
            "condor_q",
            "-autoformat:j",
            "JobStatus",
            "ifThenElse(JobStatus==5,HoldReason,LastRejMatchReason)",
        ],
        _read_condor,
        "condor_rm",
    ),
    "pbs": Dialect(
        "dask_jobqueue.pbs:PBSJob",
        lambda spec, _: _queue(spec, owner="account"),
        lambda _, job_ids: ["qstat", "-f", *job_ids],
        _read_pbs,
        "qdel",
        empty=r"[Uu]nknown [Jj]ob|has finished|non-existent job",
        job_id=r"^\s*(\d+)[\w.\[\]-]*\s*$",
    ),
    "moab": Dialect(
        "dask_jobqueue.moab:MoabJob",
        lambda spec, _: _queue(spec, owner="account"),
        lambda user, _: ["showq", "-u", user],
        _read_moab,
        "canceljob",
        job_id=r"^\s*(?:[A-Za-z]\w*\.)?(\d+)\s*$",
    ),
    "lsf": Dialect(
        "dask_jobqueue.lsf:LSFJob",
        _lsf_settings,
        lambda _user, _ids: ["bjobs", "-noheader", "-o", 'jobid stat job_name pend_reason delimiter="|"'],
        _read_lsf,
        "bkill",
        empty=r"No unfinished job|is not found",
        reads_stdin=True,
        job_id=r"Job <(\d+)>",
    ),
    "sge": Dialect(
        "dask_jobqueue.sge:SGEJob",
        _sge_settings,
        lambda user, _: ["qstat", "-u", user],
        _read_sge,
        "qdel",
        details=lambda job_ids: ["qstat", "-j", ",".join(job_ids)],
        read_details=_read_sge_details,
        job_id=r"[Yy]our job (\d+)",
    ),
    "oar": Dialect(
        "dask_jobqueue.oar:OARJob",
        _oar_settings,
        lambda user, _: ["oarstat", "-u", user, "-J"],
        _read_oar,
        "oardel",
    ),
}
