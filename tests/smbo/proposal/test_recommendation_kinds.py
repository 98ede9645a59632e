"""The rules of one value, for each kind of problem: what is best or recommended, and what is said before."""

from functools import cache

import numpy as np
import pytest

from smbo import Fidelity, LevelSet, Optimizer, Problem, Space
from smbo.errors import ProblemError, TellError
from smbo.problem import ChiSquare
from smbo.problem.termination import Termination
from smbo.trial import TrialState

SPACE = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})
LOSS = ChiSquare(np.zeros(3), np.full(3, 0.1))
CONSTRAINED = {"constraints": ["load <= 1"]}
CLIMBING = {"fidelity": Fidelity(1, 9), "early_stopping": "asha"}
PLATEAU = {"termination": Termination(plateau=4)}

KINDS = {
    "value": {},
    "maximised": {"maximize": True},
    "constraint": CONSTRAINED,
    "fidelity": CLIMBING,
    "hyperband": {**CLIMBING, "early_stopping": "hyperband"},
    "constraint, fidelity": CONSTRAINED | CLIMBING,
    "several": {"objectives": {"a": "min", "b": "max"}},
    "several, constraint": {"objectives": {"a": "min", "b": "max"}, **CONSTRAINED},
    "vector": {"loss": LOSS},
    "vector, constraint": {"loss": LOSS, **CONSTRAINED},
    "vector, fidelity": {"loss": LOSS, **CLIMBING},
    "vector, constraint, fidelity": {"loss": LOSS, **CONSTRAINED, **CLIMBING},
    "median": {"fidelity": Fidelity(1, 9), "early_stopping": "median"},
    "level set": {"level_set": LevelSet(0.05)},
}
MODELLED = [kind for kind in KINDS if kind != "level set"]


def evaluated(problem, trial):
    """Return a result in which low fidelities look better than they are, so that they tempt."""
    x, y = trial.params["x"], trial.params["y"]
    level = trial.fidelity or 9.0
    value = (x - 0.3) ** 2 + (y - 0.6) ** 2 - (9.0 - level) / 90.0
    metrics = {"load": 2.0 * x + y}
    if problem.loss is not None:
        return {
            "outputs": np.array([x - 0.3, y - 0.6, value]),
            "covariance": np.full(3, 0.01),
            "result": metrics,
        }
    if problem.multi_objective is not None:
        return {"result": {"a": value, "b": x + y, **metrics}}
    return {"result": {"value": -value if problem.maximize else value, **metrics}}


@cache
def run(kind, n, recipe="auto", **more):
    """Return an optimizer after n results, some of them failures or pruned."""
    problem = Problem(SPACE, **KINDS[kind], **more)
    optimizer = Optimizer(problem, recipe, seed=2)
    for step in range(n):
        trial = optimizer.ask()
        if step % 7 == 3:
            optimizer.tell(trial, status="failed", reason="broken")
        elif step % 7 == 5 and kind == "median":
            optimizer.tell(trial, -9.0, status="pruned")  # would be the best by far
        else:
            optimizer.tell(trial, **evaluated(problem, trial))
    return optimizer


def may_be_best(problem, trial):
    in_full = problem.multi_fidelity is None or trial.fidelity == 9.0
    return trial.state is TrialState.COMPLETE and trial.feasible is not False and in_full


@pytest.mark.parametrize("kind", MODELLED)
def test_only_what_was_evaluated_in_full_and_is_feasible_is_best_or_recommended(kind):
    optimizer = run(kind, 20)
    problem, trials = optimizer.problem, optimizer.trials
    assert any(may_be_best(problem, trial) for trial in trials), "the case decides nothing"
    assert may_be_best(problem, optimizer.best)
    found = optimizer.recommend()
    if found.number is None:  # a model of vector outputs is trusted between the evaluations
        assert problem.loss is not None
        assert not problem.constraints
        assert problem.space.contains(found.params)
    else:
        assert may_be_best(problem, trials[found.number])
        assert found.params == dict(trials[found.number].params)
    assert (found.p_feasible is not None) == bool(problem.constraints)
    if problem.multi_objective is not None:
        numbers = {each.number for each in optimizer.pareto().predicted}
        assert all(may_be_best(problem, trials[number]) for number in numbers)


@pytest.mark.parametrize(
    "kind", [kind for kind in MODELLED if "fidelity" in kind and "vector, f" not in kind]
)
def test_trials_paused_at_low_fidelities_tempt_and_are_not_recommended(kind):
    optimizer = run(kind, 20)
    paused = [trial for trial in optimizer.trials if trial.state is TrialState.PAUSED]
    lowest = min(trial.value for trial in paused)
    assert lowest < optimizer.best.value, "the case decides nothing"
    assert optimizer.recommend().number not in {trial.number for trial in paused}


@pytest.mark.parametrize(
    "kind", [kind for kind in MODELLED if "fidelity" in kind and "vector, f" not in kind]
)
def test_before_anything_was_evaluated_in_full_it_says_so_and_what_waits(kind):
    optimizer = run(kind, 2)
    with pytest.raises(TellError, match="no evaluation has reached fidelity 9; 2 trials are paused"):
        optimizer.recommend()
    assert optimizer.best is None


@pytest.mark.parametrize("kind", [kind for kind in MODELLED if "constraint" in kind and "fid" not in kind])
def test_before_anything_is_feasible_it_says_which_constraints_are_not_met(kind):
    optimizer = Optimizer(Problem(SPACE, **KINDS[kind]), seed=2)
    for x in (0.9, 0.8):
        trial = optimizer.tell({"x": x, "y": 0.5}, **evaluated(optimizer.problem, optimizer_trial(x)))
        assert trial.feasible is False
    with pytest.raises(TellError, match="none of the 2 complete evaluations meets the constraints load <= 1"):
        optimizer.recommend()
    assert optimizer.best is None


def optimizer_trial(x):
    return Optimizer(SPACE, "random", seed=0).tell({"x": x, "y": 0.5}, 0.0)


@pytest.mark.parametrize("kind", MODELLED)
def test_with_failures_alone_it_says_how_many(kind):
    optimizer = Optimizer(Problem(SPACE, **KINDS[kind]), seed=2)
    for _ in range(2):
        optimizer.tell(optimizer.ask(), status="failed", reason="broken")
    with pytest.raises(TellError, match="no evaluation is complete, 2 failed"):
        optimizer.recommend()


@pytest.mark.parametrize("kind", ["value", "median", "fidelity", "vector, constraint, fidelity"])
def test_a_plateau_counts_only_evaluations_in_full(kind):
    optimizer = run(kind, 40, "random", termination=Termination(plateau=4))
    best, idle = np.inf, 0
    for trial in optimizer.trials:
        if trial.state is TrialState.COMPLETE and (trial.feasible is not False or best < np.inf):
            is_better = trial.feasible is not False and trial.value < best
            best, idle = (trial.value, 0) if is_better else (best, idle + 1)
    reason = optimizer.termination()
    assert (reason is not None) == (idle >= 4)
    assert reason is None or reason.startswith(f"{idle} evaluations in a row gained nothing")


def test_a_level_set_has_no_best_point_and_says_so():
    with pytest.raises(ProblemError, match="a level set has no best point"):
        run("level set", 8).recommend()
