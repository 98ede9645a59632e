"""A made-up cost over numbers, a choice, and a parameter that is active for one choice only."""

import math


def evaluate(params):
    cost = (math.log10(params["width"]) + 0.5) ** 2 + 0.1 * abs(params["n"] - 4)
    return cost + (0.3 if params["mode"] == "fast" else 0.05 * params["passes"])
