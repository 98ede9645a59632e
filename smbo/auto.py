"""The rule behind the default recipe: which surrogate, acquisition and region, and why."""

from __future__ import annotations

from dataclasses import dataclass

from smbo.evidence import Evidence
from smbo.recipe import Choice, Recipe
from smbo.surrogates import GP, Memory, Subset
from smbo.trust_region import TrustRegion


@dataclass(frozen=True)
class Auto:
    """Chooses by the number of axes, of evaluations, and of those under way.

    Attributes:
        region_from: axes from which the search keeps to a trust region.
        most_exact: evaluations up to which one process models all of them.
    """

    region_from: int = 10
    most_exact: int = 1000

    def choose(self, evidence: Evidence, memory: Memory) -> Choice:
        """Return the recipe to propose with, and the reason."""
        del memory
        d, n = len(evidence.axes), len(evidence)
        if d >= self.region_from:
            return Choice(
                Recipe(GP(), region=TrustRegion()),
                "region",
                f"{d} axes ({self.region_from} or more): a whole-space model spreads its points over "
                "corners, so the search keeps to a box around the best point",
            )
        if n > self.most_exact:
            return Choice(
                Recipe(GP(), region=TrustRegion()),
                "region",
                f"{n} evaluations (more than {self.most_exact}): a model of them all costs too much, so "
                "the search keeps to a box around the best point",
            )
        return Choice(
            Recipe(Subset(GP())),
            "gp",
            f"{d} axes and {n} evaluations: one Gaussian process models the whole space",
        )
