"""The default rule: what it chooses, and that it says why."""

import dataclasses

import numpy as np
import pytest

from smbo.acquisition import (
    LogExpectedImprovement,
    NearRepeat,
    NoisyLogExpectedImprovement,
    OffPlateaus,
    ThompsonSampling,
)
from smbo.acquisition.near_repeat import NEAR
from smbo.errors import RecipeError
from smbo.optimizer import Optimizer
from smbo.proposal.auto import Auto
from smbo.proposal.progress import has_steps, is_long_stay, n_active, n_without_gain, noise_share
from smbo.surrogates import GP, KernelSelection, Subset
from smbo.training_data import Axis, OutcomeConstraintValues, TrainingData


def evidence_with(d=3, n=20, n_pending=0, variance=np.nan, values=None):
    rng = np.random.default_rng(0)
    return TrainingData(
        axes=tuple(Axis(f"x{i}", "continuous") for i in range(d)),
        numbers=np.arange(n),
        points=rng.random((n, d)),
        values=rng.standard_normal(n) if values is None else np.array(values, dtype=float),
        variances=np.full(n, variance),
        feasible=np.ones(n, dtype=bool),
        failed=np.zeros((0, d)),
        pending=rng.random((n_pending, d)),
    )


def stuck(d, n_without_gain, variance=np.nan):
    # all different: equal values would look like plateaus
    values = [3.0, 2.0, 1.0, *(2.5 + 1e-3 * np.arange(n_without_gain))]
    return evidence_with(d, len(values), values=values, variance=variance)


def with_neighbour(data, gap):
    """Return the data with its last evaluation beside the first one, where the value is higher by the gap."""
    data.points[-1] = data.points[0] + NEAR
    data.values[-1] = data.values[0] + gap
    return data


def learned(noise):
    hyperparameters = {"log_lengths": [0.0] * 3, "log_amplitude": 0.0, "log_noise": float(np.log(noise))}
    return {"surrogate": {"hyperparameters": hyperparameters}}


@pytest.mark.parametrize(
    ("data", "memory", "name", "acquisition", "is_region", "words"),
    [
        (evidence_with(n=0), {}, "gp", LogExpectedImprovement, False, "nothing is known of noise"),
        (evidence_with(d=9), learned(1e-6), "gp", LogExpectedImprovement, False, "9 axes and 20 evaluations"),
        (evidence_with(d=10), learned(1e-6), "gp", LogExpectedImprovement, False, "10 axes"),
        (stuck(10, 20), learned(1e-6), "region", LogExpectedImprovement, True, "20 evaluations in a row"),
        (stuck(10, 19), learned(1e-6), "gp", LogExpectedImprovement, False, "10 axes"),
        (stuck(12, 23), learned(1e-6), "gp", LogExpectedImprovement, False, "12 axes"),
        (stuck(12, 24), learned(1e-6), "region", LogExpectedImprovement, True, "24 evaluations in a row"),
        (stuck(9, 99), learned(1e-6), "gp", LogExpectedImprovement, False, "9 axes"),
        (evidence_with(), learned(0.1), "gp", NearRepeat, False, "10 %"),
        (
            with_neighbour(evidence_with(), 0.5),
            learned(0.1),
            "gp",
            NoisyLogExpectedImprovement,
            False,
            "10 %",
        ),
        (stuck(12, 30), learned(0.1), "region", LogExpectedImprovement, True, "so many axes"),
        (stuck(12, 30, 0.05), {}, "region", NoisyLogExpectedImprovement, True, "uncertain"),
        (
            with_neighbour(evidence_with(n=501), 0.5),
            learned(0.1),
            "gp",
            LogExpectedImprovement,
            False,
            "many values",
        ),
        (evidence_with(variance=0.2), learned(1e-6), "gp", NoisyLogExpectedImprovement, False, "uncertain"),
        (evidence_with(variance=0.0), learned(0.1), "gp", LogExpectedImprovement, False, "best mean"),
        (evidence_with(n_pending=64), {}, "gp", ThompsonSampling, False, "64 points are under way"),
        (
            evidence_with(d=10, n_pending=64),
            {"region": {}},
            "region",
            ThompsonSampling,
            True,
            "64 points are under way",
        ),
        (evidence_with(n_pending=63), {}, "gp", LogExpectedImprovement, False, "3 axes"),
    ],
)
def test_the_rule_goes_by_axes_noise_and_pending_points(data, memory, name, acquisition, is_region, words):
    choice = Auto().choose(data, memory)
    assert choice.name == name
    assert isinstance(choice.recipe.acquisition, acquisition)
    assert (choice.recipe.region is not None) == is_region
    assert words in choice.reason


