"""The default rule: what it chooses, and that it says why."""

import dataclasses

import numpy as np
import pytest

from smbo.acquisition import LogExpectedImprovement, NoisyLogExpectedImprovement, ThompsonSampling
from smbo.auto import Auto, noise_share
from smbo.errors import RecipeError
from smbo.evidence import Axis, Evidence
from smbo.optimizer import Optimizer
from smbo.recipe import Choice, Recipe, chosen
from smbo.surrogates import GP


def evidence_with(d=3, n=20, n_pending=0, variance=np.nan):
    rng = np.random.default_rng(0)
    return Evidence(
        axes=tuple(Axis(f"x{i}", "continuous") for i in range(d)),
        numbers=np.arange(n),
        points=rng.random((n, d)),
        values=rng.standard_normal(n),
        variances=np.full(n, variance),
        costs=np.full(n, np.nan),
        feasible=np.ones(n, dtype=bool),
        failed=np.zeros((0, d)),
        pending=rng.random((n_pending, d)),
    )


def learned(noise):
    hyperparameters = {"log_lengths": [0.0] * 3, "log_amplitude": 0.0, "log_noise": float(np.log(noise))}
    return {"surrogate": {"hyperparameters": hyperparameters}}


@pytest.mark.parametrize(
    ("evidence", "memory", "name", "acquisition", "is_region", "words"),
    [
        (evidence_with(n=0), {}, "gp", LogExpectedImprovement, False, "nothing is known of noise"),
        (evidence_with(d=9), learned(1e-6), "gp", LogExpectedImprovement, False, "9 axes and 20 evaluations"),
        (evidence_with(d=10), learned(1e-6), "region", LogExpectedImprovement, True, "10 axes"),
        (evidence_with(), learned(0.1), "gp", NoisyLogExpectedImprovement, False, "10 %"),
        (evidence_with(d=12), learned(0.1), "region", NoisyLogExpectedImprovement, True, "uncertain"),
        (evidence_with(n=501), learned(0.1), "gp", LogExpectedImprovement, False, "many values"),
        (evidence_with(variance=0.2), learned(1e-6), "gp", NoisyLogExpectedImprovement, False, "uncertain"),
        (evidence_with(variance=0.0), learned(0.1), "gp", LogExpectedImprovement, False, "best mean"),
        (evidence_with(n_pending=64), {}, "gp", ThompsonSampling, False, "64 points are under way"),
        (evidence_with(d=10, n_pending=64), {}, "region", ThompsonSampling, True, "64 points are under way"),
        (evidence_with(n_pending=63), {}, "gp", LogExpectedImprovement, False, "3 axes"),
    ],
)
def test_the_rule_goes_by_axes_noise_and_pending_points(
    evidence, memory, name, acquisition, is_region, words
):
    choice = Auto().choose(evidence, memory)
    assert choice.name == name
    assert isinstance(choice.recipe.acquisition, acquisition)
    assert (choice.recipe.region is not None) == is_region
    assert words in choice.reason


def test_noise_is_what_was_told_before_what_was_learned():
    evidence = evidence_with(n=30)
    spread = evidence.values.var()
    assert noise_share(evidence, {}) is None
    assert noise_share(evidence, learned(0.3)) == pytest.approx(0.3)
    assert noise_share(evidence_with(n=30, variance=0.1), learned(0.3)) == pytest.approx(0.1 / spread)
    some = evidence.variances.copy()
    some[:10] = 0.1  # a third of them says little about the others
    assert noise_share(dataclasses.replace(evidence, variances=some), learned(0.3)) == pytest.approx(0.3)


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


def test_a_rule_that_chooses_a_rule_is_refused():
    class Endless:
        def choose(self, evidence, memory):
            return Choice(Recipe(rule=self), "endless", "it never decides")

    with pytest.raises(RecipeError, match="one rule must decide"):
        chosen(Recipe(rule=Endless()), evidence_with(), {})


def test_a_recipe_without_a_rule_is_what_it_is():
    recipe = Recipe(GP())
    assert chosen(recipe, evidence_with(), {}).recipe is recipe


@pytest.mark.parametrize("settings", [{"region_from": 0}, {"crowd_from": 0}, {"noisy_from": -1.0}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(RecipeError):
        Auto(**settings)
