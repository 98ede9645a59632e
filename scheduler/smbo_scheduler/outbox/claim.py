"""Claims: which process runs a job, by the fencing token in the job's key, and whether it is alive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from smbo_scheduler.jobs import Job
from smbo_scheduler.outbox.processes import ProcessName


@dataclass(frozen=True)
class Claim:
    """Which process runs a job.

    Attributes:
        key: of the job.
        owner: the process that runs it; None if that is not known (a claim that was cut short).
        revoked: whether it was claimed only so that no process runs it.
    """

    key: str
    owner: ProcessName | None
    revoked: bool = False


class Claims(Protocol):
    """The driver's side of claims: which process runs a job, and whether it is alive."""

    def claim_of(self, job: Job) -> Claim | None:
        """Return the claim on a job, None if there is none."""
        ...

    def revoke(self, job: Job) -> bool:
        """Claim a job so that no process will ever run it; return False if it is claimed already."""
        ...

    def is_alive(self, claim: Claim) -> bool:
        """Return whether a claim's owner is still at work, as far as can be seen from here."""
        ...
