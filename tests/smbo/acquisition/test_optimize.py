"""The search for the highest criterion on mixed, conditional and constrained spaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from smbo.acquisition.optimize import Effort, find_maximum, maximize
from smbo.errors import SpaceExhausted
from smbo.space import Categorical, Integer, Real, Space
from smbo.space.point_set import PointSet


@dataclass(frozen=True)
class Bowl:
    """Highest, with value 0, at a centre; counts its calls."""

    centre: np.ndarray
    widths: np.ndarray

    def __call__(self, points):
        return -(((points - self.centre) / self.widths) ** 2).sum(axis=1)

    def with_gradient(self, points):
        return self(points), -2 * (points - self.centre) / self.widths**2


@dataclass(frozen=True)
class Plain:
    """A criterion without slopes."""

    inner: Bowl

    def __call__(self, points):
        return self.inner(points)


def bowl(*centre, widths=None):
    centre = np.array(centre)
    return Bowl(centre, np.ones_like(centre) if widths is None else np.array(widths))


def none(space):
    return np.zeros((0, len(space.axes)))


def search(criterion, space, seed=0, exclude=None, start_points=None, effort=None):
    return maximize(
        criterion,
        space,
        np.random.default_rng(seed),
        start_points=none(space) if start_points is None else start_points,
        exclude=PointSet(() if exclude is None else [exclude]),
        effort=effort,
    )


BOX = Space({"a": Real(0, 1), "b": Real(0, 1), "c": Real(0, 1)})


def test_the_top_of_a_smooth_hill_is_found_to_many_digits():
    found = search(bowl(0.123, 0.77, 0.5, widths=[1.0, 0.01, 0.3]), BOX)
    np.testing.assert_allclose(found, [0.123, 0.77, 0.5], atol=1e-6)


def test_a_top_outside_the_cube_is_met_on_its_faces():
    np.testing.assert_allclose(search(bowl(-1.0, 0.3, 4.0), BOX), [0.0, 0.3, 1.0], atol=1e-6)


def test_a_criterion_without_slopes_is_searched_too():
    found = search(Plain(bowl(0.2, 0.8, 0.4)), BOX, start_points=np.array([[0.2, 0.8, 0.45]]))
    np.testing.assert_allclose(found, [0.2, 0.8, 0.4], atol=0.1)


def test_the_same_seed_finds_the_same_bits():
    target = bowl(0.2, 0.8, 0.4)
    assert np.array_equal(search(target, BOX, seed=5), search(target, BOX, seed=5))


def test_the_answer_is_on_the_grid_and_the_best_of_it():
    space = Space({"n": Integer(0, 30), "s": Real(0, 1, step=0.05), "x": Real(0, 1), "m": Integer(0, 3)})
    found = search(bowl(0.4, 0.6, 0.3, 0.9, widths=[0.05, 0.02, 0.1, 0.5]), space)
    assert np.array_equal(space.snap(found[None])[0], found)
    # level k of K sits at (k + 1/2) / K: the nearest to the top are 12 of 31, 12 of 21, 3 of 4
    point = space.from_unit(found[None])[0]
    assert point["n"] == 12
    assert point["s"] == pytest.approx(0.6)
    assert point["m"] == 3
    assert point["x"] == pytest.approx(0.3, abs=1e-5)


def test_every_category_is_tried():
    class Odd:
        """The top lies in one category among twenty, on a narrow peak elsewhere than the others'."""

        def __call__(self, points):
            return self.with_gradient(points)[0]

        def with_gradient(self, points):
            is_right = np.abs(points[:, 0] - (13 + 0.5) / 20) < 1e-6
            off = points[:, 1] - np.where(is_right, 0.8, 0.2)
            return is_right * 1.0 - off**2, np.stack([np.zeros(len(points)), -2 * off], axis=1)

    space = Space({"c": Categorical(list(range(20))), "x": Real(0, 1)})
    assert space.from_unit(search(Odd(), space)[None])[0] == {"c": 13, "x": pytest.approx(0.8, abs=1e-5)}


def test_known_constraints_hold_at_the_answer():
    space = Space({"a": Real(0, 1), "b": Real(0, 1)}, constraints=["a + b <= 0.9"])
    found = search(bowl(0.9, 0.9), space)
    assert found.sum() <= 0.9 + 1e-9
    # the projected ascent stops where the constraint does; the random candidates say where to start
    np.testing.assert_allclose(found, [0.45, 0.45], atol=0.1)


