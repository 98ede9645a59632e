"""Kill a serial study with SIGKILL again and again: it must equal one that was left alone, bit for bit.

    python tests/chaos/replay_kills.py --kills 100 [--trials 25] [--recipe gp] [--seed 1]

Each study is run once in peace, and once by drivers that are killed at random moments and followed
by the next; after the last one the two are compared: numbers, points, seeds, states, values, the
recipe's memory.  The killed one's proposals are then all made again from the log (`study.replay`).

Drivers are forked from this process, which has all modules loaded: a hundred kills take a minute.
`--mutant memory` has each new driver begin with an empty memory of the recipe, `--mutant seed`
draws proposals from the machine's randomness: the comparison must fail.

The exit code is 0 if all studies were equal, 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import smbo.study.driver_study as asking_module
from smbo import Budget, Study
from smbo.study.provenance import propose_from
from smbo_scheduler.retry import RetryPolicy

SPACE = {"x": (0.0, 1.0), "y": (0.0, 1.0), "n": (1, 4)}
PAUSE_SECONDS = 0.01  # of an evaluation, so that kills hit those too


def objective(params: Any, context: Any) -> float:
    time.sleep(PAUSE_SECONDS)
    return (params["x"] - 0.3) ** 2 + abs(params["y"] - 0.6) + params["n"] + 1e-6 * (context.seed % 1000)


@dataclass
class Account:
    """What came of the studies."""

    kills: int = 0
    studies: int = 0
    faults: list[str] = field(default_factory=list)


def drive(folder: Path, recipe: str, seed: int, trials: int, mutant: str | None) -> None:
    """Run the study of a folder to its end."""
    if mutant is not None:
        asking_module.propose_from = MUTANTS[mutant]()  # type: ignore[attr-defined]
    with opened(folder, recipe, seed, trials) as study:
        study.run(objective, retries=RetryPolicy(losses=10**6))


def opened(folder: Path, recipe: str, seed: int, trials: int) -> Study:
    url = f"sqlite:///{folder}/runs.db"
    return Study.open(url, "s", SPACE, recipe=recipe, seed=seed, budget=Budget(trials=trials))


def forgetful() -> Callable[..., Any]:
    """Return proposals whose first in each process does not know the recipe's memory."""
    calls: list[int] = []

    def propose(problem: Any, recipe: Any, record: Any, *rest: Any, **more: Any) -> Any:
        calls.append(1)
        record = replace(record, memory={}) if len(calls) == 1 else record
        return propose_from(problem, recipe, record, *rest, **more)

    return propose


def lucky() -> Callable[..., Any]:
    """Return proposals that draw on the machine's randomness."""

    def propose(problem: Any, recipe: Any, record: Any, *rest: Any, **more: Any) -> Any:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
        return propose_from(problem, recipe, replace(record, seed=seed), *rest, **more)

    return propose


MUTANTS: dict[str, Callable[[], Callable[..., Any]]] = {"memory": forgetful, "seed": lucky}


def forked(work: Callable[[], None]) -> int:
    """Do some work in a child process; return its pid."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def log_of(folder: Path, recipe: str, seed: int, trials: int) -> list[Any]:
    with opened(folder, recipe, seed, trials) as study:
        log: list[Any] = [
            (trial.number, trial.params, trial.seed, str(trial.state), trial.value) for trial in study.trials
        ]
        return [*log, study._driver.store.study("s").memory]


def one_study(
    folder: Path,
    kills: int,
    trials: int,
    rng: random.Random,
    account: Account,
    *,
    recipe: str = "gp",
    seed: int = 1,
    mutant: str | None = None,
) -> None:
    """Run a study in peace and one with at most so many kills, and hold one against the other."""
    calm, rough = folder / "calm", folder / "rough"
    calm.mkdir()
    rough.mkdir()
    began = time.monotonic()
    os.waitpid(forked(lambda: drive(calm, recipe, seed, trials, None)), 0)
    # so that about six kills hit a study
    longest = (time.monotonic() - began) / 3
    while True:
        pid = forked(lambda: drive(rough, recipe, seed, trials, mutant))
        if kills > 0:
            time.sleep(rng.uniform(0.0, longest))
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            break
        kills -= 1
        account.kills += 1
    account.studies += 1
    if status != 0:
        account.faults.append(f"seed {seed}: a driver failed")
        return
    expected, found = (log_of(each, recipe, seed, trials) for each in (calm, rough))
    for row, (old, new) in enumerate(zip(expected, found, strict=False)):
        if old != new:
            account.faults.append(f"seed {seed}, row {row}: {old!r} in peace, {new!r} with kills")
            break
    if len(expected) != len(found):
        account.faults.append(
            f"seed {seed}: {len(expected) - 1} trials in peace, {len(found) - 1} with kills"
        )
    with opened(rough, recipe, seed, trials) as study:
        replayed = study.replay()
    if replayed.difference is not None or replayed.n_trials != trials:
        account.faults.append(f"seed {seed}, made again: {replayed}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--recipe", default="gp")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    options = parser.parse_args()
    rng, account = random.Random(options.seed), Account()
    while account.kills < options.kills:
        with tempfile.TemporaryDirectory(prefix="replay-kills-") as name:
            one_study(
                Path(name),
                options.kills - account.kills,
                options.trials,
                rng,
                account,
                recipe=options.recipe,
                seed=options.seed + account.studies,
                mutant=options.mutant,
            )
        print(f"{account.studies} studies, {account.kills} kills, {len(account.faults)} faults", flush=True)
    for fault in account.faults:
        print(f"    {fault[:600]}")
    return 1 if account.faults else 0


if __name__ == "__main__":
    sys.exit(main())
