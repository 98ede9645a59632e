"""Kill `smbo run` at random moments, run it again, and count what was lost or done twice.

    python tests/chaos/kill_run.py --kills 20 [--per-study 5] [--trials 40] [--seed 1]

Each study gets ``--per-study`` SIGKILLs of the driver, each at a random moment after its start, and
then runs to its end.  The objective notes in a log (O_APPEND, one write a line) when it starts and
ends.  What must hold for every study:

* exactly ``--trials`` trials are complete, and each carries the value that the log says;
* no evaluation is started again after it had ended;
* at the end no process of the study is left.

One line a study; the exit code is 0 if all held, 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]

OBJECTIVE = '''
"""Slow enough to be killed in the middle; notes its start and end in a log."""

import os
import time


def note(word, seed, value=""):
    log = os.open(os.environ["CHAOS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, f"{word} {seed} {value}\\n".encode())
    os.close(log)


def evaluate(params, context):
    note("start", context.seed)
    time.sleep(0.1 + 0.1 * params["x"])
    value = (params["x"] - 0.3) ** 2
    note("end", context.seed, repr(value))
    return value
'''

JOB = """
study: chaos
objective: {{python: chaos_objective:evaluate}}
space: {{x: {{real: [0.0, 1.0]}}}}
recipe: {recipe}
budget: {{trials: {trials}}}
cluster: {cluster}
seed: 1
report: false
"""


@dataclass
class Account:
    """What happened to one study."""

    kills: int
    runs: int
    n_complete: int
    faults: list[str] = field(default_factory=list)


def one_study(
    folder: Path,
    kills: int,
    trials: int,
    rng: random.Random,
    *,
    latest_seconds: float = 10.0,
    cluster: str = "{local: {workers: 2}}",
    recipe: str = "sobol",
) -> Account:
    """Run one study with so many kills and return its account."""
    (folder / "chaos_objective.py").write_text(OBJECTIVE)
    (folder / "job.yaml").write_text(JOB.format(trials=trials, cluster=cluster, recipe=recipe))
    done = 0
    for _ in range(kills):
        run = _start(folder)
        try:
            run.wait(timeout=rng.uniform(0.0, latest_seconds))
        except subprocess.TimeoutExpired:
            os.kill(run.pid, signal.SIGKILL)
            done += 1
        run.wait()
    last = _start(folder)
    code = last.wait(timeout=300)
    account = Account(kills=done, runs=kills + 1, n_complete=0)
    if code != 0:
        text = (folder / "output.txt").read_text()[-2000:]
        account.faults.append(f"the last run ended with exit code {code}: {text}")
        return account
    _audit(folder, trials, account)
    account.faults += _processes_left(folder)
    return account


def _environment(folder: Path) -> dict[str, str]:
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "CHAOS_LOG": str(folder / "log.txt"),
        "OMP_NUM_THREADS": "1",
    }


def _start(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "output.txt").open("ab") as output:
        command = [sys.executable, "-m", "smbo.cli", "run", "job.yaml"]
        return subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _audit(folder: Path, n_trials: int, account: Account) -> None:
    export = subprocess.run(
        [sys.executable, "-m", "smbo.cli", "export", "chaos", "--format", "json"],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        check=True,
    )
    judge(folder, json.loads(export.stdout), n_trials, account)


def judge(folder: Path, trials: list[dict[str, Any]], n_trials: int, account: Account) -> None:
    """Hold the exported trials against the objective's log, and note every fault."""
    complete = [trial for trial in trials if trial["state"] == "complete"]
    account.n_complete = len(complete)
    if len(complete) != n_trials or len(trials) != n_trials:
        states = Counter(trial["state"] for trial in trials)
        account.faults.append(f"{n_trials} complete trials were wanted; there are {dict(states)}")
    ended: dict[int, str] = {}
    for line in (folder / "log.txt").read_text().splitlines():
        word, seed, *value = line.split()
        if word == "end":
            ended[int(seed)] = value[0]
        elif int(seed) in ended:
            account.faults.append(f"the trial of seed {seed} was started again after its end")
    for trial in complete:
        if ended.get(trial["seed"]) != repr(trial["value"]):
            told, logged = trial["value"], ended.get(trial["seed"])
            account.faults.append(f"trial {trial['number']} has {told}, the log says {logged}")


def _processes_left(folder: Path, patience_seconds: float = 10.0) -> list[str]:
    """Return the processes that still work in or for this folder."""
    until = time.monotonic() + patience_seconds
    while left := _processes_of(folder):
        if time.monotonic() > until:
            return [f"left running: {' '.join(words)}"[:300] for words in left]
        time.sleep(0.2)
    return []


def _processes_of(folder: Path) -> list[list[str]]:
    found = []
    for process in psutil.process_iter():
        try:
            log = process.environ().get("CHAOS_LOG")
            if log == str(folder / "log.txt") and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--per-study", type=int, default=5)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    print(f"seed {seed}")
    kills, faults = 0, 0
    while kills < options.kills:
        with tempfile.TemporaryDirectory(prefix="kill-run-") as name:
            began = time.monotonic()
            n = min(options.per_study, options.kills - kills)
            account = one_study(Path(name), n, options.trials, rng)
        kills += account.kills
        faults += len(account.faults)
        print(
            f"{account.kills} kills, {account.n_complete} of {options.trials} complete, "
            f"{len(account.faults)} faults, {time.monotonic() - began:.0f} s",
            flush=True,
        )
        for fault in account.faults:
            print(f"    {fault}", flush=True)
    print(f"{kills} kills in all, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
