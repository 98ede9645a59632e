"""How busy BayesSearchCV and RandomizedSearchCV keep the slots of joblib, side by side in one run.

    python tests/benchmarks/bench_search_cv_slots.py [--backend loky] [--unequal]
        [--pairs 8/5,4/3,16/5] [--n-iter 24] [--recipe auto]

The fits sleep (for 1 s each, or with --unequal for .2 to 1.8 s), so that the figures say how long slots
wait and not how fast the machine is.  Busy is the sum of the fits' times over slots x wall time, from the
first fit's start to the last one's end.  The bar: at least .95 of RandomizedSearchCV's.  Both take
candidates of a continuous space; the processes of loky are warm.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from joblib import Parallel, delayed, parallel_config
from scipy.stats import uniform
from sklearn.base import BaseEstimator
from sklearn.model_selection import RandomizedSearchCV

from smbo import BayesSearchCV, Real


class Sleeper(BaseEstimator):
    """Sleeps in fit, and writes down when it began and ended."""

    def __init__(self, folder=None, unequal=False, x=0.0, y=0.0):
        self.folder = folder
        self.unequal = unequal
        self.x = x
        self.y = y

    def fit(self, X, y=None):
        start = time.time()
        share = np.random.default_rng(int(1e6 * self.x) + len(X) + int(X[0, 0])).random()
        time.sleep(0.2 + 1.6 * share if self.unequal else 1.0)
        file = Path(self.folder) / f"{start:.6f}-{self.x:.9f}-{time.thread_time_ns()}"
        file.write_text(f"{start} {time.time()}")
        return self

    def score(self, X, y=None):
        return -((self.x - 0.3) ** 2) - (self.y - 0.6) ** 2


def busy_share(search, folder, n_slots):
    """Fit a search; return the busy share of its slots and the wall time."""
    search.fit(np.arange(60.0)[:, None])
    times = np.array([file.read_text().split() for file in Path(folder).iterdir()], dtype=float)
    wall = times[:, 1].max() - times[:, 0].min()
    return (times[:, 1] - times[:, 0]).sum() / (n_slots * wall), wall


def measure(n_jobs, n_folds, n_iter, unequal, recipe):
    """Return the (busy share, wall time) of both searches."""
    found = []
    for make in (
        lambda sleeper, common: RandomizedSearchCV(sleeper, {"x": uniform(), "y": uniform()}, **common),
        lambda sleeper, common: BayesSearchCV(
            sleeper, {"x": Real(0.0, 1.0), "y": Real(0.0, 1.0)}, recipe=recipe, **common
        ),
    ):
        with TemporaryDirectory() as folder:
            common = {"n_iter": n_iter, "cv": n_folds, "n_jobs": n_jobs, "refit": False, "random_state": 0}
            found.append(busy_share(make(Sleeper(folder, unequal), common), folder, n_jobs))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="threading")
    parser.add_argument("--pairs", default="8/5,4/3,16/5")
    parser.add_argument("--n-iter", type=int, default=24)
    parser.add_argument("--recipe", default="auto")
    parser.add_argument("--unequal", action="store_true")
    given = parser.parse_args()
    print("jobs/folds  randomized    bayes   ratio   wall s")
    for pair in given.pairs.split(","):
        n_jobs, n_folds = map(int, pair.split("/"))
        with parallel_config(backend=given.backend):
            Parallel(n_jobs=n_jobs)(delayed(time.sleep)(0.5) for _ in range(2 * n_jobs))
            (theirs, wall), (ours, our_wall) = measure(
                n_jobs, n_folds, given.n_iter, given.unequal, given.recipe
            )
        print(
            f"{pair:>10}  {theirs:10.1%} {ours:8.1%} {ours / theirs:7.2f}   {wall:.1f} {our_wall:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
