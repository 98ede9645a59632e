"""Select the points of one proposal: in a trust region, by the acquisition's own method, or as a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smbo.acquisition import Acquisition, Seeded
from smbo.acquisition.base import FantasyFree, PosteriorAware, Search, SelectsPoints, WrapsAcquisitions
from smbo.acquisition.batch import select
from smbo.acquisition.feasibility import FeasibilityFirst
from smbo.acquisition.prior_weighted import PriorWeighted
from smbo.errors import SpaceExhausted
from smbo.proposal.initial_design import left_on_grid
from smbo.proposal.trust_region import RegionState, select_within
from smbo.space.prior_density import PriorDensity
from smbo.surrogates import Memory
from smbo.training_data import Array

# of the user's prior: as much as ten evaluations (Hvarfner et al. 2022: a tenth of the budget)
_PRIOR_STRENGTH = 10.0


def select_points(
    search: Search, acquisition: Acquisition, region: RegionState | None
) -> tuple[Array, Memory]:
    """Return ``search.n`` new unit points, (n, d), and entries added to the memory.

    Args:
        search: with at least one observed value.
        acquisition: of the recipe.
        region: the trust region to search, None for the whole space.

    Raises:
        SpaceExhausted: no n new points were found.
        NumericalError: no posterior could be found.
    """
    if search.data.outcome_constraints is not None and not search.data.feasible.any():
        # a region would be centred on an infeasible point
        acquisition, region = FeasibilityFirst(), None
    density = PriorDensity.of(search.space)

    def prepared(one: Acquisition) -> Acquisition:
        if isinstance(one, PosteriorAware):
            one = one.for_posterior(search.posterior)
        if density is not None:
            one = PriorWeighted(one, density, _PRIOR_STRENGTH)
        return one.seeded(int(search.rng.integers(2**32))) if isinstance(one, Seeded) else one

    if isinstance(acquisition, WrapsAcquisitions):
        acquisition = acquisition.with_acquisitions(prepared)
    else:
        acquisition = prepared(acquisition)
    try:
        if region is not None:
            if isinstance(acquisition, FantasyFree) and not acquisition.needs_fantasies:
                search = replace(search, data=search.data.without_pending())
            return select_within(search, acquisition, region.length), {}
        if isinstance(acquisition, SelectsPoints):
            return acquisition.select(search)
        return select(search, acquisition), {}
    except SpaceExhausted:
        # the search may miss the last few points of a large finite space: list them
        rows = left_on_grid(search.space, search.taken, search.n, search.rng)
        return np.array(rows).reshape(search.n, len(search.space.axes)), {}
