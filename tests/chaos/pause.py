"""R5: stop processes for longer than the lease, and let the clock jump.

    python tests/chaos/pause.py --pauses 50 --steps 20 [--seed 1] [--mutant NAME]

First, drivers that take each other for other machines are held by SIGSTOP, alone or with their
workers, until the others have taken their trials over; then they go on and bring late results.
Every first result must count, and none twice.  Then the wall clock of all jumps by an hour to and
fro: no living trial may be given up for that.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

sys.path[:1] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

from rig import clocks, command, driver, instruments, ledger
from rig.audit import Account, audit, read_store
from rig.fleet import Fleet, wait_until
from rig.supply import Supply

END_SECONDS = 120.0
AT_ONCE = 2  # so many of twice as many drivers are held at a time
LEASES = (2.2, 3.2)  # a pause lasts: one lease for the driver to be missed, one more for its evaluation


def pauses(root: Path, n: int, lease_seconds: float, rng: random.Random) -> Account:
    """Hold one driver after the other for longer than its lease; return the account."""
    task = _task(root, "pauses", lease_seconds, pause_seconds=0.4 * lease_seconds)
    command.begin_ledger(root)
    supply = Supply(task.url, task.study, root / "ledger", room=40)
    fleet = Fleet(root / "output")
    drives = []
    for place in range(2 * AT_ONCE):
        drives.append(functools.partial(_as_machine, place, replace(task, workers=min(place, 1))))
    try:
        fleet.keep(drives)
        wait_until(lambda: supply.n_told() >= 3, END_SECONDS)
        for _ in range(-(-n // AT_ONCE)):
            _keep(fleet, drives, supply, rng.uniform(0.1, 0.5))
            pids: list[int] = []
            for place in rng.sample(sorted(fleet.pids), AT_ONCE):
                pids += [*(fleet.workers(place) if rng.random() < 0.5 else ()), fleet.pids[place]]
            _signal(pids, signal.SIGSTOP)
            # who is held within a transaction holds the store, from us too: nothing but waiting
            time.sleep(lease_seconds * rng.uniform(*LEASES))
            _signal(pids, signal.SIGCONT)
        is_over = wait_until(lambda: not fleet.keep(drives), END_SECONDS)
        stored, lines = read_store(task.url, task.study), ledger.read(root / "ledger")
        account = audit(stored, lines, supply.n_asked, may_run_again=True)
    finally:
        fleet.end()
    outcomes = Counter(attempt.outcome for attempt in stored.attempts)
    print(
        f"{n} pauses: {account.n_complete} of {supply.n_asked} complete, {account.n_attempts} attempts,"
        f" {outcomes['late']} late first results, {outcomes['duplicate']} late second ones,"
        f" {account.n_again} evaluations run again",
        flush=True,
    )
    if not is_over:
        account.faults.append("the drivers did not come to their end")
    # who comes back late turns a lost attempt into one of these
    if n >= 10 and not any(outcomes[kind] for kind in ("lost", "late", "duplicate")):
        account.faults.append("no lease was ever lost: nothing was tried")
    return command.note_output(account, fleet)


def steps(root: Path, n: int, lease_seconds: float, rng: random.Random) -> Account:
    """Let the clock jump while drivers run; return the account."""
    task = _task(root, "steps", lease_seconds, pause_seconds=lease_seconds)
    command.begin_ledger(root)
    supply = Supply(task.url, task.study, root / "ledger", room=10)
    os.environ[clocks.VARIABLE] = str(root / "clock")
    clocks.step(root / "clock", 0.0)
    fleet = Fleet(root / "output")
    drives = []
    for place in (0, 1):
        drives.append(functools.partial(_as_machine, place, task))
    try:
        fleet.keep(drives)
        wait_until(lambda: supply.n_told() >= 3, END_SECONDS)
        for _ in range(n):
            _keep(fleet, drives, supply, lease_seconds * rng.uniform(0.1, 0.4))
            clocks.step(root / "clock", rng.choice([-3600.0, 3600.0, 3600.0]))
        is_over = wait_until(lambda: not fleet.keep(drives), END_SECONDS)
        account = command.account_of(task.url, task.study, root, supply.n_asked, may_run_again=True)
    finally:
        fleet.end()
    print(
        f"{n} steps of the clock: {account.n_complete} of {supply.n_asked} complete,"
        f" {account.n_attempts} attempts",
        flush=True,
    )
    if not is_over:
        account.faults.append("the drivers did not come to their end")
    if account.n_attempts > account.n_complete:
        account.faults.append(
            f"{account.n_attempts - account.n_complete} living trials were given up though nothing died"
        )
    return command.note_output(account, fleet)


def _task(root: Path, study: str, lease_seconds: float, pause_seconds: float) -> driver.Task:
    url = f"sqlite:///{root}/runs.db"
    return driver.Task(url, study, 0, pause_seconds=pause_seconds, lease_seconds=lease_seconds)


def _as_machine(place: int, task: driver.Task) -> None:
    """Be a driver that others take for one on another machine."""
    os.environ[instruments.MACHINE_VARIABLE] = f"machine {place}"
    driver.drive(task)


def _keep(fleet: Fleet, drives: list, supply: Supply, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        fleet.keep(drives)
        supply.top_up()
        time.sleep(0.05)


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def main() -> int:
    parser = command.parser_of(__doc__)
    parser.add_argument("--pauses", type=int, default=50)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--lease", type=float, default=2.5, help="seconds")
    options = parser.parse_args()
    rng = command.begin(options)
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="chaos-pause-") as name:
        if options.pauses:
            (Path(name) / "pauses").mkdir()
            faults += pauses(Path(name) / "pauses", options.pauses, options.lease, rng).faults
        if options.steps:
            root = Path(name) / "steps"
            root.mkdir()
            faults += steps(root, options.steps, options.lease, rng).faults
    return command.end(faults)


if __name__ == "__main__":
    sys.exit(main())
