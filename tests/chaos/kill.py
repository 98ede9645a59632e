"""R1: SIGKILL drivers and workers at random moments, and count what was lost or done twice.

    python tests/chaos/kill.py --kills 500 --drivers 3 [--trials 3000] [--seed 1] [--mutant NAME]

Study after study is run by several drivers at once; some evaluate in their own process, some in
child processes.  What is killed is started again.  Each study then runs to its end, and the store
is held against the ledger.  The exit code is 0 if all held.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path[:1] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

from rig import driver, instruments, ledger, mutants
from rig.audit import Account, audit, read_store
from rig.fleet import Fleet, wait_until


def one_study(
    folder: Path, tasks: list[driver.Task], kills: int, rng: random.Random, mean_seconds: float
) -> tuple[Account, int]:
    """Run one study under fire; return its account and the number of kills."""
    os.environ[ledger.VARIABLE] = str(folder / "ledger")
    task = tasks[0]
    drives = [functools.partial(driver.drive, each) for each in tasks]
    fleet = Fleet(folder / "output")
    try:
        _under_fire(fleet, drives, kills, rng, mean_seconds)
        is_over = _finish(fleet, drives, seconds=120)
        account = audit(read_store(task.url, task.study), ledger.read(folder / "ledger"), task.trials)
        if not is_over:
            account.faults.append("the drivers did not come to an end within 120 s")
    finally:
        fleet.end()
    if account.faults:
        output = (folder / "output").read_text()[-3000:]
        account.faults.append(f"exit codes {fleet.exits}; the drivers said:\n{output}")
    return account, fleet.n_kills + fleet.n_suicides


def _under_fire(fleet: Fleet, drives: list, kills: int, rng: random.Random, mean_seconds: float) -> None:
    """Keep the drivers running and kill until there were so many kills, or all have ended well."""
    os.environ[instruments.CRASH_VARIABLE] = "0.02"
    while fleet.n_kills + fleet.n_suicides < kills:
        if not fleet.keep(drives):
            return
        time.sleep(rng.expovariate(1 / mean_seconds))
        fleet.kill_one(rng)


def _finish(fleet: Fleet, drives: list, seconds: float) -> bool:
    """Let the drivers come to the end, and one more look for what they left; return whether they did."""
    os.environ[instruments.CRASH_VARIABLE] = "0"
    if not wait_until(lambda: not fleet.keep(drives), seconds):
        return False
    fleet.exits.clear()
    return wait_until(lambda: not fleet.keep(drives[:1]), seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--drivers", type=int, default=3)
    parser.add_argument("--workers", type=int, help="of each driver; 0, 1, 2 by turns if not given")
    parser.add_argument("--trials", type=int, default=3000, help="at least so many in all")
    parser.add_argument("--per-study", type=int, default=300)
    parser.add_argument("--mean-seconds", type=float, default=0.4, help="between two kills")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--mutant", choices=["", *sorted(mutants.MUTANTS)], default="")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    print(f"seed {seed}", flush=True)
    os.environ[mutants.VARIABLE] = options.mutant
    places = range(options.drivers)
    kills = trials = faults = count = 0
    while kills < options.kills or trials < options.trials:
        with tempfile.TemporaryDirectory(prefix="chaos-kill-") as name:
            folder, began = Path(name), time.monotonic()
            is_modelled = count % 5 == 4
            task = driver.Task(
                f"sqlite:///{folder}/runs.db",
                f"kill-{count}",
                30 if is_modelled else options.per_study,
                "auto" if is_modelled else "random",
                0.005,
            )
            left = max(0, options.kills - kills)
            workers = [place % 3 if options.workers is None else options.workers for place in places]
            tasks = [replace(task, workers=n) for n in workers]
            account, n = one_study(folder, tasks, left, rng, options.mean_seconds)
        count, kills, trials = count + 1, kills + n, trials + account.n_complete
        faults += len(account.faults)
        print(
            f"{task.recipe}: {n} kills, {account.n_complete} of {task.trials} complete,"
            f" {account.n_attempts} attempts, {account.n_unkept} killed between return and outbox,"
            f" {len(account.faults)} faults, {time.monotonic() - began:.0f} s",
            flush=True,
        )
        for fault in account.faults[:20]:
            print(f"    {fault}", flush=True)
        if account.faults:
            break
    print(f"{kills} kills, {trials} trials, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
