"""Studies go from Optuna's storages into ours and back, with all that was measured."""

from __future__ import annotations

import pytest

optuna = pytest.importorskip("optuna")

from smbo import (  # noqa: E402
    Categorical,
    Fidelity,
    Integer,
    LevelSet,
    Optimizer,
    Problem,
    Real,
)
from smbo.errors import ProblemError, StoreError  # noqa: E402
from smbo.integrations.optuna_studies import read_study, write_study  # noqa: E402
from smbo.trial import TrialState  # noqa: E402


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'optuna.db'}"


def evaluated(problem, n, result, seed=1):
    optimizer = Optimizer(problem, "sobol", seed=seed)
    for _ in range(n):
        trial = optimizer.ask()
        optimizer.tell(trial, **result(trial))
    return optimizer


def test_what_is_written_is_read_back(url):
    problem = Problem(
        {
            "x": Real(1e-3, 1.0, log=True),
            "n": Integer(1, 9),
            "kind": Categorical(["a", "b"]),
            "y": Real(0.0, 1.0, active_when="kind == 'b'"),
        },
        constraints=["load < 2"],
        maximize=True,
    )

    def result(trial):
        if trial.params["n"] == 9:
            return {"status": "failed", "reason": "no memory"}
        x, load = trial.params["x"], trial.params["n"] / 3
        return {"result": {"value": -((x - 0.1) ** 2), "load": load}, "sem": 0.1, "cost": 3.0}

    told = evaluated(problem, 24, result)
    assert write_study(problem, told.trials, url, "tune") == 24
    theirs = optuna.load_study(study_name="tune", storage=url)
    for trial, other in zip(told.trials, theirs.trials, strict=True):
        assert dict(trial.params) == other.params
        if trial.state is TrialState.COMPLETE:
            assert other.value == trial.value
            assert all(each <= 0 for each in other.constraints.values()) == trial.feasible
            assert (other.user_attrs["sem"], other.user_attrs["cost"]) == (0.1, 3.0)
            assert other.user_attrs["load"] == trial.metrics["load"]
        else:
            assert other.state is optuna.trial.TrialState.FAIL
            assert other.user_attrs["reason"] == "no memory"
    assert theirs.best_value == told.best.value
    name, again, trials = read_study(url, None)
    assert (name, again.maximize) == ("tune", True)
    assert again.space.dimensions["y"].active_when is not None
    assert [each.value for each in trials] == [each.value for each in told.trials]
    assert [each.feasible for each in trials] == [each.feasible for each in told.trials]


def test_several_objectives_and_fidelities_are_written(url):
    goals = Problem({"x": Real(0.0, 1.0)}, objectives={"mass": "min", "strength": "max"})
    two = evaluated(goals, 5, lambda trial: {"result": {"mass": trial.params["x"], "strength": 2.0}})
    write_study(goals, two.trials, url, "two")
    theirs = optuna.load_study(study_name="two", storage=url)
    assert theirs.metric_names == ["mass", "strength"]
    assert [each.name for each in theirs.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert read_study(url, "two")[1].objectives == {"mass": "min", "strength": "max"}
    ladder = Problem({"x": Real(0.0, 1.0)}, fidelity=Fidelity(1, 9), early_stopping="asha")
    curves = evaluated(ladder, 12, lambda trial: {"result": trial.params["x"] + 1 / trial.fidelity})
    write_study(ladder, curves.trials, url, "curves")
    theirs = optuna.load_study(study_name="curves", storage=url)
    for trial, other in zip(curves.trials, theirs.trials, strict=True):
        assert other.intermediate_values == {int(rung.fidelity): rung.value for rung in trial.rungs}


def test_what_cannot_be_written_or_read_is_said(url, tmp_path):
    problem = Problem({"x": Real(0.0, 1.0)})
    write_study(problem, [], url, "empty")
    with pytest.raises(StoreError, match="'empty' is there already; give another name"):
        write_study(problem, [], url, "empty")
    level = Problem({"x": Real(0.0, 1.0)}, level_set=LevelSet(0.5))
    with pytest.raises(ProblemError, match="a level set has no value"):
        write_study(level, [], url, "level")
    with pytest.raises(StoreError, match="no Optuna study is called 'tune'; there are 'empty'"):
        read_study(url, "tune")
    with pytest.raises(StoreError, match="there is no such file"):
        read_study(f"sqlite:///{tmp_path / 'none.db'}", None)
    with pytest.raises(StoreError, match="cannot be opened as a storage of Optuna"):
        read_study("nowhere://x", None)
