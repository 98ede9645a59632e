"""R7: let the disks of store and spool be full at random moments; nothing measured may be lost.

    python tests/chaos/full.py --points 50 [--pretend] [--seed 1] [--mutant NAME]

Two drivers run while one disk or the other has no room for a while.  No driver may end, each must
say which disk it waits for, and each goes on by itself.  As root the disks are small tmpfs mounts;
otherwise, or with --pretend, SQLite's max_page_count and a spool that finds no room.
"""

from __future__ import annotations

import functools
import os
import random
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path[:1] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

from rig import command, driver, ledger
from rig.audit import Account
from rig.disks import Pretended, Tmpfs
from rig.fleet import Fleet, wait_until

RESUME_SECONDS = 30.0  # after which a driver that does not go on has stopped for good


def one_study(
    root: Path, task: driver.Task, disks: dict, points: int, rng: random.Random, end_seconds: float
) -> Account:
    """Run one study on disks that fill up, with so long for its end; return its account."""
    command.begin_ledger(root)
    fleet = Fleet(root / "output")
    waits: list[float] = []
    for place in (0, 1):
        fleet.start(place, functools.partial(driver.drive, replace(task, workers=place)))
    try:
        wait_until(lambda: ledger.count(root / "ledger", "told") > 5, RESUME_SECONDS)
        for _ in range(points):
            time.sleep(rng.uniform(0.0, 0.4))
            disk = disks[rng.choice(sorted(disks))]
            disk.be_full(rng.uniform(0.3, 0.9))
            waits.append(_seconds_to_resume(root / "ledger", fleet))
        is_over = wait_until(lambda: not (fleet.reap() or fleet.pids), end_seconds)
        account = command.account_of(task.url, task.study, root, task.trials)
    finally:
        fleet.end()
    output = (root / "output").read_text()
    account.faults += [f"exit codes {fleet.exits}"] if any(fleet.exits.values()) else []
    account.faults += [] if is_over else ["the drivers did not come to an end"]
    account.faults += ["the drivers did not go on"] if max(waits, default=0.0) > RESUME_SECONDS else []
    if account.n_unkept:
        account.faults.append(f"{account.n_unkept} evaluations returned and their outcomes were dropped")
    for name, words in (("store", "runs.db"), ("spool", "disk of")):
        n_said = sum(words in line for line in output.splitlines())
        print(f"    {name}: said {n_said} times that it is full", flush=True)
    if "full" not in output and "space" not in output:
        account.faults.append("nobody said that a disk was full")
    command.note_output(account, fleet)
    print(f"    longest wait for the next result: {max(waits, default=0.0):.1f} s", flush=True)
    return account


def _seconds_to_resume(path: Path, fleet: Fleet) -> float:
    """Wait until a result more is in the store, or all drivers have ended; return how long it took."""
    began, n = time.monotonic(), ledger.count(path, "told")
    wait_until(
        lambda: ledger.count(path, "told") > n or bool(fleet.reap() or not fleet.pids), RESUME_SECONDS + 1.0
    )
    return time.monotonic() - began


def main() -> int:
    parser = command.parser_of(__doc__)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--trials", type=int, default=20, help="for each point")
    parser.add_argument("--pretend", action="store_true", help="without mounts, as where one is not root")
    parser.add_argument("--end", type=float, default=120.0, help="seconds for the drivers to end")
    options = parser.parse_args()
    rng = command.begin(options)
    points = faults = trials = 0
    while points < options.points and not faults:
        n = min(10, options.points - points)
        with tempfile.TemporaryDirectory(prefix="chaos-full-") as name:
            root = Path(name)
            if options.pretend or os.geteuid() != 0:
                both = (Pretended(root / each, root / "full" / each) for each in ("store", "spool"))
            else:
                both = (Tmpfs(root / each) for each in ("store", "spool"))
            with next(both) as store, next(both) as spool:
                url = f"sqlite:///{store.folder}/runs.db"
                task = driver.Task(
                    url,
                    f"full-{points}",
                    n * options.trials,
                    pause_seconds=0.03,
                    spool=str(spool.folder / "s"),
                )
                account = one_study(root, task, {"store": store, "spool": spool}, n, rng, options.end)
        points, trials, faults = points + n, trials + account.n_complete, faults + len(account.faults)
        print(
            f"{n} times full, {account.n_complete} of {task.trials} complete, {account.n_attempts} attempts,"
            f" {len(account.faults)} faults",
            flush=True,
        )
        command.show(account.faults)
    print(f"{points} times full, {trials} trials, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
