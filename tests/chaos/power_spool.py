"""Simulated power cuts for the spool: an outcome that was acknowledged is there when the power comes back.

    python tests/chaos/power_spool.py [--cuts 1000] [--seed 1] [--mutant no-fsync-of-files]

A layer under Python's file calls notes what each fsync made durable: the content of a file, or the names
in a folder.  At a random call the power goes.  Of all that changed since, names and contents, a random part
reaches the disk; a file that was never synced may be empty or cut off.  From what is left the product goes
on: every outcome that ``Spool.write`` acknowledged must be there, and whole, and readable by its owner alone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

if __name__ == "__main__":
    sys.path[:1] = [str(Path(__file__).resolve().parents[1])]

from smbo_scheduler.jobs import Job, JobOutcome, JobStatus
from smbo_scheduler.outbox import spool as product

LONGEST_LIFE = 120  # calls until the power goes, at most
CHECKPOINT = b"weights" * 100
_CALLS = ("open", "fsync", "rename", "replace", "link", "unlink", "mkdir")


class PowerCut(BaseException):
    """Raised by each file call once the power is gone; no handler of the product is to catch it."""


@dataclass
class Disk:
    """What of the files below a folder has reached the disk.

    Attributes:
        root: the folder; itself durable.
        life: after how many calls the power goes.
        contents: of the files that were synced, by inode.
        names: in the folders that were synced, {name: inode}, by inode.
    """

    root: Path
    rng: random.Random
    life: int
    contents: dict[int, bytes] = field(default_factory=dict)
    names: dict[int, dict[str, int]] = field(default_factory=dict)
    kept_open: list[int] = field(default_factory=list)  # so that no inode's number is used again

    def __post_init__(self) -> None:
        for folder, _, files in os.walk(self.root):
            self.sync(Path(folder))
            for name in files:
                self.sync(Path(folder, name))

    def sync(self, path: Path) -> None:
        about = path.stat()
        if path.is_dir():
            self.names[about.st_ino] = _names_in(path)
            for name in self.names[about.st_ino]:
                self.keep(path / name)
        else:
            self.contents[about.st_ino] = path.read_bytes()
        self.keep(path)

    def keep(self, path: Path) -> None:
        self.kept_open.append(_REAL["open"](path, os.O_PATH))

    def spend(self) -> None:
        """Count one call; the power goes when the count is used up."""
        self.life -= 1
        if self.life <= 0:
            raise PowerCut

    def leave(self, target: Path) -> None:
        """Write below ``target`` what is found when the power comes back."""
        there = {path.stat().st_ino: path for path in [self.root, *self.root.rglob("*")]}
        self._leave_folder(self.root.stat().st_ino, target, there)
        for descriptor in self.kept_open:
            os.close(descriptor)

    def _leave_folder(self, inode: int, target: Path, there: dict[int, Path]) -> None:
        target.mkdir(mode=0o700)
        before = self.names.get(inode, {})
        now = _names_in(there[inode]) if inode in there else before
        for name in sorted(before.keys() | now.keys()):
            durable, latest = before.get(name), now.get(name)
            left = durable if durable == latest or self.rng.random() < 0.5 else latest
            if left is None:
                continue
            if left in self.names or (left in there and there[left].is_dir()):
                self._leave_folder(left, target / name, there)
            else:
                self._leave_file(left, target / name, there)

    def _leave_file(self, inode: int, target: Path, there: dict[int, Path]) -> None:
        durable = self.contents.get(inode)
        latest = there[inode].read_bytes() if inode in there else durable or b""
        if durable != latest and self.rng.random() < 0.7:
            latest = durable or latest[: self.rng.randrange(len(latest) + 1)]
        target.write_bytes(latest)
        target.chmod(0o600)


def _names_in(folder: Path) -> dict[str, int]:
    return {entry.name: entry.inode() for entry in os.scandir(folder)}


_REAL = {name: getattr(os, name) for name in _CALLS}


@contextlib.contextmanager
def powered(disk: Disk) -> Iterator[None]:
    """Put the layer under all file calls within the block."""

    def counted(name: str) -> Callable[..., object]:
        def call(*args: object, **more: object) -> object:
            disk.spend()
            return _REAL[name](*args, **more)

        return call

    def fsync(descriptor: int) -> None:
        disk.spend()
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path == disk.root or disk.root in path.parents:
            disk.sync(path)
        disk.spend()

    with contextlib.ExitStack() as stack:
        for name in _CALLS:
            stack.enter_context(mock.patch.object(os, name, fsync if name == "fsync" else counted(name)))
        yield


@contextlib.contextmanager
def mutated(name: str | None) -> Iterator[None]:
    """Break the product within the block."""
    is_folder = lambda descriptor: stat.S_ISDIR(os.fstat(descriptor).st_mode)  # noqa: E731
    if name is None:
        yield
    elif name == "readable-outcomes":
        opened = product.os.open

        def open_to_all(path: object, flags: int, mode: int = 0o777, **more: object) -> int:
            descriptor = opened(path, flags, mode, **more)
            if flags & os.O_CREAT:
                os.fchmod(descriptor, 0o644)
            return descriptor

        with mock.patch.object(product, "os", _Changed(open=open_to_all)):
            yield
    elif name in ("no-fsync-of-files", "no-fsync-of-folders"):
        spared = name == "no-fsync-of-folders"

        def fsync(descriptor: int) -> None:
            if is_folder(descriptor) != spared:
                os.fsync(descriptor)

        with mock.patch.object(product, "os", _Changed(fsync=fsync)):
            yield
    else:
        left_out = {"no-fsync-of-places": "_make_place_durable", "no-fsync-of-checkpoints": "_sync_tree"}[
            name
        ]
        with mock.patch.object(product, left_out):
            yield


class _Changed:
    """The module ``os`` with some functions replaced."""

    def __init__(self, **functions: object) -> None:
        self.__dict__.update(functions)

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)


MUTANTS = (
    "no-fsync-of-files",
    "no-fsync-of-folders",
    "no-fsync-of-places",
    "no-fsync-of-checkpoints",
    "readable-outcomes",
)


@dataclass
class Rig:
    """One spool over many power cuts, and the book of what was acknowledged."""

    folder: Path
    rng: random.Random
    kept: dict[int, float] = field(default_factory=dict)  # results by token, acknowledged and not discarded
    n_lives: int = 0
    n_acknowledged: int = 0
    next_token: int = 1

    @property
    def place(self) -> Path:
        return self.folder / f"life-{self.n_lives}"

    def live(self) -> list[str]:
        """Work until the power goes, and return what is not as it should be when it is back."""
        self.place.mkdir(exist_ok=True)
        product._durable_places.clear()  # a new process
        disk = Disk(self.place, self.rng, self.rng.randrange(1, LONGEST_LIFE))
        with contextlib.suppress(PowerCut), powered(disk):
            spool = product.Spool(self.place / "store.db-spool" / "study")
            while True:
                self.work(spool)
        found = self.open_to_others()
        self.n_lives += 1
        disk.leave(self.place)
        return found + self.lost()

    def work(self, spool: product.Spool) -> None:
        """Evaluate one job as a worker does, and record some as a driver does."""
        token = self.next_token
        self.next_token += 1
        job = Job("study", token, token, {}, keeps_folder=token % 3 == 0)
        spool.claim(job)
        if job.keeps_folder:
            checkpoint = spool.attempt_folder(job)
            (checkpoint / "weights").write_bytes(CHECKPOINT)
        outcome = JobOutcome(job, JobStatus.OK, result={"value": token / 7, "text": "x" * (token % 5000)})
        spool.write(outcome)
        self.kept[token] = token / 7
        self.n_acknowledged += 1
        for each in spool.pending():
            if self.rng.random() < 0.3:
                self.kept.pop(each.job.token, None)  # in the store
                spool.discard(each)

    def open_to_others(self) -> list[str]:
        """Return which files and folders others may read."""
        paths = list(self.place.rglob("*"))
        return [
            f"life {self.n_lives}: {path.name} has mode {path.stat().st_mode & 0o777:o}"
            for path in paths
            if path.name not in ("store.db-spool", "weights") and path.stat().st_mode & 0o077
        ]

    def lost(self) -> list[str]:
        """Return what was acknowledged and is gone, and which outcomes are not whole."""
        spool = product.Spool(self.place / "store.db-spool" / "study")
        pending = spool.pending()
        there = {outcome.job.token: outcome.result["value"] for outcome in pending}
        files = {path.stem for path in (spool.folder / "outcomes").glob("*.json")}
        found = [f"life {self.n_lives}: {name} is not whole" for name in files if _token(name) not in there]
        for outcome in pending:
            if outcome.job.keeps_folder:
                path = spool.folder / "attempts" / outcome.job.key / "weights"
                if not path.exists() or path.read_bytes() != CHECKPOINT:
                    found.append(f"life {self.n_lives}: the checkpoint of {path.parent.name} is not whole")
        for token, value in list(self.kept.items()):
            if there.get(token) != value:
                found.append(f"life {self.n_lives}: outcome {token} was acknowledged and is not there")
                del self.kept[token]
        return found


def _token(name: str) -> int:
    return int(name.rsplit("-", 1)[1])


def cut(folder: Path, cuts: int, seed: int, mutant: str | None = None) -> tuple[list[str], int]:
    """Return what was found wrong over so many power cuts, and how many outcomes were acknowledged."""
    found: list[str] = []
    acknowledged = 0
    rng = random.Random(seed)
    before = os.umask(0o022)
    try:
        with mutated(mutant):
            for n in range(0, cuts, 10):
                (place := folder / f"spool-{n}").mkdir()
                rig = Rig(place, rng)
                for _ in range(min(10, cuts - n)):
                    found += rig.live()
                acknowledged += rig.n_acknowledged
    finally:
        os.umask(before)
        product._durable_places.clear()
    return found, acknowledged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS)
    given = parser.parse_args()
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        found, acknowledged = cut(Path(folder), given.cuts, given.seed, given.mutant)
    for fault in found[:10]:
        print(fault)
    print(f"{given.cuts} power cuts, {acknowledged} outcomes acknowledged, {len(found)} faults")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
