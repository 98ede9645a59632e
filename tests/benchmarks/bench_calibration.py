"""How often claims hold: intervals of the optimum, and the value claimed at the recommended point.

    python tests/benchmarks/bench_calibration.py [--kinds basins emulator …] [--seeds 0-299] [--rows FILE]
        [--searches FILE]

Cheap studies whose truth is known: quadratics of 2, 4 and 6 axes without noise, with noise that is not told,
and with noise that is; two basins nearly as deep, with noise; closures of the tune's emulator.  The bars,
pooled over parameters and at least 300 studies a kind: the 68 % interval of the optimum covers 62-74 %, the
95 % interval 92-98 %; claimed less true value at the recommended point in units of the claimed deviation:
mean within 0.3 of 0, root mean square 0.8-1.3 (with noise).  Rows that a file has are not measured again, and
the points of a search that a file has are not searched for again: after a change of what is claimed, name
the same file of searches and another one of rows.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kept_rows import append_row, read_rows

from smbo import Optimizer, Problem
from smbo.trial import Trial

sys.path.insert(0, str(Path(__file__).parent / "tune"))
import emulator

KINDS = (
    *(f"quadratic-{d}-{noise}" for d in (2, 4, 6) for noise in ("exact", "noisy", "told")),
    "basins",
    "emulator",
)
N_EVALUATIONS = {2: 20, 4: 30, 6: 40}
N_BASINS, N_EMULATOR, EVENTS = 30, 25, 5_000


@dataclass(frozen=True)
class Finished:
    """A study that is done.

    Attributes:
        optimizer: with all results told.
        truth: true optimum, by parameter.
        value: the true function of a point; None where no value is claimed.
    """

    optimizer: Optimizer
    truth: dict[str, float]
    value: Callable[[dict[str, Any]], float]


def study(kind: str, seed: int, search: dict[str, Any] | None = None) -> Finished:
    """Run a study of a kind by the default recipe, or tell the results at the points of a known search."""
    rng = np.random.default_rng([sum(kind.encode()), seed])
    if kind == "emulator":
        return _emulated(seed, search)
    if kind == "basins":
        function, best = _basins(rng)
        size = 10 ** rng.uniform(-1.5, -0.8)
        return _searched(function, best, seed, rng, N_BASINS, size, search, is_told=False)
    _, axes, noise = kind.split("-")
    function, best = _quadratic(int(axes), rng)
    size = 0.0 if noise == "exact" else 10 ** rng.uniform(-1.5, -0.5)
    return _searched(
        function, best, seed, rng, N_EVALUATIONS[int(axes)], size, search, is_told=noise == "told"
    )


def _quadratic(d: int, rng: np.random.Generator) -> tuple[Callable[[np.ndarray], float], np.ndarray]:
    """Return a quadratic with turned axes, of standard deviation one over the cube, and its minimiser."""
    best = rng.uniform(0.2, 0.8, d)
    turn, _ = np.linalg.qr(rng.standard_normal((d, d)))
    square = turn @ np.diag(10 ** rng.uniform(0.0, 1.5, d)) @ turn.T
    points = rng.random((1000, d)) - best
    size = np.einsum("ni,ij,nj->n", points, square, points).std()
    return lambda x: float((x - best) @ square @ (x - best) / size), best


def _basins(rng: np.random.Generator) -> tuple[Callable[[np.ndarray], float], np.ndarray]:
    """Return two basins of two axes, the second one a little less deep, and the minimiser."""
    while True:
        pair = rng.uniform(0.15, 0.85, (2, 2))
        if np.abs(pair[0] - pair[1]).max() > 0.35:
            break
    widths, depths = rng.uniform(0.12, 0.2, 2), np.array([1.0, 1.0 - rng.uniform(0.02, 0.08)])

    def function(x: np.ndarray) -> float:
        gaps = ((x - pair) ** 2).sum(axis=1)
        return -float((depths * np.exp(-0.5 * gaps / widths**2)).max())

    return function, pair[0]


def _searched(
    function: Callable[[np.ndarray], float],
    best: np.ndarray,
    seed: int,
    rng: np.random.Generator,
    n: int,
    noise: float,
    search: dict[str, Any] | None,
    *,
    is_told: bool,
) -> Finished:
    names = [f"x{k}" for k in range(len(best))]
    optimizer = Optimizer(dict.fromkeys(names, (0.0, 1.0)), seed=seed)

    def value(point: dict[str, Any]) -> float:
        return function(np.array([point[name] for name in names]))

    for trial, point in _trials(optimizer, n, search):
        told = value(point) + noise * rng.standard_normal()
        optimizer.tell(trial, told, sem=noise if is_told else None)
    return Finished(optimizer, dict(zip(names, best.tolist(), strict=True)), value)


def _trials(
    optimizer: Optimizer, n: int, search: dict[str, Any] | None
) -> Iterator[tuple[Trial | dict[str, Any], dict[str, Any]]]:
    """Yield what to tell a result of, and its point: n trials asked for, or the points of a known search."""
    if search is None:
        for _ in range(n):
            trial = optimizer.ask()
            yield trial, dict(trial.params)
        return
    optimizer._memory = search["memory"]
    for point in search["points"]:
        yield point, point


def _emulated(seed: int, search: dict[str, Any] | None) -> Finished:
    loss, runs = emulator.loss(), emulator.Runs(seed)
    optimizer = Optimizer(Problem(emulator.SPACE, loss=loss), seed=seed)
    for number, (trial, point) in enumerate(_trials(optimizer, N_EMULATOR, search)):
        bins, variances = runs.evaluate(number, point, EVENTS)
        optimizer.tell(trial, outputs=bins, covariance=variances)
    return Finished(optimizer, dict(emulator.TRUTH), lambda point: float(loss.of(emulator.spectra(**point))))


def search_of(finished: Finished) -> dict[str, Any]:
    """Return the points of a search and its memory, from which ``study`` makes the same study again."""
    state = finished.optimizer._snapshot()
    return {"points": [dict(trial.params) for trial in state.trials], "memory": dict(state.memory)}


def measured(finished: Finished) -> dict[str, Any]:
    """Return the row of a study: true values and intervals by parameter; the claimed value and its error."""
    began = time.process_time()
    found, claimed = finished.optimizer.optimum(), finished.optimizer.recommend()
    seconds = time.process_time() - began
    return {
        "truth": [finished.truth[each.name] for each in found],
        "found": [each.value for each in found],
        "68": [each.interval for each in found],
        "95": [each.interval_95 for each in found],
        "error": claimed.mean - finished.value(dict(claimed.params)),
        "std": claimed.std,
        "seconds": round(seconds, 3),
    }


def holds(rows: list[dict[str, Any]], share: str) -> np.ndarray:
    """Return whether each interval ("68" or "95") holds the truth, over all studies and parameters."""
    low, high = np.concatenate([row[share] for row in rows]).T
    truth = np.concatenate([row["truth"] for row in rows])
    return (low <= truth) & (truth <= high)


def claims(rows: list[dict[str, Any]]) -> np.ndarray:
    """Return claimed less true value at the recommended points, in claimed deviations."""
    return np.array([row["error"] / max(row["std"], 1e-300) for row in rows])


def line(kind: str, rows: list[dict[str, Any]]) -> str:
    """Return the line of a kind in the table."""
    ratios = claims(rows)
    low, high = np.concatenate([row["68"] for row in rows]).T
    off = np.concatenate([np.subtract(row["found"], row["truth"]) for row in rows])
    seconds, rms = np.mean([row["seconds"] for row in rows]), np.sqrt((ratios**2).mean())
    return (
        f"| {kind} | {len(rows)} | {holds(rows, '68').mean():.2f} | {holds(rows, '95').mean():.2f} | "
        f"{0.5 * (high - low).mean():.2g} | {np.abs(off).mean():.2g} | {ratios.mean():+.2f} | {rms:.2f} | "
        f"{seconds:.2f} |"
    )


HEADER = (
    "| kind | studies | 68 % | 95 % | half of 68 % | distance | claim: mean | rms | CPU s |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--seeds", default="0-299")
    parser.add_argument("--rows", type=Path, help="file of rows: what is there is not measured again")
    parser.add_argument("--searches", type=Path, help="file of searches: what is there is not searched again")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    known, searches = (
        {(row["kind"], row["seed"]): row for row in (read_rows(file) if file else [])}
        for file in (options.rows, options.searches)
    )
    print(HEADER)
    for kind in options.kinds:
        rows = []
        for seed in range(int(first), int(last or first) + 1):
            if (kind, seed) not in known:
                search = searches.get((kind, seed))
                finished = study(kind, seed, search)
                if options.searches and search is None:
                    append_row(options.searches, {"kind": kind, "seed": seed, **search_of(finished)})
                row = {"kind": kind, "seed": seed, **measured(finished)}
                known[kind, seed] = row
                if options.rows:
                    append_row(options.rows, row)
            rows.append(known[kind, seed])
        print(line(kind, rows), flush=True)


if __name__ == "__main__":
    main()
