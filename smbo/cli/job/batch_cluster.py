"""The keys of a job file for batch systems: `cluster: {slurm: …}` and its siblings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, field_validator, model_validator

from smbo.cli.job.section import Duration, Section, Size
from smbo.cli.job.workers import EntranceSection, Text, WorkerCount
from smbo_scheduler.clusters.specs import BatchSpec, BatchSystem

_WALLTIME_SHARE = 0.9  # of a batch job's walltime, in which evaluations are begun, without limits.time
_END_SECONDS = 60.0  # for a worker to store its last result
_STAGGER_SHARE = 0.05  # of the lifetime: jobs do not all end at once


class AdaptiveSection(Section):
    """As many workers as the study has evaluations for, within bounds."""

    min: Annotated[int, Field(ge=0)] = 0
    max: WorkerCount

    @model_validator(mode="after")
    def _ordered(self) -> AdaptiveSection:
        if self.min > self.max:
            raise ValueError(f"min={self.min} is above max={self.max}")
        return self


def _bounds(value: Any) -> Any:
    """Return a number of workers as equal bounds; bounds stay what they are."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {"min": value, "max": value}
    if not isinstance(value, Mapping | AdaptiveSection):
        raise ValueError(f"{value!r} is no number of workers; write one, or {{min: 0, max: 40}}")
    return value


class BatchSection(EntranceSection):
    """Workers in jobs of a batch system; cores, memory and walltime are those of one job."""

    system: ClassVar[BatchSystem]

    workers: Annotated[AdaptiveSection, BeforeValidator(_bounds)]
    cores: Annotated[int, Field(ge=1, le=4096)] | None = None
    memory: Size
    walltime: Duration | None = None
    workers_per_job: Annotated[int, Field(ge=1, le=1024)] | None = None
    account: Text | None = None
    lifetime: Duration | None = None
    stagger: Duration | None = None
    poll: Duration = 30.0

    @model_validator(mode="after")
    def _in_time(self) -> BatchSection:
        if self.lifetime is not None and self.walltime is not None and self.lifetime >= self.walltime:
            raise ValueError(
                f"lifetime ({self.lifetime:g} s) is not below walltime ({self.walltime:g} s); after it a job "
                "takes no further evaluation, so leave as much time as one needs"
            )
        return self

    def of_use(self, n_evaluations: int | None) -> int:
        """Return how many workers so many evaluations can use; None if their number is not known."""
        wanted = self.workers.max if n_evaluations is None else min(n_evaluations, self.workers.max)
        return max(wanted, self.workers.min)

    def spec(self, evaluation_seconds: float | None = None, evaluation_cores: int | None = None) -> BatchSpec:
        """Return the specification of the workers.

        Args:
            evaluation_seconds: the longest that an evaluation takes; None if that is not known.
            evaluation_cores: how many cores an evaluation takes; None: its share of the job's.

        Raises:
            ValueError: times or cores do not fit together.
        """
        n_cores = self.cores or evaluation_cores or 1
        return BatchSpec(
            self.system,
            cores=n_cores,
            workers_per_job=_evaluations_at_once(n_cores, evaluation_cores, self.workers_per_job),
            threads=evaluation_cores,
            **self._times(evaluation_seconds),
            memory_bytes=self.memory,
            scheduler=self.entrance,
            account=self.account,
            prologue=tuple(self.prologue),
            python=self.python,
            resources=dict(self.resources),
            death_timeout_seconds=self.death_timeout,
            poll_seconds=self.poll,
            **self._own(),
        )

    def _own(self) -> dict[str, Any]:
        """Return the keywords of this batch system alone."""
        raise NotImplementedError

    def _times(self, evaluation_seconds: float | None) -> dict[str, Any]:
        """Return the times of a job."""
        lifetime = self.lifetime
        if lifetime is None and self.walltime is not None:
            lifetime = _WALLTIME_SHARE * self.walltime
            if evaluation_seconds is not None:
                lifetime = self.walltime - evaluation_seconds - _END_SECONDS
            if lifetime <= 0:
                raise ValueError(
                    f"walltime ({self.walltime:g} s) leaves no time for an evaluation of limits.time="
                    f"{evaluation_seconds:g} s and {_END_SECONDS:g} s to put its result away; raise walltime"
                )
        stagger = self.stagger if self.stagger is not None else _STAGGER_SHARE * (lifetime or 0.0)
        return {
            "walltime_seconds": self.walltime,
            "lifetime_seconds": lifetime,
            "stagger_seconds": stagger,
        }


