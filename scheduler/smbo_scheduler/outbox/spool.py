"""The spool, an outbox in a folder: outcomes survive the death of every process, and a power cut.

    outcomes/KEY.json   the outcome of an execution; written whole or not at all
    claims/KEY.json     the process that runs it, the one that created the file
    beats/KEY           its heartbeat, a counter that changes while it runs
    cancels/KEY         a request to end it
    attempts/KEY/       the execution's own folder, and KEY.log with its output in a child process

KEY is study-number-token.  Many processes, on many hosts, may use one spool at a time.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from smbo_scheduler.errors import SpoolError
from smbo_scheduler.jobs import Job, JobOutcome
from smbo_scheduler.outbox import json_values
from smbo_scheduler.outbox.claim import Claim
from smbo_scheduler.outbox.disk_full import disk_full_message, retry_while_full
from smbo_scheduler.outbox.heartbeat import DEFAULT_LEASE_SECONDS, Heartbeats
from smbo_scheduler.outbox.outbox import REPORTS_FILE, STOP_FILE
from smbo_scheduler.outbox.processes import ProcessName, this_process

LARGEST_OUTCOME_BYTES = 64 * 2**20

_MOST_REPORT_BYTES = 2**20  # of reports, in one reading

_BEATLESS_SECONDS = 1.0  # for the two writes between claim and first beat

_durable_places: set[Path] = set()  # spools of which this process knows that a power cut leaves them

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}-[0-9]{1,18}-[0-9]{1,18}")


class Spool:
    """A spool folder; made, readable by its owner alone, if it does not exist.

    Args:
        folder: on a disk that all workers can reach.
        lease_seconds: how long a beat may stay unchanged before its execution counts as dead.  On
            this machine the process itself is checked: one that has exited is dead at once, and one
            that computes is alive, even where C code holds the interpreter and no beat is written;
            only a process stopped by a signal is judged by its beat.
        clock: monotonic seconds of this process, by which beats are judged, not by the other
            machine's clock.

    Raises:
        SpoolError: the folder cannot be made, or belongs to another user.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        lease_seconds: float = DEFAULT_LEASE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = Path(folder).absolute()
        self.lease_seconds = lease_seconds
        self._beats = Heartbeats(lease_seconds, clock)
        _make_private(self.folder)
        for name in ("outcomes", "claims", "beats", "cancels", "attempts"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)

    def __getstate__(self) -> dict[str, object]:
        return {"folder": self.folder, "lease_seconds": self.lease_seconds}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # on the worker: the folder is made there if missing, and the clock is the worker's
        self.__init__(state["folder"], lease_seconds=state["lease_seconds"])  # type: ignore[misc]

    def claim(self, job: Job) -> bool:
        """Claim a job for this process; return False if it was claimed, or revoked, before."""
        return self._claim(job, revoked=False)

    def revoke(self, job: Job) -> bool:
        """Claim a job so that no process will ever run it; return False if it is claimed already."""
        return self._claim(job, revoked=True)

    def claim_of(self, job: Job) -> Claim | None:
        """Return the claim on a job, None if there is none."""
        key = _key(job)
        try:
            return _read_claim(key, self.folder / "claims" / f"{key}.json")
        except FileNotFoundError:
            return None

    def claims(self) -> list[Claim]:
        """Return the claims on jobs whose outcome is not discarded yet."""
        found = []
        for path in sorted((self.folder / "beats").iterdir()):
            if _KEY.fullmatch(path.name):
                with contextlib.suppress(FileNotFoundError):
                    found.append(_read_claim(path.name, self.folder / "claims" / f"{path.name}.json"))
        return found

    def is_alive(self, claim: Claim) -> bool:
        """Return whether a claim's owner is still running, as far as this process can see.

        A beat counts as dead once this object has itself watched it unchanged for ``lease_seconds``; so
        call again.
        """
        if claim.revoked:
            return False
        owner = claim.owner if claim.owner is not None and claim.owner.is_here else None
        if owner is not None and not owner.is_alive:
            return False
        try:
            beat = (self.folder / "beats" / claim.key).read_bytes()
        except FileNotFoundError:
            # not begun, abandoned or discarded; or claimed just now
            return self._beats.still_for(claim.key, b"") < _BEATLESS_SECONDS
        is_still = self._beats.is_still(claim.key, beat)
        return (owner is not None and not owner.is_stopped) or not is_still

    def beat(self, job: Job, count: int) -> None:
        """Write a heartbeat of a claimed job: ``count`` must differ from call to call."""
        path = self.folder / "beats" / _key(job)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # of constant length, written in place: heartbeats must continue while the disk is full
            os.pwrite(descriptor, b"%020d" % count, 0)
        finally:
            os.close(descriptor)

    def abandon(self, job: Job) -> None:
        """Give a claimed job up without an outcome."""
        (self.folder / "beats" / _key(job)).unlink(missing_ok=True)

    def ask_to_end(self, job: Job) -> None:
        """Request the process that runs a job to end it."""
        (self.folder / "cancels" / _key(job)).touch(mode=0o600)

    def is_asked_to_end(self, job: Job) -> bool:
        """Return whether ``ask_to_end`` was called, by any process."""
        return (self.folder / "cancels" / _key(job)).exists()

    def reports(self, job: Job, start: int) -> tuple[list[tuple[float, float]], int]:
        """Return the reports of a job from an offset in its file on, whole lines, and the next offset."""
        # a plain string: a thousand jobs are checked repeatedly, and a Path costs more than the check
        path = f"{self.folder}/attempts/{_key(job)}/{REPORTS_FILE}"
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # no file yet, or not readable
            return [], start
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return [], start
            file.seek(start)
            data = file.read(_MOST_REPORT_BYTES)
        whole = data[: data.rfind(b"\n") + 1]
        found = [report for line in whole.splitlines() if (report := _report(line)) is not None]
        return found, start + len(whole)

    def ask_to_stop(self, job: Job) -> None:
        """Request a running job to stop, since its reports are enough."""
        with contextlib.suppress(FileNotFoundError):  # the execution has not begun, or has ended
            (self.folder / "attempts" / _key(job) / STOP_FILE).touch(mode=0o600)

    def attempt_folder(self, job: Job) -> Path:
        """Return a new, empty folder for the execution of a claimed job."""
        folder = self.folder / "attempts" / _key(job)
        folder.mkdir(mode=0o700)
        return folder

    def write(self, outcome: JobOutcome) -> None:
        """Store an outcome durably: after the return it survives a power cut.

        Raises:
            TypeError: the result is not of plain JSON values.
            SpoolError: the outcome is too large.
            OSError: the outcome cannot be written now.
        """
        key = _key(outcome.job)
        data = json_values.dumps(json_values.outcome_to_json(outcome)).encode()
        if len(data) > LARGEST_OUTCOME_BYTES:
            raise SpoolError(f"{key}: the result takes {len(data)} bytes, at most {LARGEST_OUTCOME_BYTES} do")
        if outcome.job.keeps_folder and outcome.result is not None:
            # the next attempt goes on from what this one left there: not from half of a file
            _sync_tree(self.folder / "attempts" / key)
        _write_durably(self.folder / "outcomes" / f"{key}.json", data)
        _make_place_durable(self.folder)

    def read(self, job: Job) -> JobOutcome | None:
        """Return a job's outcome, None if there is none yet (or its file is damaged)."""
        return self._read_outcome(self.folder / "outcomes" / f"{_key(job)}.json")

    def pending(self) -> list[JobOutcome]:
        """Return the outcomes that are not discarded yet; damaged and foreign files are skipped."""
        paths = sorted((self.folder / "outcomes").glob("*.json"))
        return [outcome for path in paths if (outcome := self._read_outcome(path)) is not None]

    def discard(self, outcome: JobOutcome) -> None:
        """Drop a recorded outcome and its beat, and the folder of an OK execution unless it is to be kept.

        The claim stays, so that a late second execution of the same token finds it.
        """
        key = _key(outcome.job)
        if outcome.result is not None and not outcome.job.keeps_folder:
            shutil.rmtree(self.folder / "attempts" / key, ignore_errors=True)
            (self.folder / "attempts" / f"{key}.log").unlink(missing_ok=True)
        for name in ("beats", "cancels"):
            (self.folder / name / key).unlink(missing_ok=True)
        (self.folder / "outcomes" / f"{key}.json").unlink(missing_ok=True)
        self._beats.forget(key)

    def trouble(self) -> str | None:
        """Return in words why outcomes cannot be stored at present, None if they can."""
        return disk_full_message(self.folder)

    def _claim(self, job: Job, *, revoked: bool) -> bool:
        key = _key(job)
        data = json_values.dumps({"owner": asdict(this_process()), "revoked": revoked}).encode()
        try:
            # Not synced: after a power cut no process on this host runs the job, and one on another host
            # is at worst joined by a second attempt, whose result is a duplicate.
            with _temporary(self.folder / "claims", data, is_durable=False) as written:
                # a link, unlike O_EXCL, creates the complete file at once
                os.link(written, self.folder / "claims" / f"{key}.json")
        except FileExistsError:
            return False
        if not revoked:
            # a claim without a beat would count as dead for all drivers
            retry_while_full(lambda: self.beat(job, 0))
        return True

    def _read_outcome(self, path: Path) -> JobOutcome | None:
        try:
            outcome = json_values.outcome_from_json(json_values.loads(_read_bounded(path)))
            return outcome if _key(outcome.job) == path.stem else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, SpoolError):
            return None


