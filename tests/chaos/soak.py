"""R15: run for long under fire, and watch one driver that lives through it for what it piles up.

    python tests/chaos/soak.py --minutes 30 [--every 10] [--seed 1] [--mutant NAME]

Two drivers with child processes share a study.  Every ten seconds the second driver, or a child of
either, is killed.  The first driver's descriptors, threads and memory are sampled, and the size of
SQLite's write-ahead log.  Memory is judged in runs of ten minutes and more: before, it settles.
"""

from __future__ import annotations

import functools
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

sys.path[:1] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

from rig import command, driver
from rig.fleet import Fleet, wait_until
from rig.supply import Supply

LARGEST_WAL_BYTES = 64e6
LARGEST_SLOPE = 0.01  # of the mean, in ten minutes
SETTLED = 0.25  # of the run; what is sampled before that is not judged
LEAST_MINUTES_FOR_MEMORY = 10.0


def soak(
    root: Path, seconds: float, every_seconds: float, pause_seconds: float, rng: random.Random
) -> list[str]:
    """Run under fire for so long; return the faults."""
    command.begin_ledger(root)
    task = driver.Task(
        f"sqlite:///{root}/runs.db", "soak", 0, pause_seconds=pause_seconds, lease_seconds=10.0
    )
    supply = Supply(task.url, task.study, root / "ledger")
    drives = [functools.partial(driver.drive, task)] * 2
    fleet = Fleet(root / "output")
    samples: list[tuple[float, ...]] = []
    try:
        fleet.keep(drives)
        witness = psutil.Process(fleet.pids[0])
        wait_until(lambda: supply.n_told() >= 2, 60.0)
        began = last_kill = time.monotonic()
        while (now := time.monotonic()) < began + seconds:
            if now - last_kill >= every_seconds:
                last_kill = now
                _kill(fleet, rng)
            supply.top_up()
            fleet.keep(drives)
            samples.append((now - began, *_sample(witness, root)))
            time.sleep(min(1.0, every_seconds / 5))
        is_over = wait_until(lambda: not fleet.keep(drives), 240.0)
        account = command.account_of(task.url, task.study, root, supply.n_asked)
    finally:
        fleet.end()
    print(
        f"{fleet.n_kills} kills, {account.n_complete} of {supply.n_asked} complete,"
        f" {account.n_attempts} attempts"
    )
    faults = [*account.faults, *([] if is_over else ["the drivers did not come to their end"])]
    return faults + _judge(np.array(samples), seconds)


def _kill(fleet: Fleet, rng: random.Random) -> None:
    """Kill the second driver or a child of either."""
    children = [*fleet.workers(0), *fleet.workers(1)]
    if 1 in fleet.pids and (not children or rng.random() < 0.5):
        fleet.kill(1)
    elif children:
        try:
            os.kill(rng.choice(children), signal.SIGKILL)
            fleet.n_kills += 1
        except ProcessLookupError:
            pass


def _sample(process: psutil.Process, root: Path) -> tuple[float, ...]:
    wal = root / "runs.db-wal"
    return (
        process.num_fds(),
        process.num_threads(),
        process.memory_info().rss,
        wal.stat().st_size if wal.exists() else 0,
    )


def _judge(samples: np.ndarray, seconds: float) -> list[str]:
    """Return what grows, of samples (seconds, descriptors, threads, bytes, bytes of the log)."""
    faults = []
    settled = samples[samples[:, 0] >= SETTLED * seconds]
    minutes = settled[:, 0] / 60
    for column, name in ((1, "descriptors"), (2, "threads"), (3, "memory")):
        values = settled[:, column]
        slope = np.polyfit(minutes, values, 1)[0] * 10 / values.mean()
        print(
            f"{name}: {values[0]:.0f} at {minutes[0]:.0f} min, {values[-1]:.0f} at {minutes[-1]:.0f} min,"
            f" {100 * slope:+.2f} % in 10 min"
        )
        # one more or less, such as a child that is just being replaced, is no slope in a short run
        is_small = np.ptp(values) <= 3 and name != "memory"
        is_judged = name != "memory" or seconds >= 60 * LEAST_MINUTES_FOR_MEMORY
        if slope > LARGEST_SLOPE and is_judged and not is_small:
            faults.append(f"{name} grow by {100 * slope:.2f} % in 10 min")
    largest = samples[:, 4].max()
    print(f"write-ahead log: at most {largest / 1e6:.1f} MB")
    return (
        [*faults, f"the write-ahead log took {largest:.0f} bytes"] if largest > LARGEST_WAL_BYTES else faults
    )


def main() -> int:
    parser = command.parser_of(__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two kills")
    parser.add_argument("--pause", type=float, default=4.0, help="seconds that an evaluation takes")
    options = parser.parse_args()
    rng = command.begin(options)
    with tempfile.TemporaryDirectory(prefix="chaos-soak-", ignore_cleanup_errors=True) as name:
        faults = soak(Path(name), 60 * options.minutes, options.every, options.pause, rng)
    return command.end(faults)


if __name__ == "__main__":
    sys.exit(main())
