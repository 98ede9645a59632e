"""Branin's function: three equal minima of 0.397887, on x1 in [-5, 10] and x2 in [0, 15]."""

import math


def evaluate(params):
    x1, x2 = params["x1"], params["x2"]
    valley = x2 - 5.1 / (4 * math.pi**2) * x1**2 + 5 / math.pi * x1 - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x1) + 10
