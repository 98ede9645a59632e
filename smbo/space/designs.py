"""Space-filling designs: Sobol, Halton, Latin hypercube and random points, each a function of (seed, index).

Since a sequence can be read from any index, a study continues it with only its seed and an index
stored.  Rounding to a grid, constraints and duplicates are the caller's matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from smbo.errors import RecipeError
from smbo.space.sobol import sobol_rows

Array: TypeAlias = NDArray[np.float64]

_LHS_BLOCK = 16  # points that share one Latin hypercube


def design_rows(kind: str, n_axes: int, seed: int, start: int, count: int) -> Array:
    """Return points number start … start + count - 1 of a design, shape (count, n_axes).

    Args:
        kind: "random"; "sobol" (scrambled); "halton" (scrambled); "lhs" (Latin hypercubes of 16
            points, one after another).

    Raises:
        RecipeError: no design of that name.
    """
    if kind not in DESIGNS:
        raise RecipeError(f"no design is called {kind!r}; there are {', '.join(sorted(DESIGNS))}")
    if n_axes == 0 or count == 0:
        return np.empty((count, n_axes))
    return DESIGNS[kind](n_axes, seed, start, count)


def _random(n_axes: int, seed: int, start: int, count: int) -> Array:
    bits = np.random.PCG64(seed)
    bits.advance(start * n_axes)  # one step a number
    return np.random.Generator(bits).random((count, n_axes))


def _sobol(n_axes: int, seed: int, start: int, count: int) -> Array:
    power = (start + count - 1).bit_length()
    return sobol_rows(n_axes, seed, power)[start : start + count]


def _halton(n_axes: int, seed: int, start: int, count: int) -> Array:
    from scipy.stats import qmc  # loading it takes longer than all else that a first proposal needs

    rows: Array = qmc.Halton(n_axes, scramble=True, seed=np.random.default_rng(seed)).random(start + count)
    return rows[start:]


def _lhs(n_axes: int, seed: int, start: int, count: int) -> Array:
    blocks = range(start // _LHS_BLOCK, (start + count - 1) // _LHS_BLOCK + 1)
    rows = np.concatenate([_latin_hypercube(n_axes, seed, block) for block in blocks])
    first = start - blocks[0] * _LHS_BLOCK
    return rows[first : first + count]


def _latin_hypercube(n_axes: int, seed: int, block: int) -> Array:
    """Return 16 points, on each axis one in each sixteenth: to the last bit scipy's LatinHypercube."""
    (rng,) = np.random.default_rng([seed, block]).spawn(1)
    within = rng.uniform(size=(_LHS_BLOCK, n_axes))
    slices = np.tile(np.arange(1, _LHS_BLOCK + 1), (n_axes, 1))
    for axis in slices:
        rng.shuffle(axis)
    rows: Array = (slices.T - within) / _LHS_BLOCK
    return rows


DESIGNS: dict[str, Callable[[int, int, int, int], Array]] = {
    "random": _random,
    "sobol": _sobol,
    "halton": _halton,
    "lhs": _lhs,
}
