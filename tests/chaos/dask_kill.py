"""R3: SIGKILL drivers, workers and the scheduler of a Dask cluster at random moments.

    python tests/chaos/dask_kill.py --seconds 180 [--drivers 2] [--workers 2] [--seed 1] [--mutant NAME]

The cluster is one of our own: a manager with Dask's scheduler in it, and its worker processes.  What
is killed comes back: drivers are started again here, workers by the manager, the manager by whichever
driver misses it first.  The budget is raised while time is left; then the study runs to its end.
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
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path[:1] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

import distributed  # noqa: F401  once, for all drivers that are forked from here

from rig import command, driver
from rig.audit import Account
from rig.fleet import Fleet, wait_until
from rig.supply import Supply
from smbo_scheduler.clusters.cluster import start_local
from smbo_scheduler.clusters.state import read_state

KINDS = {"driver": 0.4, "worker": 0.35, "scheduler": 0.25}
LEASE_SECONDS = 10.0
LONGEST_STALL_SECONDS = LEASE_SECONDS + 35.0


@dataclass
class Siege:
    """A study under fire.

    Attributes:
        root: its folder.
        task: of the drivers.
        n_drivers: how many at once.
        kills: by what was killed.
        longest_stall, last_result: seconds between two results, and when the last one came.
    """

    root: Path
    task: driver.Task
    n_drivers: int
    rng: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    longest_stall: float = 0.0
    last_result: float = field(default_factory=time.monotonic)

    def run(self, seconds: float, mean_seconds: float) -> Account:
        """Fire for so long, let the study come to its end, and return its account."""
        command.begin_ledger(self.root)
        self.supply = Supply(self.task.url, self.task.study, self.root / "ledger")
        kept = start_local(self.task.cluster, self.task.workers, idle_seconds=60.0)
        drives = [functools.partial(driver.drive, self.task)] * self.n_drivers
        fleet = Fleet(self.root / "output")
        try:
            self._fire(fleet, drives, seconds, mean_seconds)
            is_over = self._watch(fleet, drives, time.monotonic() + 240)
            account = command.account_of(self.task.url, self.task.study, self.root, self.supply.n_asked)
        finally:
            fleet.end()
            kept.stop()
        if not is_over:
            account.faults.append("the study did not come to its end")
        if self.longest_stall > LONGEST_STALL_SECONDS:
            account.faults.append(f"nothing was recorded for {self.longest_stall:.0f} s")
        return command.note_output(account, fleet)

    def _fire(self, fleet: Fleet, drives: list, seconds: float, mean_seconds: float) -> None:
        self.over = time.monotonic() + seconds
        while time.monotonic() < self.over:
            self._watch(fleet, drives, time.monotonic() + self.rng.expovariate(1 / mean_seconds))
            [kind] = self.rng.choices(list(KINDS), list(KINDS.values()))
            self.kills[kind] += self._kill(kind, fleet)

    def _watch(self, fleet: Fleet, drives: list, until: float) -> bool:
        """Keep the drivers going and note stalls until a time; return whether all ended well before."""
        n = self.supply.n_told()
        while time.monotonic() < until:
            if not fleet.keep(drives):
                return True
            if until < self.over:
                self.supply.top_up()
            time.sleep(0.05)
            now = self.supply.n_told()
            if now > n:
                self.longest_stall = max(self.longest_stall, time.monotonic() - self.last_result)
                n, self.last_result = now, time.monotonic()
        return False

    def _kill(self, kind: str, fleet: Fleet) -> int:
        """Kill one of a kind; return how many were killed."""
        if kind == "driver":
            places = sorted(fleet.pids)
            if places:
                fleet.kill(self.rng.choice(places))
            return len(places) > 0
        state = read_state(Path(self.task.cluster))
        if state is None:
            return 0
        pids = [state.manager.pid]
        if kind == "worker":
            with contextlib.suppress(psutil.Error):
                pids = [child.pid for child in psutil.Process(pids[0]).children()]
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(self.rng.choice(pids), signal.SIGKILL)
            return 1
        return 0


def main() -> int:
    parser = command.parser_of(__doc__)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--mean-seconds", type=float, default=2.0, help="between two kills")
    parser.add_argument("--drivers", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pause", type=float, default=0.3, help="seconds that an evaluation takes")
    options = parser.parse_args()
    rng = command.begin(options)
    with tempfile.TemporaryDirectory(prefix="chaos-dask-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        task = driver.Task(
            f"sqlite:///{root}/runs.db",
            "dask",
            0,
            pause_seconds=options.pause,
            workers=options.workers,
            cluster=str(root / "cluster"),
            lease_seconds=LEASE_SECONDS,
        )
        siege = Siege(root, task, options.drivers, rng)
        account = siege.run(options.seconds, options.mean_seconds)
        wait_until(lambda: read_state(Path(task.cluster)) is None, 10.0)
    kinds = ", ".join(f"{n} {kind}s" for kind, n in sorted(siege.kills.items()))
    print(
        f"{siege.kills.total()} kills ({kinds}), {account.n_complete} of {siege.supply.n_asked} complete,"
        f" {account.n_attempts} attempts, {account.n_unkept} killed between return and outbox,"
        f" longest stall {siege.longest_stall:.0f} s, {len(account.faults)} faults",
        flush=True,
    )
    command.show(account.faults)
    return 1 if account.faults else 0


if __name__ == "__main__":
    sys.exit(main())
