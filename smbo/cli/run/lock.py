"""File locks of a study's drivers, released with the process that holds them however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from smbo.cli.job.stored import spool_folders
from smbo.errors import StoreError
from smbo.study import Study

_DRIVERS = "drivers"  # folder with one locked file for each driver
_FINISHING = "finishing.lock"


def place(*folders: Path) -> Path:
    """Return the first folder whose disk knows locks, which some network file systems do not; it is made.

    Raises:
        StoreError: a folder cannot be made.
    """
    for folder in folders[:-1]:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"spool {folder} cannot be made: {error.strerror}; `spool:` names another"
            ) from None
        with contextlib.suppress(OSError), (folder / _FINISHING).open("a") as file:
            with contextlib.suppress(BlockingIOError):  # held by another process: locks are known
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return folder
    return folders[-1]


@contextlib.contextmanager
def driving(folder: Path) -> Iterator[None]:
    """Register this process as a driver of a study while the block runs.

    Args:
        folder: of the study; made if it is missing.
    """
    place = folder / _DRIVERS
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = place / f"{socket.gethostname()}-{os.getpid()}"
    file = _locked(path)
    try:
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
    finally:
        path.unlink(missing_ok=True)
        file.close()


def drivers(folder: Path) -> list[str]:
    """Return the drivers of the study of this folder, as text; files of ended drivers are removed."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for path in sorted((folder / _DRIVERS).iterdir()):
            with contextlib.suppress(FileNotFoundError), path.open("r") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    found.append(file.read(200).strip() or "another process")
                else:
                    path.unlink()
    return found


def drivers_of(study: Study) -> list[str]:
    """Return the drivers of a study, as text: those on this machine, and those registered from others."""
    here = socket.gethostname()
    elsewhere = [
        f"process {driver.pid} on {driver.host} (if it lives)"
        for driver in study._driver.store.drivers(study._driver.id)
        if driver.ended is None and driver.host != here
    ]
    return [*drivers_here(study), *elsewhere]


def drivers_here(study: Study) -> list[str]:
    """Return the drivers of a study whose locks are seen from this machine, as text."""
    return [text for folder in spool_folders(study) for text in drivers(folder)]


@contextlib.contextmanager
def finishing(folder: Path) -> Iterator[bool]:
    """Yield whether this process holds the lock for finalizing the study; one process at a time does."""
    with (folder / _FINISHING).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _locked(path: Path) -> IO[str]:
    """Return the file at ``path``, open and locked; repeated if it was removed before it was locked."""
    while True:
        file = path.open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()
