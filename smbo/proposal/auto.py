"""The rule of the default recipe: choose surrogate, acquisition and trust region, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from smbo import acquisition as acquisitions, surrogates  # each name loads its module on first use
from smbo.acquisition.base import Acquisition, FantasyFree, WrapsAcquisitions
from smbo.acquisition.cost_aware import ExpectedImprovementPerCost, vary
from smbo.acquisition.expected_improvement import LogExpectedImprovement
from smbo.errors import RecipeError
from smbo.problem.level_set import NearestLevel
from smbo.proposal.progress import (
    has_equal_values,
    has_given_noise,
    has_steps,
    is_long_stay,
    largest_noise_share,
    n_active,
    n_without_gain,
    noise_share,
)
from smbo.proposal.recipe import Choice, Recipe
from smbo.proposal.trust_region import TrustRegion
from smbo.surrogates.base import Memory, Surrogate
from smbo.surrogates.gp.gp import GP
from smbo.surrogates.subset import Subset
from smbo.training_data import TrainingData, VectorOutputs

# The number of a front's boxes grows as a power of half the number of objectives.
_MOST_OBJECTIVES_BY_VOLUME = 4
# Points of a design cost as much as others: a few show how costs vary.
_N_WITH_COSTS = 3
# In log marginal likelihood, see KernelSelection.
_PRICE_OF_SMOOTHNESS = 3.0


@dataclass(frozen=True)
class Auto:
    """Choose a recipe by axes, progress, noise and the number of pending evaluations.

    A GP over the whole space is first, in many dimensions too: on the tuning half of the regret
    benchmark a trust region from the start is no better after 100 evaluations.  Once the GP stops
    improving a trust region replaces it, for the rest of the search.  Where its own word is refuted a second
    surrogate takes turns with it: see ``second_surrogate``.

    Attributes:
        region_from: axes, of a point with the most active ones, from which a trust region may be used.
        patience: evaluations in a row without improvement after which it is used; None for twice the
            axes, and never fewer than 20.
        crowd_from: pending points from which Thompson sampling is used, which needs no fantasies.
        noisy_from: share of noise in the variance of the values from which the incumbent counts as
            uncertain.
        most_noisy: evaluations up to which it does: drawing it takes another factorisation.
        rough_below: share of learned noise up to which the noise may be roughness instead.
        exploration_after: evaluations in a row without improvement, without noise, after which every third
            proposal uses EI with a margin.  EI alone can stay for a hundred evaluations on the steps of
            a rough slope (three of five cut scans did).  Where values come in steps every second one
            does so as soon as gains are small, see ``is_long_stay``.
        margin: of that EI, see ``LogExpectedImprovement``.
        selection_from: axes, of a point with the most active ones, from which the Gaussian process varies
            along selected ones, see ``AxisSelection``.
        per_cost: divides the acquisition by the expected cost where costs are known and vary, whatever the
            problem; None to propose as if evaluations cost the same.

    Raises:
        RecipeError: figures that are not in order.

    >>> Recipe(rule=Auto()).rule == Auto()
    True
    """

    region_from: int = 10
    patience: int | None = None
    crowd_from: int = 64
    noisy_from: float = 1e-3
    most_noisy: int = 500
    rough_below: float = 0.02
    exploration_after: int = 15
    margin: float = 0.1
    selection_from: int = 30
    per_cost: ExpectedImprovementPerCost | None = field(default_factory=ExpectedImprovementPerCost)

    def __post_init__(self) -> None:
        if self.patience is not None and self.patience < 1:
            raise RecipeError(f"patience={self.patience!r}: a whole number from 1 up is needed, or None")
        if self.exploration_after < 1 or not self.margin >= 0.0:
            raise RecipeError(f"{self!r}: exploration_after from 1 up and a margin from 0 up are needed")
        if (
            min(self.region_from, self.crowd_from, self.selection_from) < 1
            or self.most_noisy < 0
            or not self.noisy_from >= 0
        ):
            raise RecipeError(f"{self!r}: counts from 1 up and a share from 0 up are needed")

    def choose(self, data: TrainingData, memory: Memory) -> Choice:
        """Return the recipe to propose with, and the reason."""
        choice = self._by_kind(data, memory)
        if self.per_cost is None or not vary(data, at_one_fidelity=True):
            return choice
        acquisition = self._per_cost(choice.recipe.acquisition)
        return Choice(
            replace(choice.recipe, acquisition=acquisition, n_initial=_N_WITH_COSTS),
            choice.name,
            f"{choice.reason}; costs vary, so what a point is worth is divided by its expected cost",
        )

    def _per_cost(self, acquisition: Acquisition) -> Acquisition:
        if isinstance(acquisition, WrapsAcquisitions):
            return acquisition.with_acquisitions(self._per_cost)
        assert self.per_cost is not None
        # a draw's lowest point has no worth that could be divided
        is_drawn = isinstance(acquisition, FantasyFree)
        return replace(self.per_cost, acquisition=LogExpectedImprovement() if is_drawn else acquisition)

    def _by_kind(self, data: TrainingData, memory: Memory) -> Choice:
        d, n, n_pending = n_active(data), len(data), len(data.pending)
        if data.outputs is not None:
            return _of_outputs(data, data.outputs)
        if data.objective_values is not None:
            return self._of_several(data, memory)
        if data.fidelities is not None:
            return Choice(
                Recipe(surrogates.MultiFidelityGP(), LogExpectedImprovement()),
                "curves",
                f"{d} axes and {len(data.fidelities)} results at several fidelities: one Gaussian process "
                "over points and fidelities, of which the value at the highest is asked for",
            )
        if n_pending >= self.crowd_from:
            acquisition: Acquisition = acquisitions.ThompsonSampling()
            about = (
                f"{n_pending} points are under way ({self.crowd_from} or more): each new one is the "
                "minimum of a function drawn from the posterior, so that they differ by themselves"
            )
        elif data.context is not None:
            acquisition, about = LogExpectedImprovement(), "improvement is over the best mean in this context"
        else:
            acquisition, about = self._acquisition(data, memory)
        if data.context is not None:  # progress compares values, and those of two contexts are not comparable
            return Choice(
                Recipe(Subset(GP()), acquisition),
                "context",
                f"{d} axes, those of the context among them, and {n} evaluations: one Gaussian process over "
                f"points and contexts; {about}",
            )
        patience = max(20, 2 * d) if self.patience is None else self.patience
        is_stuck = d >= self.region_from and n_without_gain(data) >= patience
        # a region that has begun restarts itself elsewhere
        if is_stuck or "region" in memory:
            why = (
                f"{patience} evaluations in a row gained nothing"
                if is_stuck
                else "since the whole space paid no more"
            )
            return Choice(
                Recipe(GP(), acquisition, region=TrustRegion()),
                "region",
                f"{d} axes, {why}: the search keeps to a box around the best point; {about}",
            )
        process: Surrogate = GP()
        if d >= self.selection_from:
            process = surrogates.AxisSelection()
            about = f"it varies along the axes that the values select; {about}"
        elif data.outcome_constraints is not None:
            # on hartmann6c and spring half the regret after 30 and 60 evaluations; else not tried
            process = surrogates.KernelSelection(GP(), price=_PRICE_OF_SMOOTHNESS)
        return Choice(
            Recipe(Subset(process), acquisition),
            "gp",
            f"{d} axes and {n} evaluations: one Gaussian process for the whole space; {about}",
        )

    def _of_several(self, data: TrainingData, memory: Memory) -> Choice:
        """Return the recipe for several objectives: by their number, and by the noisiest."""
        several = data.objective_values
        assert several is not None
        m = several.values.shape[1]
        surrogate, about = surrogates.ModelListGP(), f"{m} objectives, a Gaussian process for each"
        if data.fidelities is not None:
            surrogate = surrogates.ModelListGP.at_fidelities()
            about += f" over points and fidelities ({len(data.fidelities)} results)"
        if m > _MOST_OBJECTIVES_BY_VOLUME:
            why = "too many for hypervolumes: each point is for weights drawn at random"
            return Choice(
                Recipe(surrogate, acquisitions.RandomScalarization()), "scalarised", f"{about}; {why}"
            )
        # draws at rows of several fidelities are draws of several functions
        share = None if data.fidelities is not None else largest_noise_share(several, memory)
        if share is not None and share >= self.noisy_from and len(several.values) <= self.most_noisy:
            acquisition: Acquisition = acquisitions.NoisyLogExpectedHypervolumeImprovement()
            why = f"noise is up to {100 * share:.2g} % of the values' variance: the front itself is uncertain"
        else:
            acquisition = acquisitions.LogExpectedHypervolumeImprovement()
            why = "points are worth the hypervolume that they are expected to add to the front"
        return Choice(Recipe(surrogate, acquisition), "pareto", f"{about}; {why}")

    def _acquisition(self, data: TrainingData, memory: Memory) -> tuple[Acquisition, str]:
        first, about = self._of_first(data, memory)
        # along many axes few values tell neither noise from structure nor one process from another
        has_few_axes = n_active(data) < self.region_from
        n_asked = len(data) + len(data.failed) + len(data.pending)
        is_due = has_few_axes and n_asked % 2 == 0 and is_long_stay(data)
        leaves = is_due and has_steps(data, memory, self.noisy_from, self.rough_below)
        if leaves:
            first = LogExpectedImprovement(margin=self.margin)
            about = (
                "values come in steps, and gains have been small for long: every second point looks for more "
                "than the next step"
            )
        if has_equal_values(data) and not has_given_noise(data):
            first = acquisitions.OffPlateaus(first)
            about = f"{about}; points with equal values are seen: points off their plateaus count"
        if leaves or len(data) == 0 or not has_few_axes:
            return first, about
        from smbo.proposal.second_surrogate import second_acquisition  # a first ask does without

        other = second_acquisition(data, memory, first)
        return (first, about) if other is None else (other[0], f"{about}; {other[1]}")

    def _of_first(self, data: TrainingData, memory: Memory) -> tuple[Acquisition, str]:
        share = noise_share(data, memory)
        if share is None:
            return LogExpectedImprovement(), "nothing is known of noise yet"
        if n_active(data) >= self.region_from and not has_given_noise(data):
            # with few values along many axes a GP explains structure as noise
            return LogExpectedImprovement(), "noise is not told from structure along so many axes"
        text = f"noise is {100 * share:.2g} % of the values' variance"
        # a rough slope without noise is learned as a little noise: given errors are trusted, learned ones not
        is_quiet = share < self.noisy_from or (share < self.rough_below and not has_given_noise(data))
        n_idle = n_without_gain(data)
        n_asked = len(data) + len(data.failed) + len(data.pending)
        if is_quiet and n_idle >= self.exploration_after and n_asked % 3 == 0:
            return LogExpectedImprovement(margin=self.margin), (
                f"{text}, and {n_idle} evaluations in a row gained nothing: every third point looks "
                "for more than a small gain nearby"
            )
        if share < self.noisy_from:
            return LogExpectedImprovement(), f"{text}: improvement is over the best mean"
        if len(data) > self.most_noisy:
            return LogExpectedImprovement(), f"{text}, averaged over many values"
        return acquisitions.NoisyLogExpectedImprovement(), f"{text}: the best point itself is uncertain"


def _of_outputs(data: TrainingData, vectors: VectorOutputs) -> Choice:
    k = vectors.values.shape[1]
    if isinstance(vectors.loss, NearestLevel):
        surrogate, about = surrogates.LevelGP(), ""
        if data.fidelities is not None:
            surrogate = surrogates.LevelGP.at_fidelities()
            about = f"; each function is modelled over points and fidelities ({len(data.fidelities)} results)"
        return Choice(
            Recipe(Subset(surrogate, n_rows=900, n_learned=150), acquisitions.Misclassification()),
            "levels",
            f"the levels of {', '.join(vectors.loss.level_set.names)} are sought: each point is to leave as "
            f"little of the space as possible on the wrong side of a contour{about}",
        )
    return Choice(
        Recipe(surrogates.CompositeGP(), acquisitions.ThompsonSampling()),
        "vector",
        f"there are {k} outputs with a loss on top: their principal components are modelled, and each point "
        "is where the loss of outputs drawn from that belief is lowest",
    )