def _report(line: bytes) -> tuple[float, float] | None:
    """Return the report on a line of a file; None for other text: the target may write there too."""
    try:
        data = json_values.loads(line)
        return float(data["step"]), float(data["value"])
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def _key(job: Job) -> str:
    """Return a job's key, which becomes a file name."""
    if not _KEY.fullmatch(job.key):
        raise SpoolError(
            f"job {job.key[:120]!r} cannot name a file; a study's name is of [A-Za-z0-9._-], at most 100 of"
            " them, the first a letter or digit, and numbers are not negative"
        )
    return job.key


def _read_claim(key: str, path: Path) -> Claim:
    """Return the claim in a file; FileNotFoundError if there is none."""
    try:
        data = json_values.loads(_read_bounded(path))
        return Claim(key, ProcessName(**data["owner"]), bool(data["revoked"]))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError, KeyError):
        return Claim(key, None)


def _read_bounded(path: Path) -> bytes:
    """Return the content of a regular file of limited size."""
    # links are not followed: other users may write to the spool's disk
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST_OUTCOME_BYTES:
            raise ValueError(f"{path} is no outcome")
        return file.read()


def _write_durably(path: Path, data: bytes) -> None:
    """Write a file atomically and durably."""
    with _temporary(path.parent, data) as written:
        os.rename(written, path)
    _sync_folder(path.parent)


