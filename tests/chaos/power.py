"""Simulated power cuts: what was acknowledged must be there when the power comes back.

    python tests/chaos/power.py [--cuts 1000] [--seed 1] [--mutant normal]

The store runs on SQLite files that are written through a layer of ours (an apsw VFS).  It knows what
each file held at its last xSync, and each write since.  At a random write or sync the power goes: of what was
not synced, a random part reaches the disk, some of it torn at a sector of 512 bytes.  The store is then
opened by the product as it is, every acknowledged ask and tell is looked for, the whole file is
checked (``smbo db check``'s rules), and the study goes on from there until the next cut.

Under the layer the log's index is kept in memory (locking_mode=EXCLUSIVE: apsw has no shared memory);
all else, the settings of synchronous and journal_mode first, is as the product sets it.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

import apsw
import sqlalchemy

from smbo.errors import StoreError
from smbo.store import connect, maintenance as upkeep
from smbo.store.ask import Asking
from smbo.store.budget import Budget
from smbo.store.database import Database
from smbo.store.records import Result
from smbo.store.store import SqlStore
from smbo.trial import TrialState

SECTOR = 512
CUTS_PER_STORE = 50  # each is read whole after each cut
LONGEST_LIFE = 400  # writes and syncs until the power goes, at most


class PowerCut(Exception):
    """Raised from each write and sync once the power is gone."""


class Disk:
    """What would be on the disk of each file, and what has been written since it was synced."""

    def __init__(self, rng: random.Random, life: int) -> None:
        self.rng, self.life = rng, life
        self.durable: dict[str, bytearray] = {}
        self.pending: dict[str, list[tuple[int, bytes | None]]] = {}

    def opened(self, path: str) -> None:
        if path not in self.durable:
            file = Path(path)
            self.durable[path] = bytearray(file.read_bytes() if file.exists() else b"")
            self.pending[path] = []

    def spend(self) -> None:
        """Count one write or sync; the power goes when the count is used up."""
        self.life -= 1
        if self.life <= 0:
            raise PowerCut

    def synced(self, path: str) -> None:
        for offset, data in self.pending[path]:
            put(self.durable[path], offset, data)
        self.pending[path] = []

    def forget(self, path: str) -> None:
        self.durable.pop(path, None)
        self.pending.pop(path, None)

    def leave(self, folder: Path) -> None:
        """Write into ``folder`` what the files hold when the power comes back."""
        for path, content in self.durable.items():
            for offset, data in self.pending[path]:
                if data is not None and self.rng.random() < 0.3:  # torn: some sectors only
                    data = data[: SECTOR * self.rng.randrange(len(data) // SECTOR + 1)]
                elif self.rng.random() < 0.5:
                    continue
                put(content, offset, data)
            (folder / Path(path).name).write_bytes(content)


def put(content: bytearray, offset: int, data: bytes | None) -> None:
    """Write data at an offset, or (None) cut the content off there."""
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class PowerFile(apsw.VFSFile):
    """A file whose writes are noted on their way."""

    def __init__(self, disk: Disk, name, flags) -> None:
        super().__init__("", name, flags)
        self.disk, self.path = disk, name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        disk.opened(self.path)

    def xWrite(self, data, offset):
        self.disk.spend()
        super().xWrite(data, offset)
        self.disk.pending[self.path].append((offset, bytes(data)))

    def xTruncate(self, size):
        self.disk.spend()
        super().xTruncate(size)
        self.disk.pending[self.path].append((size, None))

    def xSync(self, flags):
        self.disk.spend()
        self.disk.synced(self.path)  # the true disk need not be bothered


class PowerVFS(apsw.VFS):
    """Opens files on a Disk."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        super().__init__("power", "")

    def xOpen(self, name, flags):
        if name is None:
            return super().xOpen(name, flags)  # a temporary file: nothing to lose
        return PowerFile(self.disk, name, flags)

    def xDelete(self, name, sync_directory):
        self.disk.spend()
        super().xDelete(name, sync_directory)
        self.disk.forget(name)


class Raw:
    """An apsw connection that the product takes for one of the sqlite3 module."""

    isolation_level = None

    def __init__(self, path: str, mutate: Callable[[str], str]) -> None:
        self.apsw, self.mutate = apsw.Connection(path, vfs="power"), mutate
        self.apsw.execute("PRAGMA locking_mode = EXCLUSIVE")

    def execute(self, statement, parameters=()):
        return self.cursor().execute(statement, parameters)

    def cursor(self):
        return Cursor(self)

    def create_function(self, *_, **__) -> None:
        """SQLAlchemy offers a regexp function, which nobody needs."""

    def commit(self) -> None:
        if self.apsw.in_transaction:
            self.apsw.execute("COMMIT")

    def rollback(self) -> None:
        if self.apsw.in_transaction:
            self.apsw.execute("ROLLBACK")

    def close(self) -> None:
        with contextlib.suppress(PowerCut, apsw.Error):  # without power nothing can be put in order
            self.apsw.close(True)


class Cursor:
    """A cursor with all rows read, as the product reads them anyway."""

    arraysize, lastrowid, rowcount = 1, None, -1

    def __init__(self, raw: Raw) -> None:
        self.raw, self.description, self.rows = raw, None, []

    def execute(self, statement, parameters=()):
        cursor = self.raw.apsw.cursor()
        cursor.exec_trace = self.describe  # a statement without rows is over before one could ask
        cursor.execute(self.raw.mutate(statement), parameters or None)
        self.rows = list(cursor)
        self.rowcount = self.raw.apsw.changes()
        self.lastrowid = self.raw.apsw.last_insert_rowid()
        return self

    def describe(self, cursor, _statement, _parameters) -> bool:
        columns = cursor.get_description()
        self.description = [(name, *[None] * 6) for name, *_ in columns] if columns else None
        return True

    def executemany(self, statement, rows):
        for row in rows:
            self.execute(statement, row)
        return self

    def fetchone(self):
        return self.rows.pop(0) if self.rows else None

    def fetchall(self):
        rows, self.rows = self.rows, []
        return rows

    def fetchmany(self, size=1):
        rows, self.rows = self.rows[:size], self.rows[size:]
        return rows

    def __iter__(self):
        return iter(self.fetchall())

    def close(self) -> None:
        self.rows = []


