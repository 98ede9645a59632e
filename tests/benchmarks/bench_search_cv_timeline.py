"""Draw who did what when in a BayesSearchCV on a Dask cluster, with folds of unequal length.

    python tests/benchmarks/bench_search_cv_timeline.py [N_ITER]

Two workers of one slot each; the fits sleep for the length of their fold, so the figure does not
depend on the machine's other work.  The bar: at least 90 % of the slots busy from the first proposal
to the last.  With a barrier after each candidate it would be 71 %.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import PredefinedSplit

from smbo import BayesSearchCV, Real

# of the folds' sizes, which are what a fit sleeps for; in units of SECONDS_PER_ROW
FOLDS = (5, 1, 3, 8)
SECONDS_PER_ROW = 0.2
N_WORKERS = 2


class Sleeper(BaseEstimator):
    """Writes down when each of its fits began and ended."""

    def __init__(self, folder=None, x=0.0):
        self.folder = folder
        self.x = x

    def fit(self, X, y=None):
        start = time.time()
        # the training part is everything but the fold
        time.sleep(SECONDS_PER_ROW * (sum(FOLDS) - len(X)))
        worker = _worker()
        file = Path(self.folder) / f"{start:.6f}-{self.x:.6f}"
        file.write_text(f"{worker} {start} {time.time()} {self.x}")
        return self

    def score(self, X, y=None):
        return -((self.x - 0.3) ** 2)


def _worker():
    from distributed import get_worker

    try:
        return get_worker().address
    except ValueError:
        return "driver"


def timeline(client, n_iter):
    """Return one (worker, start, end, x) for each fit, by start."""
    rows = np.concatenate([[fold] * size for fold, size in enumerate(FOLDS)])
    with TemporaryDirectory() as folder:
        BayesSearchCV(
            Sleeper(folder),
            {"x": Real(0.0, 1.0)},
            n_iter=n_iter,
            cv=PredefinedSplit(rows),
            client=client,
            refit=False,
            random_state=0,
        ).fit(np.zeros((len(rows), 1)))
        lines = [file.read_text().split() for file in Path(folder).iterdir()]
    return sorted(((w, float(a), float(b), float(x)) for w, a, b, x in lines), key=lambda fit: fit[1])


def busy_fraction(fits, n_slots):
    """Return the share of the slots' time spent in fits, from the first proposal to the last.

    The first fit starts right after the first proposal; the last proposal is made at the latest
    when the last candidate's first fit starts.
    """
    begin = fits[0][1]
    first_start = {}
    for _, start, _, x in fits:
        first_start.setdefault(x, start)
    end = max(first_start.values())
    busy = sum(max(0.0, min(stop, end) - start) for _, start, stop, _ in fits)
    return busy / (n_slots * (end - begin))


def draw(fits, width=110):
    """Return a line for each worker, each candidate with a letter of its own."""
    begin, end = fits[0][1], max(stop for _, _, stop, _ in fits)
    letters = {x: chr(ord("a") + i % 26) for i, x in enumerate(dict.fromkeys(fit[3] for fit in fits))}
    lines = {worker: ["."] * width for worker in sorted({fit[0] for fit in fits})}
    for worker, start, stop, x in fits:
        a, b = (int(width * (t - begin) / (end - begin)) for t in (start, stop))
        for i in range(a, min(width, max(b, a + 1))):
            lines[worker][i] = letters[x]
    return "\n".join("".join(line) for line in lines.values())


def main():
    from distributed import Client, LocalCluster

    n_iter = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    with (
        LocalCluster(n_workers=N_WORKERS, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        fits = timeline(client, n_iter)
    print(draw(fits))
    busy = busy_fraction(fits, N_WORKERS)
    print(f"{len(fits)} fits of {n_iter} candidates, slots busy: {busy:.1%} (bar: 90 %)")


if __name__ == "__main__":
    main()
