"""Scrambled Sobol sequences, to the last bit those of ``scipy.stats.qmc.Sobol``.

Loading ``scipy.stats`` for them takes longer than all else that a first proposal needs
(tests/benchmarks/bench_start.py), so the sequences of few axes are computed here; those of more are scipy's.

Source: Joe & Kuo (2008), "Constructing Sobol sequences with better two-dimensional projections", SIAM J.
    Sci. Comput. 30, 2635; scrambling by a lower triangular matrix and a shift: Matousek (1998), J. Complexity
    14, 527.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Bits: TypeAlias = NDArray[np.uint32]

_N_BITS = 30  # of a coordinate

# Joe and Kuo's direction numbers (new-joe-kuo-6.21201), from the second axis on: the binary digits of a
# primitive polynomial, as one number, and its initial numbers; all polynomials up to degree 7.
_DIRECTIONS = """
3: 1|7: 1 3|11: 1 3 1|13: 1 1 1|19: 1 1 3 3|25: 1 3 5 13|37: 1 1 5 5 17|41: 1 1 5 5 5|47: 1 1 7 11 19
55: 1 1 5 1 1|59: 1 1 1 3 11|61: 1 3 5 5 31|67: 1 3 3 9 7 49|91: 1 1 1 15 21 21|97: 1 3 1 13 27 49
103: 1 1 1 15 7 5|109: 1 3 1 15 13 25|115: 1 1 5 5 19 61|131: 1 3 7 11 23 15 103|137: 1 3 7 13 13 15 69
143: 1 1 3 13 7 35 63|145: 1 3 5 9 1 25 53|157: 1 3 1 13 9 35 107|167: 1 3 1 5 27 61 31
171: 1 1 5 11 19 41 61|185: 1 3 5 3 3 13 69|191: 1 1 7 13 1 19 1|193: 1 3 7 5 13 19 59|203: 1 1 3 9 25 29 41
211: 1 3 5 13 23 1 55|213: 1 3 7 3 13 59 17|229: 1 3 1 3 5 53 69|239: 1 1 5 5 23 33 13|241: 1 1 7 7 1 61 123
247: 1 1 7 9 13 61 49|253: 1 3 3 5 3 55 33
"""
_ROWS = [entry.split(":") for line in _DIRECTIONS.split("\n") for entry in line.split("|") if entry]
MOST_AXES = len(_ROWS) + 1  # whose sequences are computed without scipy.stats


def sobol_rows(n_axes: int, seed: int, power: int) -> Array:
    """Return the first 2**power points of the scrambled Sobol sequence of a seed, (2**power, n_axes)."""
    rng = np.random.default_rng(seed)
    if n_axes > MOST_AXES:
        from scipy.stats import qmc

        rows: Array = qmc.Sobol(n_axes, scramble=True, rng=rng).random_base2(power)
        return rows
    (rng,) = rng.spawn(1)  # as in scipy
    shift = rng.integers(2, size=(n_axes, _N_BITS), dtype=np.uint32) @ (
        1 << np.arange(_N_BITS, dtype=np.uint32)
    )
    mixing = np.tril(rng.integers(2, size=(n_axes, _N_BITS, _N_BITS), dtype=np.uint32))
    points = shift[None]
    for column in _scrambled(_direction_numbers(n_axes, power), mixing).T:
        # in the order of the reflected Gray code neighbours differ in one direction number
        points = np.concatenate([points, points[::-1] ^ column])
    return points * 2.0**-_N_BITS


def _direction_numbers(n_axes: int, n: int) -> Bits:
    """Return the first n direction numbers of each axis, shape (n_axes, n), the highest bit first."""
    numbers = np.ones((n_axes, n), dtype=np.uint32)
    for axis, (polynomial, initial) in enumerate(_ROWS[: n_axes - 1], start=1):
        found = [int(number) for number in initial.split()]
        digits, degree = int(polynomial), len(found)
        for place in range(degree, n):
            number = found[place - degree]
            for step in range(1, degree + 1):
                if digits >> (degree - step) & 1:
                    number ^= found[place - step] << step
            found.append(number)
        numbers[axis] = found[:n]
    shifts: Bits = numbers << (_N_BITS - 1 - np.arange(n, dtype=np.uint32))
    return shifts


def _scrambled(numbers: Bits, mixing: Bits) -> Bits:
    """Return direction numbers (d, n) whose bits are mixed by lower triangular matrices (d, bits, bits)."""
    each = np.arange(_N_BITS)
    mixing[:, each, each] = 1
    weights = (1 << each[::-1]).astype(np.uint32)
    bits = (numbers[:, :, None] & weights != 0).astype(np.uint32)
    mixed: Bits = (bits @ mixing.transpose(0, 2, 1) & 1) @ weights
    return mixed
