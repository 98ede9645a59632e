"""Training data as a surrogate is fitted to it: penalties at infeasible points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smbo import Optimizer, Problem, Real, Space
from smbo.history.encode import encode
from smbo.proposal.model_data import with_penalties
from smbo.trial import Trial, TrialState

PROBLEM = Problem(Space({"x": (0.0, 1.0), "n": (1, 3)}, ["x * n < 2"]))


def trials(n, problem=PROBLEM, seed=0):
    points = problem.space.sample(n, np.random.default_rng(seed))
    return [
        Trial(number, point, 0, TrialState.COMPLETE, value=sum(point.values()), feasible=True)
        for number, point in enumerate(points)
    ]


def test_infeasible_points_look_no_better_than_the_worst_feasible_one_and_failed_ones_like_nothing():
    done = trials(4)
    infeasible = Trial(4, done[0].params, 0, TrialState.COMPLETE, value=-9.0, feasible=False)
    failed = Trial(5, {"x": 0.5, "n": 1}, 0, TrialState.FAILED)
    data = with_penalties(encode(PROBLEM, [*done, infeasible, failed]))
    worst = max(trial.value for trial in done)
    assert data.values[4:].tolist() == [worst]
    assert data.feasible.tolist() == [True] * 4 + [False]
    assert len(data.failed) == 1


SPACE = {"x": Real(0, 1), "y": Real(0, 1)}


def problem(*constraints: str) -> Problem:
    return Problem(SPACE, objectives={"f": "min"}, constraints=constraints)


def told(constraint: str, rows, n: int = 12, seed: int = 3, **noise: float) -> Optimizer:
    """Return an optimizer that was told n random points, with metrics f and c of ``rows``."""
    opt = Optimizer(problem(constraint), seed=seed)
    rng = np.random.default_rng(seed)
    for x, y in rng.random((n, 2)):
        opt.tell({"x": float(x), "y": float(y)}, rows(float(x), float(y)))
    return opt


def bowl(x: float, y: float) -> dict[str, float]:
    return {"f": x + y, "c": x * y}


def test_values_that_violate_a_slack_are_told_as_they_are_and_others_with_a_penalty():
    opt = told("c >= 0.2", bowl)
    data = encode(opt.problem, opt.trials)
    assert not data.feasible.all()
    assert (with_penalties(data).values == data.values).all()
    assert (with_penalties(replace(data, outcome_constraints=None)).values > data.values).any()
