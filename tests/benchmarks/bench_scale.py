"""Large clusters: how busy the workers are kept, and how soon a good point is found.

    python tests/benchmarks/bench_scale.py --simulated [--workers 1000] [--seeds 1 2 3] [--rows FILE]
    python tests/benchmarks/bench_scale.py --picture FILE.svg [--workers 100] [--rows FILE]
    python tests/benchmarks/bench_scale.py --threads [--workers 200] [--trials 1000]

``--simulated``: virtual workers and a virtual clock (see scale_simulation.py), the real study, loop
and recipe.  Three ways on the same durations and fates: as smbo runs, in synchronous batches, and
at random.  ``--threads``: as many threads of one real Dask worker process, evaluations that sleep.
``--rows`` adds the best value over time of each run to a file; ``--picture`` makes a figure of it, or of the
kept runs in scale/rows.jsonl.gz.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kept_rows import append_row, read_rows
from scale_simulation import SLEPT, Account, Durations, SimulatedExecutor, Sleeper, VirtualClock, hartmann6

from smbo import Budget, Problem, Real, Study
from smbo.study.run import run_study
from smbo.study.run_settings import RunSettings
from smbo.trial import TrialState

SPACE = {f"x{i}": Real(0.0, 1.0) for i in range(6)}
GOAL = -3.2  # of -3.32; random search finds a point like this once in some 40,000


@dataclass(frozen=True)
class Way:
    """One way to use a cluster."""

    name: str
    recipe: str
    barrier: bool


WAYS = (Way("as it runs", "auto", False), Way("batches", "auto", True), Way("random", "random", False))


@dataclass(frozen=True)
class Figures:
    """What one simulated run came to; times are of the virtual clock."""

    account: Account
    hours: float
    best: float
    hours_to_goal: float
    driver_seconds: float
    counts: dict[str, int]
    best_over_time: list[tuple[float, float]]  # (hours, value), at each improvement


def simulate(way: Way, n_workers: int, n_trials: int, seed: int, durations: Durations) -> Figures:
    """Run a study on a simulated cluster."""
    clock = VirtualClock()
    began_cpu = time.process_time()
    times: dict[int, float] = {}
    made: list[SimulatedExecutor] = []

    def executor(target, _spool):
        made.append(SimulatedExecutor(target, clock, n_workers, durations, seed=seed, barrier=way.barrier))
        return made[0]

    def note(progress):
        if progress.latest is not None:
            times[progress.latest.job.number] = clock()

    budget = Budget(trials=n_trials, failures=n_trials)
    with (
        tempfile.TemporaryDirectory() as folder,
        Study.open(
            f"sqlite:///{folder}/s.db", "scale", Problem(SPACE), recipe=way.recipe, seed=seed, budget=budget
        ) as study,
    ):
        began = clock()
        run_study(study._driver, hartmann6, executor, RunSettings(on_progress=note, clock=clock))
        trials = study.trials
    done = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    good = [times[trial.number] - began for trial in done if trial.value <= GOAL]
    best_over_time: list[tuple[float, float]] = []
    for trial in sorted(done, key=lambda trial: times[trial.number]):
        if not best_over_time or trial.value < best_over_time[-1][1]:
            best_over_time.append(((times[trial.number] - began) / 3600, trial.value))
    counts = {state.value: sum(trial.state is state for trial in trials) for state in TrialState}
    return Figures(
        account=made[0].account(),
        hours=(clock() - began) / 3600,
        best=min(trial.value for trial in done),
        hours_to_goal=min(good, default=np.inf) / 3600,
        driver_seconds=time.process_time() - began_cpu,
        counts={state: n for state, n in counts.items() if n},
        best_over_time=best_over_time,
    )


def main_simulated(
    n_workers: int, n_trials: int, seeds: list[int], names: list[str], kept: Path | None
) -> None:
    print(
        "| way | seed | workers | trials | utilisation | best | hours to goal | hours in all | driver CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for way in (way for way in WAYS if way.name in names):
        found = []
        for seed in seeds:
            said = simulate(way, n_workers, n_trials, seed, Durations())
            found.append(said)
            if kept is not None:
                row = {"way": way.name, "workers": n_workers, "seed": seed, "hours": said.hours}
                append_row(kept, {**row, "best": said.best_over_time})
            print(
                f"| {way.name} | {seed} | {n_workers} | {sum(said.counts.values())} "
                f"| {said.account.utilisation:.1%} | {said.best:.4f} | {said.hours_to_goal:.2f} "
                f"| {said.hours:.2f} | {said.driver_seconds:.0f} |",
                flush=True,
            )
        print(
            f"| {way.name} | median | {n_workers} | "
            f"| {statistics.median(each.account.utilisation for each in found):.1%} "
            f"| {statistics.median(each.best for each in found):.4f} "
            f"| {statistics.median(each.hours_to_goal for each in found):.2f} | | |",
            flush=True,
        )


def draw(rows: list[dict[str, Any]], picture: Path) -> None:
    """Draw the best value over time of each run, a line for each."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.0, 4.0), layout="constrained")
    for way, colour in zip(WAYS, ("C0", "C1", "C7")):
        mine = [row for row in rows if row["way"] == way.name]
        for place, row in enumerate(mine):
            hours, best = zip(*row["best"], (row["hours"], row["best"][-1][1]))
            label = way.name if place == 0 else None
            axes.step(hours, best, where="post", color=colour, label=label, linewidth=1.2)
    axes.axhline(GOAL, color="black", linewidth=0.6, linestyle=":", label="goal")
    axes.set_xlabel("hours on the virtual clock")
    axes.set_ylabel("best value found")
    workers, n_seeds = rows[0]["workers"], len({row["seed"] for row in rows})
    axes.set_title(f"{workers:,} workers, {n_seeds} seeds", fontsize=10)
    axes.legend(frameon=False)
    figure.savefig(picture, metadata={"Date": None})


