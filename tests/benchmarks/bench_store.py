"""Trials/s through the durable store, beside Optuna's RDB storage and a raw append + fdatasync loop.

    python tests/benchmarks/bench_store.py [--trials 400] [--rounds 3] [--peer-python PATH] [--url URL]

Everything that waits for a disk is several times slower when the cores are busy, so the rows are taken in
turn within one run, in pieces, and only their ratios mean something.  One trial is one ask and one tell,
of eight parameters, each committed to disk before the next; the raw loop appends a line of the same
size and calls fdatasync, once per trial.  The peer runs where Optuna is installed: in this interpreter, or
in the one that --peer-python names.
"""

import os

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
os.environ.update(dict.fromkeys(THREADS, "1"))

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

D = 8
NAMES = [f"x{k}" for k in range(D)]


def rate(step, n):
    """Return steps per second of wall time, and milliseconds of CPU a step."""
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(n):
        step()
    seconds = time.perf_counter() - start
    return n / seconds, 1e3 * (time.process_time() - cpu) / n


def raw_loop(folder, _):
    path = Path(folder, "raw")
    line = json.dumps({"params": dict.fromkeys(NAMES, 0.123456789), "value": 0.5}).encode() + b"\n"
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def step():
        os.write(file, line)
        os.fdatasync(file)

    return step


def store_alone(folder, url):
    """SqlStore's ask and tell, with points that are ready."""
    from smbo.store.ask import Asking
    from smbo.store.budget import Budget
    from smbo.store.records import Result
    from smbo.store.store import SqlStore
    from smbo.trial import TrialState

    store = SqlStore(url or f"sqlite:///{folder}/alone.db")
    study = store.create_study(f"alone-{time.time_ns()}", {}, "random", 1, Budget(trials=10**6)).id
    state = {"number": 0}

    def step():
        number = state["number"]
        point = {name: (number + k) / 1e6 for k, name in enumerate(NAMES)}
        (trial,) = store.ask(study, Asking(1, [point], number, 2 * number, {}, lambda n: n))
        store.tell(study, number, trial.token, Result(TrialState.COMPLETE, value=0.5, feasible=True))
        state["number"] += 1

    return step


def study_loop(folder, url):
    """Study.ask and Study.tell: the same with reading the feed and drawing the points."""
    from smbo.store.budget import Budget
    from smbo.study import Study

    space = dict.fromkeys(NAMES, (0.0, 1.0))
    name = f"study-{time.time_ns()}"
    study = Study.open(url or f"sqlite:///{folder}/study.db", name, space, "random", 1, Budget(trials=10**6))

    def step():
        trial = study.ask()
        study.tell(trial, 0.5)

    return step


def optuna_loop(folder, _):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{folder}/optuna.db", sampler=optuna.samplers.RandomSampler(seed=1)
    )

    def step():
        trial = study.ask()
        for name in NAMES:
            trial.suggest_float(name, 0.0, 1.0)
        study.tell(trial, 0.5)

    return step


LOOPS = {"raw": raw_loop, "store": store_alone, "study": study_loop, "optuna": optuna_loop}


def serve(name, folder, url):
    """Run pieces of one loop as they are asked for on stdin."""
    step = LOOPS[name](folder, url)
    step()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(rate(step, int(line))), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=400, help="per round; the peer does a tenth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--url", default=None, help="a PostgreSQL database, instead of a SQLite file")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(*given.serve, given.url)
        return
    # on a disk, not in memory: /tmp may be one
    folder = tempfile.mkdtemp(prefix="bench-store-", dir=Path.cwd() if Path("/tmp").is_mount() else None)
    processes = {}
    try:
        for name in LOOPS:
            if name == "optuna" and given.no_peer:
                continue
            python = given.peer_python if name == "optuna" else sys.executable
            url = [] if given.url is None else ["--url", given.url]
            processes[name] = subprocess.Popen(
                [python, __file__, "--serve", name, folder, *url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert processes[name].stdout.readline() == "ready\n", f"{name} did not start"
        rates = {name: [] for name in processes}
        for _ in range(given.rounds):
            for name, process in processes.items():
                n = max(given.trials // 10, 1) if name == "optuna" else given.trials
                process.stdin.write(f"{n}\n")
                process.stdin.flush()
                rates[name].append(json.loads(process.stdout.readline()))
    finally:
        for process in processes.values():
            process.stdin.close()
            process.wait(timeout=60)
        shutil.rmtree(folder)
    medians = {name: statistics.median(each[0] for each in rows) for name, rows in rates.items()}
    print(f"{'loop':8} {'trials/s':>9} {'CPU ms':>7} {'of raw':>7} {'x peer':>7}   rounds")
    for name, rows in rates.items():
        of_raw = statistics.median(a[0] / b[0] for a, b in zip(rows, rates["raw"]))
        times = f"{medians[name] / medians['optuna']:7.1f}" if "optuna" in medians else "      -"
        cpu = statistics.median(each[1] for each in rows)
        shown = " ".join(f"{each[0]:.0f}" for each in rows)
        print(f"{name:8} {medians[name]:9.1f} {cpu:7.2f} {100 * of_raw:6.1f}% {times}   {shown}")


if __name__ == "__main__":
    main()
