"""External clusters: connect to Dask schedulers that are not ours, without ever stopping them.

A plain ``tcp://`` address beyond this machine is refused unless allowed: whoever reaches such a
scheduler can run anything as its owner.
"""

from __future__ import annotations

import contextlib
import importlib
import ipaddress
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from smbo_scheduler.clusters import no_interrupt
from smbo_scheduler.clusters.cluster import ManagedCluster, start_cluster, start_local
from smbo_scheduler.errors import ClusterError

logger = logging.getLogger(__name__)

_PRELOAD = "distributed.worker.preload"  # of workers that a nanny in this process will start

if TYPE_CHECKING:
    from distributed import Client, Security

__all__ = ["ManagedCluster", "check_address", "connect", "connect_by_file", "start_cluster", "start_local"]


def connect(
    address: str,
    *,
    security: Security | None = None,
    allow_plain: bool = False,
    timeout_seconds: float = 10.0,
) -> Client:
    """Return a client of the scheduler at an address.

    Args:
        address: address of the scheduler, such as "tls://host:8786" or "tcp://127.0.0.1:8786".
        security: Dask's Security, with the certificates for tls.
        allow_plain: whether a tcp:// address on another machine is accepted.
        timeout_seconds: how long to try.

    Raises:
        ClusterError: the address is refused, or no scheduler answers.
    """
    from distributed import Client

    check_address(address, allow_plain=allow_plain)
    logger.info("connecting to the Dask scheduler at %s", address)
    try:
        return Client(address, security=security, set_as_default=False, timeout=timeout_seconds)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise ClusterError(f"no Dask scheduler answers at {address}: {error}") from error


def connect_by_file(
    path: str | Path,
    *,
    security: Security | None = None,
    allow_plain: bool = False,
    timeout_seconds: float = 10.0,
) -> Client:
    """Return a client of the scheduler that wrote a scheduler file.

    Raises:
        ClusterError: the file does not name an address, or as for ``connect``.
    """
    try:
        address = json.loads(Path(path).read_text(encoding="utf-8"))["address"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClusterError(f"{path} is no scheduler file: {error!r}") from error
    return connect(str(address), security=security, allow_plain=allow_plain, timeout_seconds=timeout_seconds)


class SitesClient:
    """Dask clients made by a function of the site's, or of the user's.

    Args:
        function: "module:function", which returns a client, or a cluster that gives one.
        settings: its keyword arguments.
    """

    def __init__(self, function: str, settings: Mapping[str, Any] | None = None) -> None:
        self._name, self._settings = function, dict(settings or {})
        self._clusters: list[Any] = []

    def connect(self) -> Client:
        """Return a new client of the function's.

        Raises:
            ClusterError: the function is not there, fails, or returns something else.
        """
        import dask
        from distributed import Client

        module, _, name = self._name.partition(":")
        try:
            function = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ClusterError(f"cluster.client: {self._name!r} cannot be imported: {error}") from error
        try:
            with dask.config.set({_PRELOAD: [*dask.config.get(_PRELOAD), no_interrupt.__name__]}):
                made = function(**self._settings)
            client = made.get_client() if hasattr(made, "get_client") else made
        except Exception as error:
            words = " ".join(f"{type(error).__name__}: {error}".split())
            raise ClusterError(f"cluster.client: {self._name} raised {words}") from error
        if not isinstance(client, Client):
            raise ClusterError(
                f"cluster.client: {self._name} returned {type(client).__name__}, and not a distributed.Client"
            )
        if client.asynchronous:
            raise ClusterError(
                f"cluster.client: {self._name} returned an asynchronous client; it needs asynchronous=False"
            )
        cluster = client.cluster if made is client else made
        if cluster is not None:
            self._clusters.append(cluster)
        return client

    def close(self, *, keep_cluster: bool = False) -> None:
        """Close the clusters that the function made, each in its own way: a gateway's may go on.

        Args:
            keep_cluster: whether other drivers use the cluster.
        """
        while self._clusters:
            cluster = self._clusters.pop()
            if not keep_cluster:
                with contextlib.suppress(Exception):  # nothing is lost: the results are stored
                    cluster.close()


def certificates(ca: str | Path, cert: str | Path, key: str | Path) -> Security:
    """Return Dask's Security for certificates in files.

    Raises:
        ClusterError: one of them cannot be read.
    """
    from distributed import Security

    for path in (ca, cert, key):
        if not os.access(path, os.R_OK):
            raise ClusterError(f"{path}: this certificate or key cannot be read")
    files = {"tls_ca_file": str(ca), "tls_client_cert": str(cert), "tls_client_key": str(key)}
    return Security(require_encryption=True, **files)


def check_address(address: str, *, allow_plain: bool) -> None:
    """Check that a scheduler's address is well formed, and not open to everybody on its network.

    Raises:
        ClusterError: the address is refused; the message says what to do instead.
    """
    scheme, host = _scheme_and_host(address)
    if scheme == "tcp" and not allow_plain and not _is_loopback(host):
        raise ClusterError(
            f"{address}: plain TCP to another machine lets anybody on the way read and change everything, and"
            " anybody who reaches the scheduler run programs as its owner; use tls://, or, on a network where"
            " you trust everybody, say `insecure: true` under `cluster:` (or --insecure-dask)"
        )


def _scheme_and_host(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError as error:
        raise ClusterError(f"address {address!r}: {error}") from None
    if not host or (port is None and scheme in ("tcp", "tls")):
        raise ClusterError(f"address {address!r} needs the form tls://host:port")
    return scheme, host


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
