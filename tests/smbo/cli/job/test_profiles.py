"""Named clusters, from a file of the user's or of the site's."""

import pytest

from smbo.cli.job.profiles import profile_files
from smbo.errors import JobFileError

BASE = "study: a\nobjective: {python: m:f}\nbudget: {trials: 4}\n"
MINE = "mysite: {slurm: {workers: 4, memory: 2GB, walltime: 1h, partition: main, directives: [--qos=a]}}\n"


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Files of the user's, of the site's by variable and of the system's, none of them there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "system"))
    monkeypatch.delenv("SMBO_CLUSTERS", raising=False)

    def write(place, text):
        path = tmp_path / place / "smbo" / "clusters.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_a_job_names_a_cluster(read, places):
    places("own", MINE)
    slurm = read(BASE + "cluster: mysite\n").cluster.slurm
    assert (slurm.partition, slurm.workers.max) == ("main", 4)


def test_a_job_changes_keys_of_a_named_cluster(read, places):
    places("own", MINE)
    job = read(
        BASE + "cluster: {profile: mysite, slurm: {workers: 9, directives: [--qos=b]}, insecure: true}\n"
    )
    assert (job.cluster.slurm.workers.max, job.cluster.slurm.directives) == (9, ["--qos=b"])
    assert job.cluster.slurm.partition == "main"
    assert job.cluster.insecure


def test_the_users_file_counts_before_the_sites(read, places, monkeypatch):
    places("system", MINE + "other: {local: {workers: 2}}\n")
    site = places("site", "mysite: {local: {workers: 3}}\n")
    assert read(BASE + "cluster: mysite\n").cluster.slurm is not None
    monkeypatch.setenv("SMBO_CLUSTERS", str(site))
    assert read(BASE + "cluster: mysite\n").cluster.local.workers == 3
    places("own", "mysite: {local: {workers: 5}}\n")
    assert read(BASE + "cluster: mysite\n").cluster.local.workers == 5
    assert read(BASE + "cluster: other\n").cluster.local.workers == 2


def test_an_unknown_name_is_refused_with_the_near_one_and_the_files(read, places):
    places("own", MINE)
    with pytest.raises(JobFileError, match="'mysit' is no cluster; did you mean 'mysite'") as caught:
        read(BASE + "cluster: mysit\n")
    assert all(str(path) in str(caught.value) for path in profile_files())
    with pytest.raises(JobFileError, match="there are mysite"):
        read(BASE + "cluster: {profile: zzz}\n")


@pytest.mark.parametrize("word", ["slurm", "SLURM", "HTCondor"])
def test_a_batch_system_is_no_name_and_its_settings_are_asked_for(read, places, word):
    with pytest.raises(JobFileError, match=f"is no cluster; write {{{word.lower()}: {{workers: 20"):
        read(BASE + f"cluster: {word}\n")


def test_a_fault_of_a_profile_names_its_file(read, places):
    path = places("own", "mysite: {slurm: {workers: 4, memory: 2GB, walltime: 1h, partitoin: main}}\n")
    with pytest.raises(JobFileError, match="did you mean 'partition'") as caught:
        read(BASE + "cluster: mysite\n")
    assert f"the cluster 'mysite' of {path}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("serial: {local: {}}\n", "'serial' means something else"),
        ("mysite: 3\n", "a profile is what stands under `cluster:`"),
        ("- mysite\n", "a mapping of keys"),
        ("mysite: {local: {workers: 2}\n", "clusters.yaml"),
    ],
)
def test_a_file_that_is_no_mapping_of_clusters_is_refused(read, places, text, message):
    places("own", text)
    with pytest.raises(JobFileError, match=message):
        read(BASE + "cluster: mysite\n")
    assert read(BASE + "cluster: {local: {workers: 2}}\n").cluster.local.workers == 2, "it is not asked for"


def test_a_named_file_that_is_not_there_is_said(read, places, monkeypatch, tmp_path):
    monkeypatch.setenv("SMBO_CLUSTERS", str(tmp_path / "gone.yaml"))
    with pytest.raises(JobFileError, match=r"gone\.yaml: cannot be read"):
        read(BASE + "cluster: mysite\n")


@pytest.mark.parametrize("name", ["3", "[a]", "true"])
def test_a_profile_has_a_name(read, places, name):
    with pytest.raises(JobFileError, match="a profile has a name"):
        read(BASE + f"cluster: {{profile: {name}}}\n")


def test_a_job_keeps_the_cluster_that_its_profile_meant(read, places):
    places("own", MINE)
    kept = read(BASE + "cluster: mysite\n").model_dump(mode="json", exclude_none=True)
    assert kept["cluster"]["slurm"]["partition"] == "main"
