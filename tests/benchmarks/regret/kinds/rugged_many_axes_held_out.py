"""Functions with many minima, of four to sixteen axes, most of them COCO's: the half to report on.

Source: Hansen et al., "COCO" (bbob).
"""

from __future__ import annotations

import numpy as np
from problems import BenchmarkProblem, Variable, _bbob

from kinds._held_out_shapes import funnels, peaks, waves

_BBOB = (
    "bbob_f3_d8", "bbob_f4_d4", "bbob_f15_d6", "bbob_f16_d6", "bbob_f17_d16", "bbob_f18_d12", "bbob_f19_d8",
    "bbob_f21_d16", "bbob_f22_d8", "bbob_f23_d4", "bbob_f24_d10",
)  # fmt: skip
_OWN = {
    "held_waves8": lambda rng: (8, waves(rng, 8, 2.0, 0.4)),
    "held_peaks6": lambda rng: (6, peaks(rng, 6, 20, 0.3)),
    "held_funnels12": lambda rng: (12, funnels(rng, 12)),
}
NAMES = (*_OWN, *(f"held_{name}" for name in _BBOB))


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    if name in _OWN:
        d, function = _OWN[name](np.random.default_rng([seed, *name.encode()]))
        return BenchmarkProblem(name, "rugged_many_axes", (Variable("real"),) * d, function, 0.0)
    # instances beyond those of the other groups
    variables, function, optimum = _bbob(name.removeprefix("held_"), seed + 20)
    return BenchmarkProblem(name, "rugged_many_axes", tuple(variables), function, optimum)
