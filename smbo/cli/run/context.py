"""The context of one run: the values that its steps share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smbo.cli.job.schema import JobFile
from smbo.cli.job.task import Task
from smbo.cli.run.cluster import RunCluster
from smbo.study import Study
from smbo_scheduler.signals import StopOnSignals


@dataclass(frozen=True, eq=False)
class RunContext:
    """A job file, its task, the study, the cluster that evaluates, and the signals that stop the run."""

    job: JobFile
    task: Task
    study: Study
    cluster: RunCluster
    signals: StopOnSignals

    @property
    def spool_folder(self) -> Path:
        """Where results wait to be recorded; workers reach it under the same path."""
        return spool_folder(self.job, self.study)


def spool_folder(job: JobFile, study: Study) -> Path:
    """Return where results of a study wait: in the folder that its job names, or beside the store."""
    beside_the_store = study._driver.spool_folder
    if job.spool is None:
        return beside_the_store
    return Path(job.spool).absolute() / beside_the_store.name
