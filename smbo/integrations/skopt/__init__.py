"""scikit-optimize's interface over our engine: ``import smbo.integrations.skopt as skopt``.

Points are lists in the order of the dimensions; everything is minimised.  ``optimizer.recipe_of`` says
which of our recipes takes the place of which estimator and acquisition function.  Not there, since they are
parts of another engine: ``learning``, ``acquisition``, and of ``sampler`` all but ``generate``; and
``BayesSearchCV``, which is ``smbo.BayesSearchCV``.
"""

from smbo.integrations.skopt import benchmarks, callbacks, optimizer, plots, sampler, space, utils
from smbo.integrations.skopt.minimize import (
    base_minimize,
    dummy_minimize,
    forest_minimize,
    gbrt_minimize,
    gp_minimize,
)
from smbo.integrations.skopt.optimizer import Optimizer
from smbo.integrations.skopt.space import Space
from smbo.integrations.skopt.utils import dump, expected_minimum, expected_minimum_random_sampling, load

__all__ = [
    "Optimizer",
    "Space",
    "base_minimize",
    "benchmarks",
    "callbacks",
    "dummy_minimize",
    "dump",
    "expected_minimum",
    "expected_minimum_random_sampling",
    "forest_minimize",
    "gbrt_minimize",
    "gp_minimize",
    "load",
    "optimizer",
    "plots",
    "sampler",
    "space",
    "utils",
]
