"""Functions 15 to 24 of COCO's bbob along 4 to 16 axes: the first evaluations of rugged functions."""

from __future__ import annotations

from problems import BenchmarkProblem

from kinds.rugged import bbob

NAMES = (
    "rugged_f15_d8", "rugged_f16_d4", "rugged_f16_d10", "rugged_f17_d12", "rugged_f18_d6", "rugged_f19_d8",
    "rugged_f20_d16", "rugged_f21_d10", "rugged_f22_d6", "rugged_f23_d4", "rugged_f24_d12",
)  # fmt: skip


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    return bbob(name, seed, "rugged_many_axes")
