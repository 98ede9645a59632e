"""Where the levels of functions are, and how well that is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import ndtri

from smbo.acquisition.level_set import level_posterior, survey_of
from smbo.errors import ProblemError, TellError
from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.problem.level_set import LevelSet
from smbo.proposal.recipe import Recipe, chosen
from smbo.proposal.recommend import posterior_of
from smbo.space import Space
from smbo.surrogates import LevelGP, LevelPosterior, Memory, Subset
from smbo.training_data import Array
from smbo.trial import Trial, TrialState

# Where the probability of being above is within these the contour may run: one standard deviation.
BAND = (0.16, 0.84)

_N_PLACES = 4096
_N_STEPS = 12  # of Newton's method onto the contour; four do it where the belief is smooth
_LONGEST_STEP = 0.1  # of the cube: further off the slope says nothing
# Before an end counts: so many evaluations per parameter, and so many that change nothing.
_FEWEST_PER_AXIS, _N_HELD_BACK = 5, 3
_ON_IT = 1e-6  # standard deviations of the function: rounding's size in its mean


@dataclass(frozen=True, eq=False)
class Contour:
    """Where functions cross their levels, as the posterior has it.

    Made by ``Optimizer.contour`` and ``Study.contour``.

    Attributes:
        level_set: what is sought.
        space: in which.
        belief: on the functions.
        places: unit points spread evenly over the space, (m, d).
        above: probability that each function is above its level there, (k, m).
        n_evaluations: that it rests on.
    """

    level_set: LevelSet
    space: Space
    belief: LevelPosterior
    places: Array
    above: Array
    n_evaluations: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the functions."""
        return self.level_set.names

    @cached_property
    def misclassified(self) -> dict[str, float]:
        """Share of the space that is expected to be on the wrong side of each contour."""
        wrong = np.minimum(self.above, 1.0 - self.above).mean(axis=1)
        return dict(zip(self.names, wrong.tolist()))

    @cached_property
    def volume_above(self) -> dict[str, float]:
        """Share of the space that is expected to be above each level."""
        return dict(zip(self.names, self.above.mean(axis=1).tolist()))

    @cached_property
    def band(self) -> dict[str, float]:
        """Share of the space in which each contour may run: probability of being above 16 to 84 %."""
        within = (self.above > BAND[0]) & (self.above < BAND[1])
        return dict(zip(self.names, within.mean(axis=1).tolist()))

    @property
    def is_done(self) -> bool:
        """Whether the tolerance of the level set is met; False without one."""
        return is_done(self.level_set, self.misclassified)

    def probability(self, points: Iterable[Mapping[str, Any]]) -> dict[str, Array]:
        """Return the probability that each function is above its level at points of one's own, (m,) each.

        Raises:
            PointError: a point is not in the space.
        """
        units = self.space.to_unit([self.space.check(point) for point in points])
        return dict(zip(self.names, self.belief.above(units)))

    def points(self, name: str | None = None, n: int = 200) -> list[dict[str, Any]]:
        """Return up to n points of a contour, in the user's units, and how well each is known.

        Each has, beside its parameters, the key "±": one standard deviation of the contour's place there,
        as a share of the box.  None where the function is nowhere expected to cross its level.

        Args:
            name: of the function; may be left out where there is only one.
        """
        units, widths = self._crossings(self._row(name), n)
        return [
            {**point, "±": float(width)} for point, width in zip(self.space.from_unit(units), widths.tolist())
        ]

    def lines(
        self, name: str | None = None, probability: float = 0.5, n: int = 201
    ) -> list[dict[str, list[Any]]]:
        """Return a contour in two dimensions as lines, each a column of values by parameter.

        Args:
            name: of the function; may be left out where there is only one.
            probability: of being above, along the lines; 0.16 and 0.84 bound the band.
            n: places of the grid along each axis.

        Raises:
            ProblemError: there are not two continuous parameters.
            ImportError: contourpy, which matplotlib brings, is not installed.
        """
        try:
            from contourpy import contour_generator
        except ImportError as error:
            raise ImportError("lines need contourpy; pip install 'smbo[plots]'") from error
        if not 0.0 < probability < 1.0:
            raise ProblemError(f"lines: probability={probability!r}; give one between 0 and 1")
        ticks, above = self.grid(name, n)
        lines = contour_generator(ticks, ticks, above).lines(float(ndtri(probability)))
        columns = []
        for line in lines:
            found = self.space.from_unit(np.asarray(line))
            columns.append({key: [point[key] for point in found] for key in self.space.names})
        return columns

    def grid(self, name: str | None = None, n: int = 201) -> tuple[Array, Array]:
        """Return unit coordinates (n,) and how far above its level the function is on their grid, (n, n).

        In standard deviations, on which scale it changes evenly from place to place; NaN at what a
        constraint forbids.  Rows are of the second parameter, columns of the first.

        Raises:
            ProblemError: there are not two continuous parameters.
        """
        axes = self.space.axes
        if len(axes) != 2 or any(axis.levels is not None for axis in axes) or len(self.space.names) != 2:
            raise ProblemError(
                "lines of a contour are drawn in two continuous parameters; take points() or probability()"
            )
        ticks = np.linspace(0.0, 1.0, n)
        first, second = np.meshgrid(ticks, ticks)
        units = np.stack([first.ravel(), second.ravel()], axis=1)
        mean, std = self.belief.offsets(units)
        above = (mean / std)[self._row(name)]
        above[~self.space.allowed(units)] = np.nan
        return ticks, above.reshape(n, n)

    def _row(self, name: str | None) -> int:
        if name is None and len(self.names) == 1:
            return 0
        if name not in self.names:
            raise ProblemError(f"no level of {name!r} is sought; there are {', '.join(self.names)}")
        return self.names.index(name)

    def _crossings(self, row: int, n: int) -> tuple[Array, Array]:
        """Return up to n unit points of a contour, (m, d), and its deviation there, (m,)."""
        process, level = self.belief.processes[row], float(self.belief.levels[row])
        moves = np.array([axis.levels is None for axis in self.space.axes])
        mean, _ = process.moments(self.places)
        at = self.places[np.argsort(np.abs(mean - level), kind="stable")[:n]]
        for _ in range(_N_STEPS):
            mean, _, slope, _ = process.moments_and_gradients(at)
            slope = slope * moves
            step = (mean - level)[:, None] * slope / np.maximum((slope**2).sum(axis=1), 1e-300)[:, None]
            size = np.linalg.norm(step, axis=1, keepdims=True)
            at = np.clip(at - step * np.minimum(1.0, _LONGEST_STEP / np.maximum(size, 1e-300)), 0.0, 1.0)
        mean, std, slope, _ = process.moments_and_gradients(at)
        kept = np.abs(mean - level) < _ON_IT * np.sqrt(process.amplitude)
        kept &= self.space.allowed(at)
        steepness = np.linalg.norm(slope * moves, axis=1)[kept]
        return at[kept], np.minimum(std[kept] / np.maximum(steepness, 1e-300), 1.0)

    def __str__(self) -> str:
        lines = []
        for name, level in zip(self.names, self.level_set.levels):
            lines.append(
                f"{name} = {level:g}: {100 * self.volume_above[name]:.1f} % of the space above it, "
                f"{100 * self.misclassified[name]:.2g} % expected on the wrong side"
            )
        return "\n".join([*lines, f"from {self.n_evaluations} evaluations"])


