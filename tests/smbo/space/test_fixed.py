"""Asking with some values fixed: the points have them, the rest is searched, nonsense is refused."""

from __future__ import annotations

import numpy as np
import pytest

from smbo import Derived, Integer, Optimizer, Problem, Real, Space
from smbo.errors import AskError, SpaceExhausted
from smbo.problem.level_set import LevelSet
from smbo.proposal.presets import PRESETS
from smbo.proposal.trust_region import Box, _climbed
from smbo.space.fixed import checked, rows_in, subspace

SPACE = {
    "x": Real(0, 1),
    "rate": Real(1e-5, 1e-1, log=True),
    "n": Integer(1, 9),
    "mode": ["fast", "full"],
    "width": Real(0, 1, active_when="mode == 'full'"),
    "depth": Integer(1, 3, active_when="width > 0.5"),
    "version": 3,
}
SETTINGS = [
    {"x": 0.1},
    {"mode": "fast", "n": 4},
    {"width": 0.3},
    {"depth": 2, "version": 3},
    {"x": 0.7, "rate": 0.003, "n": 2, "mode": "fast"},
]
# boosting and extra-trees go the way of forest, and are slow
ONE_OBJECTIVE = sorted(PRESETS.keys() - {"pareto", "boosting", "extra-trees"})


def value_of(params):
    return (params["x"] - 0.3) ** 2 + 0.1 * params["n"] + 0.01 * np.log10(params["rate"]) ** 2


def has(point, fixed):
    return all(point[name] == value for name, value in fixed.items())


def told(problem, recipe, n=8, seed=1, value=value_of):
    opt = Optimizer(problem, recipe, seed=seed)
    for trial in opt.ask(n):
        opt.tell(trial, value(trial.params))
    return opt


@pytest.mark.parametrize("recipe", ONE_OBJECTIVE)
def test_every_recipe_asks_for_points_that_have_the_fixed_values_to_the_last_bit(recipe):
    opt = told(SPACE, recipe, n=6)  # the design of the whole space is not over yet
    for fixed in SETTINGS:
        for trial in [*opt.ask(2, fixed=fixed), opt.ask(fixed=fixed)]:  # one is told, two stay pending
            assert has(trial.params, fixed)
            assert opt.space.contains(trial.params)
        opt.tell(trial, value_of(trial.params))


@pytest.mark.parametrize("recipe", ["auto", "thompson", "trust", "forest", "sobol"])
def test_a_log_with_fixed_values_replays_to_the_same_points(recipe):
    opt = told(SPACE, recipe)
    for fixed in [*SETTINGS, None]:
        for trial in opt.ask(2, fixed=fixed):
            opt.tell(trial, value_of(trial.params))
    assert Optimizer.replay(SPACE, opt.log, recipe, seed=1).trials == opt.trials


def test_what_is_free_goes_where_the_whole_space_taught_that_it_is_good():
    # the best x moves with y, and nothing was ever evaluated at y = 0.25 itself
    opt = told({"x": (0.0, 1.0), "y": (0.0, 1.0)}, "gp", 30, value=lambda p: (p["x"] - 0.2 - p["y"] / 2) ** 2)
    asked = [trial.params["x"] for trial in opt.ask(3, fixed={"y": 0.25})]
    assert min(abs(x - 0.325) for x in asked) < 0.03


def test_the_trust_region_is_left_where_what_is_fixed_lies_outside():
    opt = told({f"x{i}": (0.0, 1.0) for i in range(4)}, "trust", 20, value=lambda p: sum(p.values()))
    trials = opt.ask(3, fixed={"x0": 0.9, "x1": 0.8})
    assert [(trial.params["x0"], trial.params["x1"]) for trial in trials] == [(0.9, 0.8)] * 3
    assert all(trial.params["x2"] + trial.params["x3"] < 0.8 for trial in trials)


def test_a_climb_in_a_trust_region_judges_points_with_the_fixed_value_and_no_other():
    part = subspace(Space({"x": (0.0, 1.0), "y": (0.0, 1.0)}), {"x": 0.9})
    judged = []

    class Slope:
        def __call__(self, points):
            judged.extend(points[:, 0])
            return points[:, 1]

        def with_gradient(self, points):
            return self(points), np.tile([0.0, 1.0], (len(points), 1))

    box = Box(np.array([0.2, 0.5]), np.array([0.1, 0.4]), np.array([0.3, 0.6]))
    climbed = _climbed(Slope(), part, box, np.array([[0.9, 0.5]]), 30)
    assert climbed.tolist() == [[0.9, pytest.approx(0.6)]]
    assert set(judged) == {0.9}


def test_several_objectives_and_level_sets_keep_to_what_is_fixed():
    box = {"x": (0.0, 1.0), "y": (0.0, 1.0)}
    of_two = Optimizer(Problem(box, objectives={"cost": "min", "gain": "max"}), seed=1)
    for trial in of_two.ask(8):
        of_two.tell(trial, {"cost": trial.params["x"], "gain": trial.params["x"] + trial.params["y"]})
    assert [trial.params["y"] for trial in of_two.ask(3, fixed={"y": 0.4})] == [0.4] * 3
    levels = Optimizer(Problem(box, level_set=LevelSet(0.5, of=["f"])), seed=1)
    for trial in levels.ask(8):
        levels.tell(trial, {"f": trial.params["x"] * trial.params["y"]})
    assert [trial.params["x"] for trial in levels.ask(2, fixed={"x": 0.8})] == [0.8] * 2