def test_inactive_coordinates_stay_at_one_half():
    space = Space({"k": Categorical(["a", "b"]), "x": Real(0, 1, active_when="k == 'a'"), "y": Real(0, 1)})
    off_a = bowl(0.75, 0.9, 0.1)
    found = search(off_a, space)
    column = [axis.name for axis in space.axes].index("x")
    assert found[column] == 0.5
    assert space.from_unit(found[None])[0] == {"k": "b", "y": pytest.approx(0.1, abs=1e-5)}


def test_a_finite_space_gives_each_point_once_and_then_says_that_none_is_left():
    space = Space({"n": Integer(1, 4), "c": ["u", "v", "w"]}, constraints=["n <= 3"])
    taken = none(space)
    for _ in range(9):
        point = search(bowl(0.3, 0.3), space, exclude=taken)
        taken = np.concatenate([taken, point[None]])
    assert len({tuple(row) for row in taken}) == 9
    with pytest.raises(SpaceExhausted, match="all 9 points"):
        search(bowl(0.3, 0.3), space, exclude=taken)


def test_a_large_finite_space_gives_its_last_free_point():
    space = Space({"n": Integer(1, 60), "m": Integer(1, 60)})
    everything = (np.stack(np.meshgrid(np.arange(60), np.arange(60)), axis=-1).reshape(-1, 2) + 0.5) / 60
    free = everything[1234]
    taken = np.delete(everything, 1234, axis=0)
    np.testing.assert_allclose(search(bowl(0.5, 0.5), space, exclude=taken), free)


def test_an_excluded_point_of_a_continuous_space_is_not_returned():
    corner = np.array([[0.0, 0.0, 0.0]])
    found = search(bowl(-1.0, -1.0, -1.0), BOX, exclude=corner, start_points=corner)
    assert (found != 0.0).any()
    assert np.abs(found).max() < 0.2


def test_little_effort_costs_few_calls():
    calls = []

    def counting(points):
        calls.append(len(points))
        return -((points - 0.3) ** 2).sum(axis=1)

    search(counting, BOX, effort=Effort(n_candidates=16, n_local=0, n_starts=1, n_calls=5, n_rounds=1))
    assert sum(calls) <= 32


def test_what_looked_promising_is_where_a_second_search_starts():
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0)})
    peak = np.array([0.31, 0.77])

    def criterion(points):
        return -((points - peak) ** 2).sum(axis=1)

    nowhere = np.zeros((0, 2))
    first = find_maximum(criterion, space, np.random.default_rng(0), start_points=nowhere, exclude=PointSet())
    assert (first.promising == first.point).all(axis=1).any()
    quick = Effort(n_candidates=0, n_local=0, n_starts=1, n_calls=0, n_rounds=0)
    again = find_maximum(
        criterion,
        space,
        np.random.default_rng(1),
        start_points=nowhere,
        exclude=PointSet([first.point[None]]),
        effort=quick,
        promising=first.promising,
    )
    assert not (again.point == first.point).all()
    others = first.promising[~(first.promising == first.point).all(axis=1)]
    assert criterion(again.point[None])[0] == criterion(others).max()


def test_the_best_three_of_thirty_items_are_found():
    """Before: with more than 24 items none was exchanged for another, and the search stopped too early."""
    names = [f"use_{i}" for i in range(30)]
    space = Space(dict.fromkeys(names, (0, 1)), [" + ".join(names) + " == 3"])
    worth = np.random.default_rng(5).normal(size=30)
    found = search(lambda points: points @ worth, space)
    assert set(np.flatnonzero(found > 0.5)) == set(np.argsort(worth)[-3:])


def test_a_single_point_without_levels_is_searched_for_with_less_effort_than_the_first_of_a_batch():
    first = Effort.affordable(50)
    alone = first.of_one(Space({"x": (0.0, 1.0)}).axes)
    assert alone.n_candidates < first.n_candidates
    assert alone.most_gain < first.most_gain
    mixed = first.of_one(Space({"x": (0.0, 1.0), "c": ["a", "b"]}).axes)
    assert mixed.n_candidates == first.n_candidates
