"""The key ``cluster`` of a job file: where evaluations run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import Field, field_validator, model_validator

from smbo.cli.job.batch_cluster import (
    BatchSection,
    HTCondorSection,
    LSFSection,
    MoabSection,
    OARSection,
    PBSSection,
    SGESection,
    SlurmSection,
)
from smbo.cli.job.profiles import WORDS
from smbo.cli.job.section import Section
from smbo.cli.job.workers import EntranceSection, Port, Resources, Text
from smbo_scheduler.clusters.allocation import allocation_of
from smbo_scheduler.clusters.specs import AllocationSpec, ClusterSpec, LocalSpec, SshSpec

_BATCH_LEASE_SECONDS = 300.0  # batch nodes are suspended, and their disks hang, for minutes
_LEASE_SECONDS = 60.0

# of an evaluation, as `resources: {cores: 8}` says; not a resource that Dask counts, but a number of slots
CORES = "cores"

AtOnce: TypeAlias = Annotated[int, Field(ge=1, le=1024)]


class LocalSection(Section):
    """Workers on this machine."""

    workers: AtOnce | None = None
    threads: int = 1
    resources: Resources = Field(default_factory=dict)

    @field_validator("threads")
    @classmethod
    def _one_thread(cls, threads: int) -> int:
        if threads != 1:
            raise ValueError(
                "evaluations in threads of one worker are not supported yet; write `workers: N` for N at "
                "once, and `resources: {cores: 4}` beside `cluster` for evaluations of four cores each"
            )
        return threads

    def n_workers(self, evaluation_cores: int | None) -> int:
        """Return how many evaluations run at once: as many as this machine has cores for, or one."""
        if self.workers is not None or evaluation_cores is None:
            return self.workers or 1
        return max(1, len(os.sched_getaffinity(0)) // evaluation_cores)

    def spec(self, evaluation_cores: int | None = None) -> LocalSpec:
        """Return the specification of the workers."""
        return LocalSpec(self.resources, evaluation_cores or 1)


class SshSection(EntranceSection):
    """Workers on hosts that are reached by ssh; their keys must be known."""

    hosts: list[Text] = Field(min_length=1, max_length=1000)
    workers_per_host: AtOnce = 1
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

    def spec(self, evaluation_cores: int | None = None) -> SshSpec:
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
            threads=evaluation_cores or 1,
        )


class AllocationSection(EntranceSection):
    """Workers on all nodes of the allocation in which the run itself runs."""

    workers_per_node: AtOnce | None = None

    def spec(self, evaluation_cores: int | None = None) -> AllocationSpec:
        """Return the specification of the workers.

        Raises:
            ValueError: this process runs in no allocation, or an evaluation takes more cores than a node has.
        """
        allocation = allocation_of(os.environ)
        if allocation is None:
            raise ValueError(
                "this process runs in no allocation of a batch system that smbo knows; start it by sbatch, "
                "qsub, bsub or oarsub, or write `local` here"
            )
        n_cores = evaluation_cores or 1
        nodes = allocation.nodes.items()
        workers = {node: self.workers_per_node or cores // n_cores for node, cores in nodes}
        if not all(workers.values()):
            raise ValueError(
                f"an evaluation takes {n_cores} cores (resources.cores), and a node of this allocation has "
                f"{min(allocation.nodes.values())}"
            )
        return AllocationSpec(
            workers,
            allocation.launch,
            self.entrance,
            death_timeout_seconds=self.death_timeout,
            prologue=tuple(self.prologue),
            python=self.python,
            resources=dict(self.resources),
            threads=n_cores,
        )


class ClientSection(Section):
    """A function of the site's, or of the user's, that returns a Dask client."""

    function: Text
    settings: dict[str, Any] = Field(default_factory=dict)

    @field_validator("function")
    @classmethod
    def _names_a_function(cls, function: str) -> str:
        module, _, name = function.partition(":")
        if not module or not name.isidentifier():
            raise ValueError(f'{function!r} names no function; write "module:function"')
        return function


class CertificatesSection(Section):
    """Files for a scheduler that somebody else started and that asks for certificates."""

    ca: Text
    cert: Text
    key: Text


BATCH_SYSTEMS = ("slurm", "htcondor", "pbs", "lsf", "sge", "oar", "moab")
_OURS = ("local", "allocation", *BATCH_SYSTEMS, "ssh")
_KINDS = (*_OURS, "address", "scheduler_file", "client", "executor")


class ClusterSection(Section):
    """Where evaluations run: one of these, and the encryption of its connections."""

    local: LocalSection | None = None
    allocation: AllocationSection | None = None
    address: str | None = None
    scheduler_file: str | None = None
    client: ClientSection | None = None
    slurm: SlurmSection | None = None
    htcondor: HTCondorSection | None = None
    pbs: PBSSection | None = None
    lsf: LSFSection | None = None
    sge: SGESection | None = None
    oar: OARSection | None = None
    moab: MoabSection | None = None
    ssh: SshSection | None = None
    executor: Annotated[dict[str, dict[str, Any]], Field(min_length=1, max_length=1)] | None = None
    serial: bool = False
    tls: CertificatesSection | None = None
    insecure: bool = False

    @model_validator(mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        if isinstance(value, str) and value in WORDS:
            return {"serial": True} if value == "serial" else {value: {}}
        if not isinstance(value, Mapping):
            raise ValueError(f"{value!r} is no cluster; write {{local: {{workers: 2}}}}, or serial")
        value = dict(value)
        bare = [key for key in ("local", "allocation") if key in value and value[key] is None]
        if len(bare) == 1 and not any(value.get(kind) for kind in (*_KINDS, "serial")):
            value[bare[0]] = {}  # `cluster: {local: }`
        if isinstance(value.get("executor"), str):
            value["executor"] = {value["executor"]: {}}
        if isinstance(value.get("client"), str):
            value["client"] = {"function": value["client"]}
        return value

    @model_validator(mode="after")
    def _one(self) -> ClusterSection:
        given = [*(getattr(self, kind) is not None for kind in _KINDS), self.serial]
        if sum(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(_KINDS)}, or the word serial")
        if self.tls is not None and (not self.is_external or self.client is not None):
            raise ValueError("tls goes with address or scheduler_file; clusters of ours make their own")
        return self

    @property
    def kind(self) -> str:
        """The job file's word for this cluster."""
        return next((kind for kind in _KINDS if getattr(self, kind) is not None), "serial")

    @property
    def is_here(self) -> bool:
        """Whether evaluations run on this machine, with the packages that are installed here."""
        return self.serial or self.local is not None

    @property
    def has_dask(self) -> bool:
        """Whether evaluations run on a Dask cluster."""
        return not self.serial and self.executor is None

    @property
    def is_external(self) -> bool:
        """Whether somebody else started the cluster."""
        return self.kind in ("address", "scheduler_file", "client")

    @property
    def batch(self) -> BatchSection | None:
        """The section of a batch system, None for other clusters."""
        return getattr(self, self.kind) if self.kind in BATCH_SYSTEMS else None

    @property
    def usual_lease_seconds(self) -> float:
        """Default of the key `lease`: how long workers of this cluster may miss their heartbeats."""
        return _LEASE_SECONDS if self.batch is None else _BATCH_LEASE_SECONDS

    def spec(
        self, evaluation_seconds: float | None = None, evaluation_cores: int | None = None
    ) -> ClusterSpec | None:
        """Return the specification of a cluster that smbo starts; None for another.

        Raises:
            ValueError: times or cores do not fit together.
        """
        if self.batch is not None:
            return self.batch.spec(evaluation_seconds, evaluation_cores)
        section = self.ssh or self.allocation or self.local
        return None if section is None else section.spec(evaluation_cores)

    def workers_of_use(self, n_evaluations: int | None, evaluation_cores: int | None = None) -> int:
        """Return how many workers so many evaluations can use."""
        if self.batch is not None:
            return self.batch.of_use(n_evaluations)
        if self.ssh is not None:
            return len(self.ssh.hosts) * self.ssh.workers_per_host
        return 0 if self.local is None else self.local.n_workers(evaluation_cores)

    def dask_resources(self, resources: Mapping[str, float]) -> dict[str, float]:
        """Return those resources of an evaluation that Dask is to count.

        On clusters that smbo starts a worker is a slot, which has its cores by itself.

        Raises:
            ValueError: no worker will have what an evaluation needs.
        """
        if self.kind not in (*_OURS, "serial"):
            return dict(resources)
        counted = {name: amount for name, amount in resources.items() if name != CORES}
        offered = {} if self.kind == "serial" else getattr(self, self.kind).resources
        for name, amount in counted.items():
            if self.kind != "serial" and offered.get(name, 0.0) < amount:
                has = f"have {name}={offered[name]:g}" if name in offered else f"have no {name}"
                there = ", and ask the batch system for it there" if self.batch is not None else ""
                raise ValueError(
                    f"each evaluation needs {name}={amount:g}, and the workers of cluster.{self.kind} {has}: "
                    f"write `resources: {{{name}: {amount:g}}}` under `{self.kind}` too{there}; a number "
                    "of cores is `resources: {cores: 8}`"
                )
        return counted
