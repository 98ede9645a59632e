"""A sampler for Optuna: smbo proposes the parameters of each trial of an ``optuna.Study``.

    study = optuna.create_study(sampler=SmboSampler(seed=1))
    study.optimize(objective, n_trials=40)

Needs the extra ``optuna``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

try:
    import optuna
except ImportError as error:
    raise ImportError("the sampler for Optuna needs an extra: pip install 'smbo[optuna]'") from error
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState as OptunaState

from smbo.errors import SpaceExhausted
from smbo.history.encode import encode
from smbo.history.record import ToldResult, record_result
from smbo.optimizer import checked_seed
from smbo.problem import Problem
from smbo.proposal.presets import preset
from smbo.proposal.recipe import Recipe
from smbo.proposal.request import ProposalRequest
from smbo.proposal.suggest import proposal_rng, suggest
from smbo.space import Categorical, Integer, Real, Space
from smbo.trial import Trial, TrialState

__all__ = ["SmboSampler"]


class SmboSampler(BaseSampler):
    """Propose the parameters that all trials of a study share; others are drawn at random.

    Completed trials are training data, failed ones mark where evaluations fail, and running ones, of
    other workers too, are pending.  Pruned trials are left out.

    Args:
        recipe: a name of ``smbo.proposal.presets``, {name: settings} or a Recipe.
        seed: a whole number from 0 up; None draws one.  The same seed and results give the same trials.

    Raises:
        RecipeError: no recipe of that name, or no such seed.

    Example:
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(sampler=SmboSampler(seed=1))
        >>> study.optimize(lambda trial: (trial.suggest_float("x", 0, 1) - 0.3) ** 2, n_trials=15)
        >>> abs(study.best_params["x"] - 0.3) < 0.1
        True
    """

    def __init__(self, recipe: str | Mapping[str, Any] | Recipe = "auto", seed: int | None = None) -> None:
        self._recipe, self._seed = preset(recipe), checked_seed(seed)
        self._random = RandomSampler(seed=self._seed % 2**32)
        self._shared = IntersectionSearchSpace()
        self._memory: tuple[Mapping[str, BaseDistribution], dict[str, Any]] = ({}, {})
        self._lock = threading.Lock()  # n_jobs > 1 samples in several threads

    def reseed_rng(self) -> None:
        self._random.reseed_rng()

    def infer_relative_search_space(
        self,
        study: optuna.Study,
        trial: FrozenTrial,  # noqa: ARG002 - the signature is Optuna's
    ) -> dict[str, BaseDistribution]:
        found = self._shared.calculate(study)
        return {name: each for name, each in found.items() if not each.single()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        directions = {
            f"value{i}": "max" if each is StudyDirection.MAXIMIZE else "min"
            for i, each in enumerate(study.directions)
        }
        space = Space({name: _dimension(each) for name, each in search_space.items()})
        problem = Problem(space, objectives=directions)
        trials = [
            _as_trial(problem, each)
            for each in study.get_trials(deepcopy=False)
            if each.number != trial.number
            and search_space.keys() <= each.params.keys()
            and each.state is not OptunaState.PRUNED
            and space.contains({name: each.params[name] for name in search_space})
        ]
        with self._lock:
            of, memory = self._memory
            known = memory if of == search_space else {}
            try:
                data, rng = encode(problem, trials), proposal_rng(self._seed, trial.number)
                points, learned = suggest(ProposalRequest(problem, self._recipe, data, 1, rng, known))
            except SpaceExhausted:  # Optuna evaluates points again; every parameter is drawn at random
                return {}
            self._memory = search_space, learned
        return points[0]

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)


def _dimension(distribution: BaseDistribution) -> Real | Integer | Categorical:
    """Return the dimension that a distribution of Optuna describes."""
    if isinstance(distribution, CategoricalDistribution):
        return Categorical(distribution.choices)
    low, high, log = distribution.low, distribution.high, distribution.log
    if isinstance(distribution, IntDistribution):
        return Integer(low, high, log=log, step=distribution.step if distribution.step > 1 else None)
    return Real(low, high, log=log, step=distribution.step)


def _as_trial(problem: Problem, given: FrozenTrial) -> Trial:
    """Return a trial of Optuna as one of ours."""
    params = {name: given.params[name] for name in problem.space.dimensions}
    trial = Trial(given.number, params, seed=0)
    if given.state is OptunaState.COMPLETE:
        values = dict(zip(problem.objectives or {}, given.values, strict=True))
        return record_result(problem, trial, ToldResult(values))
    if given.state is OptunaState.FAIL:
        return record_result(problem, trial, ToldResult(status="failed", reason="failed in Optuna"))
    assert trial.state is TrialState.RUNNING
    return trial
