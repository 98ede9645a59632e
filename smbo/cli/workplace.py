"""Where a job's evaluations run: in this process, on workers of our own, or on somebody's cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from scheduler.executors.serial import SerialExecutor
from scheduler.jobs import Executor, Target
from scheduler.spool import Spool
from smbo.cli.jobfile import ClusterSection

if TYPE_CHECKING:
    from distributed import Client

    from scheduler.clusters import LocalCluster


class Workplace:
    """A job's cluster, connected to when first needed.

    Within a ``with`` block.  At its end the client is closed, and a local cluster of our own is
    stopped with all that it runs, unless ``leave_running`` was called or the block fails: what
    lives then is adopted by the next run, or ends itself when it has been idle for long.

    Args:
        cluster: as the job file says.
        resources: of each evaluation.
    """

    def __init__(self, cluster: ClusterSection, resources: Mapping[str, float]) -> None:
        self._cluster, self._resources = cluster, dict(resources)
        self._folder: Path | None = None
        self._client: Client | None = None
        self._local: LocalCluster | None = None
        self._is_left = False

    def settle_in(self, folder: Path) -> None:
        """Say where a local cluster keeps its files; before the first executor."""
        self._folder = folder / "cluster"

    def check(self) -> None:
        """Connect now to a cluster that is not ours.

        Raises:
            ClusterError: it cannot be reached or trusted.
        """
        if self._cluster.address or self._cluster.scheduler_file:
            self._connected()

    def executor(self, target: Target, spool: Spool) -> Executor:
        """Return an executor for a target.

        Raises:
            ClusterError: the cluster does not come up, or cannot be reached.
        """
        if self._cluster.serial:
            return SerialExecutor(target, spool)
        from scheduler.executors.dask import DaskExecutor

        client = self._connected()
        return DaskExecutor(client, target, spool, resources=self._resources, reconnect=self._reconnected)

    def leave_running(self) -> None:
        """Let a local cluster live on: somebody left in a hurry and will be back."""
        self._is_left = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close(timeout=5)
        if self._is_left or self._folder is None:
            return
        if self._local is None and self._cluster.local is not None and self._folder.is_dir():
            from scheduler.clusters import LocalCluster

            # a driver that was killed after the last evaluation left it, and nobody needs it now
            self._local = LocalCluster(self._folder, adopted=True)
        if self._local is not None:
            self._local.stop()

    def _connected(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _reconnected(self) -> Client:
        self._client = self._connect()
        return self._client

    def _connect(self) -> Client:
        from scheduler import clusters

        cluster = self._cluster
        if cluster.address:
            return clusters.connect(cluster.address)
        if cluster.scheduler_file:
            return clusters.connect_by_file(cluster.scheduler_file)
        assert cluster.local is not None
        assert self._folder is not None, "settle_in comes first"
        if self._local is None:
            self._local = clusters.start_local(self._folder, cluster.local.workers)
        return self._local.connect()