@pytest.mark.parametrize(
    ("values", "n"),
    [
        ([1.0], 0),
        ([2.0, 1.0], 0),
        ([2.0, 1.0, 3.0], 1),
        ([1.0, 2.0, 3.0], 2),
        ([3.0, 2.0, 1.0, 1.0], 1),  # the same again is no gain
        ([3.0, 2.0, 1.0, 0.9999], 1),  # nor is one that is lost in the scatter
        ([], 0),
    ],
)
def test_evaluations_are_counted_since_the_last_that_gained(values, n):
    assert n_without_gain(evidence_with(n=len(values), values=values)) == n


@pytest.mark.parametrize(
    ("n_idle", "noise", "margin"),
    [(14, 1e-6, 0.0), (15, 1e-6, 0.1), (16, 1e-6, 0.0), (17, 1e-6, 0.0), (18, 1e-6, 0.1)],
)
def test_after_fifteen_evaluations_without_gain_every_third_point_must_promise_more(n_idle, noise, margin):
    data = stuck(3, n_idle)  # three values before
    choice = Auto().choose(data, learned(noise))
    assert choice.recipe.acquisition == LogExpectedImprovement(margin=margin)
    assert ("every third point" in choice.reason) == (margin > 0)


def test_a_little_learned_noise_may_be_roughness_but_told_noise_and_much_of_it_are_noise():
    noisy = with_neighbour(stuck(3, 15), 0.5)
    assert Auto().choose(noisy, learned(0.01)).recipe.acquisition == LogExpectedImprovement(margin=0.1)
    assert Auto().choose(noisy, learned(0.1)).recipe.acquisition == NoisyLogExpectedImprovement()
    told = stuck(3, 15, variance=0.005)
    assert 0.001 < noise_share(told, {}) < 0.05
    assert Auto().choose(told, {}).recipe.acquisition == NoisyLogExpectedImprovement()


def small_steps(n_small, gain=0.003, error=0.0, d=3):
    """Return data of ten values, of so many that gain a little each, and of a repeat near the last one."""
    values = [*np.linspace(3.0, 2.0, 9), 1.0, *(1.0 - gain * np.arange(1, n_small + 1))]
    data = evidence_with(d, len(values) + 1, values=[*values, values[-1] + error])
    data.points[-1] = data.points[-2] + NEAR
    return data


@pytest.mark.parametrize(
    ("data", "leaves"),
    [
        (small_steps(17), True),
        (small_steps(16), False),  # an odd number
        (small_steps(13), False),  # a short stay
        (small_steps(49, gain=5e-4), False),  # one that has been of no use
        (small_steps(17, gain=0.05), False),  # gains that count
        (small_steps(17, error=1e-5), False),  # the ripples of a smooth function
        (dataclasses.replace(small_steps(17), variances=np.full(28, 0.1)), False),  # told errors
        (small_steps(17, d=10), False),  # many axes
    ],
)
def test_small_gains_along_steps_make_every_second_point_look_for_more(data, leaves):
    choice = Auto().choose(data, learned(0.01))
    assert ("looks for more than the next step" in choice.reason) == leaves
    if leaves:
        assert choice.recipe.acquisition == OffPlateaus(LogExpectedImprovement(margin=0.1))


def test_equal_values_beside_an_optimum_that_the_process_fits_are_no_steps():
    assert has_steps(small_steps(17), learned(0.01), 0.001, 0.02)
    assert not has_steps(small_steps(17), learned(1e-5), 0.001, 0.02)


def test_rounded_noise_is_no_step():
    data = evidence_with(3, 28, values=np.round(small_steps(17).values, 2))
    assert is_long_stay(data)
    assert has_steps(data, learned(0.01), 0.001, 0.02)
    assert not has_steps(data, learned(0.1), 0.001, 0.02)
    data.points[-1] = data.points[0] + NEAR  # a near repeat that tells
    assert not has_steps(data, learned(0.01), 0.001, 0.02)