@pytest.mark.parametrize("recipe", ["gp", "forest", "random"])
def test_the_points_of_a_finite_part_are_used_up_one_by_one_and_then_refused(recipe):
    space = {"a": (1, 4), "b": (1, 30), "c": list("pqrstuvw"), "d": (1, 9)}
    opt = told(space, recipe, n=12, value=lambda p: p["a"] + p["b"])
    fixed = {"b": 8, "c": "q", "d": 2}
    found = [opt.ask(fixed=fixed).params["a"] for _ in range(4)]
    assert sorted(found) == [1, 2, 3, 4]
    with pytest.raises(SpaceExhausted, match="'b': 8"):
        opt.ask(fixed=fixed)


def test_a_point_that_is_fixed_altogether_is_asked_for_again_as_often_as_one_likes():
    opt = told(SPACE, "auto")
    for known in opt.trials[:4]:
        again = [opt.ask(fixed=known.params), *opt.ask(3, fixed=known.params)]
        assert [trial.params for trial in again] == [known.params] * 4
        assert len({trial.seed for trial in (known, *again)}) == 5
    # a condition that does not hold leaves nothing to choose either
    opt.ask(2, fixed={"x": 0.5, "rate": 1e-3, "n": 3, "mode": "fast"})


def test_points_to_try_first_keep_for_an_ask_that_fixes_nothing():
    problem = Problem({"x": Real(0, 1), "y": Real(0, 1)}, try_first=[{"x": 0.5, "y": 0.25}])
    opt = Optimizer(problem, seed=1)
    assert opt.ask(fixed={"x": 0.1}).params["x"] == 0.1
    assert opt.ask().params == {"x": 0.5, "y": 0.25}


def test_what_is_fixed_of_beliefs_leaves_the_others_to_count():
    from smbo import Normal

    space = {"x": Real(0, 1, prior=Normal(0.8, 0.01)), "y": Real(0, 1, prior=Normal(0.2, 0.01))}
    opt = Optimizer(space, seed=1)
    first = opt.ask(fixed={"x": 0.3}).params
    assert first["x"] == 0.3
    assert abs(first["y"] - 0.2) < 0.05


def test_only_rows_with_the_fixed_values_are_in_a_part():
    space = Space({"x": (0.0, 1.0), "n": (1, 4)})
    points = [{"x": 0.5, "n": 2}, {"x": 0.25, "n": 2}, {"x": 0.5, "n": 3}]
    part = subspace(space, {"n": 2})
    assert part.from_unit(rows_in(part, space.to_unit(points))) == points[:2]
    assert part.axes == space.axes
    assert subspace(space, {}) is space


BOX = {"x": Real(0, 1), "y": Real(0, 1), "z": Real(0, 1)}
MIXTURE = Space({"a": Real(0, 1), "b": Real(0, 1), "c": Derived("1 - a - b", low=0)})
CONSTRAINED = Space(BOX, ["x + y <= 1", lambda point: point["z"] < 0.5])


@pytest.mark.parametrize(
    ("space", "fixed", "said"),
    [
        (SPACE, {"widht": 0.1}, r"'widht' is no dimension .* did you mean 'width'"),
        (SPACE, {"x": 1.5}, r"x=1.5 is outside \[0.0, 1.0\].* leave x to the recipe"),
        (SPACE, {"n": 2.5}, r"n=2.5: a whole number is needed"),
        (SPACE, {"mode": "slow"}, r"mode='slow' is none of the choices"),
        (SPACE, {"version": 4}, r"version=4: it is the constant 3"),
        (SPACE, {"width": 0.1, "mode": "fast"}, r"width=0.1 exists only when mode == 'full'.*'mode': 'fast'"),
        (SPACE, {"depth": 1, "mode": "fast"}, r"depth=1 exists only when mode == 'full'"),
        (SPACE, {"depth": 1, "width": 0.2}, r"depth=1 exists only when width > 0.5"),
        (SPACE, "x", r"fixed='x'.*a mapping of names"),
        (CONSTRAINED, {"x": 0.75, "y": 0.5}, r"'x': 0.75, 'y': 0.5.* violates .*'x \+ y <= 1'"),
        (CONSTRAINED, {"z": 0.75}, r"no allowed point with fixed \{'z': 0.75\}"),
        (MIXTURE, {"a": 1.0}, r"by the known constraints \['0 <= c'\]"),
    ],
    ids=str,
)
def test_what_no_point_can_have_is_refused_and_nothing_happens(space, fixed, said):
    opt = Optimizer(space, seed=1)
    with pytest.raises(AskError, match=said):
        opt.ask(fixed=fixed)
    assert (opt.trials, opt.log) == ((), ())


def test_a_dimension_that_is_fixed_brings_about_what_it_needs_to_exist():
    part = subspace(Space(SPACE), checked(Space(SPACE), {"depth": 2}))
    points = part.sample(50, np.random.default_rng(1))
    assert all(p["depth"] == 2 and p["width"] > 0.5 and p["mode"] == "full" for p in points)