@contextlib.contextmanager
def _temporary(folder: Path, data: bytes, *, is_durable: bool = True) -> Iterator[Path]:
    """Write a file under a temporary name; it is removed at the end unless it was renamed."""
    path = folder / f".{os.getpid()}-{os.urandom(8).hex()}.tmp"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if is_durable:
                os.fsync(descriptor)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    """Make all files below a folder durable, and their names, and its own."""
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # a link to nowhere, a pipe
                descriptor = os.open(Path(place, name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        _sync_folder(Path(place))
    _sync_folder(folder.parent)


def _make_place_durable(folder: Path) -> None:
    """Make the names that lead to a folder's own names durable, once in a process: else all in it is lost."""
    if folder in _durable_places:
        return
    _sync_folder(folder)
    for above in folder.parents:
        # of the ancestors nearly all are durable already, and some belong to others, who let nobody open them
        with contextlib.suppress(OSError):
            _sync_folder(above)
    _durable_places.add(folder)


def _make_private(folder: Path) -> None:
    """Make a folder that only its owner can enter, or check that it is one."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
        if about.st_uid != os.getuid():
            raise SpoolError(f"{folder} belongs to another user; choose a folder of your own")
        if about.st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise SpoolError(f"cannot use {folder} as a spool: {error}") from error
