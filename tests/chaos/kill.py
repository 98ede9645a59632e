"""R1, R2: SIGKILL drivers and workers at random moments, and count what was lost or done twice.

    python tests/chaos/kill.py --kills 500 --drivers 3 [--trials 3000] [--seed 1] [--mutant NAME]
    python tests/chaos/kill.py --postgres --crashes 10 ...

Study after study is run by several drivers at once; some evaluate in their own process, some in
child processes.  What is killed is started again.  Each study then runs to its end, and the store
is held against the ledger.  With --postgres the store is in a server of our own, which crashes
so many times (pg_ctl -m immediate stop) and starts again.  The exit code is 0 if all held.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

sys.path[:1] = [str(Path(__file__).resolve().parents[n]) for n in (0, 1, 2)]

from private_postgres import PrivatePostgres

from rig import command, driver, instruments
from rig.audit import Account
from rig.fleet import Fleet, wait_until


@dataclass
class Crashes:
    """Crashes of the database's server, spread over the kills."""

    server: PrivatePostgres | None = None
    left: int = 0
    done: int = 0

    def maybe(self, kills_left: int, rng: random.Random) -> None:
        """Crash the server and start it again, if it is time."""
        if self.server is None or rng.random() > self.left / max(1, kills_left):
            return
        self.left, self.done = self.left - 1, self.done + 1
        self.server.crash()
        time.sleep(rng.uniform(0.0, 1.0))
        self.server.start()


def one_study(
    folder: Path,
    tasks: list[driver.Task],
    kills: int,
    rng: random.Random,
    mean_seconds: float,
    crashes: Crashes,
) -> tuple[Account, int]:
    """Run one study under fire; return its account and the number of kills."""
    command.begin_ledger(folder)
    task = tasks[0]
    drives = [functools.partial(driver.drive, each) for each in tasks]
    fleet = Fleet(folder / "output")
    try:
        _under_fire(fleet, drives, kills, rng, mean_seconds, crashes)
        is_over = _finish(fleet, drives, seconds=120)
        account = command.account_of(task.url, task.study, folder, task.trials)
        if not is_over:
            account.faults.append("the drivers did not come to an end within 120 s")
    finally:
        fleet.end()
    return command.note_output(account, fleet), fleet.n_kills + fleet.n_suicides


def _under_fire(
    fleet: Fleet, drives: list, kills: int, rng: random.Random, mean_seconds: float, crashes: Crashes
) -> None:
    """Keep the drivers running and kill until there were so many kills, or all have ended well."""
    os.environ[instruments.CRASH_VARIABLE] = "0.01"
    while fleet.n_kills + fleet.n_suicides < kills:
        if not fleet.keep(drives):
            return
        time.sleep(rng.expovariate(1 / mean_seconds))
        fleet.kill_one(rng)
        crashes.maybe(kills - fleet.n_kills - fleet.n_suicides, rng)


def _finish(fleet: Fleet, drives: list, seconds: float) -> bool:
    """Let the drivers come to the end, and one more look for what they left; return whether they did."""
    os.environ[instruments.CRASH_VARIABLE] = "0"
    if not wait_until(lambda: not fleet.keep(drives), seconds):
        return False
    fleet.exits.clear()
    return wait_until(lambda: not fleet.keep(drives[:1]), seconds)


def main() -> int:
    parser = command.parser_of(__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--drivers", type=int, default=3)
    parser.add_argument("--workers", type=int, help="of each driver; 0, 1, 2 by turns if not given")
    parser.add_argument("--trials", type=int, default=3000, help="at least so many in all")
    parser.add_argument("--per-study", type=int, default=300)
    parser.add_argument("--mean-seconds", type=float, default=0.4, help="between two kills")
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--crashes", type=int, default=10, help="of the PostgreSQL server")
    options = parser.parse_args()
    rng = command.begin(options)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(PrivatePostgres()) if options.postgres else None
        faults = _siege(options, Crashes(server, options.crashes if server else 0), rng)
    return 1 if faults else 0


def _siege(options: argparse.Namespace, crashes: Crashes, rng: random.Random) -> int:
    """Run study after study under fire; return the number of faults."""
    kills = trials = faults = count = 0
    while (kills < options.kills or trials < options.trials) and not faults:
        with tempfile.TemporaryDirectory(prefix="chaos-kill-") as name:
            folder, began = Path(name), time.monotonic()
            task = _task(options, count, folder, crashes.server)
            places = range(options.drivers)
            workers = [place % 3 if options.workers is None else options.workers for place in places]
            tasks = [replace(task, workers=n) for n in workers]
            left = max(0, options.kills - kills)
            account, n = one_study(folder, tasks, left, rng, options.mean_seconds, crashes)
        count, kills, trials = count + 1, kills + n, trials + account.n_complete
        faults += len(account.faults)
        print(
            f"{task.recipe}: {n} kills, {account.n_complete} of {task.trials} complete,"
            f" {account.n_attempts} attempts, {account.n_unkept} killed between return and outbox,"
            f" {len(account.faults)} faults, {time.monotonic() - began:.0f} s",
            flush=True,
        )
        command.show(account.faults)
    crashed = f", {crashes.done} crashes of the server" if crashes.server else ""
    print(f"{kills} kills{crashed}, {trials} trials, {faults} faults")
    return faults


def _task(
    options: argparse.Namespace, count: int, folder: Path, server: PrivatePostgres | None
) -> driver.Task:
    """Return what the drivers of the next study do; every fifth study thinks about its points."""
    is_modelled = count % 5 == 4
    return driver.Task(
        server.url() if server else f"sqlite:///{folder}/runs.db",
        f"kill-{count}",
        30 if is_modelled else options.per_study,
        "auto" if is_modelled else "random",
        0.005,
        spool=str(folder / "spool"),
    )


if __name__ == "__main__":
    sys.exit(main())
