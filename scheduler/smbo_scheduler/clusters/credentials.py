"""When the user's credentials end: a Kerberos ticket (klist), a VOMS or grid proxy (the file's certificate).

Both end within a day where nobody renews them.  Evaluations that run go on, but no job can be submitted, and
disks that ask for credentials (AFS, EOS, NFS with Kerberos) can no longer be read.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_ASK_SECONDS = 5.0  # for klist
_MIT = ("%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S")  # in the locale C
_HEIMDAL = "%b %d %H:%M:%S %Y"


@dataclass(frozen=True)
class Credential:
    """A credential that ends.

    Attributes:
        name: for people.
        ends: seconds since the epoch.
        renewal: the command that renews it.
    """

    name: str
    ends: float
    renewal: str


def credentials(environment: Mapping[str, str]) -> list[Credential]:
    """Return the user's credentials that end some time; empty where there are none."""
    ends = (
        ("Kerberos ticket", _ticket_end(environment), "kinit"),
        ("grid proxy", _proxy_end(environment), "voms-proxy-init"),
    )
    return [Credential(name, end, renewal) for name, end, renewal in ends if end is not None]


def _ticket_end(environment: Mapping[str, str]) -> float | None:
    try:
        asked = subprocess.run(
            ["klist"],
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            env={**environment, "LC_ALL": "C"},
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ticket_end(asked.stdout)


def ticket_end(listing: str) -> float | None:
    """Return when the ticket that gets all others ends, by klist's listing (MIT's or Heimdal's)."""
    for line in listing.splitlines():
        if "krbtgt/" not in line:
            continue
        if ">>>Expired<<<" in line:
            return 0.0
        mit = re.findall(r"\d\d/\d\d/\d{2,4} \d\d:\d\d:\d\d", line)
        heimdal = re.findall(r"[A-Z][a-z]{2}\s+\d+ \d\d:\d\d:\d\d \d{4}", line)
        for text, forms in ((mit, _MIT), (heimdal, (_HEIMDAL,))):
            for form in forms if len(text) >= 2 else ():
                try:
                    return datetime.strptime(" ".join(text[1].split()), form).timestamp()
                except ValueError:
                    continue
    return None


def _proxy_end(environment: Mapping[str, str]) -> float | None:
    path = Path(environment.get("X509_USER_PROXY") or f"/tmp/x509up_u{os.getuid()}")
    try:
        return proxy_end(path.read_bytes())
    except OSError:
        return None


def proxy_end(pem: bytes) -> float | None:
    """Return when the first certificate of a proxy ends, None if there is none in it."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc.timestamp()
    except (ValueError, IndexError):
        return None
