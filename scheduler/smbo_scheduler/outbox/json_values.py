"""JSON text of plain values, infinities included, and of jobs and outcomes.

JSON has no NaN and no infinities, and a measurement can be either.  They are written as
``{"$float": "nan"}``; a dictionary of the user's that has a key with a leading ``$`` is wrapped
as ``{"$dict": [[key, value], …]}``, so that the two cannot be confused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from smbo_scheduler.jobs import Job, JobOutcome, JobStatus, Limits

_DEEPEST = 100  # levels; a deeper value is a mistake (a list that contains itself, say)


def dumps(value: object) -> str:
    """Return plain values (None, bool, int, float, str, lists, dicts by str) as JSON text.

    Raises:
        TypeError: another type is among them; the message says where.
    """
    return json.dumps(_encode(value, "result", 0), allow_nan=False, separators=(",", ":"))


def loads(text: str | bytes) -> Any:
    """Return the values that ``dumps`` wrote.

    Raises:
        ValueError: the text was not written by ``dumps``.
    """
    try:
        return json.loads(text, object_hook=_decode, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the text is nested too deeply") from None


def job_to_json(job: Job) -> dict[str, Any]:
    """Return a job as plain values."""
    return {
        "study": job.study,
        "number": job.number,
        "token": job.token,
        "payload": dict(job.payload),
        "time_seconds": job.limits.time_seconds,
        "memory_bytes": job.limits.memory_bytes,
        "survive": job.limits.survive,
        "resources": dict(job.resources),
        "keeps_folder": job.keeps_folder,
    }


def job_from_json(data: Mapping[str, Any]) -> Job:
    """Return the job that ``job_to_json`` wrote."""
    return Job(
        study=str(data["study"]),
        number=int(data["number"]),
        token=int(data["token"]),
        payload=dict(data["payload"]),
        limits=Limits(data["time_seconds"], data["memory_bytes"], bool(data.get("survive", False))),
        resources=dict(data["resources"]),
        keeps_folder=bool(data.get("keeps_folder", False)),  # absent in jobs of earlier versions
    )


def outcome_to_json(outcome: JobOutcome) -> dict[str, Any]:
    """Return an outcome as plain values."""
    return {
        "job": job_to_json(outcome.job),
        "ending": outcome.status.value,
        "result": None if outcome.result is None else dict(outcome.result),
        "reason": outcome.reason,
        "error": outcome.error,
        "started": outcome.started,
        "ended": outcome.ended,
        "host": outcome.host,
        "pid": outcome.pid,
    }


def outcome_from_json(data: Mapping[str, Any]) -> JobOutcome:
    """Return the outcome that ``outcome_to_json`` wrote."""
    result = data["result"]
    if result is not None and not isinstance(result, dict):
        raise ValueError(f"a result is a JSON object; got {type(result).__name__}")
    return JobOutcome(
        job=job_from_json(data["job"]),
        status=JobStatus(data["ending"]),
        result=result,
        reason=data["reason"],
        error=data["error"],
        started=data["started"],
        ended=data["ended"],
        host=data["host"],
        pid=data["pid"],
    )


def _encode(value: object, where: str, depth: int) -> object:
    if depth > _DEEPEST:
        raise TypeError(f"{where} is nested more than {_DEEPEST} levels deep")
    if value is None or isinstance(value, bool):
        return value
    # int(), float() and str() because a subclass (numpy.float64 is one of float) is not plain
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list | tuple):
        return [_encode(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        return _encode_mapping(value, where, depth)
    raise TypeError(f"{where} is a {type(value).__name__}; only plain JSON values can be sent")


def _encode_mapping(value: Mapping[Any, Any], where: str, depth: int) -> object:
    for name in value:
        if not isinstance(name, str):
            raise TypeError(f"{where} has the key {name!r}; only text can be a key")
    plain = {str(name): _encode(item, f"{where}[{name!r}]", depth + 1) for name, item in value.items()}
    # pairs, because json decodes from the inside out and would take a wrapped {"$float": …} for one
    return (
        {"$dict": [list(pair) for pair in plain.items()]} if any(n.startswith("$") for n in plain) else plain
    )


def _decode(data: dict[str, Any]) -> Any:
    if data.keys() == {"$float"}:
        return float(data["$float"])
    if data.keys() == {"$dict"}:
        return dict(data["$dict"])
    return data


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")
