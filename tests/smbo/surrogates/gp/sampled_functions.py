"""Functions of two parameters that are, and are not, polynomials, and training data of them."""

from __future__ import annotations

import numpy as np

from smbo import Optimizer, Real
from smbo.history.encode import encode
from smbo.surrogates import GP, Priors, SquaredExponential


def quartic(x, y, **rest):
    return (3.0 * x - 1.0) ** 4 - 2.0 * x * y**2 + y**3 - y + 0.3 * (rest.get("kind") == "b")


def quiet(**settings):
    """A process that expects as little noise as the search for a level does."""
    return GP(SquaredExponential(), Priors(log_noise=(np.log(1e-5), 3.5)), **settings)


def bump(x, y):
    return np.exp(-30.0 * ((x - 0.4) ** 2 + (y - 0.6) ** 2))


def told(function, n, **more):
    optimizer = Optimizer({"x": Real(0.0, 1.0), "y": Real(0.0, 1.0), **more}, recipe="sobol", seed=3)
    for trial in optimizer.ask(n):
        optimizer.tell(trial, float(function(**trial.params)))
    return encode(optimizer.problem, optimizer.trials)
