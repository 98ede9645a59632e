"""Results of an earlier campaign are trials like those that were told one by one."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import smbo.study.bulk_import as module
from smbo.errors import PointError, TellError
from smbo.problem import Outcome, Problem
from smbo.space import Categorical, Integer, Real, Space
from smbo.study import Study
from smbo.trial import TrialState

SPACE = {"x": Real(0.0, 1.0), "n": Integer(1, 9), "kind": Categorical(["a", ("b", 2)])}
POINTS = [{"kind": ("b", 2), "n": 1 + k, "x": k / 8} for k in range(7)]
RESULTS = [0.5, 1, math.nan, None, (2.0, 0.1), Outcome(3.0, cost=2.0, metrics={"m": 1.0}), -1.5]


def table(study):
    found = study.table()
    found.pop("seed")
    return {name: [repr(cell) for cell in column] for name, column in found.items()}


def test_many_at_once_are_the_same_as_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PIECE", 3)
    with (
        Study.open(f"sqlite:///{tmp_path}/a.db", "s", SPACE, "random", seed=5) as one,
        Study.open(f"sqlite:///{tmp_path}/b.db", "s", SPACE, "random", seed=5) as many,
    ):
        for point, result in zip(POINTS, RESULTS):
            if result is None:
                one.tell(point, status="failed")
            else:
                one.tell(point, result)
        assert many.add_many(POINTS, iter(RESULTS)) == 7
        assert table(many) == table(one)
        assert [trial.seed for trial in many.trials] == [trial.seed for trial in one.trials]
        assert many.ask().params == one.ask().params
        kinds = [(event.seq, event.kind) for event in many._driver.store.events(many._driver.id)]
        assert kinds == [(event.seq, event.kind) for event in one._driver.store.events(one._driver.id)]


PLAIN = {"x": Real(0.0, 1.0), "n": Integer(1, 9), "y": Real(0.0, 1.0)}
NEARLY_PLAIN = [
    {"x": 0.25, "n": 3, "y": 0.5},
    {"y": 0.5, "n": 3, "x": 0.25},
    {"x": 1, "n": 3, "y": 0.5},
    {"x": 0.25, "n": 3.0, "y": 0.5},
    {"x": np.float64(0.25), "n": np.int64(3), "y": 0.5},
    {"x": 1.0 + 1e-13, "n": 9, "y": 0.5},
    {"x": -0.0, "n": 1, "y": 1.0},
]


def test_plain_points_are_let_through_as_they_would_come_out(tmp_path):
    with (
        Study.open(f"sqlite:///{tmp_path}/a.db", "s", PLAIN, "random", seed=5) as one,
        Study.open(f"sqlite:///{tmp_path}/b.db", "s", PLAIN, "random", seed=5) as many,
    ):
        for point in NEARLY_PLAIN:
            one.tell(point, 0.5)
        many.add_many(NEARLY_PLAIN, [0.5] * len(NEARLY_PLAIN))
        assert table(many) == table(one)
        rows = [[list(trial.params.items()) for trial in study.trials] for study in (one, many)]
        assert repr(rows[0]) == repr(rows[1])


@pytest.mark.parametrize(
    "point",
    [
        {"x": 0.5, "n": 3},
        {"x": 0.5, "n": 3, "y": 0.5, "m": 1},
        {"x": 0.5, "n": 3, "z": 0.5},
        {"x": 0.5, "n": True, "y": 0.5},
        {"x": math.nan, "n": 3, "y": 0.5},
        {"x": 2.0, "n": 3, "y": 0.5},
    ],
)
def test_what_only_looks_plain_is_refused(tmp_path, point):
    with Study.open(f"sqlite:///{tmp_path}/a.db", "s", PLAIN, "random", seed=5) as study:
        with pytest.raises(PointError, match="result 1 "):
            study.add_many([NEARLY_PLAIN[0], point], [0.5, 0.5])
        assert study.trials == ()


def test_known_constraints_of_plain_dimensions_are_checked(tmp_path):
    space = Space(PLAIN, constraints=["x < 0.5"])
    with (
        Study.open(f"sqlite:///{tmp_path}/a.db", "s", space, "random", seed=5) as study,
        pytest.raises(PointError, match=re.escape("x < 0.5")),
    ):
        study.add_many([{"x": 0.75, "n": 3, "y": 0.5}], [0.5])


def test_a_number_is_no_result_of_several_objectives(tmp_path):
    problem = Problem(PLAIN, objectives={"a": "min", "b": "max"})
    with (
        Study.open(f"sqlite:///{tmp_path}/a.db", "s", problem, "random", seed=5) as study,
        pytest.raises(TellError, match="result 0 "),
    ):
        study.add_many([NEARLY_PLAIN[0]], [0.5])


def test_constraints_and_goals_are_judged_as_ever(tmp_path):
    problem = Problem({"x": (0.0, 1.0)}, objectives={"z": "max"}, constraints=["b >= 0.5"])
    with Study.open(f"sqlite:///{tmp_path}/a.db", "s", problem, "random", seed=5) as study:
        study.add_many([{"x": 0.1}, {"x": 0.2}], [{"z": 1.0, "b": 0.0}, {"z": 0.5, "b": 1.0}])
        assert [trial.feasible for trial in study.trials] == [False, True]
        assert study.best.number == 1


@pytest.mark.parametrize(
    ("points", "results", "kind", "message"),
    [
        ([*POINTS[:4], {"x": 9.0}], [0.0] * 5, PointError, "result 4 .from 0.: .*x"),
        (POINTS[:2], [0.0, "no"], TellError, "result 1 .from 0.:"),
        (POINTS[:2], [0.0], TellError, "2 points and 1 results"),
    ],
)
def test_what_cannot_be_recorded_is_named_and_nothing_of_its_piece_is(
    tmp_path, points, results, kind, message
):
    with Study.open(f"sqlite:///{tmp_path}/a.db", "s", SPACE, "random", seed=5) as study:
        with pytest.raises(kind, match=message):
            study.add_many(points, results)
        assert study.trials == ()


def test_a_study_goes_on_after_an_import(tmp_path):
    with Study.open(f"sqlite:///{tmp_path}/a.db", "s", SPACE, "random", seed=5) as study:
        study.add_many(POINTS, [0.5] * 7)
        trial = study.ask()
        assert trial.number == 7
        assert study.tell(trial, 0.1).state is TrialState.COMPLETE
        assert study.spent.trials == 1  # what was brought along costs no budget
        assert study.best.number == 7


def test_a_frame_of_points_is_taken_and_another_number_of_results_is_refused(tmp_path):
    pandas = pytest.importorskip("pandas")
    with Study.open(tmp_path / "a.db", "a", {"x": (0.0, 1.0), "n": (1, 9)}) as study:
        assert study.add_many(pandas.DataFrame({"x": [0.1, 0.2], "n": [1, 2]}), [1.0, 2.0]) == 2
        assert study.trials[1].params == {"x": 0.2, "n": 2}
        with pytest.raises(TellError, match="1 points and 2 results"):
            study.add_many([{"x": 0.1, "n": 1}], [1.0, 2.0])
        with pytest.raises(TellError, match="results end at 1"):
            study.add_many(iter(study.trials[k].params for k in (0, 1)), iter([1.0]))
        assert len(study.trials) == 2
