"""External clusters: connect to Dask schedulers that are not ours, without ever stopping them.

A plain ``tcp://`` address beyond this machine is refused unless allowed: whoever reaches such a
scheduler can run anything as its owner.
"""

from __future__ import annotations

import ipaddress
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from smbo_scheduler.clusters.cluster import ManagedCluster, start_cluster, start_local
from smbo_scheduler.errors import ClusterError

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