MUTANTS: dict[str | None, Callable[[str], str]] = {
    None: lambda statement: statement,
    "normal": lambda statement: statement.replace("synchronous = FULL", "synchronous = NORMAL"),
    "off": lambda statement: statement.replace("synchronous = FULL", "synchronous = OFF"),
}


class Rig:
    """One study over many power cuts, and the book of what was acknowledged."""

    def __init__(self, folder: Path, seed: int, mutant: str | None) -> None:
        self.folder, self.rng, self.mutate = folder, random.Random(seed), MUTANTS[mutant]
        self.asked: dict[int, int] = {}  # token by number
        self.told: dict[int, float] = {}
        self.n_lives, self.n_acknowledged = 0, 0
        self.place(0).mkdir()
        store = SqlStore(self.url(0))
        self.study = store.create_study("s", {}, "random", 1, Budget()).id
        store.close()

    def place(self, life: int) -> Path:
        return self.folder / f"life-{life}"

    def url(self, life: int) -> str:
        return f"sqlite:///{self.place(life)}/store.db"

    def live(self) -> list[str]:
        """Work until the power goes, put the light on, and return what is not as it should be."""
        disk = Disk(self.rng, self.rng.randrange(1, LONGEST_LIFE))
        vfs = PowerVFS(disk)
        creator = sqlalchemy.create_engine

        def on_power(url, **_):
            path = str(self.place(self.n_lives) / "store.db")
            return creator(
                "sqlite://", creator=lambda: Raw(path, self.mutate), poolclass=sqlalchemy.StaticPool
            )

        store = None
        try:
            with mock.patch.object(connect, "create_engine", on_power):
                store = SqlStore(self.url(self.n_lives))
            while True:
                self.work(store)
        except (PowerCut, apsw.Error):
            pass
        finally:
            after = self.place(self.n_lives + 1)
            after.mkdir()
            disk.leave(after)
            disk.life = 0
            if store is not None:
                store.close()
            vfs.unregister()
        shutil.rmtree(self.place(self.n_lives))
        self.n_lives += 1
        return self.faults()

    def work(self, store) -> None:
        record = store.study("s")
        points = [{"x": record.next_number + k} for k in range(self.rng.choice([1, 1, 3]))]
        first, cursor = record.next_number, record.last_seq
        trials = store.ask(self.study, Asking(len(points), points, first, cursor, {}, lambda n: n))
        self.asked |= {trial.number: trial.token for trial in trials}
        for number in self.rng.sample(sorted(self.asked), min(2, len(self.asked))):
            if number not in self.told:
                value = float(number) / 7
                store.tell(self.study, number, self.asked[number], Result(TrialState.COMPLETE, value=value))
                self.told[number] = value
                self.n_acknowledged += 1

    def faults(self) -> list[str]:
        """Return what was acknowledged and is gone, and what does not fit together in the file."""
        try:
            store = SqlStore(self.url(self.n_lives))
            trials = {trial.number: trial for trial in store.changes("s", 0)[1]}
            store.close()
            database = Database(self.url(self.n_lives), create=False)
            found = database.read(upkeep.faults)
            database.close()
        except StoreError as error:
            return [f"life {self.n_lives}: the store cannot be read: {error}"]
        lost = [number for number, token in self.asked.items() if number not in trials]
        lost += [
            number
            for number, value in self.told.items()
            if getattr(trials.get(number), "value", None) != value
        ]
        found += [f"life {self.n_lives}: trial {number} was acknowledged and is not there" for number in lost]
        for number in lost:  # so that each is counted once
            self.asked.pop(number, None)
            self.told.pop(number, None)
        # what was committed and not acknowledged is no fault: the work goes on with it
        self.asked |= {number: trial.token for number, trial in trials.items()}
        self.told |= {number: trial.value for number, trial in trials.items() if trial.value is not None}
        return found


def cut(
    folder: Path,
    cuts: int,
    seed: int,
    mutant: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[list[str], int]:
    """Return what was found wrong over so many power cuts, and how many results were acknowledged."""
    found: list[str] = []
    acknowledged = 0
    for first in range(0, cuts, CUTS_PER_STORE):
        (place := folder / f"store-{first}").mkdir()
        rig = Rig(place, seed + first, mutant)
        for _ in range(min(CUTS_PER_STORE, cuts - first)):
            found += rig.live()
            if any("cannot be read" in fault or "damaged" in fault for fault in found):
                break  # there is nothing to go on with
        acknowledged += rig.n_acknowledged
        shutil.rmtree(place)
        tell(f"{min(first + CUTS_PER_STORE, cuts)} cuts, {acknowledged} acknowledged, {len(found)} faults")
    return found, acknowledged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=sorted(name for name in MUTANTS if name))
    given = parser.parse_args()
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        found, acknowledged = cut(
            Path(folder), given.cuts, given.seed, given.mutant, partial(print, flush=True)
        )
    for fault in found[:10]:
        print(fault)
    seconds = time.monotonic() - start
    print(
        f"{given.cuts} power cuts, {acknowledged} results acknowledged, {len(found)} faults, {seconds:.0f} s"
    )
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
