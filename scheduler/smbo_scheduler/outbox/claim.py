"""Claims: which process runs a job, by the fencing token in the job's key, and whether it is alive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from smbo_scheduler.jobs import Job
from smbo_scheduler.outbox.processes import ProcessName


@dataclass(frozen=True)
class Claim:
    """A claim on a job by the process that runs it.

    Attributes:
        key: key of the job.
        owner: the process that runs the job; None if unknown (an incomplete claim).
        revoked: whether the job was claimed only so that no process runs it.
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
        """Return whether a claim's owner is still running, as far as this process can see."""
        ...
