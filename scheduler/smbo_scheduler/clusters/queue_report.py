"""What a cluster's batch jobs wait for, written by the manager for the driver and for `smbo status`.

queue.json in the folder of the cluster: jobs in the queue with the batch system's reasons, and the refusal of
the latest submission, if there is one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from smbo_scheduler.clusters.state import read_json, write_json

_FILE = "queue.json"
_STALE_SECONDS = 900.0  # on another machine: the manager writes at each look at the queue
_MOST_REASONS = 3  # in one line


@dataclass(frozen=True)
class QueueReport:
    """The queue as the manager last saw it.

    Attributes:
        waiting: (job id, reason) of each job that waits; the reason is empty where none is known.
        running: number of jobs that run.
        refusal: why the latest submission, or look at the queue, failed; None if it did not.
        written: seconds since the epoch.
    """

    waiting: tuple[tuple[str, str], ...] = ()
    running: int = 0
    refusal: str | None = None
    written: float = 0.0

    def text(self) -> str | None:
        """Return on one line what the jobs wait for, None if nothing waits."""
        parts = []
        if self.waiting:
            parts.append(f"{_jobs(len(self.waiting))} waiting in the queue ({reasons_text(self.waiting)})")
        if self.refusal is not None:
            parts.append(f"{self.refusal}; trying again")
        return "; ".join(parts) or None

    def reasons(self) -> str | None:
        """Return the same without numbers of jobs, which change often."""
        parts = [] if not self.waiting else [f"no job has started: {reasons_text(self.waiting, count=False)}"]
        if self.refusal is not None:
            parts.append(f"{self.refusal}; trying again")
        return "; ".join(parts) or None


def reasons_text(waiting: Sequence[tuple[str, str]], *, count: bool = True) -> str:
    """Return the reasons of jobs that wait, the most frequent first."""
    counts = Counter(reason for _, reason in waiting if reason)
    if not counts:
        return "the batch system gives no reason"
    shown = counts.most_common(_MOST_REASONS)
    texts = [f"{n} {reason}" if count and len(shown) > 1 else reason for reason, n in shown]
    return ", ".join(texts) + (", …" if len(counts) > len(shown) else "")


def _jobs(n: int) -> str:
    return "1 job" if n == 1 else f"{n} jobs"


def write_queue(folder: Path, report: QueueReport) -> None:
    """Write the manager's report."""
    write_json(folder / _FILE, {**asdict(report), "written": time.time()})


def read_queue(folder: Path, *, is_here: bool) -> QueueReport | None:
    """Return the report of a folder, None if there is none.

    Args:
        folder: folder of the cluster.
        is_here: whether its manager is known to live; else a report counts for a while only.
    """
    data = read_json(folder / _FILE)
    if data is None:
        return None
    try:
        waiting = tuple((str(job_id), str(reason)) for job_id, reason in data.pop("waiting"))
        report = QueueReport(waiting, **data)
        is_fresh = is_here or time.time() - report.written < _STALE_SECONDS
    except (KeyError, TypeError, ValueError):
        return None
    return report if is_fresh else None


def remove_queue(folder: Path) -> None:
    """Remove the report of a cluster that is over."""
    (folder / _FILE).unlink(missing_ok=True)
