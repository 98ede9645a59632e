"""The key `cluster` of a job file: kinds of clusters, numbers of workers, times."""

import pytest

from smbo.cli.job.document import Document
from smbo.cli.job.schema import check_jobfile

BASE = "study: a\nobjective: {python: m:f}\nbudget: {trials: 4}\n"


def test_a_cluster_is_a_word_or_a_mapping(read):
    assert read(BASE + "cluster: serial\n").cluster.serial
    assert read(BASE + "cluster: local\n").cluster.workers_of_use(None) == 1
    assert read(BASE + "cluster: {local: }\n").cluster.workers_of_use(None) == 1
    assert read(BASE + "cluster: {address: 'tls://h:1'}\n").cluster.address == "tls://h:1"


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [("", 60.0), ("cluster: {htcondor: {workers: 2, memory: 1GB}}", 300.0), ("lease: 20s", 20.0)],
)
def test_batch_systems_get_a_longer_lease_unless_the_job_says_so(read, lines, seconds):
    assert read(BASE + lines + "\n").lease_seconds == seconds


@pytest.mark.parametrize(
    ("left", "workers"), [(None, 40), (100, 40), (7, 7), (1, 2), (0, 2)], ids=lambda value: str(value)
)
def test_no_more_workers_are_wanted_than_there_are_evaluations_left(read, left, workers):
    job = read(BASE + "cluster: {htcondor: {workers: {min: 2, max: 40}, memory: 1GB}}\n")
    assert job.cluster.workers_of_use(left) == workers


def test_a_job_ends_its_life_early_enough_for_one_more_evaluation(read):
    job = read(BASE + "cluster: {slurm: {workers: 2, memory: 1GB, walltime: 2h}}\n")
    assert job.cluster.spec().lifetime_seconds == 0.9 * 7200
    assert job.cluster.spec(evaluation_seconds=1800.0).lifetime_seconds == 7200 - 1800 - 60


def test_the_queue_is_looked_at_as_often_as_the_job_says(read):
    job = read(BASE + "cluster: {slurm: {workers: 2, memory: 1GB, walltime: 2h, poll: 5min}}\n")
    assert job.cluster.spec().poll_seconds == 300.0


@pytest.mark.parametrize(
    "cluster",
    [
        "{slurm: {workers: {max: 4}, memory: 1GB, walltime: 1h, directives: [--qos=x], prologue: [a]}}",
        "{htcondor: {workers: 4, memory: 1GB, directives: {requirements: x, n: 2, b: true}}}",
        "{ssh: {hosts: [a, b], user: me, known_hosts: k}, insecure: true}",
        "{address: 'tls://h:1', tls: {ca: a, cert: b, key: c}}",
        "{local: {workers: 2, resources: {GPU: 1}}}",
    ],
)
def test_a_cluster_is_kept_with_its_study_and_read_again(read, cluster):
    job = read(BASE + f"cluster: {cluster}\n")
    kept = job.model_dump(mode="json", exclude_none=True)
    assert check_jobfile(Document("study a", kept)) == job
