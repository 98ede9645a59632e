"""Recipe: a frozen description of how points are proposed, and rules that choose one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from smbo.acquisition.base import Acquisition
from smbo.acquisition.expected_improvement import LogExpectedImprovement
from smbo.errors import RecipeError
from smbo.plain_values import as_whole_number, make_fields_plain, shown
from smbo.proposal.replication import Replication
from smbo.proposal.trust_region import TrustRegion
from smbo.space.designs import DESIGNS
from smbo.space.grid_design import Grid
from smbo.surrogates.base import Memory, Surrogate
from smbo.training_data import TrainingData


@dataclass(frozen=True)
class Choice:
    """The choice of a rule for one proposal.

    Attributes:
        recipe: the chosen one, without a rule.
        name: of the choice, one word.
        reason: why, a sentence for people.
    """

    recipe: Recipe
    name: str
    reason: str


@runtime_checkable
class Rule(Protocol):
    """A rule that chooses a recipe anew for each proposal.  Implementations are frozen dataclasses."""

    def choose(self, data: TrainingData, memory: Memory) -> Choice:
        """Return the recipe to propose with; a function of its arguments alone."""
        ...


@dataclass(frozen=True)
class Recipe:
    """How points are proposed.

    Attributes:
        surrogate: model of the training data; None for points of the design only.
        acquisition: acquisition function.
        design: of the first points: "sobol", "halton", "lhs", "random", "grid" or Grid(levels).
        n_initial: size of the initial design; None for 2d, at least 5 and at most 10, or, where the
            surrogate models vector outputs, d + 1, at least 5; never more than half of a finite space; all
            of a grid;
            3 where they support the user's prior.
        region: keeps proposals near the best point found; None searches the whole space.
        rule: chooses another recipe for each proposal, in place of all of the above.
        replication: evaluates known points again where their knowledge gradient is above that of new ones,
            with a rule too; None for new points only.

    Raises:
        RecipeError: an unknown design, or parts that do not fit their roles.

    >>> Recipe(design="lhs", n_initial=8).surrogate is None
    True
    """

    surrogate: Surrogate | None = None
    acquisition: Acquisition = field(default_factory=LogExpectedImprovement)
    design: str | Grid = "sobol"
    n_initial: int | None = None
    region: TrustRegion | None = None
    rule: Rule | None = None
    replication: Replication | None = None

    def __post_init__(self) -> None:
        make_fields_plain(self, "n_initial")
        if self.design == "grid":
            object.__setattr__(self, "design", Grid())
        if not isinstance(self.design, Grid) and not (
            isinstance(self.design, str) and self.design in DESIGNS
        ):
            names = ", ".join(sorted([*DESIGNS, "grid"]))
            raise RecipeError(f"no design is called {shown(self.design)}; there are {names}")
        if self.n_initial is not None and (as_whole_number(self.n_initial) or 0) < 1:
            raise RecipeError(f"n_initial={shown(self.n_initial)}: a whole number from 1 up is needed")
        if self.surrogate is not None and not hasattr(self.surrogate, "fit"):
            raise RecipeError(f"surrogate={self.surrogate!r} has no fit(data); pass GP(), Forest() or such")
        if not hasattr(self.acquisition, "build"):
            raise RecipeError(f"acquisition={self.acquisition!r} has no build(posterior, data)")
        if self.region is not None and not isinstance(self.region, TrustRegion):
            raise RecipeError(f"region={self.region!r}; pass TrustRegion() or None")
        if self.region is not None and self.surrogate is None:
            raise RecipeError("a trust region needs a surrogate; pass one, such as GP(), or region=None")
        if self.replication is not None and not isinstance(self.replication, Replication):
            raise RecipeError(f"replication={self.replication!r}; pass Replication() or None")
        if self.rule is not None and not hasattr(self.rule, "choose"):
            raise RecipeError(f"rule={self.rule!r} has no choose(data, memory); pass Auto() or None")


def chosen(recipe: Recipe, data: TrainingData, memory: Memory) -> Choice:
    """Return the recipe without a rule for this proposal, and the reason.

    Raises:
        RecipeError: its rule chose a recipe that has a rule.
    """
    if recipe.rule is None:
        return Choice(recipe, "given", "the recipe names its parts")
    choice = recipe.rule.choose(data, memory)
    if choice.recipe.rule is not None:
        raise RecipeError(f"{recipe.rule!r} chose a recipe with a rule of its own; one rule must decide")
    return choice