def contour_of(problem: Problem, recipe: Recipe, trials: Sequence[Trial], memory: Memory) -> Contour:
    """Return where the levels of a problem are, by the recipe's surrogate.

    Of a recipe without a surrogate, such as "sobol", a surrogate of its points; deterministic.

    Raises:
        ProblemError: the problem has no level set.
        TellError: fewer than two evaluations are complete.
    """
    belief = level_belief(problem, recipe, trials, memory)
    # the same places each time, so that the estimate changes with what is known and nothing else
    places = survey_of(problem.space, _N_PLACES, np.random.default_rng(0))
    assert problem.level_set is not None
    n_complete = sum(trial.state is TrialState.COMPLETE for trial in trials)
    return Contour(problem.level_set, problem.space, belief, places, belief.above(places), n_complete)


def level_belief(problem: Problem, recipe: Recipe, trials: Sequence[Trial], memory: Memory) -> LevelPosterior:
    """Return the posterior of the functions whose levels are sought; see ``contour_of``."""
    if problem.level_set is None:
        raise ProblemError("no level is sought; say Problem(space, level_set=LevelSet(0.05, of=[names]))")
    data = encode(problem, trials)
    if len(data) < 2:
        raise TellError(f"a contour needs two complete evaluations; there are {len(data)}")
    if chosen(recipe, data, memory).recipe.surrogate is None:
        return level_posterior(Subset(LevelGP(), n_rows=1500).fit(data))
    posterior = posterior_of(recipe, data, memory)
    assert posterior is not None, "two evaluations are enough for a posterior"
    return level_posterior(posterior)


def enough(problem: Problem, recipe: Recipe, trials: Sequence[Trial], memory: Memory) -> str | None:
    """Return why no more evaluations are needed, in words; None where they are, or no tolerance is given.

    The tolerance has to be met without the last few evaluations too: a process that has not seen much
    yet may be sure of a contour that it has not found.
    """
    level_set = problem.level_set
    if level_set is None or level_set.tolerance is None:
        return None
    complete = sorted(
        (trial for trial in trials if trial.state is TrialState.COMPLETE), key=lambda trial: trial.number
    )
    if len(complete) < _FEWEST_PER_AXIS * max(2, len(problem.space.axes)) + _N_HELD_BACK:
        return None
    contour = contour_of(problem, recipe, complete, memory)
    if not contour.is_done:
        return None
    if not contour_of(problem, recipe, complete[:-_N_HELD_BACK], memory).is_done:
        return None
    wrong = max(contour.misclassified.values())
    return (
        f"the contour is known: {100 * wrong:.2g} % of the space is expected on the wrong side, and "
        f"the tolerance is {100 * level_set.tolerance:g} %"
    )


def is_done(level_set: LevelSet, misclassified: Mapping[str, float]) -> bool:
    """Return whether every contour is known as well as the level set asks; False if it asks for nothing."""
    return level_set.tolerance is not None and max(misclassified.values()) <= level_set.tolerance
