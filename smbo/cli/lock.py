"""One driver a study: a lock that goes away with the process that holds it, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from smbo.errors import StoreError

_FILE = "driver.lock"


@contextlib.contextmanager
def driving(folder: Path, study: str) -> Iterator[None]:
    """Hold the lock of a study while the block runs.

    Args:
        folder: of the study; made if it is missing.
        study: its name, for the message.

    Raises:
        StoreError: another process holds it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / _FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise busy(study, file.read(200).strip() or "another process") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def busy(study: str, driver: str) -> StoreError:
    """Return the error for a study that somebody else drives."""
    return StoreError(
        f"study {study} is being run already by {driver}; watch it with `smbo status {study}`, or end it "
        f"with `smbo stop {study}`"
    )


def holder(folder: Path) -> str | None:
    """Return who drives the study of this folder, None if nobody does."""
    try:
        with (folder / _FILE).open("r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return file.read(200).strip() or "another process"
    except OSError:
        return None
    return None
