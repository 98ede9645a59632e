"""An outbox in the study's store, for workers that reach the database and share no folder with the driver.

Claims and heartbeats are columns of the attempt, outcomes are events of the change feed.  Whether an
evaluation is alive is judged by its heartbeat alone, also on this machine.  Intermediate values are
sent with the heartbeats, and with the outcome.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.records import AttemptRecord, Place
from smbo.store.store import SqlStore
from smbo_scheduler.jobs import Job, JobOutcome
from smbo_scheduler.outbox import json_values
from smbo_scheduler.outbox.claim import Claim
from smbo_scheduler.outbox.heartbeat import DEFAULT_LEASE_SECONDS, Heartbeats
from smbo_scheduler.outbox.outbox import REPORTS_FILE, STOP_FILE

_OUTCOME, _CANCEL, _REPORTED, _STOP = "outcome", "cancel", "reported", "enough"
_REVOKED = "revoked"  # the back end's key of an attempt that no process may run
_LOOK_SECONDS = 1.0  # between looks for a request to end


class StoreOutbox:
    """Claims, heartbeats and outcomes of one study's evaluations, in its store (an ``Outbox``).

    Args:
        url: of the store, which every worker must reach.
        study: the study's key there.
        lease_seconds: how long a heartbeat may stand still before its execution counts as dead.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        study: int,
        *,
        lease_seconds: float = DEFAULT_LEASE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lease_seconds = lease_seconds
        self._url, self._study, self._clock = url, study, clock
        self._store = SqlStore(url, create=False)
        self._beats = Heartbeats(lease_seconds, clock)
        self._cursor = 0
        self._outcomes: dict[int, JobOutcome] = {}
        self._cancelled: set[int] = set()
        self._stopped: set[int] = set()
        self._reports: dict[int, list[tuple[float, float]]] = {}  # as the change feed has them
        self._folders: dict[int, Path] = {}  # of the attempts that run in this process
        self._next_look = 0.0

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self._url, "study": self._study, "lease_seconds": self.lease_seconds}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def close(self) -> None:
        """Close the connection to the store."""
        self._store.close()

    def claim(self, job: Job) -> bool:
        """Claim a job for this process; return whether it was unclaimed."""
        place = Place(host=socket.gethostname(), pid=os.getpid())
        return self._store.claim(self._study, job.number, job.token, job=job.key, place=place)

    def attempt_folder(self, job: Job) -> Path:
        """Return a new, empty folder on the worker's own disk."""
        folder = self._folders[job.token] = Path(tempfile.mkdtemp(prefix=f"{job.key}-"))
        return folder

    def beat(self, job: Job, count: int) -> None:
        """Send the heartbeat of a claimed job, and its new reports."""
        del count  # the store counts
        self._send_reports(job)
        self._store.beat_attempts(self._study, {job.token: None})

    def is_asked_to_end(self, job: Job) -> bool:
        """Return whether ``ask_to_end`` was called; looks once a second."""
        if self._clock() >= self._next_look:
            self._next_look = self._clock() + _LOOK_SECONDS
            self._look()
        return job.token in self._cancelled

    def write(self, outcome: JobOutcome) -> None:
        """Keep an outcome; a second one of the same attempt does nothing."""
        if self.read(outcome.job) is None:
            self._store.add_event(
                self._study, _OUTCOME, {"outcome": json_values.dumps(json_values.outcome_to_json(outcome))}
            )

    def abandon(self, job: Job) -> None:
        """Do nothing: the heartbeat has stopped."""

    def claim_of(self, job: Job) -> Claim | None:
        """Return the claim on a job, None if there is none."""
        attempt = self._attempt(job)
        if attempt is None or attempt.claimed is None:
            return None
        return Claim(job.key, None, revoked=attempt.job == _REVOKED)

    def revoke(self, job: Job) -> bool:
        """Claim a job so that no process will ever run it; return False if it is claimed already."""
        return self._store.claim(self._study, job.number, job.token, job=_REVOKED)

    def is_alive(self, claim: Claim) -> bool:
        """Return whether a claim's heartbeat moves, or was not yet watched standing still for the lease."""
        token = int(claim.key.rsplit("-", 1)[1])
        found = [each for each in self._store.attempts(self._study, is_open=True) if each.token == token]
        return bool(found) and not claim.revoked and not self._beats.is_still(claim.key, found[0].beat)

    def ask_to_end(self, job: Job) -> None:
        """Ask the process that runs a job to end it."""
        self._store.add_event(self._study, _CANCEL, {"token": job.token})

    def reports(self, job: Job, start: int) -> tuple[list[tuple[float, float]], int]:
        """Return the intermediate values of a job from ``start`` on, and the next start."""
        self._look()
        found = self._reports.get(job.token, [])
        return found[start:], len(found)

    def ask_to_stop(self, job: Job) -> None:
        """Ask the process that runs a job to stop it early; the process reads this at its next heartbeat."""
        self._store.add_event(self._study, _STOP, {"token": job.token})

    def read(self, job: Job) -> JobOutcome | None:
        """Return a job's outcome, None if there is none yet."""
        self._look()
        return self._outcomes.get(job.token)

    def pending(self) -> list[JobOutcome]:
        """Return the outcomes of attempts that are open, or were given up for lost."""
        self._look()
        waits = (None, AttemptOutcome.LOST)
        tokens = {each.token for each in self._store.attempts(self._study) if each.outcome in waits}
        return [outcome for token, outcome in sorted(self._outcomes.items()) if token in tokens]

    def discard(self, outcome: JobOutcome) -> None:
        """Forget an outcome that is recorded."""
        self._outcomes.pop(outcome.job.token, None)
        self._beats.forget(outcome.job.key)

    def trouble(self) -> str | None:
        """Return None: a store in trouble raises by itself."""
        return None

    def _attempt(self, job: Job) -> AttemptRecord | None:
        attempts = self._store.attempts(self._study, number=job.number)
        return next((each for each in attempts if each.token == job.token), None)

    def _send_reports(self, job: Job) -> None:
        """Put new lines of a job's file of reports into the change feed; pass on a request to stop."""
        folder = self._folders.get(job.token)
        if folder is None:
            return
        self._look()
        if job.token in self._stopped:
            (folder / STOP_FILE).touch(mode=0o600)
        known = len(self._reports.get(job.token, []))
        with contextlib.suppress(FileNotFoundError):
            new = [
                json_values.loads(line) for line in (folder / REPORTS_FILE).read_bytes().splitlines()[known:]
            ]
            if new:
                pairs = [[each["step"], each["value"]] for each in new]
                values = json_values.dumps({"values": pairs})
                self._store.add_event(self._study, _REPORTED, {"token": job.token, "text": values})

    def _look(self) -> None:
        """Read the new events of the change feed."""
        for event in self._store.events(self._study, self._cursor):
            self._cursor = event.seq
            if event.kind == _OUTCOME:
                text = json.loads(event.payload)["outcome"]
                outcome = json_values.outcome_from_json(json_values.loads(text))
                self._outcomes.setdefault(outcome.job.token, outcome)
            elif event.kind == _CANCEL:
                self._cancelled.add(int(json.loads(event.payload)["token"]))
            elif event.kind == _STOP:
                self._stopped.add(int(json.loads(event.payload)["token"]))
            elif event.kind == _REPORTED:
                said = json.loads(event.payload)
                found = [
                    (float(step), float(value)) for step, value in json_values.loads(said["text"])["values"]
                ]
                self._reports.setdefault(int(said["token"]), []).extend(found)
