"""Run an optimizer on COCO's bbob or bbob-mixint, for COCO's own post-processing.

    python tests/benchmarks/coco/run.py --peer smbo --dimensions 2,3,5 --out exdata/smbo
    python tests/benchmarks/coco/run.py --dimensions 10 --instances 1-5 --multiplier 20 --out exdata/smbo

One run is one function, dimension and instance, ``multiplier`` times the dimension evaluations long.  COCO's
observer writes what its post-processing reads into a folder of the run, which gets its name when the run is
complete: a run that is there is skipped, one that was broken off begins anew.  ``--plan`` only counts.
``--pack`` puts the folders into one archive, which ``python -m cocopp`` reads as it is.

Source: Hansen et al. (2021), "COCO: a platform for comparing continuous optimizers in a black-box setting".
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before numpy is imported: one thread, as the tables say

import argparse
import shutil
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "regret"), str(Path(__file__).resolve().parents[1])]

import numpy as np
from peers import PEERS
from problems import BenchmarkProblem, Variable

DIMENSIONS = {"bbob": (2, 3, 5, 10, 20, 40), "bbob-mixint": (5, 10, 20, 40, 80, 160)}


def numbers(text: str) -> list[int]:
    """Return the integers of "1-3,7"."""
    out: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        out += range(int(first), int(last or first) + 1)
    return out


def described(problem: Any) -> BenchmarkProblem:
    """Return COCO's problem as the optimizers of the regret benchmark take theirs."""
    n_integers = problem.number_of_integer_variables
    variables = tuple(
        Variable("integer", round(low), round(high)) if i < n_integers else Variable("real", low, high)
        for i, (low, high) in enumerate(zip(problem.lower_bounds, problem.upper_bounds))
    )
    return BenchmarkProblem(problem.id, problem.suite, variables, problem, None)


def optimise(peer: str, problem: Any, seed: int, budget: int) -> None:
    """Spend a budget of evaluations on a problem of COCO, or fewer once the final target is hit."""
    optimizer = PEERS[peer](described(problem), seed, budget)
    while problem.evaluations < budget and not problem.final_target_hit:
        handle, point = optimizer.ask()
        optimizer.tell(handle, point, float(problem(np.asarray(point, dtype=float))))


def one_run(arguments: argparse.Namespace, name: str, key: tuple[int, int, int]) -> float:
    """Run one instance of one function; return the CPU seconds that it took."""
    import cocoex

    function, dimension, instance = key
    folder = arguments.out / name
    part = folder.with_name(f"{name}.part")
    shutil.rmtree(part, ignore_errors=True)
    suite = cocoex.Suite(
        arguments.suite, f"instances:{instance}", f"function_indices:{function} dimensions:{dimension}"
    )
    # options end at a blank, so a path that may have one is left out of them
    os.chdir(arguments.out)
    observer = cocoex.Observer(
        arguments.suite, f"outer_folder:{part.name} result_folder:log algorithm_name:{arguments.peer}"
    )
    started = time.process_time()
    for problem in suite:
        problem.observe_with(observer)
        optimise(
            arguments.peer,
            problem,
            1000 * function + 20 * dimension + instance,
            arguments.multiplier * dimension,
        )
        problem.free()
    spent = time.process_time() - started
    # files are complete only once observer and suite are gone
    del problem, observer, suite
    part.rename(folder)
    return spent


def wanted(arguments: argparse.Namespace) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Yield name and key of the runs that are not there yet, whole sets of functions first."""
    for dimension in numbers(arguments.dimensions):
        for instance in numbers(arguments.instances):
            for function in numbers(arguments.functions):
                name = f"{arguments.suite}_f{function:02d}_d{dimension:02d}_i{instance:02d}"
                if not (arguments.out / name).exists():
                    yield name, (function, dimension, instance)


def pack(folder: Path) -> Path:
    """Write the complete runs below a folder into one archive beside it."""
    archive = folder.with_suffix(".tgz")
    if not any(folder.glob("*_i[0-9][0-9]")):
        raise SystemExit(f"{folder}: no complete run is there to pack; run.py --out {folder} makes some")
    with tarfile.open(archive, "w:gz", compresslevel=9) as tar:
        for run in sorted(folder.glob("*_i[0-9][0-9]")):
            tar.add(run, arcname=f"{folder.name}/{run.name}")
    return archive


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", choices=sorted(PEERS), default="smbo")
    parser.add_argument("--suite", choices=("bbob", "bbob-mixint"), default="bbob")
    parser.add_argument("--dimensions", default="2,3,5")
    parser.add_argument("--functions", default="1-24")
    parser.add_argument("--instances", default="1-15")
    parser.add_argument("--multiplier", type=int, default=50, help="evaluations of a run per dimension")
    parser.add_argument("--out", type=Path, required=True, help="folder of this optimizer's runs")
    parser.add_argument("--plan", action="store_true", help="say how many runs are left, and run none")
    parser.add_argument("--pack", action="store_true", help="pack the runs into one archive, and run none")
    arguments = parser.parse_args()
    # a selection that COCO does not know it widens to the whole suite
    for name, known in (("dimensions", DIMENSIONS[arguments.suite]), ("functions", range(1, 25))):
        if wrong := [i for i in numbers(getattr(arguments, name)) if i not in known]:
            parser.error(f"--{name} {wrong[0]}: {arguments.suite} has {', '.join(map(str, known))}")
    arguments.out = arguments.out.resolve()
    left = list(wanted(arguments))
    if arguments.pack:
        print(pack(arguments.out))
        return
    if arguments.plan:
        evaluations = arguments.multiplier * sum(key[1] for _, key in left)
        print(f"{len(left)} runs, {evaluations} evaluations")
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    total = 0.0
    for i, (name, key) in enumerate(left, 1):
        total += one_run(arguments, name, key)
        print(f"{i}/{len(left)} {name}: {total:.1f} CPU s so far", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
