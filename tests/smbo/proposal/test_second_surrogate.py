"""When the default rule asks a second surrogate, and how it tells noise from small structure."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from smbo import Normal, Optimizer, Real, Recipe
from smbo.acquisition import (
    LogExpectedImprovement,
    NearRepeat,
    NoisyLogExpectedImprovement,
    SecondSurrogate,
)
from smbo.acquisition.base import WrapsAcquisitions
from smbo.acquisition.near_repeat import NEAR
from smbo.proposal.local_surrogate import LocalSurrogate, edge_and_rank, rows_around
from smbo.proposal.progress import is_probed, repeats_agree
from smbo.proposal.second_surrogate import (
    is_exhausted,
    is_idle_in_a_level,
    is_second_turn,
    second_acquisition,
)
from smbo.surrogates import GP
from smbo.training_data import Axis, TrainingData

FIRST = LogExpectedImprovement()


def spread(n=20, levels=None, kinds=None):
    rng = np.random.default_rng(1)
    kinds = kinds or ("ordered" if levels else "continuous",) * 2
    axes = tuple(
        Axis(name, kind, None if kind == "continuous" else levels) for name, kind in zip("ab", kinds)
    )
    return TrainingData.of_values(axes, rng.random((n, 2)), rng.standard_normal(n))


def with_neighbour(gap, distance=NEAR):
    data = spread()
    data.values[3] = -3.0  # the last gain
    data.points[7] = data.points[3] + distance
    data.values[7] = data.values[3] + gap
    return data


def learned(noise, gain=0.1, n_answers=0, was_local=False):
    hyperparameters = {"log_lengths": [0.0] * 2, "log_amplitude": 0.0, "log_noise": float(np.log(noise))}
    said = {"gain": gain, "n_answers": n_answers, "was_local": was_local}
    return {"surrogate": {"hyperparameters": hyperparameters}, "promise": said}


def rippled(point):
    r = np.hypot(point["x"] - 0.62, point["y"] - 0.33)
    return float(-(1 + np.cos(70 * r)) / (15 * r**2 + 2))


def searched(function, n, seed=0):
    optimizer = Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, "auto", seed=seed)
    reasons, memories = [], []
    for _ in range(n):
        trial = optimizer.ask()
        reasons.append(optimizer._memory.get("choice", {}).get("reason", ""))
        memories.append(optimizer._memory)
        optimizer.tell(trial, function(trial.params))
    return optimizer, reasons, memories


@pytest.mark.parametrize(
    ("data", "agree"),
    [
        (spread(), None),
        (with_neighbour(0.0), True),
        (with_neighbour(1e-4), True),
        (with_neighbour(0.1), False),
        (with_neighbour(0.1, distance=1e-4), None),
        (spread(n=1), None),
    ],
)
def test_values_beside_each_other_tell_whether_evaluations_repeat(data, agree):
    assert repeats_agree(data) is agree


def test_noise_that_is_learned_is_put_to_the_test_once():
    choice = second_acquisition(spread(), learned(0.1), FIRST)
    assert choice is not None
    assert isinstance(choice[0], NearRepeat)
    asked = spread().with_pending(spread().points[2:3] + NEAR)
    assert is_probed(asked)
    assert second_acquisition(asked, learned(0.1), FIRST) is None
    failed = replace(spread(), failed=spread().points[2:3] + NEAR)
    assert second_acquisition(failed, learned(0.1), FIRST) is None
    assert second_acquisition(spread(levels=50), learned(0.1), FIRST) is None


def test_a_second_surrogate_takes_turns_where_values_repeat_and_only_there():
    for was_local, kind in ((True, SecondSurrogate), (False, LocalSurrogate)):
        choice = second_acquisition(with_neighbour(0.0), learned(0.1, was_local=was_local), FIRST)
        assert choice is not None
        assert isinstance(choice[0], kind)
        assert "second surrogate" in choice[1]
    assert second_acquisition(with_neighbour(0.0), learned(0.1, n_answers=1), FIRST) is None
    assert second_acquisition(with_neighbour(0.1), learned(0.1), FIRST) is None
    assert second_acquisition(with_neighbour(0.0), learned(0.01), FIRST) is not None
    gained = with_neighbour(0.0)
    gained.values[-1] = -9.0  # the little noise is let be while the search gains
    assert second_acquisition(gained, learned(0.01, n_answers=1), FIRST) is None
    assert second_acquisition(gained, learned(0.1, n_answers=1), FIRST) is not None


def test_told_errors_are_believed():
    told = replace(with_neighbour(0.0), variances=np.full(20, 0.3))
    assert second_acquisition(told, learned(0.1), FIRST) is None


def test_memory_that_an_earlier_version_wrote_makes_the_first_surrogate_go_first():
    memory = {"surrogate": learned(0.1)["surrogate"]}
    assert not is_second_turn(spread(), memory)
    assert second_acquisition(with_neighbour(0.0), memory, FIRST) is None


def test_a_search_counts_as_exhausted_by_the_surrogates_own_word_after_some_idle_evaluations():
    data = spread()
    data.values[:] = np.linspace(2.0, 3.0, 20)
    data.values[9] = 0.0
    assert is_exhausted(data, learned(1e-6, gain=1e-6))
    assert not is_exhausted(data, learned(1e-6, gain=1e-2))
    assert not is_exhausted(data, {})
    data.values[18] = -1.0
    assert not is_exhausted(data, learned(1e-6, gain=1e-6))


def test_ripples_without_noise_get_every_second_point_from_a_process_without_noise():
    optimizer, reasons, memories = searched(rippled, 34)
    assert sum("a second evaluation beside the best" in reason for reason in reasons) == 1
    second = ["second surrogate" in reason for reason in reasons]
    assert 4 <= sum(second) <= 17
    # the second surrogate goes on only from its own gain
    best = np.minimum.accumulate([trial.value for trial in optimizer.trials])
    for i, (one, after) in enumerate(pairwise(second)):
        assert not (one and after) or best[i] < best[i - 1]
    assert "second_surrogate" in memories[-1]
    json.dumps(memories[-1], allow_nan=False)
    assert "recipe: gp" in str(optimizer.explain())


def test_noise_is_seen_for_noise():
    rng = np.random.default_rng(3)
    _, reasons, _ = searched(lambda p: (p["x"] - 0.3) ** 2 + 0.3 * rng.standard_normal(), 34)
    assert sum("a second evaluation beside the best" in reason for reason in reasons) == 1
    assert not any("second surrogate" in reason for reason in reasons)


def test_the_surrogate_whose_point_gained_goes_on():
    idle, gained = spread(), spread()
    idle.values[3] = -9.0
    gained.values[-1] = -9.0
    for data, was_second, is_second in (
        (idle, False, True),
        (idle, True, False),
        (gained, False, False),
        (gained, True, True),
    ):
        assert is_second_turn(data, learned(0.1, n_answers=int(was_second))) is is_second


def test_a_search_that_its_surrogate_calls_exhausted_goes_on_in_a_box_around_the_best():
    data = spread()
    data.values[3] = -9.0
    choice = second_acquisition(data, learned(1e-6, gain=1e-7), FIRST)
    assert choice is not None
    assert isinstance(choice[0], LocalSurrogate)
    assert (choice[0].length, choice[0].rank) == (0.075, 1)
    assert "gain 1e-07" in choice[1]
    other = second_acquisition(data, learned(1e-6, gain=1e-7, n_answers=1, was_local=True), FIRST)
    assert other is not None
    assert isinstance(other[0], SecondSurrogate)
    assert "over the whole space" in other[1]
    assert second_acquisition(data, learned(1e-6, gain=1e-7, n_answers=2), FIRST) is None


@pytest.mark.parametrize(("n_idle", "is_local"), [(14, False), (15, True)])
def test_promises_that_never_come_bring_the_local_surrogate(n_idle, is_local):
    data = spread(n=40)
    data.values[:] = np.linspace(2.0, 3.0, 40)
    data.values[39 - n_idle] = 0.0
    choice = second_acquisition(data, learned(1e-6, gain=0.1), FIRST)
    assert (choice is not None) == is_local
    if choice is not None:
        assert isinstance(choice[0], LocalSurrogate)
        assert "15 evaluations in a row gained nothing" in choice[1]


@pytest.mark.parametrize(
    ("n_idle", "gain", "looks"),
    [(4, 1e-7, False), (5, 1e-7, True), (5, 5e-3, True), (5, 5e-2, False), (14, 0.1, False), (15, 0.1, True)],
)
def test_an_idle_search_looks_two_points_of_three_for_more_than_a_small_gain_in_other_levels(
    n_idle, gain, looks
):
    data = spread(n=40, levels=6, kinds=("categorical", "continuous"))
    data.values[:] = np.linspace(2.0, 3.0, 40)
    data.values[39 - n_idle] = 0.0
    for n_answers in (0, 1):
        choice = second_acquisition(
            data, learned(1e-6, gain=gain, n_answers=n_answers, was_local=True), FIRST
        )
        assert (choice is not None) == looks
        if choice is not None:
            assert isinstance(choice[0], SecondSurrogate)
            assert choice[0].acquisition == LogExpectedImprovement(margin=0.1)
            assert "in all levels" in choice[1]
    assert second_acquisition(data, learned(1e-6, gain=gain, n_answers=2), FIRST) is None


@pytest.mark.parametrize("kind", ["categorical", "ordered"])
def test_spaces_of_choices_alone_and_without_any_look_for_no_other_levels(kind):
    data = spread(n=40, levels=6, kinds=(kind, kind))
    data.values[:] = np.linspace(2.0, 3.0, 40)
    data.values[30] = 0.0
    assert not is_idle_in_a_level(data, learned(1e-6, gain=1e-7))
    assert second_acquisition(data, learned(1e-6, gain=5e-3), FIRST) is None


def test_a_search_leaves_the_level_in_which_it_settled_for_a_better_one():
    offsets, centres = (0.9, 0.3, 0.0), (0.2, 0.5, 0.85)

    def levels(point):
        k = "abc".index(point["level"])
        # the best level is flat but for a valley
        away = point["x"] - centres[k]
        return offsets[k] + (1.2 - 1.2 * np.exp(-((away / 0.1) ** 2)) if k == 2 else away**2)

    optimizer = Optimizer({"level": ["a", "b", "c"], "x": (0.0, 1.0)}, "auto", seed=0)
    for _ in range(40):
        trial = optimizer.ask()
        optimizer.tell(trial, levels(trial.params))
    assert min(trial.value for trial in optimizer.trials) < 0.1
    json.dumps(optimizer._memory, allow_nan=False)


def test_the_box_shrinks_with_idle_evaluations_and_begins_anew_or_in_another_basin():
    data = spread(n=60)
    kept, exhausted = [], []
    for n_idle in (0, 3, 4, 11, 12, 27, 28, 48):
        data.values[:] = np.linspace(1.0, 2.0, 60)
        data.values[59 - n_idle] = 0.0
        kept.append(edge_and_rank(data, is_exhausted=False))
        exhausted.append(edge_and_rank(data, is_exhausted=True))
    assert [rank for _, rank in kept] == [0] * 8
    assert [length for length, _ in kept] == [0.8, 0.8, 0.4, 0.2, 0.1, 0.8 / 64, 0.8, 0.8 / 32]
    assert exhausted == [
        (0.8, 0),
        (0.8, 0),
        (0.4, 0),
        (0.2, 0),
        (0.15, 1),
        (0.15, 2),
        (0.075, 2),
        (0.8, 0),
    ]


def test_basins_are_those_of_lowest_values_that_lie_apart():
    data = spread(n=40)
    data.values[:] = 1.0
    centres = np.array([[0.2, 0.2], [0.25, 0.2], [0.8, 0.8]])
    data.points[:3], data.values[:3] = centres, [0.0, 0.1, 0.2]
    best, other, again = (rows_around(data, 0.1, rank) for rank in range(3))
    assert best.values.min() == 0.0
    assert other.values.min() == 0.2
    assert not (other.values == 0.1).any()
    assert len(other) >= 12
    assert (again.values == 1.0).all()
    few = data.rows(np.array([0, 1]))
    np.testing.assert_array_equal(rows_around(few, 0.1, 5).points, few.points)


def test_a_local_surrogate_proposes_within_its_box_from_the_rows_around():
    assert len(rows_around(spread(), 0.01)) == 12
    assert len(rows_around(spread(), 1.0)) == 20
    recipe = Recipe(GP(), LocalSurrogate(length=0.1))
    optimizer = Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, recipe, seed=0)
    for _ in range(20):
        trial = optimizer.ask()
        optimizer.tell(trial, rippled(trial.params))
    best = min(optimizer.trials, key=lambda trial: trial.value)
    points = [trial.params for trial in optimizer.ask(3)]
    assert len({tuple(point.values()) for point in points}) == 3
    # the box is stretched along long length scales, by ten at most
    assert all(abs(point["x"] - best.params["x"]) < 0.5 for point in points)


def test_a_local_surrogate_keeps_what_it_learned_while_its_box_stays_where_it_is():
    optimizer = Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, Recipe(GP(), LocalSurrogate()), seed=0)
    for _ in range(32):
        trial = optimizer.ask()
        before = optimizer._memory.get("local_surrogate")
        optimizer.tell(trial, rippled(trial.params))
    optimizer.ask()
    box = optimizer._memory["local_surrogate"]
    assert box["best"] == before["best"]
    assert box["surrogate"] == before["surrogate"]  # as they stood after fewer values
    optimizer.tell({"x": 0.5, "y": 0.5}, min(trial.value for trial in optimizer.trials if trial.value) - 0.05)
    optimizer.ask()
    moved = optimizer._memory["local_surrogate"]
    assert moved["best"] > box["best"]
    assert moved["surrogate"] != box["surrogate"]


def test_a_narrow_basin_is_found_after_the_first_surrogate_has_settled():
    def two_basins(point):
        broad = 0.5 + 1.5 * ((point["x"] - 0.3) ** 2 + (point["y"] - 0.3) ** 2)
        return min(broad, 12 * ((point["x"] - 0.7) ** 2 + (point["y"] - 0.75) ** 2))

    _, reasons, memories = searched(two_basins, 40)
    assert any("second surrogate: the first one expects" in reason for reason in reasons)
    assert memories[-1]["promise"].keys() == {"gain", "n_answers", "was_local"}


@pytest.mark.parametrize(
    "acquisition", [NearRepeat(NoisyLogExpectedImprovement()), SecondSurrogate(), LocalSurrogate()]
)
def test_acquisitions_within_others_get_the_prior_and_their_draws(acquisition):
    seen = []

    def change(one):
        seen.append(one)
        return LogExpectedImprovement(margin=0.5)

    assert isinstance(acquisition, WrapsAcquisitions)
    assert "margin=0.5" in repr(acquisition.with_acquisitions(change))
    assert any(isinstance(one, NoisyLogExpectedImprovement) for one in seen)
    space = {"x": Real(0, 1, prior=Normal(0.3, 0.1)), "y": Real(0, 1)}
    optimizer = Optimizer(space, Recipe(GP(), acquisition), seed=1)
    for _ in range(8):
        trial = optimizer.ask()
        optimizer.tell(trial, rippled(trial.params))


def test_equal_values_are_no_exhausted_search():
    optimizer, reasons, _ = searched(lambda point: 1.0, 20)
    assert not any("second surrogate" in reason for reason in reasons)
    assert len({tuple(trial.params.values()) for trial in optimizer.trials}) == 20
