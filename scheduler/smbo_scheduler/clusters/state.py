"""The folder through which a cluster's manager, its workers and its drivers find each other.

cluster.json    the manager's process, and the address of its scheduler
wanted.json     the workers that the latest driver requested
jobs.json       batch jobs that are queued or running
queue.json      what batch jobs wait for (queue_report)
trouble.json    reason why no worker starts, in words for the user
over            the cluster was ended on purpose: no driver waits for running evaluations
lock            held by the manager until it exits
cert.pem, key.pem, *.log
"""

from __future__ import annotations

import importlib.util
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from smbo_scheduler.errors import ClusterError
from smbo_scheduler.outbox.processes import ProcessName


@dataclass(frozen=True)
class Wanted:
    """The workers and the lifetime that the latest driver requested.

    Attributes:
        workers: number of workers.
        idle_seconds: time without a driver and a running job after which the cluster ends.
        generation: a new one requests fresh workers, which load the present code.
        spec: spec of the workers, as ``clusters.specs`` writes it; empty: this machine.
        insecure: whether connections are not encrypted and open to everybody on the network.
        environment: variables that say where the driver's credentials are.
    """

    workers: int
    idle_seconds: float
    generation: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    insecure: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterState:
    """The manager process of a cluster, and the address of its scheduler."""

    manager: ProcessName
    address: str


def make_state_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter, or check that it is one.

    Raises:
        ClusterError: the folder cannot be made, or belongs to another user.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
        if about.st_uid != os.getuid():
            raise ClusterError(f"{folder} belongs to another user; choose a folder of your own")
        folder.chmod(0o700)
    except OSError as error:
        raise ClusterError(f"cannot use {folder} for a local cluster: {error}") from error


def write_wanted(folder: Path, wanted: Wanted) -> None:
    """Write the request of a driver to the manager."""
    write_json(folder / "wanted.json", asdict(wanted))


def read_wanted(folder: Path) -> Wanted | None:
    """Return the latest driver's request, None if the file is missing or incomplete."""
    data = read_json(folder / "wanted.json")
    try:
        return None if data is None else Wanted(**data)
    except TypeError:
        return None


def write_state(folder: Path, state: ClusterState) -> None:
    """Write a cluster's manager and address for drivers to find."""
    write_json(folder / "cluster.json", {"keeper": asdict(state.manager), "address": state.address})


def read_state(folder: Path) -> ClusterState | None:
    """Return the live cluster of a folder on this machine, None if there is none."""
    state = read_last_state(folder)
    return state if state and state.manager.is_here and state.manager.is_alive else None


def read_last_state(folder: Path) -> ClusterState | None:
    """Return the latest cluster of a folder, on this machine or another, alive or not."""
    data = read_json(folder / "cluster.json")
    try:
        return None if data is None else ClusterState(ProcessName(**data["keeper"]), str(data["address"]))
    except (KeyError, TypeError):
        return None


def write_jobs(folder: Path, jobs: Mapping[str, str]) -> None:
    """Store the batch system's ids of jobs, by our names."""
    write_json(folder / "jobs.json", dict(jobs))


def read_jobs(folder: Path) -> dict[str, str]:
    """Return the ids that ``write_jobs`` stored, by name."""
    return {str(name): str(job_id) for name, job_id in (read_json(folder / "jobs.json") or {}).items()}


def write_trouble(folder: Path, text: str) -> None:
    """Write the reason why no worker starts."""
    write_json(folder / "trouble.json", {"text": text})


def read_trouble(folder: Path) -> str | None:
    """Return the reason why no worker starts, None if there is none."""
    data = read_json(folder / "trouble.json")
    return None if data is None else str(data.get("text"))


def clear_trouble(folder: Path) -> None:
    """Remove the reason why no worker started: its cause may be gone."""
    (folder / "trouble.json").unlink(missing_ok=True)


def mark_over(folder: Path) -> None:
    """Mark the cluster as over, so that workers on other machines end their evaluations."""
    (folder / "over").touch(mode=0o600)


def is_over(folder: Path) -> bool:
    """Return whether the cluster was ended on purpose."""
    return (folder / "over").exists()


def security_of(folder: Path) -> Any:
    """Return Dask's Security for the certificate in a folder, None if it has none."""
    from distributed import Security

    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    if not os.path.exists(cert):
        return None
    roles = ("client", "scheduler", "worker")
    files = {f"tls_{role}_{part}": path for role in roles for part, path in (("cert", cert), ("key", key))}
    return Security(
        require_encryption=True, tls_ca_file=cert, tls_min_version=ssl.TLSVersion.TLSv1_2, **files
    )


def make_certificate(folder: Path) -> None:
    """Write a new certificate and key, for this cluster alone.

    Raises:
        ClusterError: ``cryptography`` is missing.
    """
    from distributed import Security

    remove_certificate(folder)
    check_cryptography()
    made = Security.temporary()
    _write_text(folder / "key.pem", made.tls_scheduler_key)
    _write_text(folder / "cert.pem", made.tls_scheduler_cert)


def remove_certificate(folder: Path) -> None:
    """Remove the certificate and key of an earlier cluster."""
    for name in ("cert.pem", "key.pem"):
        (folder / name).unlink(missing_ok=True)


def check_cryptography() -> None:
    """Check that certificates can be made.

    Raises:
        ClusterError: the message says what to install, or the option without certificates.
    """
    if importlib.util.find_spec("cryptography") is None:
        raise ClusterError(
            "the connections of a cluster are encrypted, which needs the package cryptography: "
            "pip install 'smbo[tls]'.  Without it, `insecure: true` under `cluster:` (or --insecure-dask) "
            "leaves them plain, for every user of the machines involved to run programs as you; "
            "`cluster: serial` needs no connections"
        )


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a file of the folder as a whole: no reader sees a part of it."""
    _write_text(path, json.dumps(data))


def _write_text(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.rename(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the mapping in a file, None if it is missing or not whole."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None
