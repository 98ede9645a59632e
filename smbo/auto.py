"""The rule behind the default recipe: which surrogate, acquisition and region, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smbo.acquisition import Acquisition, NoisyLogExpectedImprovement, ThompsonSampling
from smbo.acquisition.improvement import LogExpectedImprovement
from smbo.errors import RecipeError
from smbo.evidence import Evidence
from smbo.recipe import Choice, Recipe
from smbo.surrogates import GP, Memory, Subset
from smbo.trust_region import TrustRegion


@dataclass(frozen=True)
class Auto:
    """Chooses by the number of axes, by noise, and by how many evaluations are under way.

    Attributes:
        region_from: axes from which the search keeps to a trust region.
        crowd_from: pending points from which points come of draws, which need no fantasies.
        noisy_from: share of noise in the variance of the values from which the incumbent counts as
            uncertain.
        most_noisy: evaluations up to which it does: its draws take another factorisation of all.

    Raises:
        RecipeError: figures that are not in order.
    """

    region_from: int = 10
    crowd_from: int = 64
    noisy_from: float = 1e-3
    most_noisy: int = 500

    def __post_init__(self) -> None:
        if self.region_from < 1 or self.crowd_from < 1 or self.most_noisy < 0 or not self.noisy_from >= 0:
            raise RecipeError(f"{self!r}: counts from 1 up and a share from 0 up are needed")

    def choose(self, evidence: Evidence, memory: Memory) -> Choice:
        """Return the recipe to propose with, and the reason."""
        d, n, n_pending = len(evidence.axes), len(evidence), len(evidence.pending)
        if n_pending >= self.crowd_from:
            acquisition: Acquisition = ThompsonSampling()
            about = (
                f"{n_pending} points are under way ({self.crowd_from} or more): each new one is the "
                "minimum of a function drawn from the posterior, so that they differ by themselves"
            )
        else:
            acquisition, about = self._acquisition(evidence, memory)
        if d >= self.region_from:
            return Choice(
                Recipe(GP(), acquisition, region=TrustRegion()),
                "region",
                f"{d} axes ({self.region_from} or more): too large a space to be searched whole, so the "
                f"search keeps to a box around the best point; {about}",
            )
        return Choice(
            Recipe(Subset(GP()), acquisition),
            "gp",
            f"{d} axes and {n} evaluations: one Gaussian process for the whole space; {about}",
        )

    def _acquisition(self, evidence: Evidence, memory: Memory) -> tuple[Acquisition, str]:
        share = noise_share(evidence, memory)
        if share is None:
            return LogExpectedImprovement(), "nothing is known of noise yet"
        text = f"noise is {100 * share:.2g} % of the values' variance"
        if share < self.noisy_from:
            return LogExpectedImprovement(), f"{text}: improvement is over the best mean"
        if len(evidence) > self.most_noisy:
            return LogExpectedImprovement(), f"{text}, averaged over many values"
        return NoisyLogExpectedImprovement(), f"{text}: the best point itself is uncertain"


def noise_share(evidence: Evidence, memory: Memory) -> float | None:
    """Return the share of noise in the variance of the values, None where nothing is known of it.

    By the standard errors that were told where most values have one, or by what the last proposal
    learned.
    """
    given = evidence.variances[np.isfinite(evidence.variances)]
    if len(evidence) >= 2 and 2 * len(given) > len(evidence):
        spread = float(evidence.values.var())
        return min(float(np.median(given)) / spread, 1.0) if spread > 0.0 else 1.0
    learned = memory.get("surrogate", {}).get("hyperparameters")
    if learned is None:
        return None
    # learned for standardised values, so that it is a share already
    return min(float(np.exp(learned["log_noise"])), 1.0)
