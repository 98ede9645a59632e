"""Points that meet known constraints, where random points of the cube hardly ever do."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pytest

from smbo.errors import SpaceError
from smbo.space import Categorical, Derived, Integer, Real, Space
from smbo.space.fixed import checked, subspace
from smbo.space.polytope import HitAndRun


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def weights(n, high=1.0):
    return {f"w{i}": (0.0, high) for i in range(n)}


def total(names):
    return " + ".join(names)


def ten_weights():
    return Space(weights(10), [total(weights(10)) + " <= 1"])


def drawn(space, n=2000, seed=0):
    rows = space.sample_unit(n, np.random.default_rng(seed))
    assert space.allowed(rows).all()
    assert all(space.contains(point) for point in space.from_unit(rows[:20]))
    return rows


@pytest.mark.parametrize("n", [10, 20])
def test_weights_with_a_bounded_sum_have_the_moments_of_a_dirichlet_distribution(n):
    """Before: "none of 278400 random points meets…" for ten weights."""
    space = Space(weights(n), [total(weights(n)) + " <= 1"])
    rows = drawn(space, 6000)
    mean, second = 1 / (n + 1), 2 / ((n + 1) * (n + 2))
    # standard errors of 6000 draws from a pool of 1024 are about 2 % of a mean
    np.testing.assert_allclose(rows.mean(axis=0), mean, rtol=0.12)
    np.testing.assert_allclose((rows**2).mean(axis=0), second, rtol=0.25)
    products = (rows[:, :-1] * rows[:, 1:]).mean()
    np.testing.assert_allclose(products, second / 2, rtol=0.05)
    np.testing.assert_allclose(rows.sum(axis=1).mean(), n / (n + 1), rtol=0.01)


def test_a_mixture_covers_its_simplex_evenly():
    names = list(weights(5))
    space = Space({**weights(5), "rest": Derived("1 - " + " - ".join(names), low=0)})
    points = space.from_unit(drawn(space, 6000))
    values = np.array([list(point.values()) for point in points])
    np.testing.assert_allclose(values.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(values.mean(axis=0), 1 / 6, rtol=0.08)
    np.testing.assert_allclose(values.var(axis=0), (1 / 6) * (5 / 6) / 7, rtol=0.15)


@pytest.mark.parametrize("log", [False, True])
def test_a_chain_of_eight_has_the_moments_of_order_statistics(log):
    dimensions = {f"x{i}": Real(1e-6, 1, log=log) for i in range(8)}
    rows = drawn(Space(dimensions, [" < ".join(dimensions)]), 4000)
    np.testing.assert_allclose(rows.mean(axis=0), np.arange(1, 9) / 9, rtol=0.1)


def test_a_bounded_sum_of_whole_numbers_is_drawn_evenly():
    # the grid of all combinations has 6^8 points, too many to list
    names = [f"n{i}" for i in range(8)]
    space = Space(dict.fromkeys(names, (0, 5)), [total(names) + " <= 5"])
    rows = drawn(space, 6000)
    values = np.array([list(point.values()) for point in space.from_unit(rows)])
    # compositions of at most 5 into 8 parts: uniform ones have a mean of 5 / 9 each
    np.testing.assert_allclose(values.mean(axis=0), 5 / 9, rtol=0.12)
    of_sum = np.bincount(values.sum(axis=1), minlength=6) / len(values)
    expected = np.array([math.comb(s + 7, 7) for s in range(6)]) / math.comb(13, 8)
    np.testing.assert_allclose(of_sum, expected, atol=0.05)


def test_an_equation_of_whole_numbers_is_met():
    names = [f"n{i}" for i in range(12)]
    rows = drawn(Space(dict.fromkeys(names, (0, 10)), [total(names) + " == 12"]), 500)
    assert len(np.unique(rows, axis=0)) > 400


def test_a_small_grid_is_drawn_from_exactly():
    space = Space({"a": (0, 9), "b": (0, 9), "c": (0, 9)}, ["a + b + c == 3"])
    rows = drawn(space, 4000)
    _, counts = np.unique(rows, axis=0, return_counts=True)
    assert len(counts) == math.comb(5, 2)
    assert counts.min() > 0.8 * 400
    assert counts.max() < 1.2 * 400


@pytest.mark.parametrize(
    ("space", "what"),
    [
        (lambda: Space(weights(10), [f"abs({total(weights(10))} - 1) <= 1e-4"]), "a narrow band"),
        (
            lambda: Space(weights(6), ["w0 < w1 < w2", "abs(w0 - w3) < 0.001", "w4 + 2 * w5 <= 0.01"]),
            "several",
        ),
        (
            lambda: Space(
                {f"l{i}": Real(1e-6, 1, log=True) for i in range(8)},
                [total(f"l{i}" for i in range(8)) + " <= 1e-4"],
            ),
            "a sum of logarithmic dimensions",
        ),
        (
            lambda: Space(
                {f"l{i}": Real(1e-6, 1, log=True) for i in range(6)}, ["l0*l1*l2*l3*l4*l5 <= 1e-30"]
            ),
            "a product",
        ),
        (
            lambda: Space(
                {**weights(8), **{f"n{i}": Integer(0, 40) for i in range(3)}},
                [total(weights(8)) + " + (n0 + n1 + n2) / 40 <= 1"],
            ),
            "real and whole numbers",
        ),
        (
            lambda: Space(
                {f"s{i}": Real(0, 1, step=0.05) for i in range(10)},
                [total(f"s{i}" for i in range(10)) + " <= 1"],
            ),
            "grids",
        ),
        (
            lambda: Space(weights(10), [total(weights(10)) + " <= 1", "w0 * w1 > 0.01"]),
            "a non-linear one too",
        ),
        (
            lambda: Space(
                weights(10), [total(weights(10)) + " <= 1", lambda point: point["w0"] > point["w1"] ** 2]
            ),
            "a callable too",
        ),
        (
            lambda: Space(
                {f"k{i}": Integer(1, 10000, log=True) for i in range(6)},
                [" < ".join(f"k{i}" for i in range(6))],
            ),
            "a chain of logarithmic integers",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_small_regions_are_drawn_from(space, what):
    space = space()
    assert space.feasible.is_rare
    rows = drawn(space, 300)
    assert len(np.unique(rows, axis=0)) > 250
    # every free column varies
    assert (rows.std(axis=0) > 0).all()


def test_constraints_of_conditional_dimensions_leave_the_shares_of_the_branches_alone():
    """Before: with eight conditional weights nearly all draws were of the other branch."""
    names = [f"w{i}" for i in range(8)]
    space = Space(
        {
            "kind": ["mix", "plain"],
            "x": (0.0, 1.0),
            **{n: Real(0, 1, active_when="kind == 'mix'") for n in names},
        },
        [total(names) + " + x <= 1"],
    )
    points = space.from_unit(drawn(space, 1000))
    mixed = [point for point in points if point["kind"] == "mix"]
    assert 400 < len(mixed) < 600
    assert max(point["x"] for point in points if point["kind"] == "plain") > 0.9


def test_columns_without_a_constraint_are_uniform_and_independent():
    space = Space({**weights(8), "z": (0.0, 1.0), "c": ["a", "b"]}, [total(weights(8)) + " <= 1"])
    rows = drawn(space, 3000)
    np.testing.assert_allclose(rows[:, 8].mean(), 0.5, atol=0.03)
    assert abs(np.corrcoef(rows[:, 0], rows[:, 8])[0, 1]) < 0.06


def test_constraints_that_hold_often_leave_the_draws_as_they_were():
    space = Space(weights(2), ["w0 + w1 <= 1"])
    rng = np.random.default_rng(3)
    plain = np.random.default_rng(3).random((64, 2))
    np.testing.assert_array_equal(space.sample_unit(5, rng), plain[plain.sum(axis=1) <= 1][:5])


def test_a_space_that_was_drawn_from_is_handed_to_other_processes():
    space = ten_weights()
    rows = drawn(space, 10)
    np.testing.assert_array_equal(drawn(pickle.loads(pickle.dumps(space)), 10), rows)


def test_five_of_twenty_items_are_chosen_by_whole_numbers():
    names = [f"use_{i}" for i in range(20)]
    space = Space(dict.fromkeys(names, (0, 1)), [total(names) + " == 5"])
    rows = drawn(space, 400)
    np.testing.assert_allclose((rows > 0.5).mean(axis=0), 0.25, atol=0.1)


def test_draws_of_three_of_thirty_items_are_new_ones_each_time():
    """Before: all draws were among the same thousand of the 4,060 choices."""
    names = [f"use_{i}" for i in range(30)]
    space = Space(dict.fromkeys(names, (0, 1)), [total(names) + " == 3"])
    rows = drawn(space, 4000)
    # of n choices 4,000 draws with equal chances leave exp(-4000/n) out: 2,544 are seen, give or take 25
    assert len(np.unique(rows, axis=0)) > 2000
    np.testing.assert_allclose((rows > 0.5).mean(axis=0), 0.1, atol=0.03)


def test_exchanges_of_levels_keep_uniform_points_uniform():
    names = list("abcd")
    space = Space(dict.fromkeys(names, (0, 3)), [total(names) + " == 4"])
    polytope, _ = space.feasible.linear.polytope(space.feasible.linear.rows)
    sampler = HitAndRun(polytope, polytope.free, np.eye(4), polytope.contains_rounded)
    start = np.repeat([[0.125, 0.125, 0.375, 0.875]], 31_000, axis=0)
    rows = sampler.exchange(start, 40, np.random.default_rng(0))
    _, counts = np.unique(np.floor(rows * 4), axis=0, return_counts=True)
    assert len(counts) == 31  # 35 ways to divide 4 among 4, but for the four in which one has all
    np.testing.assert_allclose(counts, 1000, atol=150)


def test_a_contradiction_is_named_beside_conditional_dimensions():
    """Before: found only when the first point was asked for."""
    space = Space(
        {**dict.fromkeys("abc", (0, 1)), "x": Real(0, 1, active_when="a == 1")},
        ["a + b + c >= 2", "a + b + c <= 1", "x + b <= 1.5"],
    )
    with pytest.raises(SpaceError, match="contradict each other"):
        space.feasible.refuse_impossible()


def test_a_message_shows_a_few_of_many_ranges_in_the_order_of_the_space():
    names = [f"use_{i}" for i in range(30)]
    space = Space(dict.fromkeys(names, (0, 1)), [total(names) + " == 31"])
    with pytest.raises(SpaceError, match=r"\(use_0 in \[0, 1\], use_1 .* use_7 in \[0, 1\], … 22 more\)"):
        space.feasible.refuse_impossible()


def test_draws_are_a_function_of_the_space_and_the_seed():
    np.testing.assert_array_equal(drawn(ten_weights(), 50), drawn(ten_weights(), 50))


# ------------------------------------------------------------------------------------- told from


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        (
            ["w0 + w1 >= 1.5", "w2 < 0.3", "w0 <= 0.5", "w1 <= 0.5"],
            "'w0 \\+ w1 >= 1.5' and 'w0 <= 0.5' and 'w1 <= 0.5'",
        ),
        (["w0 + w1 >= 2.5"], "'w0 \\+ w1 >= 2.5' holds nowhere within the ranges .*w0 in \\[0.0, 1.0\\]"),
        (["w0 < w1", "w1 < w2", "w2 < w0 - 0.1"], "contradict each other"),
    ],
)
def test_constraints_that_contradict_each_other_are_named(constraints, expected):
    with pytest.raises(SpaceError, match=expected) as error:
        Space(weights(3), constraints).sample_unit(1, np.random.default_rng(0))
    assert "'w2 < 0.3'" not in str(error.value)


def test_whole_numbers_that_cannot_meet_a_constraint_are_told():
    space = Space({"a": (0, 500), "b": (0, 500), "c": (0, 500)}, ["2*a + 2*b == 2*c + 3"])
    with pytest.raises(SpaceError, match="holds nowhere"):
        space.sample_unit(1, np.random.default_rng(0))


def test_a_small_region_is_no_contradiction():
    space = Space(weights(8), [" + ".join(f"{name}**2" for name in weights(8)) + " <= 1e-3"])
    with pytest.raises(SpaceError, match="the region may be small: tell or enqueue a point in it"):
        space.sample_unit(1, np.random.default_rng(0))


def test_a_known_point_leads_into_a_small_region():
    space = Space(weights(8), [" + ".join(f"{name}**2" for name in weights(8)) + " <= 1e-3"])
    start = np.full((1, 8), 0.001)
    rows = space.sample_unit(200, np.random.default_rng(0), start)
    assert space.allowed(rows).all()
    assert len(np.unique(rows, axis=0)) == 200
    # a ball's octant of radius 0.032 in eight dimensions: most of the volume is far out
    assert np.median(np.linalg.norm(rows, axis=1)) > 0.02


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("a + b + c == 1", r"c: \{expression: '1 - a - b', low: 0, high: 1\}"),
        ("a + 2 * b == c", r"expression: 'a \+ 2 \* b'"),
        ("a == 0.25", "write it as the constant 0.25"),
    ],
)
def test_an_equation_is_refused_with_the_derived_dimension_to_write(constraint, expected):
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": (0.0, 1.0)}, [constraint])
    with pytest.raises(SpaceError, match=expected):
        space.sample_unit(1, np.random.default_rng(0))


def test_two_inequalities_that_are_an_equation_are_told():
    space = Space(weights(3), ["w0 + w1 + w2 <= 1", "w0 + w1 + w2 >= 1"])
    with pytest.raises(SpaceError, match="no more than the points of an equation"):
        space.sample_unit(1, np.random.default_rng(0))


# --------------------------------------------------------------------------------------- steps


def test_a_design_is_better_spread_than_draws():
    space = ten_weights()
    design = space.feasible.design(3, 64)
    assert space.allowed(design).all()

    def energy(rows):
        others = drawn(space, 1000, seed=9)
        to_others = np.linalg.norm(rows[:, None] - others, axis=2).mean()
        return 2 * to_others - np.linalg.norm(rows[:, None] - rows, axis=2).mean()

    assert all(energy(design[:16]) < energy(drawn(space, 16, seed)) for seed in range(10))
    np.testing.assert_array_equal(design, ten_weights().feasible.design(3, 64))


def test_points_near_a_face_stay_feasible_and_some_lie_on_it(rng):
    space = ten_weights()
    centre = np.full(10, 0.1 - 1e-12)
    near = space.feasible.near(np.tile(centre, (200, 1)), np.zeros((200, 10)), np.full(200, 0.05), rng)
    assert space.allowed(near).mean() > 0.9
    assert (near.sum(axis=1) > 1 - 1e-6).sum() > 40
    assert np.abs(near - centre).max() <= 0.5


def test_a_box_around_a_point_is_drawn_from(rng):
    space = ten_weights()
    centre = np.full(10, 0.09)
    rows = space.feasible.within(centre - 0.05, centre + 0.05, centre, 256, rng)
    assert len(rows) > 200
    assert space.allowed(rows).all()
    assert (np.abs(rows - centre) <= 0.05 + 1e-9).all()
    assert rows.std(axis=0).min() > 0.01


def test_fixed_values_leave_the_rest_of_the_constraint(rng):
    space = ten_weights()
    part = subspace(space, checked(space, {"w0": 0.75}))
    points = part.sample(100, rng)
    assert all(point["w0"] == 0.75 and sum(point.values()) <= 1 for point in points)


def test_a_choice_of_numbers_beside_weights_is_tested(rng):
    space = Space(
        {**weights(8), "k": Categorical([1, 2, 4])}, [total(weights(8)) + " <= 1", "k * w0 <= 0.05"]
    )
    assert {point["k"] for point in space.from_unit(drawn(space, 300))} == {1, 2, 4}


def test_every_order_of_three_is_allowed_once():
    for order in itertools.permutations(["a", "b", "c"]):
        space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": (0.0, 1.0)}, [" < ".join(order)])
        (point,) = space.sample(1, np.random.default_rng(1))
        assert sorted(point, key=point.get) == list(order)