def main_threads(n_workers: int, n_trials: int, seconds: float) -> None:
    """Run a study on real Dask threads; evaluations sleep for about so long, heavy-tailed."""
    from distributed import Client, LocalCluster

    spread = Durations(median_seconds=seconds, sigma=0.5, straggler_share=0.02, failed_share=0, lost_share=0)
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(
            n_workers=1,
            threads_per_worker=n_workers,
            processes=False,
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
        Study.open(
            f"sqlite:///{folder}/t.db", "threads", Problem(SPACE), seed=1, budget=Budget(trials=n_trials)
        ) as study,
    ):
        began, began_cpu = time.monotonic(), time.process_time()
        study.run(Sleeper(spread), client, isolation="thread")  # what slept is noted in this process
        wall, cpu = time.monotonic() - began, time.process_time() - began_cpu
        n_done = sum(trial.state is TrialState.COMPLETE for trial in study.trials)
        best = study.best.value
    last_start = max(start for start, _ in SLEPT)
    used = sum(min(end, last_start) - start for start, end in SLEPT)
    print("| threads | trials | mean evaluation, s | utilisation | trials/s | driver CPU ms a trial | best |")
    print("|---|---|---|---|---|---|---|")
    mean = statistics.mean(end - start for start, end in SLEPT)
    print(
        f"| {n_workers} | {n_done} | {mean:.1f} | {used / (n_workers * (last_start - began)):.1%} "
        f"| {n_done / wall:.1f} | {1000 * cpu / n_done:.0f} | {best:.4f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument("--threads", action="store_true")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--ways", nargs="+", default=[way.name for way in WAYS])
    parser.add_argument("--seconds", type=float, default=10.0, help="median evaluation with --threads")
    parser.add_argument("--rows", type=Path, help="file that a row of each run is appended to")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    if given.picture:
        rows = read_rows(given.rows or Path(__file__).parent / "scale/rows.jsonl.gz")
        draw([row for row in rows if row["workers"] == (given.workers or 100)], given.picture)
        return
    if given.threads:
        main_threads(given.workers or 200, given.trials or 1000, given.seconds)
    if given.simulated or not given.threads:
        main_simulated(given.workers or 1000, given.trials or 3000, given.seeds, given.ways, given.rows)


if __name__ == "__main__":
    main()