def test_equal_values_at_different_points_have_plateaus_looked_for_unless_errors_are_told():
    values = [3.0, 2.0, 1.0, 1.0, *(2.0 + 0.1 * np.arange(8))]
    choice = Auto().choose(evidence_with(n=12, values=values), learned(1e-6))
    assert choice.recipe.acquisition == OffPlateaus(LogExpectedImprovement())
    assert "plateaus" in choice.reason
    told = evidence_with(n=12, values=values, variance=0.01)
    assert Auto().choose(told, {}).recipe.acquisition == NoisyLogExpectedImprovement()


def test_the_last_digits_of_a_search_that_has_settled_are_no_gain():
    spread = [9.0, 3.0, 8.0, 5.0, 2.0, 7.0, 4.0, 6.0, 9.0, 1.0]
    settled = [1.0 - 1e-5 * k for k in range(1, 31)]  # most values are at the best one, so their median is
    assert n_without_gain(evidence_with(n=40, values=spread + settled)) == 30


def test_an_infeasible_value_gains_nothing():
    data = evidence_with(n=3, values=[2.0, 1.0, 0.0])
    data.feasible[2] = False
    assert n_without_gain(data) == 1


def test_a_region_that_has_begun_is_not_left_again():
    choice = Auto().choose(evidence_with(d=10), {"region": {}})
    assert choice.name == "region"
    assert "paid no more" in choice.reason


def test_noise_is_what_was_told_before_what_was_learned():
    data = evidence_with(n=30)
    spread = data.values.var()
    assert noise_share(data, {}) is None
    assert noise_share(data, learned(0.3)) == pytest.approx(0.3)
    assert noise_share(evidence_with(n=30, variance=0.1), learned(0.3)) == pytest.approx(0.1 / spread)
    some = data.variances.copy()
    some[:10] = 0.1  # a third of them says little about the others
    assert noise_share(dataclasses.replace(data, variances=some), learned(0.3)) == pytest.approx(0.3)


def test_what_was_chosen_and_why_is_carried_in_the_memory():
    optimizer = Optimizer({"x": (0.0, 1.0)}, "auto", seed=0)
    for _ in range(7):
        optimizer.tell(optimizer.ask(), 1.0)
    said = optimizer._memory["choice"]
    assert said["name"] == "gp"
    assert "1 axes and 6 evaluations" in said["reason"]


def test_noisy_values_bring_the_noisy_acquisition_by_themselves():
    optimizer = Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, "auto", seed=0)
    rng = np.random.default_rng(0)
    for _ in range(25):
        trial = optimizer.ask()
        optimizer.tell(trial, (trial.params["x"] - 0.3) ** 2 + 0.3 * rng.standard_normal())
    optimizer.ask()
    assert "uncertain" in optimizer._memory["choice"]["reason"]


@pytest.mark.parametrize(
    "settings",
    [{"region_from": 0}, {"patience": 0}, {"crowd_from": 0}, {"noisy_from": -1.0}, {"margin": -0.1}],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(RecipeError):
        Auto(**settings)


def test_under_outcome_constraints_the_process_is_as_smooth_as_the_values():
    data = evidence_with()
    slacks = OutcomeConstraintValues(
        ("c",), data.values[:, None], np.full((20, 1), np.nan), np.ones(20, dtype=bool)
    )
    found = {}
    for name, one in (
        ("plain", data),
        ("constrained", dataclasses.replace(data, outcome_constraints=slacks)),
    ):
        surrogate = Auto().choose(one, {}).recipe.surrogate
        assert isinstance(surrogate, Subset)
        found[name] = type(surrogate.surrogate)
    assert found == {"plain": GP, "constrained": KernelSelection}


def test_the_noise_of_a_process_of_several_kernels_is_known():
    memory = {"surrogate": {"kernel": "Matern52", "kernels": {"Matern52": learned(0.25)["surrogate"]}}}
    assert noise_share(evidence_with(), memory) == pytest.approx(0.25)


def test_axes_that_are_inactive_everywhere_but_in_other_branches_do_not_count():
    points = np.full((6, 12), 0.5)
    points[:3, :4], points[3:, 4:10] = 0.3, 0.7
    axes = tuple(Axis(f"x{k}", "continuous") for k in range(12))
    assert n_active(TrainingData.of_values(axes, points, np.arange(6.0))) == 6
    assert n_active(TrainingData.of_values(axes, points[:0], np.zeros(0))) == 12
