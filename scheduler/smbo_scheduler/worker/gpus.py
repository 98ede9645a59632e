"""Locks on the GPUs of this machine, so that each runs one evaluation; released when the holder exits.

Dask counts a worker's GPUs, but not an evaluation that outlived its worker.  So each evaluation locks a file
per GPU, and the next attempt waits for the surviving one.

A GPU's number is no name for it: two batch jobs on one machine that each see one GPU both call it 0.  So a
lock is named by the device's UUID; where that is not known, and a batch system has divided the GPUs among its
jobs, by job and number.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import re
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path

from smbo_scheduler.errors import SchedulerError

_VISIBLE = "CUDA_VISIBLE_DEVICES"
# of the batch job that this process is part of
_JOB_IDS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "_CONDOR_SLOT", "JOB_ID", "OAR_JOB_ID")
# set where a batch system gave GPUs to this job alone
_DIVIDED = (
    *("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_GPUS_ON_NODE", "_CONDOR_AssignedGPUs"),
    *("PBS_GPUFILE", "LSB_GPU_ALLOC_INFO", "SGE_HGR_gpu"),
)
_ASK_SECONDS = 20.0  # for nvidia-smi, which takes seconds where no daemon keeps the driver loaded
_WAIT_SECONDS = (0.2, 1.0)  # between tries, random: two that hold half of their GPUs must not retry in step


@contextlib.contextmanager
def hold_gpus(
    resources: Mapping[str, float],
    is_wanted: Callable[[], bool] = lambda: True,
    folder: Path | None = None,
) -> Iterator[bool]:
    """Lock as many GPUs as ``resources`` name while the block runs; wait for them first.

    CUDA_VISIBLE_DEVICES names the locked GPUs while the block runs.  With less than one GPU the GPU is
    shared: none is locked.

    Args:
        resources: such as {"GPU": 1}.
        is_wanted: called while waiting; False ends the wait.
        folder: folder of the locks, the same for all processes that share the GPUs.

    Yields:
        Whether the GPUs are locked; False if they are no longer wanted.
    """
    needed = ceil(sum(amount for name, amount in resources.items() if name.lower() == "gpu" and amount >= 1))
    if needed == 0:
        yield True
        return
    known = visible_gpus()
    names = known or [str(number) for number in range(needed)]
    locks = lock_names(names, os.environ, installed_gpus() if any(map(_is_number, names)) else {})
    held = _wait(folder or _folder(), locks, min(needed, len(names)), is_wanted)
    if held is None:
        yield False
        return
    before = os.environ.get(_VISIBLE)
    if known:
        os.environ[_VISIBLE] = ",".join(held)
    try:
        yield True
    finally:
        for descriptor in held.values():
            os.close(descriptor)
        os.environ.pop(_VISIBLE, None)
        if before is not None:
            os.environ[_VISIBLE] = before


def visible_gpus() -> list[str]:
    """Return CUDA's names of the GPUs that this process may use; empty if none is known."""
    visible = os.environ.get(_VISIBLE)
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip()]
    numbers = (re.fullmatch(r"nvidia(\d+)", name) for name in os.listdir("/dev"))
    return sorted((match[1] for match in numbers if match), key=int)


def lock_names(
    devices: Sequence[str], environment: Mapping[str, str], uuids: Mapping[str, str]
) -> dict[str, str]:
    """Return a name for the lock of each device, the same in all processes that use the same device.

    Args:
        devices: CUDA's names: numbers, or UUIDs.
        environment: of this process, which tells its batch job.
        uuids: UUIDs by number, of those devices whose UUID is known.
    """
    job = next((environment[name] for name in _JOB_IDS if environment.get(name)), None)
    # sbatch hands on what the user had set; other batch systems set the variable themselves
    signs = _DIVIDED if environment.get("SLURM_JOB_ID") else (*_DIVIDED, _VISIBLE)
    is_divided = job is not None and any(environment.get(name) for name in signs)
    names = {}
    for device in devices:
        is_unclear = _is_number(device) and device not in uuids
        names[device] = f"{job}-{device}" if is_unclear and is_divided else uuids.get(device, device)
    return names


def installed_gpus() -> dict[str, str]:
    """Return the UUIDs of the GPUs that this process may use, by number; empty where they are not known.

    Of a GPU that is cut into instances (MIG), those of the instances.
    """
    try:
        asked = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_ASK_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, str] = {}
    for gpu in re.split(r"^(?=GPU \d+:)", asked.stdout, flags=re.MULTILINE):
        number = re.match(r"GPU (\d+):", gpu)
        uuids = re.findall(r"UUID: ([\w-]+)", gpu)
        if number and uuids:
            found[number[1]] = "+".join(sorted(uuids[1:]) or uuids)
    return found


def _is_number(device: str) -> bool:
    return device.isdecimal()


def _wait(
    folder: Path, locks: Mapping[str, str], needed: int, is_wanted: Callable[[], bool]
) -> dict[str, int] | None:
    """Return locked descriptors by device name, None once the GPUs are no longer wanted."""
    while is_wanted():
        held: dict[str, int] = {}
        for name, lock in locks.items():
            if len(held) < needed and (descriptor := _lock(folder / _file_name(lock))) is not None:
                held[name] = descriptor
        if len(held) == needed:
            return held
        for descriptor in held.values():
            os.close(descriptor)
        time.sleep(random.uniform(*_WAIT_SECONDS))
    return None


def _lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock of a file, None if another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _file_name(device: str) -> str:
    return "gpu-" + re.sub(r"[^A-Za-z0-9._-]", "_", device)[:100]


def _folder() -> Path:
    """Return the folder of this user's locks on this machine."""
    # not the temporary folder of the environment, which may differ between two workers
    folder = Path("/tmp") / f"trial-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        raise SchedulerError(f"{folder} belongs to another user; the locks of the GPUs cannot be kept there")
    return folder
