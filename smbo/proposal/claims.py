"""Draws of the function behind claims: where the optimum is, and what the value at the recommended point is.

A search takes one model as certain; claims are averaged over models (``gp.model_average``) and over
hyperparameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smbo.surrogates.base import (
    FunctionDraws,
    FunctionsPosterior,
    Posterior,
    RedrawnPosterior,
    Surrogate,
    learner_of,
)
from smbo.surrogates.gp.model_average import Member, averaged
from smbo.training_data import TrainingData

N_DRAWS = 128
_MANY, _N_DRAWS_OF_MANY = 256, 48  # rows from which a draw costs a page or `smbo show` too much
_N_MODELS = 16  # drawn for a Gaussian process
_N_REDRAWN = 4  # posteriors of vector outputs, each of a dozen processes
N_FREQUENCIES = 256
# Factor on the deviations of components of outputs, by which intervals hold as often as they say: errors that
# all bins of the same events share are more than noise that is told by bin.  Measured by
# tests/benchmarks/tune/repeats.py.
BOLDNESS_OUTPUTS = 1.4


def claim_draws(
    surrogate: Surrogate | None,
    posterior: Posterior | None,
    data: TrainingData,
    rng: np.random.Generator,
    *,
    boldness: float | None = None,
) -> tuple[FunctionDraws, ...]:
    """Return functions drawn from all that is uncertain, in groups; none where the posterior draws none.

    Args:
        surrogate: of the recipe, with its hyperparameters fixed.
        posterior: of the surrogate, fitted to
        data: the training data as the surrogate is fitted to it.
        boldness: factor on the deviations of draws from their mean; None for that of claims of the optimum.
    """
    if surrogate is None or posterior is None:
        return ()
    learner = learner_of(surrogate)
    average = averaged(learner, data, _N_MODELS, rng)
    members: Sequence[Member] = ()
    if average is not None:
        members = average
    elif isinstance(posterior, RedrawnPosterior):
        members = [Member(each, 1, BOLDNESS_OUTPUTS) for each in posterior.redrawn(_N_REDRAWN, rng)]
    elif isinstance(posterior, FunctionsPosterior):
        members = [Member(posterior, 1)]
    n = N_DRAWS if len(data) <= _MANY else _N_DRAWS_OF_MANY
    each = n // max(sum(member.times for member in members), 1)
    return tuple(
        member.posterior.function_draws(
            rng, each * member.times, N_FREQUENCIES, member.boldness if boldness is None else boldness
        )
        for member in members
    )
