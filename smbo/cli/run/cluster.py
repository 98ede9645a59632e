"""The cluster of a run: this process, a Dask cluster of ours or of somebody else, an installed executor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from smbo.cli.job.cluster import BATCH_SYSTEMS
from smbo.cli.job.schema import JobFile
from smbo.errors import StoreError
from smbo.study.run import ExecutorFactory, installed_executor
from smbo_scheduler.clusters.queue_report import QueueReport
from smbo_scheduler.errors import ClusterError
from smbo_scheduler.executors.serial import SerialExecutor
from smbo_scheduler.jobs import Executor, Target
from smbo_scheduler.outbox.spool import Spool

if TYPE_CHECKING:
    from distributed import Client, Security

    from smbo_scheduler.clusters.cluster import ManagedCluster
    from smbo_scheduler.clusters.external import SitesClient


class RunCluster:
    """A job's cluster, started or connected to when first needed.

    Within a ``with`` block.  At its end the client is closed, and a cluster that smbo started is
    stopped with all that it runs, unless ``leave_running`` was called: then the next run adopts
    it, or it ends itself when it has been idle for long.

    Args:
        job: the job file, of which the section ``cluster`` and what an evaluation needs count here.

    Raises:
        ClusterError: the cluster's times or cores do not fit together, or no worker will have what an
            evaluation needs.
    """

    def __init__(self, job: JobFile) -> None:
        self._cluster, self._cores, self._isolation = job.cluster, job.evaluation_cores, job.isolation
        try:
            self._resources = job.cluster.dask_resources(job.resources)
            self._spec = job.cluster.spec(job.limits.time, job.evaluation_cores)
        except ValueError as error:
            raise ClusterError(f"cluster: {error}") from None
        self._folder: Path | None = None
        self._client: Client | None = None
        self._managed: ManagedCluster | None = None
        self._sites: SitesClient | None = None
        self._n_workers: int | None = None
        self._is_left = False

    def keep_files_in(self, folder: Path) -> None:
        """Set the folder of a cluster that smbo starts; before the first executor."""
        kind = "" if self._cluster.local is not None else f"-{self._cluster.kind}"
        self._folder = folder / f"cluster{kind}"

    def check(self) -> None:
        """Connect now to somebody else's cluster; otherwise check that what the cluster needs is installed.

        Raises:
            ClusterError: it cannot be reached or trusted, or something is not installed.
        """
        if self._cluster.is_external:
            self._connected()
        elif self._spec is not None:
            from smbo_scheduler.clusters.cluster import check_installed

            check_installed(self._spec, insecure=self._cluster.insecure)
        elif self._cluster.executor is not None:
            self._factory(self._cluster.executor)

    def executor(self, target: Target, spool: Spool) -> Executor:
        """Return an executor for a target.

        Raises:
            ClusterError: the cluster does not come up, or cannot be reached.
        """
        if self._cluster.serial:
            return SerialExecutor(target, spool, isolation=self._isolation)
        if self._cluster.executor is not None:
            return self._factory(self._cluster.executor)(target, spool)
        from smbo_scheduler.executors.dask import DaskExecutor

        return DaskExecutor(
            self._connected(),
            target,
            spool,
            resources=self._resources,
            isolation=self._isolation,
            reconnect=self._connect,
            is_lost=lambda client: self._managed is not None and self._managed.is_lost(client),
        )

    def scale_to(self, n_evaluations: int) -> None:
        """Keep no more workers than the evaluations that are left, those that run included, can use."""
        self._n_workers = self._cluster.workers_of_use(n_evaluations, self._cores)
        if self._managed is not None:
            self._managed.scale(self._n_workers)

    def check_workers(self) -> None:
        """Check that workers live or may still start.

        Raises:
            ClusterError: none will, and why.
        """
        if self._managed is not None:
            self._managed.check()

    @property
    def resources(self) -> dict[str, float]:
        """Dask worker resources that each evaluation occupies."""
        return self._resources

    def queue(self) -> QueueReport | None:
        """Return what the batch jobs of a cluster wait for, None where there are none."""
        return None if self._managed is None else self._managed.queue()

    def leave_running(self) -> None:
        """Let a cluster that smbo started live on after the block: another driver uses or will use it."""
        self._is_left = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close(timeout=5)
        if self._sites is not None:
            self._sites.close(keep_cluster=self._is_left)
        if self._is_left or self._folder is None:
            return
        if self._managed is None and self._spec is not None and self._folder.is_dir():
            from smbo_scheduler.clusters.cluster import ManagedCluster

            # left by a driver that was killed after the last evaluation; nobody needs it now
            self._managed = ManagedCluster(self._folder, adopted=True)
        if self._managed is not None:
            self._managed.stop()

    @staticmethod
    def _factory(executor: Mapping[str, Mapping[str, Any]]) -> ExecutorFactory:
        """Return what makes the installed executor of {name: settings}."""
        ((name, settings),) = executor.items()
        try:
            return installed_executor(name, settings)
        except StoreError as error:
            raise ClusterError(f"cluster.executor: {error}") from None

    def _connected(self) -> Client:
        return self._connect() if self._client is None else self._client

    def _connect(self) -> Client:
        """Return a new client, the one that is closed at the end of the block."""
        self._client = self._new_client()
        return self._client

    def _new_client(self) -> Client:
        from smbo_scheduler.clusters import external as clusters

        cluster = self._cluster
        if cluster.client is not None:
            named = cluster.client
            self._sites = self._sites or clusters.SitesClient(named.function, named.settings)
            return self._sites.connect()
        if cluster.address:
            return clusters.connect(cluster.address, security=self._security(), allow_plain=cluster.insecure)
        if cluster.scheduler_file:
            return clusters.connect_by_file(
                cluster.scheduler_file, security=self._security(), allow_plain=cluster.insecure
            )
        assert self._spec is not None
        assert self._folder is not None, "keep_files_in comes first"
        if self._managed is None:
            n_workers = self._n_workers or max(1, cluster.workers_of_use(None, self._cores))
            self._managed = clusters.start_cluster(
                self._folder, self._spec, n_workers, insecure=cluster.insecure
            )
        return self._managed.connect()

    def _security(self) -> Security | None:
        """Return the certificates for somebody else's cluster; None leaves them to Dask's configuration."""
        if self._cluster.tls is None:
            return None
        from smbo_scheduler.clusters.external import certificates

        tls = self._cluster.tls
        return certificates(tls.ca, tls.cert, tls.key)


def cluster_script(job: JobFile) -> str:
    """Return the text of the batch job that a run would submit.

    Raises:
        ClusterError: the job file asks for no batch system, or dask-jobqueue refuses it.
    """
    batch = job.cluster.batch
    if batch is None:
        raise ClusterError(f"cluster: this job submits no batch jobs; {', '.join(BATCH_SYSTEMS)} do")
    from smbo_scheduler.clusters.batch_jobs import job_script

    folder = Path(job.spool or "SPOOL").absolute() / "STUDY" / f"cluster-{job.cluster.kind}"
    try:
        return job_script(batch.spec(job.limits.time, job.evaluation_cores), folder)
    except ValueError as error:
        raise ClusterError(f"cluster: {error}") from None
