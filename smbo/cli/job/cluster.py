"""The key ``cluster`` of a job file: where evaluations run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from smbo.cli.job.section import Duration, Section, Size
from smbo_scheduler.clusters.specs import BatchSpec, ClusterSpec, LocalSpec, SchedulerOptions, SshSpec

_BATCH_LEASE_SECONDS = 300.0  # batch nodes are suspended, and their disks hang, for minutes
_LEASE_SECONDS = 60.0
_WALLTIME_SHARE = 0.9  # of a batch job's walltime, in which evaluations are begun, without limits.time
_END_SECONDS = 60.0  # for a worker to store its last result
_STAGGER_SHARE = 0.05  # of the lifetime: jobs do not all end at once

WorkerCount: TypeAlias = Annotated[int, Field(ge=1, le=100_000)]
Port: TypeAlias = Annotated[int, Field(ge=1, le=65535)]
Resources: TypeAlias = dict[str, Annotated[float, Field(gt=0)]]


def _one_line(text: str) -> str:
    if not text or any(end in text for end in "\r\n\0"):
        raise ValueError(f"{text!r} is not one line of text")
    return text


Text: TypeAlias = Annotated[str, AfterValidator(_one_line)]


class LocalSection(Section):
    """Workers on this machine."""

    workers: Annotated[int, Field(ge=1, le=1024)] = 1
    threads: int = 1
    resources: Resources = Field(default_factory=dict)

    @field_validator("threads")
    @classmethod
    def _one_thread(cls, threads: int) -> int:
        if threads != 1:
            raise ValueError(
                "evaluations in threads of one worker are not supported yet; write `workers: N` for N at once"
            )
        return threads

    def spec(self) -> LocalSpec:
        """Return the specification of the workers."""
        return LocalSpec(self.resources)


class EntranceSection(Section):
    """The address of the scheduler, which runs on this machine, for workers on other machines."""

    host: Text | None = None
    interface: Text | None = None
    port: Port | None = None
    python: Text | None = None
    prologue: list[Text] = Field(default_factory=list, max_length=100)
    resources: Resources = Field(default_factory=dict)
    death_timeout: Duration = 120.0

    @model_validator(mode="after")
    def _one_entrance(self) -> EntranceSection:
        if self.host is not None and self.interface is not None:
            raise ValueError("give host or interface, not both")
        return self

    @property
    def entrance(self) -> SchedulerOptions:
        """Where the scheduler listens."""
        return SchedulerOptions(self.host, self.interface, self.port or 0)


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

    workers: Annotated[AdaptiveSection, BeforeValidator(_bounds)]
    cores: Annotated[int, Field(ge=1, le=4096)] = 1
    memory: Size
    walltime: Duration | None = None
    workers_per_job: Annotated[int, Field(ge=1, le=1024)] = 1
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

    def _batch(self, evaluation_seconds: float | None) -> dict[str, Any]:
        """Return the keywords that are the same for every batch system."""
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
            "cores": self.cores,
            "memory_bytes": self.memory,
            "scheduler": self.entrance,
            "workers_per_job": self.workers_per_job,
            "walltime_seconds": self.walltime,
            "lifetime_seconds": lifetime,
            "stagger_seconds": stagger,
            "death_timeout_seconds": self.death_timeout,
            "account": self.account,
            "prologue": tuple(self.prologue),
            "python": self.python,
            "resources": dict(self.resources),
            "poll_seconds": self.poll,
        }


class SlurmSection(BatchSection):
    """Jobs by sbatch."""

    walltime: Duration  # needed here: dask-jobqueue's own is half an hour
    partition: Text | None = None
    directives: list[Text] = Field(default_factory=list, max_length=100)

    @field_validator("directives")
    @classmethod
    def _as_options(cls, directives: list[str]) -> list[str]:
        for line in directives:
            if not line.startswith("-"):
                raise ValueError(f'{line!r} is no option of sbatch; write one such as "--qos=long"')
        return directives

    def spec(self, evaluation_seconds: float | None = None) -> BatchSpec:
        """Return the specification of the workers; evaluations take at most so long, if that is known."""
        return BatchSpec(
            "slurm",
            queue=self.partition,
            directives=tuple(self.directives),
            **self._batch(evaluation_seconds),
        )


class HTCondorSection(BatchSection):
    """Jobs by condor_submit."""

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

    def spec(self, evaluation_seconds: float | None = None) -> BatchSpec:
        """Return the specification of the workers; evaluations take at most so long, if that is known."""
        return BatchSpec(
            "htcondor",
            disk_bytes=self.disk,
            queue=self.flavour,
            directives=tuple(f"{key} = {_condor_value(value)}" for key, value in self.directives.items()),
            **self._batch(evaluation_seconds),
        )


class SshSection(EntranceSection):
    """Workers on hosts that are reached by ssh; their keys must be known."""

    hosts: list[Text] = Field(min_length=1, max_length=1000)
    workers_per_host: Annotated[int, Field(ge=1, le=1024)] = 1
    user: Text | None = None
    ssh_port: Port = 22
    key: Text | None = None
    known_hosts: Text | None = None

    @field_validator("hosts")
    @classmethod
    def _once_each(cls, hosts: list[str]) -> list[str]:
        if len(set(hosts)) != len(hosts):
            raise ValueError("a host is named twice; workers_per_host says how many evaluations each runs")
        return hosts

    def spec(self) -> SshSpec:
        """Return the specification of the workers."""
        return SshSpec(
            tuple(self.hosts),
            self.entrance,
            workers_per_host=self.workers_per_host,
            user=self.user,
            port=self.ssh_port,
            key=self.key,
            known_hosts=self.known_hosts,
            death_timeout_seconds=self.death_timeout,
            prologue=tuple(self.prologue),
            python=self.python,
            resources=dict(self.resources),
        )


class CertificatesSection(Section):
    """Files for a scheduler that somebody else started and that asks for certificates."""

    ca: Text
    cert: Text
    key: Text


_KINDS = ("local", "address", "scheduler_file", "slurm", "htcondor", "ssh", "executor")


class ClusterSection(Section):
    """Where evaluations run: one of these, and the encryption of its connections."""

    local: LocalSection | None = None
    address: str | None = None
    scheduler_file: str | None = None
    slurm: SlurmSection | None = None
    htcondor: HTCondorSection | None = None
    ssh: SshSection | None = None
    executor: Annotated[dict[str, dict[str, Any]], Field(min_length=1, max_length=1)] | None = None
    serial: bool = False
    tls: CertificatesSection | None = None
    insecure: bool = False

    @model_validator(mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        if value in ("serial", "local"):
            return {"serial": True} if value == "serial" else {"local": {}}
        if isinstance(value, Mapping) and "local" in value and value["local"] is None:
            return {**value, "local": {}}
        if isinstance(value, Mapping) and isinstance(value.get("executor"), str):
            return {**value, "executor": {value["executor"]: {}}}
        if not isinstance(value, Mapping):
            raise ValueError(f"{value!r} is no cluster; write {{local: {{workers: 2}}}}, or serial")
        return value

    @model_validator(mode="after")
    def _one(self) -> ClusterSection:
        given = [*(getattr(self, kind) is not None for kind in _KINDS), self.serial]
        if sum(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(_KINDS)}, or the word serial")
        if self.tls is not None and not self.is_external:
            raise ValueError("tls goes with address or scheduler_file; clusters of ours make their own")
        return self

    @property
    def is_external(self) -> bool:
        """Whether somebody else started the cluster."""
        return self.address is not None or self.scheduler_file is not None

    @property
    def batch(self) -> SlurmSection | HTCondorSection | None:
        """The section of a batch system, None for other clusters."""
        return self.slurm or self.htcondor

    @property
    def usual_lease_seconds(self) -> float:
        """Default of the key `lease`: how long workers of this cluster may miss their heartbeats."""
        return _LEASE_SECONDS if self.batch is None else _BATCH_LEASE_SECONDS

    def spec(self, evaluation_seconds: float | None = None) -> ClusterSpec | None:
        """Return the specification of a cluster that smbo starts; None for another.

        Raises:
            ValueError: the times do not fit together.
        """
        if self.batch is not None:
            return self.batch.spec(evaluation_seconds)
        if self.ssh is not None:
            return self.ssh.spec()
        return None if self.local is None else self.local.spec()

    def workers_of_use(self, n_evaluations: int | None) -> int:
        """Return how many workers so many evaluations can use."""
        if self.batch is not None:
            return self.batch.of_use(n_evaluations)
        if self.ssh is not None:
            return len(self.ssh.hosts) * self.ssh.workers_per_host
        return 0 if self.local is None else self.local.workers


def _condor_value(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
