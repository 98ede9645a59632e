"""Time 10⁶ events × 7 cuts with weighted sums, beside a plain NumPy expression and a Python loop.

    python tests/benchmarks/bench_cuts.py

The bar: at most 10 ms on one core.
"""

import time
from functools import partial

import numpy as np

from smbo_objectives.higgsml_cuts.events import Events, load
from smbo_objectives.higgsml_cuts.objective import MASS_WINDOW, cuts_of

N_EVENTS = 1_000_000
POINTS = {
    "tight": {**MASS_WINDOW, "mmc_lo": 115.0, "mmc_hi": 160.0, "mt_max": 30.0, "tau_min": 40.0},
    "loose": {**MASS_WINDOW, "mmc_lo": 60.0, "mmc_hi": 250.0},
}


def resampled(n, rng):
    """Return n events drawn from the shipped ones, signal first."""
    events = load()
    chosen = rng.integers(0, len(events), n)
    # signal first, but in random order within a class: runs of one event would be kind to the processor
    chosen = chosen[np.argsort(chosen >= events.n_signal, kind="stable")]
    return Events(
        {name: column[chosen] for name, column in events.columns.items()},
        events.weights[chosen],
        int((chosen < events.n_signal).sum()),
    )


def plain_numpy(events, is_signal, cuts):
    mask = np.ones(len(events), bool)
    for cut in cuts:
        column = events.columns[cut.variable]
        mask = mask & (column >= cut.threshold if cut.side == "lower" else column < cut.threshold)
    background = events.weights[mask & ~is_signal]
    return events.weights[mask & is_signal].sum(), background.sum(), len(background), (background**2).sum()


def python_loop(events, cuts):
    s = b = variance = 0.0
    n_background = 0
    for i in range(len(events)):
        for cut in cuts:
            x = events.columns[cut.variable][i]
            if x < cut.threshold if cut.side == "lower" else x >= cut.threshold:
                break
        else:
            w = events.weights[i]
            if i < events.n_signal:
                s += w
            else:
                b, variance, n_background = b + w, variance + w * w, n_background + 1
    return s, b, n_background, variance


def median_ms(function, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def main():
    events = resampled(N_EVENTS, np.random.default_rng(0))
    is_signal = np.arange(N_EVENTS) < events.n_signal
    small = resampled(N_EVENTS // 10, np.random.default_rng(0))
    for name, point in POINTS.items():
        cuts = cuts_of(point)
        ours, plain = events.count(cuts), plain_numpy(events, is_signal, cuts)
        np.testing.assert_allclose((ours.s, ours.b, ours.n_background, ours.b_variance), plain, rtol=1e-10)
        print(f"{name}: {ours.n_signal + ours.n_background} of {N_EVENTS} events pass")
        ours_ms = median_ms(partial(events.count, cuts), 21)
        plain_ms = median_ms(partial(plain_numpy, events, is_signal, cuts), 11)
        loop_ms = 10 * median_ms(partial(python_loop, small, cuts), 1)
        print(f"  Events.count {ours_ms:9.2f} ms   (bar: 10 ms)")
        print(f"  plain NumPy  {plain_ms:9.2f} ms")
        print(f"  Python loop  {loop_ms:9.0f} ms   (ten times that of a tenth)")


if __name__ == "__main__":
    main()
