"""Plans: where the workers of a cluster of ours come from.  Frozen, and plain JSON when written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from smbo_scheduler.errors import ClusterError


@dataclass(frozen=True)
class Entrance:
    """Where the scheduler listens, for workers on other machines.

    Attributes:
        host: name or address; None takes this machine's first one.
        interface: a network interface such as "ib0", instead of a host.
        port: 0 takes any free one.
    """

    host: str | None = None
    interface: str | None = None
    port: int = 0


@dataclass(frozen=True)
class LocalPlan:
    """Workers on this machine."""

    resources: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchPlan:
    """Workers in jobs of a batch system.

    Attributes:
        system: which one.
        entrance: where they find the scheduler.
        workers_per_job: evaluations that run at once in one job.
        cores, memory_bytes, disk_bytes: of one job.
        walltime_seconds: after which the batch system ends a job; None leaves it to the queue.
        lifetime_seconds: after which a job takes no further evaluation, so that it is not in the
            midst of one when the batch system ends it; None: never.
        stagger_seconds: each job draws a lifetime shorter by up to this, so that not all leave at
            once.
        death_timeout_seconds: a job that finds no scheduler for so long ends.
        queue, account: as the site calls them.
        directives: further lines for the batch system: text for SLURM, "key = value" for HTCondor.
        prologue: shell commands before the worker starts.
        python: the interpreter there.
        resources: that each worker offers to evaluations, such as {"GPU": 1}.
        poll_seconds: between looks at the queue.
    """

    system: Literal["slurm", "htcondor"]
    cores: int
    memory_bytes: int
    entrance: Entrance = Entrance()
    workers_per_job: int = 1
    disk_bytes: int = 10**9
    walltime_seconds: float | None = None
    lifetime_seconds: float | None = None
    stagger_seconds: float = 0.0
    death_timeout_seconds: float = 120.0
    queue: str | None = None
    account: str | None = None
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()
    python: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    poll_seconds: float = 30.0


@dataclass(frozen=True)
class SshPlan:
    """Workers on hosts reached by ssh.

    Attributes:
        hosts: names, each of which stands for ``workers_per_host`` workers.
        entrance: where they find the scheduler.
        user, port: to log in as, and where; None and 22 are ssh's own.
        key: file of the private key; None asks the agent and the usual places.
        known_hosts: file of the hosts' keys; None is the user's own.  They are always checked.
        death_timeout_seconds, prologue, python, resources: as in ``BatchPlan``.
    """

    hosts: tuple[str, ...]
    entrance: Entrance = Entrance()
    workers_per_host: int = 1
    user: str | None = None
    port: int = 22
    key: str | None = None
    known_hosts: str | None = None
    death_timeout_seconds: float = 120.0
    prologue: tuple[str, ...] = ()
    python: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)


Plan: TypeAlias = LocalPlan | BatchPlan | SshPlan
_KINDS: dict[str, type[Any]] = {"local": LocalPlan, "batch": BatchPlan, "ssh": SshPlan}


def plan_to_plain(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain JSON values."""
    (kind,) = (word for word, made in _KINDS.items() if isinstance(plan, made))
    return {"kind": kind, **asdict(plan)}


def plan_from_plain(data: Mapping[str, Any]) -> Plan:
    """Return the plan that ``plan_to_plain`` wrote; nothing at all is a plain local one.

    Raises:
        ClusterError: it is none.
    """
    settings: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
    }
    try:
        made = _KINDS[settings.pop("kind", "local")]
        if "entrance" in settings:
            settings["entrance"] = Entrance(**settings["entrance"])
        plan: Plan = made(**settings)
        return plan
    except (KeyError, TypeError) as error:
        raise ClusterError(f"{dict(data)!r} is no plan of a cluster: {error}") from None


def entrance_of(plan: Plan) -> Entrance:
    """Return where a plan's scheduler listens: for a local one, here and nowhere else."""
    return Entrance(host="127.0.0.1") if isinstance(plan, LocalPlan) else plan.entrance


def workers_at_once(plan: Plan, wanted: int) -> int:
    """Return how many workers a plan comes to when ``wanted`` are asked for."""
    return len(plan.hosts) * plan.workers_per_host if isinstance(plan, SshPlan) else wanted
