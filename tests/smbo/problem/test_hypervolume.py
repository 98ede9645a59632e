"""Fronts, exact hypervolumes and the boxes that a front leaves free."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.problem.hypervolume import (
    chebyshev,
    closest,
    free_boxes,
    hypervolume,
    knee,
    nondominated,
    reference_by_rule,
)


def values_of(kind, n, m, rng):
    """Return n vectors: at random, on a coarse grid with many ties, or all on a sphere's front."""
    if kind == "ties":
        return rng.integers(0, 4, (n, m)) / 4.0
    if kind == "sphere":
        directions = np.abs(rng.standard_normal((n, m)))
        return directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return rng.random((n, m))


def share_dominated(values, reference, n_draws, rng):
    """Return the share of the box from 0 to the reference that lies above some row, by draws."""
    draws = rng.random((n_draws, len(reference))) * reference
    is_above = np.zeros(n_draws, dtype=bool)
    for row in values:
        is_above |= (row <= draws).all(axis=1)
    return is_above.mean()


@pytest.mark.parametrize("kind", ["random", "ties", "sphere"])
@pytest.mark.parametrize("m", [1, 2, 3, 4, 5])
def test_hypervolume_is_that_of_brute_force(kind, m):
    rng = np.random.default_rng([m, len(kind)])
    reference = np.full(m, 1.1 if kind == "sphere" else 0.9)
    for n in (1, 7, 20):
        values = values_of(kind, n, m, rng)
        share = share_dominated(values, reference, 20_000, rng)
        # three deviations of a share of 20,000 draws
        assert hypervolume(values, reference) / np.prod(reference) == pytest.approx(share, abs=0.011)


def test_hypervolume_has_its_known_values():
    corner = np.array([3.0, 3.0, 3.0, 3.0])
    # three steps of a stair: 3 + 2 + 1 unit squares
    assert hypervolume(np.array([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]]), corner[:2]) == pytest.approx(6.0)
    # two cubes that overlap in one: 8 + 8 - 1 with sides 2 and overlap 1
    assert hypervolume(np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]), corner[:3]) == pytest.approx(16.0)
    assert hypervolume(np.eye(4), np.full(4, 2.0)) == pytest.approx(
        # inclusion and exclusion: one of them is 2³, two share 2², three 2, and all four 1
        4 * 8 - 6 * 4 + 4 * 2 - 1
    )
    # many points on a quarter of a circle come close to what it leaves of the square
    angle = np.linspace(0.0, 0.5 * np.pi, 4001)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert hypervolume(circle, np.array([1.1, 1.1])) == pytest.approx(1.21 - 0.25 * np.pi, abs=1e-3)


def test_what_is_dominated_or_beyond_the_reference_adds_nothing():
    front = np.array([[0.0, 0.5], [0.5, 0.0]])
    more = np.concatenate([front, [[0.6, 0.6], [0.5, 0.5], [-1.0, 1.0], [2.0, -5.0], [0.0, 0.5]]])
    assert hypervolume(more, np.ones(2)) == hypervolume(front, np.ones(2)) == 0.75
    assert hypervolume(front[:0], np.ones(2)) == 0.0


@pytest.mark.parametrize("m", [2, 3, 4])
@pytest.mark.parametrize("kind", ["random", "ties", "sphere"])
def test_free_boxes_are_disjoint_and_hold_all_that_the_front_leaves(kind, m):
    rng = np.random.default_rng([m, len(kind)])
    reference = np.full(m, 1.1 if kind == "sphere" else 0.9)
    for n in (0, 1, 6, 20):
        values = values_of(kind, n, m, rng)
        boxes = free_boxes(values, reference)
        sides = boxes.upper - np.maximum(boxes.lower, 0.0)
        free = float(np.prod(np.maximum(sides, 0.0), axis=1).sum())
        whole = float(np.prod(reference))
        assert free == pytest.approx(whole - hypervolume(values, reference), abs=1e-12)
        draws = rng.random((300, m)) * reference
        inside = (draws[:, None] >= boxes.lower) & (draws[:, None] < boxes.upper)
        n_boxes = inside.all(axis=2).sum(axis=1)
        is_dominated = (values[None] <= draws[:, None]).all(axis=2).any(axis=1)
        np.testing.assert_array_equal(n_boxes, np.where(is_dominated, 0, 1))


def test_of_equal_vectors_the_first_alone_counts_as_not_dominated():
    values = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 1.0], [0.0, 2.0]])
    np.testing.assert_array_equal(nondominated(values), [True, True, False, False, False])


def test_the_knee_of_a_bulging_front_is_its_bulge_whatever_the_units():
    angle = np.linspace(0.0, 0.5 * np.pi, 21)
    front = 1.0 - np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert knee(front) == 10
    assert knee(front * [1e6, 1e-3] + [5.0, -7.0]) == 10


def test_weights_draw_the_choice_towards_the_objective_that_matters():
    x = np.linspace(0.0, 1.0, 21)
    front = np.stack([x, 1.0 - x], axis=1)
    assert closest(front, np.array([1.0, 1.0])) == 10
    assert front[closest(front, np.array([4.0, 1.0])), 0] == pytest.approx(0.2)
    assert chebyshev(np.array([0.5, 0.25]), np.array([1.0, 4.0])) == pytest.approx(1.0 + 0.05 * 1.5)


def test_the_reference_lies_a_tenth_of_the_range_beyond_the_worst_values():
    np.testing.assert_allclose(reference_by_rule(np.array([[0.0, 10.0], [1.0, 0.0]])), [1.1, 11.0])
    alone = reference_by_rule(np.array([[2.0, -5.0]]))
    assert (alone > [2.0, -5.0]).all()
