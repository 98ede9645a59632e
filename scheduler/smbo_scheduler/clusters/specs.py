"""Specs of managed clusters: where the scheduler listens and how workers are started; JSON when stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from smbo_scheduler.errors import ClusterError

BatchSystem: TypeAlias = Literal["slurm", "htcondor", "pbs", "lsf", "sge", "oar", "moab"]


@dataclass(frozen=True)
class SchedulerOptions:
    """Address at which the scheduler listens, for workers on other machines.

    Attributes:
        host: name or address; None takes this machine's first one.
        interface: a network interface such as "ib0", instead of a host.
        port: TCP port; 0 takes any free one.
    """

    host: str | None = None
    interface: str | None = None
    port: int = 0


@dataclass(frozen=True)
class LocalSpec:
    """Workers on this machine.

    Attributes:
        resources: Dask resources of each worker, such as {"GPU": 1}.
        threads: of each evaluation, where the user has not set another number.
    """

    resources: Mapping[str, float] = field(default_factory=dict)
    threads: int = 1


@dataclass(frozen=True)
class BatchSpec:
    """Workers in jobs of a batch system.

    Attributes:
        system: the batch system.
        scheduler: address at which the scheduler listens.
        workers_per_job: evaluations that run at once in one job.
        cores, memory_bytes, disk_bytes: resources of one job.
        walltime_seconds: time after which the batch system ends a job; None: the queue's default.
        lifetime_seconds: time after which a job accepts no further evaluation, so that none is running
            when the batch system ends the job; None: never.
        stagger_seconds: each job draws a lifetime shorter by up to this, so that not all end at once.
        death_timeout_seconds: time without a scheduler after which a job ends.
        threads: of each evaluation, where the user has not set another number; None: its share of the cores.
        queue, account: names at the site.
        directives: further lines for the batch system: options of its submit command, "key = value" for
            HTCondor.
        memory_property: the site's name for memory where the batch system has none of its own: OAR's
            property, SGE's resource; None: memory is not asked for there.
        parallel_environment: SGE's, for several cores.
        prologue: shell commands before the worker starts.
        python: the interpreter on the worker's host.
        resources: Dask resources of each worker, such as {"GPU": 1}.
        poll_seconds: between two queries of the queue.
    """

    system: BatchSystem
    cores: int
    memory_bytes: int
    scheduler: SchedulerOptions = SchedulerOptions()
    workers_per_job: int = 1
    disk_bytes: int = 10**9
    walltime_seconds: float | None = None
    lifetime_seconds: float | None = None
    stagger_seconds: float = 0.0
    death_timeout_seconds: float = 120.0
    threads: int | None = None
    queue: str | None = None
    account: str | None = None
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()
    python: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    poll_seconds: float = 30.0
    memory_property: str | None = None
    parallel_environment: str | None = None

    @property
    def n_threads(self) -> int:
        """How many threads an evaluation starts, where the user has not set another number."""
        return self.threads or max(1, self.cores // self.workers_per_job)


@dataclass(frozen=True)
class SshSpec:
    """Workers on hosts reached by ssh.

    Attributes:
        hosts: names of hosts, with ``workers_per_host`` workers each.
        scheduler: address at which the scheduler listens.
        user, port: login name and ssh port; None and 22 are ssh's defaults.
        key: file of the private key; None tries the ssh agent and the default files.
        known_hosts: file of the hosts' keys, which are always checked; None is the user's own.
        death_timeout_seconds, prologue, python, resources: as in ``BatchSpec``.
        threads: as in ``LocalSpec``.
    """

    hosts: tuple[str, ...]
    scheduler: SchedulerOptions = SchedulerOptions()
    workers_per_host: int = 1
    user: str | None = None
    port: int = 22
    key: str | None = None
    known_hosts: str | None = None
    death_timeout_seconds: float = 120.0
    prologue: tuple[str, ...] = ()
    python: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    threads: int = 1


@dataclass(frozen=True)
class AllocationSpec:
    """Workers on the nodes of the allocation in which the manager runs.

    Attributes:
        workers: number of workers on each node, by the node's name.
        launch: words before a command that start it on ``{node}`` with ``{cores}``; none: here.
        scheduler: address at which the scheduler listens.
        death_timeout_seconds, prologue, python, resources, threads: as in ``SshSpec``.
    """

    workers: Mapping[str, int]
    launch: tuple[str, ...] = ()
    scheduler: SchedulerOptions = SchedulerOptions()
    death_timeout_seconds: float = 120.0
    prologue: tuple[str, ...] = ()
    python: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    threads: int = 1


ClusterSpec: TypeAlias = LocalSpec | BatchSpec | SshSpec | AllocationSpec
_KINDS: dict[str, type[Any]] = {
    "local": LocalSpec,
    "batch": BatchSpec,
    "ssh": SshSpec,
    "allocation": AllocationSpec,
}


def spec_to_json(spec: ClusterSpec) -> dict[str, Any]:
    """Return a spec as JSON values."""
    (kind,) = (word for word, made in _KINDS.items() if isinstance(spec, made))
    return {"kind": kind, **asdict(spec)}


def spec_from_json(data: Mapping[str, Any]) -> ClusterSpec:
    """Return the spec that ``spec_to_json`` wrote; an empty one is local, without resources.

    Raises:
        ClusterError: the data is not a spec.
    """
    settings: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
    }
    try:
        made = _KINDS[settings.pop("kind", "local")]
        if "scheduler" in settings:
            settings["scheduler"] = SchedulerOptions(**settings["scheduler"])
        spec: ClusterSpec = made(**settings)
        return spec
    except (KeyError, TypeError) as error:
        raise ClusterError(f"{dict(data)!r} is no cluster spec: {error}") from None


def scheduler_options_of(spec: ClusterSpec) -> SchedulerOptions:
    """Return the scheduler options of a spec; a local one listens on the loopback interface alone."""
    return SchedulerOptions(host="127.0.0.1") if isinstance(spec, LocalSpec) else spec.scheduler


def n_workers_of(spec: ClusterSpec, wanted: int) -> int:
    """Return the number of workers when ``wanted`` are requested: fixed hosts ignore the request."""
    if isinstance(spec, AllocationSpec):
        return sum(spec.workers.values())
    return len(spec.hosts) * spec.workers_per_host if isinstance(spec, SshSpec) else wanted
