"""Locks on the GPUs of this machine, so that each runs one evaluation; released when the holder exits.

Dask counts a worker's GPUs, but not an evaluation that outlived its worker.  So each evaluation locks a file
per GPU, and the next attempt waits for the surviving one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path

from smbo_scheduler.errors import SchedulerError

_VISIBLE = "CUDA_VISIBLE_DEVICES"
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
    held = _wait(folder or _folder(), names, min(needed, len(names)), is_wanted)
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


def _wait(
    folder: Path, names: Sequence[str], needed: int, is_wanted: Callable[[], bool]
) -> dict[str, int] | None:
    """Return locked descriptors by device name, None once the GPUs are no longer wanted."""
    while is_wanted():
        held: dict[str, int] = {}
        for name in names:
            if len(held) < needed and (descriptor := _lock(folder / _file_name(name))) is not None:
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
