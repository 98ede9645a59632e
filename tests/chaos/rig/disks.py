"""Disks that are full for a while: real ones (small tmpfs mounts, root) or pretended ones."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PRETEND_VARIABLE = "CHAOS_FULL"  # a folder: a file named "store" or "spool" in it makes that disk full

_MEGABYTES = 24


@dataclass(frozen=True)
class Tmpfs:
    """A disk of its own for one folder."""

    folder: Path

    def __enter__(self):
        self.folder.mkdir()
        options = ["-t", "tmpfs", "-o", f"size={_MEGABYTES}m", "chaos", str(self.folder)]
        subprocess.run(["mount", *options], check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def be_full(self, seconds: float) -> None:
        """Have no room for so long; what others free is taken at once."""
        filler = self.folder / ".filler"
        until = time.monotonic() + seconds
        with open(filler, "wb", buffering=0) as file:
            while time.monotonic() < until:
                for size in (1 << 20, 1 << 12, 1):
                    with contextlib.suppress(OSError):
                        while True:
                            file.write(b"x" * size)
                time.sleep(0.01)
        filler.unlink()


@dataclass(frozen=True)
class Pretended:
    """A disk that the instruments of each process take for full when they are told to."""

    folder: Path
    control: Path

    def __enter__(self):
        self.folder.mkdir()
        self.control.parent.mkdir(exist_ok=True)
        os.environ[PRETEND_VARIABLE] = str(self.control.parent)
        return self

    def __exit__(self, *_):
        os.environ.pop(PRETEND_VARIABLE, None)

    def be_full(self, seconds: float) -> None:
        """Have no room for so long."""
        self.control.touch()
        time.sleep(seconds)
        self.control.unlink()


def pretend() -> None:
    """Have the store and the spool of this process find their disks full where the control files say so."""
    from smbo.store.database import Database
    from smbo_scheduler.outbox import disk_full, spool

    controls = Path(os.environ[PRETEND_VARIABLE])

    connection_of = Database._connection

    def on_a_small_disk(self):
        connection = connection_of(self)
        # SQLite's own limit: at 1 the file may not grow beyond what it has
        pages = 1 if (controls / "store").exists() else 2**30
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        return connection

    Database._connection = on_a_small_disk
    temporary, full_disk_of = spool._temporary, disk_full.disk_full_message

    def in_a_small_spool(folder, data, **options):
        if (controls / "spool").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        return temporary(folder, data, **options)

    def seen(folder):
        return (
            f"no space left on the disk of {folder}"
            if (controls / "spool").exists()
            else full_disk_of(folder)
        )

    spool._temporary, spool.disk_full_message = in_a_small_spool, seen
