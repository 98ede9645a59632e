"""Kill `smbo run` at random moments, run it again, and count what was lost or done twice.

    python tests/chaos/kill_run.py --kills 20 [--per-study 5] [--trials 40] [--seed 1]
    python tests/chaos/kill_run.py --survive --kills 300 --per-study 30

Each study gets ``--per-study`` SIGKILLs of the driver, each at a random moment after its start, and
then runs to its end.  The objective notes in a log (O_APPEND, one write a line) when it starts and
ends.  What must hold for every study:

* exactly ``--trials`` trials are complete, and each carries the value that the log says;
* no evaluation is started again after it had ended;
* at the end no process of the study is left.

With ``--survive`` evaluations are to outlive the run, and each SIGKILL hits any of its processes: driver,
cluster manager, workers, the processes that hold evaluations, their fork servers, children and supervisors.
Then a trial may be failed whose own process was killed, an evaluation may be repeated whose end was not
stored yet, and besides: no run ends by itself before its study does.

One line a study; the exit code is 0 if all held, 1 otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
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
KILLED = ("killed by signal 9 (SIGKILL)", "memory")
SURVIVE = "limits: {survive: true}\nretries: {lost: 30}\n"


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


def one_study_of_survivors(
    folder: Path, kills: int, trials: int, rng: random.Random, *, mean_seconds: float = 1.0
) -> Account:
    """Run one study with so many kills of any of its processes, or as many as come before its end."""
    (folder / "chaos_objective.py").write_text(OBJECTIVE)
    job = JOB.format(trials=trials, cluster="{local: {workers: 2}}", recipe="sobol")
    (folder / "job.yaml").write_text(job + SURVIVE)
    account = Account(kills=0, runs=1, n_complete=0)
    run = _start(folder)
    while run.poll() != 0:
        if run.poll() is not None:
            if run.returncode != -signal.SIGKILL:
                text = (folder / "output.txt").read_text()[-1000:]
                account.faults.append(f"a run ended by itself with exit code {run.returncode}: {text}")
            if account.runs > 10 * kills:
                return account
            account.runs += 1
            run = _start(folder)
        time.sleep(rng.expovariate(1 / mean_seconds))
        if account.kills < kills and (victims := _processes_of(folder)):
            pid, _ = rng.choice(victims)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                account.kills += 1
    _audit(folder, trials, account, may_be_killed=True)
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


def _audit(folder: Path, n_trials: int, account: Account, *, may_be_killed: bool = False) -> None:
    export = subprocess.run(
        [sys.executable, "-m", "smbo.cli", "export", "chaos", "--format", "json"],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        check=True,
    )
    judge(folder, json.loads(export.stdout), n_trials, account, may_be_killed=may_be_killed)


def judge(
    folder: Path,
    trials: list[dict[str, Any]],
    n_trials: int,
    account: Account,
    *,
    may_be_killed: bool = False,
) -> None:
    """Hold the exported trials against the objective's log, and note every fault.

    Args:
        may_be_killed: whether evaluations themselves were killed.
    """
    complete = [trial for trial in trials if trial["state"] == "complete"]
    killed = [trial for trial in trials if may_be_killed and trial["reason"] in KILLED]
    account.n_complete = len(complete)
    if len(complete) + len(killed) != n_trials or len(trials) != n_trials:
        states = Counter(trial["state"] for trial in trials)
        account.faults.append(f"{n_trials} complete trials were wanted; there are {dict(states)}")
    ended: dict[int, str] = {}
    for line in (folder / "log.txt").read_text().splitlines():
        word, seed, *value = line.split()
        if word == "end":
            ended[int(seed)] = value[0]
        elif int(seed) in ended and not may_be_killed:
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
            return [f"left running: {' '.join(words)}"[:300] for _, words in left]
        time.sleep(0.2)
    return []


def _processes_of(folder: Path) -> list[tuple[int, list[str]]]:
    found = []
    for process in psutil.process_iter():
        try:
            log = process.environ().get("CHAOS_LOG")
            if log == str(folder / "log.txt") and process.status() != psutil.STATUS_ZOMBIE:
                found.append((process.pid, process.cmdline()))
        except psutil.Error:
            continue
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--per-study", type=int, default=5)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--survive", action="store_true", help="kill any process of surviving evaluations")
    options = parser.parse_args()
    one = one_study_of_survivors if options.survive else one_study
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    print(f"seed {seed}")
    kills, faults = 0, 0
    while kills < options.kills:
        with tempfile.TemporaryDirectory(prefix="kill-run-") as name:
            began = time.monotonic()
            n = min(options.per_study, options.kills - kills)
            account = one(Path(name), n, options.trials, rng)
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
