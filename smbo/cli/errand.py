"""What one run is about: the values that its steps share."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.signals import StopOnSignals
from smbo.cli.jobfile import JobFile
from smbo.cli.setup import Task
from smbo.cli.workplace import Workplace
from smbo.study import Study


@dataclass(frozen=True, eq=False)
class Errand:
    """A job, what it names, the study it belongs to, where it runs, and who may interrupt it."""

    job: JobFile
    task: Task
    study: Study
    workplace: Workplace
    signals: StopOnSignals
