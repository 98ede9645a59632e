"""A sampler for Optuna: smbo proposes the parameters of each trial of an ``optuna.Study``.

    study = optuna.create_study(sampler=SmboSampler(seed=1))
    study.optimize(objective, n_trials=40)

Needs the extra ``optuna``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

try:
    import optuna
except ImportError as error:
    raise ImportError("the sampler for Optuna needs an extra: pip install 'smbo[optuna]'") from error
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.samplers._base import _process_constraints_after_trial  # OptunaHub's samplers call it too
from optuna.trial import FrozenTrial, TrialState as OptunaState

from smbo.errors import SpaceExhausted
from smbo.history.encode import encode
from smbo.integrations.optuna_trials import SpaceSeen, TrialReader, problem_of, space_seen, steps_of
from smbo.optimizer import checked_seed
from smbo.proposal.presets import preset
from smbo.proposal.recipe import Recipe
from smbo.proposal.request import ProposalRequest
from smbo.proposal.suggest import proposal_rng, suggest
from smbo.surrogates.base import Memory

__all__ = ["SmboSampler"]

_MEMORY = "smbo:memory"  # system attribute of the study


class SmboSampler(BaseSampler):
    """Propose the parameters of Optuna's trials by a surrogate of all results so far.

    The first trial is drawn at random, since Optuna's objectives declare their space as they run.  From
    then on one proposal sets the parameters that all trials have, and those of branches: a parameter
    that only some trials have and on which the value of another decides (a choice, a number of layers).
    Parameters that depend on anything else, or whose range changes, are drawn at random.

    - Completed trials are training data; failed ones mark where evaluations fail; running ones, of
      other workers too, are pending.
    - Pruned trials, and the reports of all, are results at fidelities (the steps made).  Without
      reports pruned trials are left out.
    - Constraints, of ``constraints_func`` or ``trial.set_constraint``, are modelled one by one.
    - A value's standard error is the trial's attribute: ``trial.set_user_attr("sem", 0.1)``, of
      several objectives a list.

    Args:
        recipe: a name of ``smbo.proposal.presets``, {name: settings} or a Recipe.
        seed: a whole number from 0 up; None draws one.  The same seed and results give the same trials.
        constraints_func: returns the constraints' values of a finished trial; 0 and below is feasible.

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

    def __init__(
        self,
        recipe: str | Mapping[str, Any] | Recipe = "auto",
        seed: int | None = None,
        *,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    ) -> None:
        self._recipe, self._seed = preset(recipe), checked_seed(seed)
        self._constraints_func = constraints_func
        self._random = RandomSampler(seed=self._seed % 2**32)
        self._seen: dict[int, SpaceSeen] = {}  # by trial, from one call of Optuna to the next
        self._last: tuple[TrialReader, Memory] | None = None
        self._lock = threading.Lock()  # n_jobs > 1 samples in several threads

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def reseed_rng(self) -> None:
        self._random.reseed_rng()

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        seen = space_seen(study.get_trials(deepcopy=False))
        self._seen[trial.number] = seen
        return dict(seen.distributions)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        # called without the other in the conformance tests; PartialFixedSampler sets some of the parameters
        seen = self._seen.pop(trial.number, SpaceSeen(search_space, {})).part(search_space)
        if not seen.distributions:
            return {}
        given = study.get_trials(deepcopy=False)
        steps = steps_of(given)
        reader = TrialReader(problem_of(study, seen.space(), given, steps), given, steps)
        with self._lock:
            reader, memory = self._carried(study, reader)
            trials = [
                found
                for each in given
                if each.number != trial.number and (found := reader.read(each)) is not None
            ]
            data, rng = encode(reader.problem, trials), proposal_rng(self._seed, trial.number)
            request = ProposalRequest(reader.problem, self._recipe, data, 1, rng, memory)
            try:
                points, memory = suggest(request)
            except SpaceExhausted:  # Optuna evaluates points again; every parameter is drawn at random
                return {}
            self._carry(study, reader, memory)
        return points[0]

    def _carried(self, study: optuna.Study, reader: TrialReader) -> tuple[TrialReader, Memory]:
        """Return what is carried from the last proposal, of this process or of the study's last one.

        Nothing is while the problem changes: a branch seen for the first time, a longer curve.
        """
        if self._last is not None:
            last, memory = self._last
            return (last, memory) if last.fingerprint == reader.fingerprint else (reader, {})
        known = study._storage.get_study_system_attrs(study._study_id).get(_MEMORY, {})
        return reader, known["memory"] if known.get("of") == reader.fingerprint else {}

    def _carry(self, study: optuna.Study, reader: TrialReader, memory: Memory) -> None:
        """Keep what the next proposal goes on from, in the study too: another process may make it."""
        self._last = reader, memory
        kept = {"of": reader.fingerprint, "memory": dict(memory)}
        study._storage.set_study_system_attr(study._study_id, _MEMORY, kept)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: OptunaState, values: Sequence[float] | None
    ) -> None:
        if self._constraints_func is not None:
            _process_constraints_after_trial(self._constraints_func, study, trial, state)
        self._random.after_trial(study, trial, state, values)
