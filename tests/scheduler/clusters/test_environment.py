"""What is set for one process of a cluster reaches no job and no program of the user's."""

from __future__ import annotations

import os
import subprocess

import pytest

from smbo_scheduler.clusters.environment import THREADS, credentials_of, for_submission, thread_settings
from smbo_scheduler.outbox.processes import module_path, restore_module_path, with_module_path


def threads_seen(n_threads, environment):
    """Return what a job's shell sees, given the environment that the batch system hands on."""
    script = "; ".join([*thread_settings(n_threads), *(f"echo ${name}" for name in THREADS)])
    done = subprocess.run(
        ["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_a_job_of_four_cores_starts_four_threads():
    assert threads_seen(4, {}) == {"4"}


def test_threads_that_the_user_set_are_kept_for_every_library():
    assert threads_seen(4, {"OMP_NUM_THREADS": "2"}) == {"2"}


@pytest.mark.parametrize("own", [None, "", "/own/modules"], ids=repr)
def test_a_process_that_is_shown_our_modules_gives_its_programs_the_users_path(own):
    before = {"A": "1"} if own is None else {"A": "1", "PYTHONPATH": own}
    shown = with_module_path(before)
    assert shown["PYTHONPATH"]
    assert with_module_path(shown)["PYTHONPATH"] == shown["PYTHONPATH"]
    for environment in (shown, with_module_path(shown)):
        restore_module_path(environment)
        assert environment == ({"A": "1"} if not own else before)


def test_a_job_is_not_shown_the_packages_of_this_interpreter(monkeypatch, tmp_path):
    own = tmp_path / "lib" / "site-packages"
    module_path()  # loads what it needs, while modules can be found
    system = "/usr/lib/python3/dist-packages"
    monkeypatch.setattr("sys.path", [str(tmp_path / "job"), system, str(own)])
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert module_path() == str(tmp_path / "job")
    # unless the user names them: a folder of `pip install --target`
    monkeypatch.setenv("PYTHONPATH", str(own))
    assert module_path() == os.pathsep.join([str(tmp_path / "job"), str(own)])


@pytest.mark.parametrize(
    ("inside", "dropped", "kept"),
    [
        ({"SLURM_JOB_ID": "1"}, ["SLURM_CPUS_PER_TASK", "SLURM_MEM_PER_CPU", "PMI_RANK"], ["SLURM_CONF"]),
        ({"LSB_JOBID": "1"}, ["LSB_HOSTS"], ["LSF_ENVDIR"]),
        ({"PBS_JOBID": "1"}, ["PBS_NODEFILE"], ["PBS_SERVER"]),
        ({"OMPI_COMM_WORLD_RANK": "0"}, ["OMPI_MCA_x", "PMIX_RANK"], ["SLURM_ACCOUNT"]),
        ({}, [], ["SLURM_CPUS_PER_TASK", "SBATCH_ACCOUNT", "OMP_NUM_THREADS"]),
    ],
)
def test_a_job_submitted_from_within_an_allocation_does_not_take_it_for_its_own(inside, dropped, kept):
    environment = {**inside, **dict.fromkeys((*dropped, *kept, "HOME"), "x")}
    assert for_submission(environment) == dict.fromkeys((*kept, "HOME"), "x")


def test_where_credentials_are_is_handed_on_and_no_secret():
    given = {"KRB5CCNAME": "FILE:/tmp/krb5cc_1_x", "BEARER_TOKEN": "secret", "X509_USER_PROXY": ""}
    assert credentials_of(given) == {"KRB5CCNAME": "FILE:/tmp/krb5cc_1_x"}
