"""What a run's batch jobs wait for: in the progress at once, on a line of its own after a minute."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from smbo.cli.job.stored import stored_job
from smbo.errors import StoreError
from smbo.study import Study
from smbo_scheduler.clusters.queue_report import QueueReport, read_queue
from smbo_scheduler.clusters.state import read_state

_LOOK_SECONDS = 2.0
LINE_SECONDS = 60.0  # without any worker, until the reason is written on a line of its own


class QueueWatch:
    """Reads the manager's report, and says once why no evaluation can start.

    Args:
        read: returns the report, None where there is none.
        say: writes a line.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        read: Callable[[], QueueReport | None],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._say, self._clock = read, say, clock
        self._next_look = -float("inf")
        self._since: float | None = None
        self._said: str | None = None
        self.text: str | None = None  # for the progress

    def look(self, capacity: int) -> None:
        """Read the report, if it is time; ``capacity`` is the number of slots at present."""
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        report = self._read()
        self.text = None if report is None else report.text()
        if report is None or capacity > 0 or self.text is None:
            self._since = None
            return
        self._since = now if self._since is None else self._since
        reasons = report.reasons()
        if reasons is not None and reasons != self._said and now - self._since >= LINE_SECONDS:
            self._said = reasons
            self._say(reasons)


def queue_lines(folders: list[Path]) -> list[str]:
    """Return what the batch jobs of a study wait for, given the folders in which its clusters may be."""
    lines = []
    for folder in folders:
        for cluster in sorted(folder.glob("cluster-*")):
            report = read_queue(cluster, is_here=read_state(cluster) is not None)
            if report is None:
                continue
            running = f"{report.running} running" if report.running else ""
            if text := "; ".join(part for part in (running, report.text()) if part):
                lines.append(f"{cluster.name.removeprefix('cluster-')} jobs: {text}")
    return lines


def cluster_folders(study: Study) -> list[Path]:
    """Return the folders in which a study's clusters may be: beside its store, and in its spool."""
    beside = study._driver.spool_folder
    with contextlib.suppress(StoreError):
        if spool := stored_job(study)[0].get("spool"):
            return [beside, Path(spool).absolute() / beside.name]
    return [beside]
