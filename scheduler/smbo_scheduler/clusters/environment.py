"""Environment variables of a cluster's processes: what is set for one of them must not reach what it starts.

A variable that a cluster manager sets for itself looks, to a batch job that it submits, like the user's own
choice: sbatch and bsub export the environment of whoever submits.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from smbo_scheduler.outbox.processes import CALLERS_PATH, module_path

# libraries that would each start as many threads as the machine has cores
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

# where the user's credentials are: paths, which another login may have elsewhere, and no secrets
CREDENTIALS = ("KRB5CCNAME", "X509_USER_PROXY", "BEARER_TOKEN_FILE")

# a variable that is set within an allocation, and the prefixes of those that describe it: a job submitted
# from there must not take them for its own
_ALLOCATIONS = {
    "SLURM_JOB_ID": ("SLURM_", "SLURMD_", "PMI_", "PMIX_", "PMI2_"),
    "PBS_JOBID": ("PBS_",),
    "LSB_JOBID": ("LSB_", "LS_"),
    "OAR_JOB_ID": ("OAR_", "OAR"),
    "_CONDOR_JOB_AD": ("_CONDOR_",),
    "PE_HOSTFILE": ("SGE_", "PE_"),
    "OMPI_COMM_WORLD_RANK": ("OMPI_", "PMIX_", "PRTE_"),
    "PMI_RANK": ("PMI_", "MPI_LOCAL", "HYDRA_", "HYDI_"),
}
_OF_THE_SITE = ("SLURM_CONF", "SLURM_CLUSTERS", "PBS_CONF_FILE", "PBS_SERVER", "PBS_EXEC", "PBS_DEFAULT")


def for_submission(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which a batch job is submitted: without what describes the present job."""
    dropped = tuple(
        prefix
        for variable, prefixes in _ALLOCATIONS.items()
        if variable in environment
        for prefix in prefixes
    )
    return {
        name: value
        for name, value in environment.items()
        if name in _OF_THE_SITE or not name.startswith(dropped or ("\0",))
    }


def thread_settings(n_threads: int) -> list[str]:
    """Return shell commands that set how many threads libraries start, unless the user has set it."""
    first, *others = THREADS
    return [
        f"export {first}=${{{first}:-{n_threads}}}",
        *(f"export {name}=${{{name}:-${first}}}" for name in others),
    ]


def module_settings() -> list[str]:
    """Return shell commands that let a Python process elsewhere find the same modules as this one.

    The process calls ``restore_module_path``.
    """
    return [
        f"export {CALLERS_PATH}=${{PYTHONPATH:-}}",
        f"export PYTHONPATH={shlex.quote(module_path())}${{PYTHONPATH:+:$PYTHONPATH}}",
    ]


def credentials_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that say where the user's credentials are."""
    return {name: environment[name] for name in CREDENTIALS if environment.get(name)}
