"""Whole studies from Optuna's storages and into them."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Sequence
from typing import Any

try:
    import optuna
except ImportError as error:
    raise ImportError("studies of Optuna need an extra: pip install 'smbo[optuna]'") from error
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState as OptunaState, create_trial

from smbo.errors import ProblemError, StoreError
from smbo.integrations.optuna_trials import results_of
from smbo.problem import Problem
from smbo.space import Categorical, Integer, Real
from smbo.space.choice_names import name_of
from smbo.trial import Trial, TrialState

_STATES = {
    TrialState.COMPLETE: OptunaState.COMPLETE,
    TrialState.FAILED: OptunaState.FAIL,
    TrialState.CANCELLED: OptunaState.FAIL,
    TrialState.PRUNED: OptunaState.PRUNED,
    TrialState.PAUSED: OptunaState.PRUNED,  # its results so far are intermediate values
}


def read_study(url: str, name: str | None) -> tuple[str, Problem, list[Trial]]:
    """Return the name of a study in a storage of Optuna, the problem that it poses, and its trials as ours.

    A pruned trial stays pruned, with its last value.

    Args:
        url: of the storage, such as "sqlite:///optuna.db".
        name: of the study; None where the storage has one alone.

    Raises:
        StoreError: there is no such storage, or no such study in it.
        TellError: the study has no finished trial, so that nobody knows its space.
    """
    names = _names(url)
    if name is None and len(names) == 1:
        name = names[0]
    if name is None or name not in names:
        there = ", ".join(map(repr, names)) or "none"
        wanted = "say which study" if name is None else f"no Optuna study is called {name!r}"
        raise StoreError(f"{url}: {wanted}; there are {there}")
    study = optuna.load_study(study_name=name, storage=url)
    return name, *results_of(study, with_steps=False)


def write_study(problem: Problem, trials: Sequence[Trial], url: str, name: str) -> int:
    """Write the finished trials of a study as a new study of Optuna; return how many there are.

    Results at lower fidelities become intermediate values; metrics, standard errors, costs and reasons
    become attributes; constraints are Optuna's, feasible at 0 and below.

    Raises:
        ProblemError: a level set has no value.
        StoreError: the storage cannot be used, or has a study of this name.
    """
    if problem.level_set is not None:
        raise ProblemError("a level set has no value to optimise, which every trial of Optuna has")
    if name in _names(url, create=True):
        raise StoreError(f"{url}: an Optuna study {name!r} is there already; give another name, --name NAME")
    goals = problem.multi_objective
    signs = [problem.sign] if goals is None else list(goals.signs)
    study = optuna.create_study(
        storage=url,
        study_name=name,
        directions=["minimize" if sign > 0 else "maximize" for sign in signs],
    )
    if goals is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(goals.names))
    ended = [trial for trial in trials if trial.state in _STATES]
    study.add_trials([_as_optuna(problem, trial) for trial in ended])
    return len(ended)


def _names(url: str, *, create: bool = False) -> list[str]:
    """Return the names of a storage's studies.

    Raises:
        StoreError: it cannot be opened, or it would have to be created.
    """
    from smbo.store.connect import sqlite_path

    try:
        if not create and url.startswith("sqlite") and not sqlite_path(url).exists():
            raise StoreError(f"{url}: there is no such file")
        return list(optuna.get_all_study_names(storage=url))
    except StoreError:
        raise
    except Exception as error:  # SQLAlchemy's, a driver's, or Optuna's own
        raise StoreError(
            f"{url}: cannot be opened as a storage of Optuna: {str(error).splitlines()[0]}"
        ) from None


def _as_optuna(problem: Problem, trial: Trial) -> FrozenTrial:
    dimensions = problem.space.all_dimensions  # Optuna takes no trial with a value that its space lacks
    searched = {
        name: dimension
        for name, dimension in dimensions.items()
        if isinstance(dimension, Real | Integer | Categorical) and name in trial.params
    }
    attributes: dict[str, Any] = {
        name: value for name, value in trial.metrics.items() if name not in (problem.objectives or ())
    }
    attributes |= {name: value for name, value in trial.params.items() if name not in searched}
    attributes |= {word: value for word in ("cost", "reason") if (value := getattr(trial, word)) is not None}
    if (sem := _sem(problem, trial)) is not None:
        attributes["sem"] = sem
    steps = {_step(problem, index, rung.fidelity): rung.value for index, rung in enumerate(trial.rungs)}
    state = _STATES[trial.state]
    if trial.state is TrialState.PRUNED and trial.value is not None and not steps:
        steps = {0: trial.value}
    return create_trial(
        state=state,
        values=_values(problem, trial),
        params={name: _value(dimension, trial.params[name]) for name, dimension in searched.items()},
        distributions={name: _distribution(dimension) for name, dimension in searched.items()},
        user_attrs=attributes,
        system_attrs=_constraints(problem, trial),
        intermediate_values=steps,
    )


def _values(problem: Problem, trial: Trial) -> list[float] | None:
    """Return the values of a trial: of one that was ended early the last, as in Optuna."""
    if trial.value is None or trial.state is TrialState.FAILED:
        return None
    goals = problem.multi_objective
    return [trial.value] if goals is None else [trial.metrics[name] for name in goals.names]


def _sem(problem: Problem, trial: Trial) -> float | list[float] | None:
    """Return the standard error of a trial's value, of several objectives a list if all are known."""
    if problem.multi_objective is None:
        return trial.sem
    sems = problem.multi_objective.sems([trial.metrics])[0] if trial.state is TrialState.COMPLETE else []
    return [float(each) for each in sems] if len(sems) and all(map(math.isfinite, sems)) else None


def _constraints(problem: Problem, trial: Trial) -> dict[str, list[float]]:
    """Return Optuna's constraints: each slack with the other sign.

    A bound that is met, and does not hold, is the smallest float above 0.  Constraints that have no
    slack ("a == b") are one more: 0 where all hold, else 1.
    """
    if not problem.constraints or trial.state is not TrialState.COMPLETE:
        return {}
    known = {**trial.metrics, problem.value_name: trial.value or 0.0}
    holds = trial.feasible is not False
    slacks = problem.constraint_slacks.of_metrics([known], [holds]).values[0]
    found = [-float(each) if math.isfinite(each) else float(not holds) for each in slacks]
    if not problem.constraint_slacks.is_whole:
        found.append(float(not holds))
    if not holds and max(found) <= 0.0:  # "load < 2" does not hold at 2
        found[found.index(max(found))] = sys.float_info.min
    return {"constraints": found}


def _step(problem: Problem, index: int, fidelity: float) -> int:
    """Return the step of a result at a fidelity: the fidelity itself where it is a whole number."""
    is_whole = problem.fidelity is not None and problem.fidelity.integer
    return int(fidelity) if is_whole else index


def _distribution(dimension: Real | Integer | Categorical) -> BaseDistribution:
    if isinstance(dimension, Categorical):
        return CategoricalDistribution([_value(dimension, choice) for choice in dimension.choices])
    if isinstance(dimension, Integer):
        return IntDistribution(
            dimension.low, dimension.high, log=dimension.log, step=int(dimension.step or 1)
        )
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log, step=dimension.step)


def _value(dimension: Real | Integer | Categorical, value: Any) -> Any:
    """Return a value that Optuna's storages can hold: a choice of another type by its name."""
    if isinstance(dimension, Categorical) and not isinstance(value, str | int | float | bool | None):
        return name_of(value)
    return value
