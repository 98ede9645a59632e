"""Confirmation runs after the study: is the recommended point really better than the baseline?

The best of many noisy values is biased, and the posterior is a model; so the recommended point and
the baseline are evaluated again, with fresh seeds and at the fidelity that the objective asks for.
The confirmation runs are jobs on the study's own cluster but no trials of it: no surrogate is
fitted to them.  Each result is kept in a file as it comes, so that a killed run can be resumed.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smbo.problem import Confirmation
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus, Limits

RECOMMENDED = "recommended"
FILE = "confirmation.json"
# first word of the spawn key of these seeds; trials use small numbers there
_PURPOSE = 0x636865636B
_MAX_LOST = 3


@dataclass(frozen=True)
class ConfirmationRun:
    """One evaluation that confirms a point.

    Attributes:
        label: "recommended", or the baseline's name.
        index: 0, 1, … among those of one label.
        params: the point.
        seed: of no trial and no other confirmation run.
        fidelity: None for the objective's own.
    """

    label: str
    index: int
    params: Mapping[str, Any]
    seed: int
    fidelity: float | None


def confirmation_runs(
    confirmation: Confirmation,
    recommended: Mapping[str, Any],
    study_seed: int,
    trial_seeds: Collection[int],
) -> tuple[ConfirmationRun, ...]:
    """Return the confirmation runs of the recommended point and the baseline, in turn.

    In turn, so that a run that is cut short leaves both measured about equally well.
    """
    points = {RECOMMENDED: recommended}
    if confirmation.baseline is not None:
        points[confirmation.baseline_name] = confirmation.baseline
    taken = set(trial_seeds)
    runs = []
    for index in range(confirmation.repeats):
        for rank, (label, params) in enumerate(points.items()):
            seed = _fresh_seed(study_seed, (rank, index), taken)
            taken.add(seed)
            runs.append(ConfirmationRun(label, index, dict(params), seed, confirmation.fidelity))
    return tuple(runs)


def _fresh_seed(study_seed: int, key: tuple[int, int], taken: Collection[int]) -> int:
    for shift in range(len(taken) + 1):
        sequence = np.random.SeedSequence(study_seed, spawn_key=(_PURPOSE, *key, shift))
        seed = int(sequence.generate_state(1, np.uint32)[0]) >> 1  # 31 bits, as a trial's
        if seed not in taken:
            return seed
    raise AssertionError("one more candidate than there are seeds taken, and all of them taken")


class ConfirmationQueue:
    """The confirmation runs and their results, kept in a file: a ``Source`` of jobs for the scheduler.

    Args:
        path: of the file; results in it of the very same runs are taken over.
        study: an identifier for the jobs.
        runs: the evaluations to do.
        payload: makes the payload of a run for the target.
        limits, resources: of each evaluation, as in the study.
        first_token: above every token that was ever used with this ``study`` identifier.
    """

    def __init__(
        self,
        path: Path,
        study: str,
        runs: Sequence[ConfirmationRun],
        *,
        payload: Callable[[ConfirmationRun], Mapping[str, Any]],
        limits: Limits | None = None,
        resources: Mapping[str, float] | None = None,
        first_token: int | None = None,
    ) -> None:
        self._path, self._study, self._runs = path, study, tuple(runs)
        self._payload, self._limits, self._resources = payload, limits or Limits(), dict(resources or {})
        # microseconds only grow, so no token of a killed run, whose claim may still lie in the
        # spool, is ever used again
        self._next_token = time.time_ns() // 1000 if first_token is None else first_token
        stored = self._stored()
        self._entries = self._stored_entries(stored)
        self._running = self._stored_tokens(stored)
        self._n_lost: dict[int, int] = {}

    def orphans(self) -> list[Job]:
        """Return the jobs that an earlier driver started and left unfinished."""
        return [self._job(number, token) for number, token in sorted(self._running.items())]

    def next_jobs(self, n: int) -> Sequence[Job]:
        """Return up to n jobs of the runs that are neither done nor running."""
        waiting = (i for i in range(len(self._runs)) if i not in self._entries and i not in self._running)
        jobs = []
        for number, _ in zip(list(waiting), range(n)):
            jobs.append(self._job(number, self._next_token))
            self._running[number] = self._next_token
            self._next_token += 1
        if jobs:
            self._save()  # before they start, so that the next driver can adopt them
        return jobs

    def record(self, outcome: JobOutcome) -> None:
        """Keep an outcome; a lost or cancelled run is repeated, a failed one is not."""
        number = outcome.job.number
        self._running.pop(number, None)
        if not self._is_mine(outcome) or number in self._entries:
            return
        if outcome.status is JobStatus.CANCELLED:
            return
        if outcome.status is JobStatus.LOST and self._n_lost.get(number, 0) < _MAX_LOST:
            self._n_lost[number] = self._n_lost.get(number, 0) + 1
            return
        result = None if outcome.result is None else dict(outcome.result)
        reason = outcome.reason or (None if result is not None else str(outcome.status))
        self._entries[number] = {**asdict(self._runs[number]), "result": result, "reason": reason}
        self._save()

    def together(self) -> contextlib.AbstractContextManager[None]:
        """Return a block around records that does nothing: each record is written at once."""
        return contextlib.nullcontext()

    def is_finished(self) -> bool:
        """Return whether every run is done or running."""
        return all(i in self._entries or i in self._running for i in range(len(self._runs)))

    def prefetch(self) -> bool:
        """Return False: the runs are known from the start."""
        return False

    @property
    def n_wanted(self) -> int:
        """Number of confirmation runs."""
        return len(self._runs)

    @property
    def n_done(self) -> int:
        """Number of those that have ended, failed ones included."""
        return len(self._entries)

    def results(self) -> dict[str, list[tuple[Mapping[str, Any], Mapping[str, Any]]]]:
        """Return (params, result) of the runs that succeeded, by label, in their order."""
        found: dict[str, list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = {}
        for number in sorted(self._entries):
            entry, run = self._entries[number], self._runs[number]
            if entry["result"] is not None:
                found.setdefault(run.label, []).append((run.params, entry["result"]))
        return found

    def failures(self) -> list[str]:
        """Return the reasons of the runs that failed, one text each."""
        return [entry["reason"] for entry in self._entries.values() if entry["result"] is None]

    def _job(self, number: int, token: int) -> Job:
        payload = dict(self._payload(self._runs[number]))
        return Job(self._study, number, token, payload, self._limits, self._resources)

    def _is_mine(self, outcome: JobOutcome) -> bool:
        """Return whether an outcome belongs to one of these runs, not to one of another recommended point."""
        number = outcome.job.number
        return number < len(self._runs) and dict(outcome.job.payload) == dict(
            self._payload(self._runs[number])
        )

    def _stored(self) -> Mapping[str, Any]:
        try:
            stored = json.loads(self._path.read_text())
            {_identity(entry) for entry in stored["checks"]}
            {_identity(entry): int(entry["token"]) for entry in stored["running"]}
        except (OSError, ValueError, KeyError, TypeError):
            # none yet, damaged, or somebody else's: all runs are done anew and the file is replaced
            return {"checks": [], "running": []}
        return dict(stored)

    def _stored_entries(self, stored: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
        entries = {_identity(entry): entry for entry in stored["checks"]}
        found = enumerate(entries.get(_identity(asdict(run))) for run in self._runs)
        return {number: entry for number, entry in found if entry is not None}

    def _stored_tokens(self, stored: Mapping[str, Any]) -> dict[int, int]:
        tokens = {_identity(entry): int(entry["token"]) for entry in stored["running"]}
        found = enumerate(tokens.get(_identity(asdict(run))) for run in self._runs)
        return {number: token for number, token in found if token is not None}

    def _save(self) -> None:
        content = {
            "checks": [self._entries[i] for i in sorted(self._entries)],
            "running": [{**asdict(self._runs[i]), "token": t} for i, t in sorted(self._running.items())],
        }
        write_durably(self._path, json.dumps(content, indent=1) + "\n")


def _identity(entry: Mapping[str, Any]) -> str:
    names = ("label", "index", "params", "seed", "fidelity")
    return json.dumps([entry[name] for name in names], sort_keys=True)


def write_durably(path: Path, text: str) -> None:
    """Write a file so that after a crash it holds either the old text or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
