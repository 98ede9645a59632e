"""Warnings, before a run and while it lasts, that the user's credentials end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from smbo.cli.job.quantities import duration_text
from smbo.cli.job.schema import JobFile
from smbo_scheduler.clusters.credentials import Credential, credentials

_LOOK_SECONDS = 300.0
_SOON_SECONDS = 1800.0


class CredentialWatch:
    """Says once that a credential ends before the run may, that it ends soon, and that it has ended.

    Args:
        horizon_seconds: for how long the run needs credentials, as far as that is known; None: it needs none.
        say: writes a line.
        read: returns the credentials.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        horizon_seconds: float | None,
        say: Callable[[str], None],
        read: Callable[[], Sequence[Credential]] = lambda: credentials(os.environ),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._say, self._read, self._clock = say, read, clock
        self._until = None if horizon_seconds is None else clock() + horizon_seconds
        self._next_look = -float("inf")
        self._said: set[tuple[str, float, str]] = set()

    def look(self) -> None:
        """Look at the credentials, if it is time."""
        now = self._clock()
        if self._until is None or now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        for each in self._read():
            if (how := self._how(each, now)) is None or (each.name, each.ends, how) in self._said:
                continue
            self._said.add((each.name, each.ends, how))
            self._say(_text(each, how, now))

    def _how(self, credential: Credential, now: float) -> str | None:
        if credential.ends <= now:
            return "has ended"
        if credential.ends <= now + _SOON_SECONDS:
            return "ends soon"
        return "ends early" if self._until is not None and credential.ends < self._until else None


def _text(credential: Credential, how: str, now: float) -> str:
    renew = f"renew it with `{credential.renewal}`"
    if how == "has ended":
        return (
            f"your {credential.name} has ended: {renew}.  Results are kept; jobs are submitted again as soon "
            "as it is renewed, and the same command resumes the study"
        )
    before = ", before this run may" if how == "ends early" else ""
    return f"your {credential.name} ends in {duration_text(credential.ends - now)}{before}: {renew} in time"


def credential_horizon(job: JobFile) -> float | None:
    """Return for how many seconds a run needs credentials: its budget of time, or a batch job's walltime.

    None where evaluations run on this machine alone.
    """
    if job.cluster.kind in ("serial", "local", "executor"):
        return None
    walltime = getattr(job.cluster.batch, "walltime", None)
    return max(job.budget.time or 0.0, walltime or 0.0)
