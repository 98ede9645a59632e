"""Contours of level sets: probability of being above a level, points and lines on it, stopping rule."""

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
from smbo.proposal.transfer import with_transfer
from smbo.space import Space
from smbo.surrogates import LevelGP, Memory, Subset
from smbo.surrogates.base import LevelSetPosterior
from smbo.training_data import Array
from smbo.trial import Trial, TrialState

# A contour's band: the probability of being above lies between these, one standard deviation to either side.
BAND = (0.16, 0.84)

_N_SURVEY = 4096  # unit points over which probabilities are averaged
_N_NEWTON = 12  # steps of Newton's method onto the contour; four suffice where the posterior is smooth
_MAX_NEWTON_STEP = 0.1  # edges of the unit cube: the linear approximation fails further away
# A tolerance is checked from so many evaluations per parameter on, and also without the last few of them.
_MIN_EVALUATIONS_PER_AXIS, _N_HELD_BACK = 5, 3
# Along the gradient the band is searched for over so many standard deviations, halved so many times.
_MOST_WIDTHS, _N_BISECTIONS = 16.0, 14
_LEAST_PROBABILITY = 1e-12  # so that quantiles of probabilities are finite
_CONTOUR_TOLERANCE = 1e-6  # prior standard deviations of the function: the rounding error of its mean


