"""The keys of a job file for batch systems, and the cores that an evaluation takes."""

import pytest

from smbo.cli.job.document import Document
from smbo.cli.job.schema import check_jobfile
from smbo.cli.run.cluster import RunCluster
from smbo.errors import JobFileError
from smbo_scheduler.errors import ClusterError

BASE = "study: a\nobjective: {python: m:f}\nbudget: {trials: 4}\n"
COMMON = "workers: 2, memory: 1GB, walltime: 1h"


def spec_of(job):
    return job.cluster.spec(job.limits.time, job.evaluation_cores)


@pytest.mark.parametrize("system", ["pbs", "lsf", "sge", "oar", "moab"])
def test_every_batch_system_has_a_queue_an_account_and_directives(read, system):
    job = read(BASE + f"cluster: {{{system}: {{{COMMON}, queue: long, account: x, directives: ['-m n']}}}}\n")
    made = spec_of(job)
    assert (made.system, made.queue, made.account, made.directives) == (system, "long", "x", ("-m n",))
    assert job.lease_seconds == 300.0
    assert check_jobfile(Document("a", job.model_dump(mode="json", exclude_none=True))) == job


@pytest.mark.parametrize("system", ["slurm", "pbs", "lsf", "sge", "oar", "moab"])
def test_a_directive_is_an_option(read, system):
    with pytest.raises(JobFileError, match="'qos=long' is no option"):
        read(BASE + f"cluster: {{{system}: {{{COMMON}, directives: [qos=long]}}}}\n")


def test_a_misspelt_key_of_any_batch_system_is_met_with_the_right_one(read):
    with pytest.raises(JobFileError, match="did you mean 'queue'"):
        read(BASE + f"cluster: {{pbs: {{{COMMON}, qeue: long}}}}\n")
    with pytest.raises(JobFileError, match="did you mean 'parallel_environment'"):
        read(BASE + f"cluster: {{sge: {{{COMMON}, parallel_enviroment: smp}}}}\n")


@pytest.mark.parametrize(
    ("cluster", "resources", "cores", "at_once", "threads"),
    [
        ("", "", 1, 1, 1),
        ("cores: 4", "", 4, 1, 4),
        ("cores: 4, workers_per_job: 2", "", 4, 2, 2),
        ("", "cores: 8", 8, 1, 8),
        ("cores: 16", "cores: 8", 16, 2, 8),
        ("cores: 20", "cores: 8", 20, 2, 8),
        ("cores: 16, workers_per_job: 1", "cores: 8", 16, 1, 8),
    ],
)
def test_cores_of_an_evaluation_make_slots_and_threads(read, cluster, resources, cores, at_once, threads):
    job = read(BASE + f"cluster: {{slurm: {{{COMMON}, {cluster}}}}}\nresources: {{{resources}}}\n")
    made = spec_of(job)
    assert (made.cores, made.workers_per_job, made.n_threads) == (cores, at_once, threads)
    assert job.cluster.dask_resources(job.resources) == {}, "Dask counts slots, and no cores"


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ("cores: 4", "8 cores of an evaluation .* more than the 4 of a job; write `cores: 8`"),
        ("cores: 8, workers_per_job: 2", "2 × 8 cores .*; write `cores: 16`"),
    ],
)
def test_an_evaluation_that_fits_in_no_job_is_refused(read, cluster, message):
    job = read(BASE + f"cluster: {{slurm: {{{COMMON}, {cluster}}}}}\nresources: {{cores: 8}}\n")
    with pytest.raises(ValueError, match=message):
        spec_of(job)


def test_several_cores_of_grid_engine_need_the_name_of_a_parallel_environment(read):
    job = read(BASE + f"cluster: {{sge: {{{COMMON}, cores: 4}}}}\n")
    with pytest.raises(ValueError, match="parallel_environment: smp"):
        spec_of(job)
    job = read(BASE + f"cluster: {{sge: {{{COMMON}, cores: 4, parallel_environment: mpi}}}}\n")
    assert spec_of(job).parallel_environment == "mpi"


def test_local_workers_are_as_many_as_the_machine_has_cores_for(read, monkeypatch):
    monkeypatch.setattr("smbo.cli.job.cluster.os.sched_getaffinity", lambda _: set(range(10)))
    job = read(BASE + "cluster: local\nresources: {cores: 4}\n")
    assert job.cluster.workers_of_use(None, job.evaluation_cores) == 2
    assert spec_of(job).threads == 4
    assert read(BASE + "cluster: local\n").cluster.workers_of_use(None) == 1
    job = read(BASE + "cluster: {local: {workers: 3}}\nresources: {cores: 40}\n")
    assert job.cluster.workers_of_use(None, job.evaluation_cores) == 3


@pytest.mark.parametrize("cores", ["0.5", "2.5", "5000"])
def test_cores_of_an_evaluation_are_a_whole_number(read, cores):
    with pytest.raises(JobFileError, match=r"resources\.cores is .* a whole number of cores"):
        read(BASE + f"resources: {{cores: {cores}}}\n")


@pytest.mark.parametrize("kind", ["local: {workers: 2}", f"slurm: {{{COMMON}}}", "ssh: {hosts: [h]}"])
def test_what_no_worker_will_offer_is_refused_before_anything_starts(read, kind):
    job = read(BASE + f"cluster: {{{kind}}}\nresources: {{GPU: 1}}\n")
    with pytest.raises(ClusterError, match=r"each evaluation needs GPU=1, .* have no GPU: write `resources"):
        RunCluster(job)
    offered = kind.replace("{", "{resources: {GPU: 1}, ", 1)
    job = read(BASE + f"cluster: {{{offered}}}\nresources: {{GPU: 1}}\n")
    assert RunCluster(job).resources == {"GPU": 1.0}


def test_resources_of_a_cluster_of_somebody_elses_are_dasks_to_find(read):
    job = read(BASE + "cluster: {address: 'tls://h:1'}\nresources: {cores: 2, GPU: 1}\n")
    assert job.cluster.dask_resources(job.resources) == {"cores": 2.0, "GPU": 1.0}


@pytest.fixture
def allocation(monkeypatch):
    for name, value in {"JOB_ID": "7", "JOB_NODELIST": "n[1-2]", "JOB_CPUS_PER_NODE": "8,4"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)


def test_a_run_uses_all_cores_of_all_nodes_of_its_allocation(read, allocation):
    for line in ("cluster: allocation", "cluster: {allocation: }"):
        job = read(BASE + line + "\nresources: {cores: 4}\n")
        assert (spec_of(job).workers, spec_of(job).threads) == ({"n1": 2, "n2": 1}, 4)
    job = read(BASE + "cluster: {allocation: {workers_per_node: 3}}\n")
    assert spec_of(job).workers == {"n1": 3, "n2": 3}
    job = read(BASE + "cluster: allocation\nresources: {cores: 6}\n")
    with pytest.raises(ValueError, match=r"takes 6 cores .* a node of this allocation has 4"):
        spec_of(job)


def test_outside_an_allocation_that_is_said(read, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(ValueError, match="runs in no allocation"):
        spec_of(read(BASE + "cluster: allocation\n"))
