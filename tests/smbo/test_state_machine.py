"""A short slice of the random walks over spaces and recipes; the whole is run by hand (tests/README.md)."""

from __future__ import annotations

import numpy as np
import pytest
from random_walks import RECIPES, Walk, random_space, run_walk

from smbo import Space


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_rule_is_broken_on_a_walk_with_each_recipe(recipe):
    done = run_walk(seed=1, n_steps=20, recipe=recipe) + run_walk(seed=2, n_steps=20, recipe=recipe)
    assert done["ask"] > 6


@pytest.mark.parametrize("seed", range(8))
def test_no_rule_is_broken_on_a_walk(seed):
    run_walk(seed, n_steps=30)


@pytest.mark.parametrize("seed", [0, 1, 3, 4])  # 2 has a space of two points
@pytest.mark.parametrize("aim", ["several", "levels"])
def test_no_rule_is_broken_on_a_walk_for_several_objectives_or_levels(aim, seed):
    done = run_walk(seed, n_steps=25, aim=aim)
    assert done["ask"] > 4


def test_the_walks_go_over_spaces_of_every_kind():
    rng = np.random.default_rng(1)
    spaces = [random_space(rng)[0] for _ in range(60)]
    kinds = {axis.kind for space in spaces for axis in space.axes}
    assert kinds == {"continuous", "ordered", "categorical"}
    assert any(space.constraints for space in spaces)
    assert any("inner" in space.dimensions for space in spaces)
    assert 5 < sum(space.size is not None for space in spaces) < 50


def test_a_walk_ends_where_a_finite_space_is_used_up():
    used_up = [run_walk(seed, n_steps=150, recipe="random") for seed in range(12)]
    assert any(sum(done.values()) < 150 for done in used_up)


def discrete_walk():
    return next(walk for walk in map(Walk, range(50)) if walk.is_discrete and (walk.space.size or 0) > 4)


def test_a_walk_notices_a_point_that_comes_twice(monkeypatch):
    walk = discrete_walk()
    point = walk.space.sample(1, walk.rng)[0]
    monkeypatch.setattr(Space, "from_unit", lambda self, units: [point] * len(units))
    walk.ask(1)
    with pytest.raises(AssertionError, match="proposed again"):
        walk.ask(1)


def test_a_walk_notices_a_point_that_is_not_in_the_space(monkeypatch):
    walk = discrete_walk()
    wrong = dict.fromkeys(walk.space.sample(1, walk.rng)[0], 1e6)
    monkeypatch.setattr(Space, "from_unit", lambda self, units: [wrong] * len(units))
    with pytest.raises(AssertionError, match="not in the space"):
        walk.ask(1)


@pytest.mark.parametrize(
    ("aim", "name", "wrong"),
    [
        ("several", "smbo.analysis.pareto.nondominated", lambda values: np.arange(len(values)) == 0),
        (
            "several",
            "smbo.analysis.pareto.history",
            lambda values, corner: tuple(-np.arange(float(len(values)))),
        ),
        ("levels", "smbo.analysis.contours.Contour.misclassified", {"f0": 0.7, "f1": 0.7}),
    ],
)
def test_a_walk_notices_a_pareto_set_or_a_contour_that_cannot_be(monkeypatch, aim, name, wrong):
    walk = next(walk for walk in (Walk(seed, aim=aim) for seed in range(50)) if walk.shape == "chance")
    for point in walk.space.sample(6, walk.rng):
        walk.tell_value(point)
    walk.recommend()
    monkeypatch.setattr(name, wrong)
    with pytest.raises(AssertionError):
        walk.recommend()


def test_a_walk_notices_a_deviation_that_is_not_a_number(monkeypatch):
    class Broken:
        def moments(self, points):
            return np.zeros(len(points)), np.full(len(points), np.nan)

    monkeypatch.setattr("random_walks.posterior_of", lambda *known: Broken())
    with pytest.raises(AssertionError):
        discrete_walk().check_posterior()