@dataclass(frozen=True, eq=False)
class Contour:
    """Contours of functions at their levels, by the posterior.

    Made by ``Optimizer.contour`` and ``Study.contour``.

    Attributes:
        level_set: functions and their levels, k of them.
        space: the search space.
        posterior: posterior of the functions.
        survey: unit points spread evenly over the space, (m, d).
        above: probability that each function is above its level at these points, (k, m).
        n_evaluations: number of evaluations, at any fidelity, that the posterior is fitted to.
    """

    level_set: LevelSet
    space: Space
    posterior: LevelSetPosterior
    survey: Array
    above: Array
    n_evaluations: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the functions."""
        return self.level_set.names

    @cached_property
    def misclassified(self) -> dict[str, float]:
        """Expected share of the space on the wrong side of each contour, by function."""
        wrong = np.minimum(self.above, 1.0 - self.above).mean(axis=1)
        return dict(zip(self.names, wrong.tolist()))

    @cached_property
    def volume_above(self) -> dict[str, float]:
        """Expected share of the space above each level, by function."""
        return dict(zip(self.names, self.above.mean(axis=1).tolist()))

    @cached_property
    def band(self) -> dict[str, float]:
        """Share of the space where the probability of being above is 16 to 84 %, by function."""
        within = (self.above > BAND[0]) & (self.above < BAND[1])
        return dict(zip(self.names, within.mean(axis=1).tolist()))

    @property
    def is_done(self) -> bool:
        """Whether the tolerance of the level set is met; False without one."""
        return is_done(self.level_set, self.misclassified)

    def probability(self, points: Iterable[Mapping[str, Any]]) -> dict[str, Array]:
        """Return each function's probability of being above its level at m points of the user, shape (m,).

        Raises:
            PointError: a point is not in the space.
        """
        units = self.space.to_unit([self.space.check(point) for point in points])
        return dict(zip(self.names, self.posterior.above(units)))

    def points(self, name: str | None = None, n: int = 200) -> list[dict[str, Any]]:
        """Return up to n points of a contour, in the user's units, with their standard deviations.

        Each has, beside its parameters, the key "±": one standard deviation of the contour's position there,
        as a share of the unit cube's edge.  No points if the function is not expected to cross its level.

        Args:
            name: name of the function; may be left out if there is only one.
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
            name: of the function; may be left out if there is only one.
            probability: of being above the level, along the lines; 0.16 and 0.84 bound the band.
            n: grid points along each axis.

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
        """Return unit coordinates (n,) and how surely the function is above its level on their grid, (n, n).

        As a standard normal quantile of the probability: 0 where above and below are alike, -1 and 1 on the
        edges of the band.  It varies smoothly enough to interpolate; NaN where a known constraint forbids the
        point.  Rows are of the second parameter, columns of the first.

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
        above = _quantiles(self.posterior.above(units)[self._row(name)])
        above[~self.space.allowed(units)] = np.nan
        return ticks, above.reshape(n, n)

    def _row(self, name: str | None) -> int:
        if name is None and len(self.names) == 1:
            return 0
        if name not in self.names:
            raise ProblemError(f"no level of {name!r} is sought; there are {', '.join(self.names)}")
        return self.names.index(name)

    def _crossings(self, row: int, n: int) -> tuple[Array, Array]:
        """Return up to n unit points of a contour, (m, d), and its standard deviation there, (m,).

        Newton's method along the gradient of the likeliest model's mean, from the survey points nearest to
        the level, then along the same gradient to where above and below are alike by all models.  The
        standard deviation of the position is half the width of the band along the gradient.
        """
        process, level = self.posterior.processes[row], float(self.posterior.levels[row])
        is_continuous = np.array([axis.levels is None for axis in self.space.axes])
        mean, _ = process.moments(self.survey)
        at = self.survey[np.argsort(np.abs(mean - level), kind="stable")[:n]]
        for _ in range(_N_NEWTON):
            mean, _, slope, _ = process.moments_and_gradients(at)
            slope = slope * is_continuous
            step = (mean - level)[:, None] * slope / np.maximum((slope**2).sum(axis=1), 1e-300)[:, None]
            size = np.linalg.norm(step, axis=1, keepdims=True)
            at = np.clip(at - step * np.minimum(1.0, _MAX_NEWTON_STEP / np.maximum(size, 1e-300)), 0.0, 1.0)
        mean, std, slope, _ = process.moments_and_gradients(at)
        kept = np.abs(mean - level) < _CONTOUR_TOLERANCE * np.sqrt(process.amplitude)
        kept &= self.space.allowed(at)
        at, std, slope = at[kept], std[kept], slope[kept] * is_continuous
        steepness = np.maximum(np.linalg.norm(slope, axis=1), 1e-300)
        return self._as_claimed(row, at, slope / steepness[:, None], np.minimum(std / steepness, 1.0))

    def _as_claimed(self, row: int, at: Array, uphill: Array, width: Array) -> tuple[Array, Array]:
        """Return points moved to where above and below are alike by all models, and the deviation there.

        Args:
            at: points on the contour of the likeliest model, (m, d).
            uphill: unit vectors along its gradient, (m, d).
            width: its standard deviation of the position, (m,).
        """
        found = []
        for probability in (0.5, *BAND):
            low, high = (np.full(len(at), sign * _MOST_WIDTHS) for sign in (-1.0, 1.0))
            for _ in range(_N_BISECTIONS):
                middle = 0.5 * (low + high)
                places = np.clip(at + (middle * width)[:, None] * uphill, 0.0, 1.0)
                is_above = self.posterior.above(places)[row] > probability
                low, high = np.where(is_above, low, middle), np.where(is_above, middle, high)
            found.append(0.5 * (low + high))
        middle, lowest, highest = found
        middle = np.where(np.abs(middle) < 0.99 * _MOST_WIDTHS, middle, 0.0)  # else nothing was found
        moved = np.clip(at + (middle * width)[:, None] * uphill, 0.0, 1.0)
        moved = np.where(self.space.allowed(moved)[:, None], moved, at)
        return moved, np.minimum(0.5 * (highest - lowest) * width, 1.0)

    def __str__(self) -> str:
        lines = []
        for name, level in zip(self.names, self.level_set.levels):
            lines.append(
                f"{name} = {level:g}: {100 * self.volume_above[name]:.1f} % of the space above it, "
                f"{100 * self.misclassified[name]:.2g} % expected on the wrong side"
            )
        return "\n".join([*lines, f"from {self.n_evaluations} evaluations"])


def _quantiles(probabilities: Array) -> Array:
    """Return standard normal quantiles, same shape, all finite."""
    return np.asarray(ndtri(np.clip(probabilities, _LEAST_PROBABILITY, 1.0 - _LEAST_PROBABILITY)))


def contour_of(problem: Problem, recipe: Recipe, trials: Sequence[Trial], memory: Memory) -> Contour:
    """Return the contours of a problem's level set, by the recipe's surrogate; deterministic.

    For a recipe without a surrogate, such as "sobol", a ``LevelGP`` is fitted to its points.

    Raises:
        ProblemError: the problem has no level set.
        TellError: fewer than two evaluations are complete.
    """
    posterior = level_set_posterior_of(problem, recipe, trials, memory)
    # the same survey points each time, so that the estimate changes with the training data alone
    survey = survey_of(problem.space, _N_SURVEY, np.random.default_rng(0))
    assert problem.level_set is not None
    # a trial that was promoted was evaluated at several fidelities, and one that is paused at some
    n_evaluations = sum((trial.state is TrialState.COMPLETE) + len(trial.rungs) for trial in trials)
    above = posterior.above(survey)
    return Contour(problem.level_set, problem.space, posterior, survey, above, n_evaluations)


def level_set_posterior_of(
    problem: Problem, recipe: Recipe, trials: Sequence[Trial], memory: Memory
) -> LevelSetPosterior:
    """Return the posterior of the functions of the level set; see ``contour_of``."""
    if problem.level_set is None:
        raise ProblemError("no level is sought; say Problem(space, level_set=LevelSet(0.05, of=[names]))")
    data = encode(problem, trials)
    if len(data) < 2:
        raise TellError(f"a contour needs two complete evaluations; there are {len(data)}")
    if chosen(recipe, data, memory).recipe.surrogate is None:
        return level_posterior(Subset(LevelGP(), n_rows=1500).fit(data))
    posterior = posterior_of(with_transfer(problem, recipe), data, memory)
    assert posterior is not None, "two evaluations are enough for a posterior"
    return level_posterior(posterior)


def enough(problem: Problem, recipe: Recipe, trials: Sequence[Trial], memory: Memory) -> str | None:
    """Return a sentence if the level set's tolerance is met, so that the study may end; None otherwise.

    The tolerance has to be met without the last few evaluations too: a posterior of few evaluations may
    have a small variance at a contour that it misplaces.
    """
    level_set = problem.level_set
    if level_set is None or level_set.tolerance is None:
        return None
    complete = sorted(
        (trial for trial in trials if trial.state is TrialState.COMPLETE), key=lambda trial: trial.number
    )
    if len(complete) < _MIN_EVALUATIONS_PER_AXIS * max(2, len(problem.space.axes)) + _N_HELD_BACK:
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
    """Return whether every contour meets the tolerance of the level set; False without one."""
    return level_set.tolerance is not None and max(misclassified.values()) <= level_set.tolerance
