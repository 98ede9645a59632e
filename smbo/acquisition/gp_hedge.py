"""GP-Hedge: a portfolio of acquisitions, drawn by the posterior means at their earlier nominees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import softmax

from smbo.acquisition.base import Acquisition, Criterion, Search
from smbo.acquisition.batch import select
from smbo.acquisition.expected_improvement import (
    LogExpectedImprovement,
    LowerConfidenceBound,
    ProbabilityOfImprovement,
    normal,
)
from smbo.acquisition.fantasies import pending_posterior
from smbo.errors import RecipeError
from smbo.surrogates.base import Memory, Posterior
from smbo.training_data import Array, Target, TrainingData, served_by


def _members() -> tuple[Acquisition, ...]:
    return LogExpectedImprovement(), ProbabilityOfImprovement(), LowerConfidenceBound()


@dataclass(frozen=True)
class GPHedge:
    """GP-Hedge: each member nominates a point; a softmax of the members' gains draws one.

    Example: ``Recipe(GP(), GPHedge((LogExpectedImprovement(), LowerConfidenceBound())))``

    A member gains minus the next posterior's mean at its nominee, whether or not the nominee was
    selected.

    Source: Hoffman, Brochu & de Freitas (2011), "Portfolio Allocation for Bayesian Optimization",
        algorithm 2.

    Attributes:
        members: acquisitions, two at least.
        rate: of the softmax, for gains in standard deviations of the values.
        seed: of ``build``, where all members are equally likely; a proposal sets its own.

    >>> recipe = Recipe(GP(), GPHedge())
    """

    members: tuple[Acquisition, ...] = field(default_factory=_members)
    rate: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise RecipeError(f"a portfolio needs two members at least, got {self.members!r}")
        if not self.rate > 0:
            raise RecipeError(f"rate={self.rate!r}: a number above 0 is needed")

    @property
    def serves(self) -> frozenset[Target]:
        """The targets that all of the members serve."""
        return frozenset.intersection(*(served_by(member) for member in self.members))

    def seeded(self, seed: int) -> GPHedge:
        """Return the portfolio with the draw of a seed."""
        return replace(self, seed=seed)

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion of one of the members."""
        rng = np.random.default_rng([self.seed, len(data.pending)])
        return self.members[int(rng.integers(len(self.members)))].build(posterior, data)

    def select(self, search: Search) -> tuple[Array, Memory]:
        """Return n points, each by a member drawn by its gains, and the memory of gains and nominees."""
        gains = self.gains(pending_posterior(search), search.data, search.memory.get("portfolio"))
        shares = self.shares(gains)
        nominees: list[Array] = []
        found: list[Array] = []
        n, search = search.n, replace(search, n=1)
        for _ in range(n):
            turn = int(search.rng.choice(len(shares), p=shares))
            if not nominees:
                nominees = [select(search, member)[0] for member in self.members]
                point = nominees[turn]
            else:
                point = select(search, self.members[turn])[0]
            found.append(point)
            taken = search.taken.with_points(point[None])
            search = replace(search, data=search.data.with_pending(point[None]), taken=taken)
        remembered = {"gains": gains.tolist(), "nominees": [nominee.tolist() for nominee in nominees]}
        return np.stack(found), {"portfolio": remembered}

    def gains(self, posterior: Posterior, data: TrainingData, carried: Mapping[str, Any] | None) -> Array:
        """Return the sum of each member's gains, (k,), updated with a newer posterior.

        Args:
            carried: gains and nominees of the previous proposal, None at first.
        """
        if carried is None or len(carried["gains"]) != len(self.members):
            return np.zeros(len(self.members))
        latent = normal(posterior)
        told, _ = latent.moments(data.points)
        mean, _ = latent.moments(np.array(carried["nominees"], dtype=np.float64))
        spread = float(told.std()) or 1.0
        return np.asarray(np.array(carried["gains"]) - (mean - told.mean()) / spread)

    def shares(self, gains: Array) -> Array:
        """Return the probability of each member to be drawn, (k,)."""
        return np.asarray(softmax(self.rate * gains))
