"""The allocation of a batch system in which a process runs: its nodes, and how processes start on them."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smbo_scheduler.errors import ClusterError


@dataclass(frozen=True)
class Allocation:
    """Nodes that a batch system gave to a job.

    Attributes:
        nodes: number of cores of each, by name.
        launch: words before a command that start it on the node ``{node}``.
    """

    nodes: Mapping[str, int]
    launch: tuple[str, ...]


def allocation_of(environment: Mapping[str, str]) -> Allocation | None:
    """Return the allocation that an environment describes, None if it describes none.

    Raises:
        ClusterError: its list of nodes cannot be read.
    """
    found = _described(environment)
    if found is not None and len(found.nodes) == 1 and is_this_machine(*found.nodes):
        return Allocation(found.nodes, ())
    return found


def _described(environment: Mapping[str, str]) -> Allocation | None:
    get = environment.get
    if get("SLURM_JOB_ID") and get("SLURM_JOB_NODELIST"):
        names = expand_nodes(environment["SLURM_JOB_NODELIST"])
        counts = expand_counts(get("SLURM_JOB_CPUS_PER_NODE") or "1")
        # overlap: programs that evaluations start by srun may use the same cores
        step = ("srun", "--nodes=1", "--ntasks=1", "--overlap")
        words = (*step, "--nodelist={node}", "--cpus-per-task={cores}")
        return Allocation(dict(zip(names, counts, strict=False)), words)
    files = {"PBS_NODEFILE": "pbs_tmrsh", "OAR_NODEFILE": "oarsh", "LSB_DJOB_HOSTFILE": "blaunch"}
    for variable, word in files.items():
        if path := get(variable):
            launch = (word, "{node}") if word != "blaunch" else (word, "-z", "{node}")
            return Allocation(_nodes_in(path), launch)
    if path := get("PE_HOSTFILE"):
        return Allocation(_nodes_in(path, counted=True), ("qrsh", "-inherit", "{node}"))
    return None


def _nodes_in(path: str, *, counted: bool = False) -> dict[str, int]:
    """Return the nodes in a file, a line for each core, or with the number of cores behind the name."""
    try:
        lines = [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
        if counted:
            return {name: int(cores) for name, cores, *_ in lines}
        return dict(Counter(name for name, *_ in lines))
    except (OSError, ValueError) as error:
        raise ClusterError(f"{path}: the nodes of this allocation cannot be read: {error}") from None


def expand_nodes(text: str) -> list[str]:
    """Return the nodes that SLURM's list names: "n[1-3,07],login" is n1, n2, n3, n07 and login.

    Raises:
        ClusterError: the text is no such list.
    """
    names = []
    for part in re.findall(r"(?:[^,\[\]]|\[[^\]]*\])+", text):
        pieces = [
            _numbers(piece[1:-1]) if piece.startswith("[") else [piece]
            for piece in re.findall(r"\[[^\]]*\]|[^\[\]]+", part)
        ]
        names += ["".join(chosen) for chosen in itertools.product(*pieces)]
    if not names:
        raise ClusterError(f"SLURM_JOB_NODELIST={text!r} names no nodes")
    return names


def _numbers(text: str) -> list[str]:
    numbers = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        try:
            numbers += [f"{n:0{len(first)}d}" for n in range(int(first), int(last or first) + 1)]
        except ValueError:
            raise ClusterError(f"SLURM_JOB_NODELIST: [{text}] is no list of numbers") from None
    return numbers


def expand_counts(text: str) -> list[int]:
    """Return the numbers that SLURM writes as "16(x2),8": 16, 16, 8."""
    counts: list[int] = []
    for count, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", text):
        counts += [int(count)] * int(times or 1)
    return counts


def is_this_machine(node: str) -> bool:
    """Return whether a node is the machine of the calling process."""
    own = os.uname().nodename
    return node in (own, "localhost") or node.partition(".")[0] == own.partition(".")[0]
