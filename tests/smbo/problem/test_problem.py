"""The problem: what it refuses, what an outcome is worth under it, and its JSON."""

from __future__ import annotations

import json
import math

import pytest
from kinds_of_problem import ARGUMENTS, problem_of

from smbo import LevelSet, Problem, Real, TransferSource
from smbo.errors import ProblemError
from smbo.fidelity import Asha, Fidelity, Hyperband
from smbo.fidelity.asha import ratio

SPACE = {"x": Real(0, 1), "y": Real(0, 1)}


EPOCHS = Fidelity(1, 9, name="epochs")


def test_a_problem_with_a_fidelity_survives_its_json():
    problem = Problem(SPACE, fidelity=EPOCHS, early_stopping={"hyperband": {"eta": 4}})
    again = Problem.from_json(problem.to_json())
    assert (again.fidelity, again.early_stopping) == (EPOCHS, Hyperband(4))
    assert Problem(SPACE, fidelity=EPOCHS).early_stopping == Asha()
    assert not {"fidelity", "stopping"} & set(Problem(SPACE).to_json())  # as before there were any


def test_what_cannot_be_climbed_is_refused():
    with pytest.raises(ProblemError, match="needs a fidelity"):
        Problem(SPACE, early_stopping="asha")
    with pytest.raises(ProblemError, match="fidelity"):
        Problem(SPACE, fidelity=(1, 9))


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_a_problem_of_every_kind_comes_back_from_its_json(kind):
    problem = problem_of([kind])
    stored = json.loads(json.dumps(problem.to_json()))
    again = Problem.from_json(stored)
    assert again.to_json() == stored
    assert again.kinds() == problem.kinds()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"objectives": {"f": "max"}, "maximize": True}, "goes with an unnamed objective"),
        ({"objectives": {}}, "name at least one"),
        ({"objectives": {"f": "up"}}, "direction is 'up'; write 'min' or 'max'"),
        ({"constraints": "c >= 1"}, "give a list of formulas, not one string"),
        ({"constraints": ["c + 1"]}, "'c \\+ 1' is no comparison of what is measured"),
        ({"constraints": ["x + c >= 1"]}, r"is on \['x'\] of the space"),
        ({"try_first": {"x": 0.5, "y": 0.5}}, "give a list of points"),
        ({"try_first": [{"x": 0.5, "y": 0.5}, {"x": 2.0, "y": 0.5}]}, r"try_first\[1\]: .*2\.0"),
        ({"transfer": TransferSource([{"x": 0.1, "y": 0.1}], [1.0])}, "give a list of TransferSource"),
        ({"level_set": 0.3}, "level_set=0.3; give LevelSet"),
        ({"weights": {"f": 2.0}}, "go with several objectives"),
    ],
)
def test_an_argument_that_makes_no_sense_is_refused_with_what_to_write(arguments, said):
    with pytest.raises(ProblemError, match=said):
        Problem(SPACE, **arguments)


@pytest.mark.parametrize(
    ("arguments", "name", "sign"),
    [
        ({}, "value", 1.0),
        ({"maximize": True}, "value", -1.0),
        ({"objectives": {"f": "max"}}, "f", -1.0),
        ({"objectives": {"f": "min", "g": "max"}}, "f", 1.0),
        ({"level_set": LevelSet(0.3)}, "distance", 1.0),
    ],
)
def test_what_is_optimised_has_a_name_and_a_sign(arguments, name, sign):
    problem = Problem(SPACE, **arguments)
    assert (problem.value_name, problem.sign) == (name, sign)


def test_a_point_is_feasible_where_every_constraint_holds_and_a_metric_that_is_nan_is_unmeasured():
    problem = Problem(SPACE, objectives={"f": "min"}, constraints=["c >= 0.5", "f + c <= 2"])
    for f, c in ((0.0, 0.5), (1.5, 0.5), (1.6, 0.5), (0.0, 0.49), (0.0, 2.5)):
        outcome = problem.outcome({"f": f, "c": c})
        assert problem.is_feasible(outcome) == (c >= 0.5 and f + c <= 2)
        assert problem.unmeasured(outcome) == []
    assert problem.unmeasured(problem.outcome({"f": 0.0, "c": math.nan})) == ["c"]
    with pytest.raises(ProblemError, match=r"need \['c'\], which the result lacks"):
        problem.outcome({"f": 0.0})


@pytest.mark.parametrize("rule", ["asha", "hyperband", "model"])
def test_trials_start_on_a_rung_and_only_the_highest_ends_the_climb(rule):
    problem = Problem(SPACE, fidelity=Fidelity(1, 27), early_stopping=rule)
    starts = {problem.first_fidelity(number) for number in range(40)}
    assert 1 in starts
    rungs = problem.fidelity.rungs(ratio(problem.early_stopping, problem.fidelity))
    assert [problem.rung_of(fidelity) for fidelity in rungs] == list(range(len(rungs)))
    assert starts <= set(rungs)
    assert [problem.is_below_the_highest(fidelity) for fidelity in rungs] == [
        *[True] * (len(rungs) - 1),
        False,
    ]


def test_without_promotion_every_trial_is_evaluated_once_at_the_highest_fidelity():
    problem = Problem(SPACE, fidelity=Fidelity(1, 27), early_stopping="median")
    assert problem.first_fidelity(0) == 27
    assert not problem.is_below_the_highest(1.0)
    assert problem.rung_of(1.0) is None
    assert Problem(SPACE).first_fidelity(0) is None
