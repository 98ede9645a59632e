"""Named clusters on the command line, and a site's own function that returns a Dask client."""

import pytest

SITE = '''
"""What a site offers."""

from distributed import Client, LocalCluster

CLOSED = []


class Own(LocalCluster):
    def close(self, *words, **settings):
        if "closed" not in CLOSED:
            CLOSED.append("closed")
        return super().close(*words, **settings)


def client(workers=1):
    cluster = Own(n_workers=workers, threads_per_worker=1, processes=False, dashboard_address=":0")
    return Client(cluster, set_as_default=False)


def cluster():
    return Own(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0")


def number():
    return 3


def broken():
    raise RuntimeError("no token; run `site login`")
'''


@pytest.fixture
def site(folder, monkeypatch):
    import sys

    folder.write("own_site.py", SITE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder.path / "config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(folder.path / "nowhere"))
    monkeypatch.delenv("SMBO_CLUSTERS", raising=False)
    (folder.path / "config" / "smbo").mkdir(parents=True)
    yield folder
    sys.modules.pop("own_site", None)


@pytest.mark.dask
@pytest.mark.parametrize(
    "client", ["own_site:client", "{function: own_site:client, settings: {workers: 2}}", "own_site:cluster"]
)
def test_a_job_runs_on_the_client_that_a_function_returns_and_closes_its_cluster(site, client):
    ran = site.smbo("run", site.job(f"cluster: {{client: {client}}}"))
    assert ran.exit_code == 0, ran.output
    assert "4 complete" in ran.output
    import own_site  # beside the job file

    assert own_site.CLOSED == ["closed"]


@pytest.mark.parametrize(
    ("client", "message"),
    [
        ("own_site:missing", "'own_site:missing' cannot be imported"),
        ("no_such_site:client", "No module named 'no_such_site'"),
        ("own_site:broken", "own_site:broken raised RuntimeError: no token; run `site login`"),
        ("own_site:number", "own_site:number returned int, and not a distributed.Client"),
        ("own_site", "names no function"),
        ("{function: own_site:client, settings: {wrkers: 2}}", "unexpected keyword argument 'wrkers'"),
        ("{functoin: own_site:client}", "did you mean 'function'"),
    ],
)
def test_a_function_that_gives_no_client_is_refused_before_anything_is_stored(site, client, message):
    ran = site.smbo("run", site.job(f"cluster: {{client: {client}}}"))
    assert ran.exit_code == 2, ran.output
    assert message in " ".join(ran.output.split())
    assert not list(site.path.glob("*.db"))


def test_clusters_are_listed_with_their_files_or_where_they_would_be(site):
    assert str(site.path / "config" / "smbo" / "clusters.yaml") in site.smbo("clusters").output
    site.write("config/smbo/clusters.yaml", "near: {local: {workers: 2}}\nfarther: {ssh: {hosts: [a]}}\n")
    said = site.smbo("clusters")
    assert said.exit_code == 0
    assert "near     local  (" in said.output
    assert "farther  ssh  (" in said.output


def test_a_run_is_sent_to_a_named_cluster_by_an_option(site):
    site.write("config/smbo/clusters.yaml", "near: {serial: true}\n")
    ran = site.smbo("run", site.job("cluster: {address: 'tls://h:1'}"), "--cluster", "near")
    assert ran.exit_code == 0, ran.output
    assert "4 complete" in ran.output
    ran = site.smbo("run", site.job(), "--cluster", "naer")
    assert ran.exit_code == 2
    assert "did you mean 'near'" in ran.output
    assert "exclude each other" in site.smbo("run", site.job(), "--cluster", "near", "--serial").output
