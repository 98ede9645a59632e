"""`smbo status`, `show`, `export` and the report of a study of many trials: CPU seconds, and peak memory.

    python tests/benchmarks/bench_show.py [--trials 100000] [--store FILE]

Beside each: the CPU seconds of reading the trials' rows by plain SQL, and of a study of twenty trials.  The
bars, for 100,000 trials: `status` and `show` at most twice the rows and the start, `export` 6 s, the
report (and the one evaluation before it) 60 s and 2 GB.  A fifth of the trials failed.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from smbo.store.connect import file_url

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
NAME = "many"


def fill(path: Path, n: int, name: str = NAME) -> None:
    """Store a study of so many trials."""
    import random

    from smbo.study import Study

    rng = random.Random(1)
    with Study.open(path, name, {f"x{k}": (0.0, 1.0) for k in range(4)}, seed=1) as study:
        points = [{f"x{k}": rng.random() for k in range(4)} for _ in range(n)]
        results = [
            None if rng.random() < 0.2 else sum((value - 0.3) ** 2 for value in point.values()) + rng.random()
            for point in points
        ]
        study.add_many(points, results)


def measured(command: list[str]) -> tuple[float, float, float]:
    """Return the CPU seconds, wall seconds and peak MB of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **THREADS})
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, command
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss / 1024


def read_rows(path: str) -> None:
    raw = sqlite3.connect(path)
    rows = raw.execute("SELECT * FROM trial").fetchall()
    assert rows


OBJECTIVE = "def evaluate(params):\n    return sum((value - 0.3) ** 2 for value in params.values())\n"
JOB = """\
study: many
store: {store}
objective: {{python: many_objective:evaluate}}
space: {{x0: {{real: [0, 1]}}, x1: {{real: [0, 1]}}, x2: {{real: [0, 1]}}, x3: {{real: [0, 1]}}}}
budget: {{trials: 1}}
cluster: serial
seed: 1
report: {folder}/page
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--step", nargs="*", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        read_rows(given.step[0])
        return
    with tempfile.TemporaryDirectory() as folder:
        path = given.store or Path(folder) / "many.db"
        if not path.exists():
            fill(path, given.trials)
        Path(folder, "many_objective.py").write_text(OBJECTIVE)
        Path(folder, "job.yaml").write_text(JOB.format(store=file_url(path), folder=folder))
        fill(Path(folder, "few.db"), 20, "few")
        smbo = [sys.executable, "-m", "smbo.cli"]
        store = ["--store", file_url(path)]
        steps = {
            "start": [*smbo, "status", "few", "--store", file_url(f"{folder}/few.db")],
            "rows": [sys.executable, __file__, "--step", str(path)],
            "status": [*smbo, "status", NAME, *store],
            "show": [*smbo, "show", NAME, *store],
            "export": [*smbo, "export", NAME, *store, "-o", f"{folder}/many.csv"],
            "export json": [*smbo, "export", NAME, *store, "-o", f"{folder}/many.json"],
            "report": [*smbo, "run", f"{folder}/job.yaml"],
        }
        for name, command in steps.items():
            if given.only and name not in given.only:
                continue
            cpu, wall, megabytes = measured(command)
            print(f"{name:12s} {cpu:6.2f} s CPU {wall:6.2f} s wall {megabytes:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