def _evaluations_at_once(n_cores: int, evaluation_cores: int | None, given: int | None) -> int:
    """Return how many evaluations run at once in a job; ValueError if its cores do not suffice."""
    if evaluation_cores is None:
        return given or 1
    at_once = given or n_cores // evaluation_cores
    if at_once * evaluation_cores > n_cores or at_once == 0:
        times = f"{given} × " if given else ""
        raise ValueError(
            f"{times}{evaluation_cores} cores of an evaluation (resources.cores) are more than the "
            f"{n_cores} of a job; write `cores: {max(1, at_once) * evaluation_cores}`"
        )
    return at_once


class OptionsSection(BatchSection):
    """Jobs whose directives are options of the submit command."""

    submit_command: ClassVar[str]
    example: ClassVar[str]  # of an option
    walltime: Duration  # needed here: dask-jobqueue's own is half an hour
    directives: list[Text] = Field(default_factory=list, max_length=100)

    @field_validator("directives")
    @classmethod
    def _as_options(cls, directives: list[str]) -> list[str]:
        for line in directives:
            if not line.startswith("-"):
                raise ValueError(
                    f'{line!r} is no option of {cls.submit_command}; write one such as "{cls.example}"'
                )
        return directives


class QueueSection(OptionsSection):
    """Jobs of a batch system that has queues, and directives that are options of its submit command."""

    queue: Text | None = None

    def _own(self) -> dict[str, Any]:
        return {"queue": self.queue, "directives": tuple(self.directives)}


class PBSSection(QueueSection):
    """Jobs by PBS's qsub."""

    system, submit_command, example = "pbs", "qsub", "-l place=excl"


class MoabSection(QueueSection):
    """Jobs by msub."""

    system, submit_command, example = "moab", "msub", "-l qos=high"


class LSFSection(QueueSection):
    """Jobs by bsub."""

    system, submit_command, example = "lsf", "bsub", "-R span[hosts=1]"


class OARSection(QueueSection):
    """Jobs by oarsub."""

    system, submit_command, example = "oar", "oarsub", "-t besteffort"
    memory_property: Text | None = None

    def _own(self) -> dict[str, Any]:
        return {**super()._own(), "memory_property": self.memory_property}


class SGESection(QueueSection):
    """Jobs by the qsub of Grid Engine (SGE, UGE, OGS)."""

    system, submit_command, example = "sge", "qsub", "-l gpu=1"
    parallel_environment: Text | None = None
    memory_resource: Text | None = None

    def spec(self, evaluation_seconds: float | None = None, evaluation_cores: int | None = None) -> BatchSpec:
        """Return the specification of the workers, as ``BatchSection.spec``."""
        made = super().spec(evaluation_seconds, evaluation_cores)
        if made.cores > 1 and self.parallel_environment is None:
            raise ValueError(
                f"{made.cores} cores need a parallel environment, whose name is the site's own (`qconf -spl` "
                "lists them): write `parallel_environment: smp` under sge"
            )
        return made

    def _own(self) -> dict[str, Any]:
        own = {"memory_property": self.memory_resource, "parallel_environment": self.parallel_environment}
        return {**super()._own(), **own}


class SlurmSection(OptionsSection):
    """Jobs by sbatch."""

    system, submit_command, example = "slurm", "sbatch", "--qos=long"
    partition: Text | None = None

    def _own(self) -> dict[str, Any]:
        return {"queue": self.partition, "directives": tuple(self.directives)}


class HTCondorSection(BatchSection):
    """Jobs by condor_submit."""

    system = "htcondor"
    disk: Size = 10**9
    flavour: Text | None = None
    directives: dict[Text, str | int | float | bool] = Field(default_factory=dict, max_length=100)

    @field_validator("directives")
    @classmethod
    def _on_one_line(cls, directives: dict[str, Any]) -> dict[str, Any]:
        for key, value in directives.items():
            if "=" in key or any(end in str(value) for end in "\r\n\0"):
                raise ValueError(f"{key!r} cannot be written as `key = value` on one line")
        return directives

    def _own(self) -> dict[str, Any]:
        return {
            "disk_bytes": self.disk,
            "queue": self.flavour,
            "directives": tuple(f"{key} = {_condor_value(value)}" for key, value in self.directives.items()),
        }


def _condor_value(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
