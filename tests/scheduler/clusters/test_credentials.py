"""When a Kerberos ticket or a grid proxy ends is read from klist and from the proxy's file."""

from __future__ import annotations

import datetime

import pytest

from smbo_scheduler.clusters.credentials import credentials, proxy_end, ticket_end

MIT = """\
Ticket cache: FILE:/tmp/krb5cc_0
Default principal: me@CERN.CH

Valid starting     Expires            Service principal
12/01/26 08:00:00  12/02/26 09:30:00  krbtgt/CERN.CH@CERN.CH
\trenew until 12/06/26 08:00:00
12/01/26 08:01:00  12/01/26 10:00:00  afs/cern.ch@CERN.CH
"""
HEIMDAL = """\
Credentials cache: FILE:/tmp/krb5cc_0
        Principal: me@CERN.CH

  Issued                Expires               Principal
Dec  1 08:00:00 2026  Dec  2 09:30:00 2026  krbtgt/CERN.CH@CERN.CH
"""
ENDS = datetime.datetime(2026, 12, 2, 9, 30).timestamp()


@pytest.mark.parametrize(
    "listing", [MIT, MIT.replace("/26", "/2026"), HEIMDAL], ids=["MIT", "MIT, years", "Heimdal"]
)
def test_the_end_of_the_ticket_that_gets_all_others_is_read(listing):
    assert ticket_end(listing) == ENDS


def test_a_ticket_that_has_ended_has_ended():
    assert ticket_end("Dec  1 08:00:00 2026  >>>Expired<<<  krbtgt/CERN.CH@CERN.CH") == 0.0


@pytest.mark.parametrize("listing", ["", "klist: No credentials cache found", "x krbtgt/CERN.CH"])
def test_without_a_ticket_there_is_no_end(listing):
    assert ticket_end(listing) is None


def test_the_end_of_a_proxy_is_read_from_its_file(tmp_path, monkeypatch):
    from distributed import Security

    path = tmp_path / "proxy.pem"
    path.write_text(Security.temporary().tls_scheduler_cert)
    monkeypatch.setenv("PATH", str(tmp_path))  # no klist
    (proxy,) = credentials({"X509_USER_PROXY": str(path)})
    assert proxy.name == "grid proxy"
    assert proxy.ends == proxy_end(path.read_bytes())
    assert credentials({"X509_USER_PROXY": str(tmp_path / "none")}) == []
    assert proxy_end(b"no certificate") is None
