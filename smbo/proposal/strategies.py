"""Which way the points of one proposal are found: in a region, by draws, by a portfolio, or plainly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from smbo.acquisition import Acquisition, GPHedge, Seeded, ThompsonSampling
from smbo.acquisition.batch import believed, select
from smbo.acquisition.feasibility import Feasibility, without_chance
from smbo.acquisition.optimize import Effort, maximize
from smbo.acquisition.thompson_sampling import drawn_criterion
from smbo.proposal.trust_region import RegionState, select_within
from smbo.space import Space
from smbo.surrogates import DifferentiablePosterior, Memory, Surrogate
from smbo.training_data import Array, TrainingData

# Each draw is a criterion of its own, so that every point pays for a search.
_BY_DRAWS = Effort(n_candidates=256, n_local=16, n_starts=4, n_calls=20, n_rounds=1)
_N_CENTRES = 4
# What is recommended is looked for once, and to the end.
_FOR_GOOD = Effort(n_candidates=1024, n_calls=100)


def select_points(
    acquisition: Acquisition,
    surrogate: Surrogate,
    state: RegionState | None,
    data: TrainingData,
    space: Space,
    n: int,
    rng: np.random.Generator,
    memory: Memory,
    taken: Array,
) -> tuple[Array, dict[str, Any]]:
    """Return n new unit points, (n, d), and what to carry beside them.

    Args:
        state: of the trust region, None to search the whole space.
        taken: every point that may not come again, (m, d).

    Raises:
        SpaceExhausted: no n new points were found.
        NumericalError: no posterior could be found.
    """
    data = without_chance(data)
    if isinstance(acquisition, Seeded):
        acquisition = acquisition.seeded(int(rng.integers(2**32)))
    if state is not None:
        if isinstance(acquisition, ThompsonSampling):  # draws differ by themselves, see below
            data = replace(data, pending=data.pending[:0])
        found = select_within(state.length, surrogate, acquisition, data, space, n, rng, taken=taken)
        return found, {}
    if isinstance(acquisition, ThompsonSampling):
        return select_by_draws(acquisition, surrogate, data, space, n, rng, taken), {}
    if isinstance(acquisition, GPHedge):
        carried = memory.get("portfolio")
        return select_by_portfolio(acquisition, surrogate, data, space, n, rng, carried, taken)
    return select(surrogate, acquisition, data, space, n, rng, taken=taken), {}


def lowest_mean(posterior: DifferentiablePosterior, data: TrainingData, space: Space, starts: Array) -> Array:
    """Return the point of the lowest posterior mean, (d,), where evaluations are likely to succeed.

    The same for the same arguments.

    Args:
        starts: evaluated points to look around, (k, d).
    """
    mean, _ = posterior.moments(data.points)
    criterion = drawn_criterion(posterior, _Mean(posterior), Feasibility.of(data), float(mean.std()))
    nothing = np.zeros((0, len(space.axes)))
    rng = np.random.default_rng(len(data))
    return maximize(criterion, space, rng, start_points=starts, exclude=nothing, effort=_FOR_GOOD)


@dataclass(frozen=True, eq=False)
class _Mean:
    posterior: DifferentiablePosterior

    def __call__(self, points: Array) -> Array:
        return self.posterior.moments(points)[0]

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        mean, _, slope, _ = self.posterior.moments_and_gradients(points)
        return mean, slope


def select_by_draws(
    acquisition: ThompsonSampling,
    surrogate: Surrogate,
    data: TrainingData,
    space: Space,
    n: int,
    rng: np.random.Generator,
    taken: Array,
) -> Array:
    """Return the minima of n functions drawn from the posterior, (n, d).

    Draws differ by themselves: pending points are kept out, and cost nothing beyond that.
    """
    posterior = believed(surrogate, replace(data, pending=data.pending[:0]))
    mean, _ = posterior.moments(data.points)
    centres = data.points[np.argsort(mean, kind="stable")[:_N_CENTRES]]
    found: list[Array] = []
    for _ in range(n):
        criterion = acquisition.seeded(int(rng.integers(2**32))).build(posterior, data)
        point = maximize(criterion, space, rng, start_points=centres, exclude=taken, effort=_BY_DRAWS)
        found.append(point)
        taken = np.concatenate([taken, point[None, :]])
    return np.stack(found)


def select_by_portfolio(
    portfolio: GPHedge,
    surrogate: Surrogate,
    data: TrainingData,
    space: Space,
    n: int,
    rng: np.random.Generator,
    carried: Mapping[str, Any] | None,
    taken: Array,
) -> tuple[Array, dict[str, Any]]:
    """Return n points, each nominated by a member drawn by its gains, and gains and nominees."""
    posterior = believed(surrogate, data)
    gains = portfolio.gains(posterior, data, carried)
    shares = portfolio.shares(gains)
    nominees: list[Array] = []
    found: list[Array] = []
    for _ in range(n):
        turn = int(rng.choice(len(shares), p=shares))
        if not nominees:
            for member in portfolio.members:
                nominees.append(select(surrogate, member, data, space, 1, rng, taken=taken)[0])
            point = nominees[turn]
        else:
            member = portfolio.members[turn]
            point = select(surrogate, member, data, space, 1, rng, taken=taken)[0]
        found.append(point)
        taken = np.concatenate([taken, point[None, :]])
        data = replace(data, pending=np.concatenate([data.pending, point[None, :]]))
    remembered = {"gains": gains.tolist(), "nominees": [nominee.tolist() for nominee in nominees]}
    return np.stack(found), {"portfolio": remembered}
