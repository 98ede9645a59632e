"""Asking again for evaluated points: when it is worth more, what it is worth, and that it is opt-in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from smbo import Integer, Optimizer, Problem, Recipe
from smbo.acquisition.knowledge_gradient import gains_of_known, gains_of_new
from smbo.cli import main
from smbo.errors import RecipeError, SpaceExhausted
from smbo.problem.transfer_source import TransferSource
from smbo.proposal.auto import Auto
from smbo.proposal.presets import preset, recipe_from_json, recipe_to_json
from smbo.proposal.replication import Replication
from smbo.store.budget import Budget
from smbo.study import Study
from smbo.surrogates import GP, Forest
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.training_data import Axis, TrainingData

AGAIN = {"auto": {"replication": True}}
EARLIER = TransferSource([{"kind": "a", "n": n} for n in range(4)], [1.0, 2.0, 3.0, 4.0])
TABLE = {"kind": list("abcd"), "n": Integer(0, 3)}
DEPTHS = {"a": 0.0, "b": -0.2, "c": 1.5, "d": 3.0}


def true_value(params):
    return DEPTHS[params["kind"]] + 0.4 * (params["n"] - 1) ** 2


def searched(recipe, n, sigma=0.5, seed=1, told=True, space=TABLE):
    opt = Optimizer(space, recipe, seed=seed)
    rng = np.random.default_rng(seed)
    for _ in range(n):
        trial = opt.ask()
        value = true_value(trial.params) + sigma * rng.standard_normal()
        opt.tell(trial, value, sem=sigma if told else None)
    return opt


def times(opt):
    counts = {}
    for trial in opt.trials:
        point = tuple(trial.params.values())
        counts[point] = counts.get(point, 0) + 1
    return counts


def belief_of(points, noise=-1.0):
    axes = (Axis("x", "continuous"), Axis("y", "continuous"))
    values = np.sin(6 * points[:, 0]) + points[:, 1]
    theta = Hyperparameters((-1.0, -0.7), 0.1, noise)
    return GP(hyperparameters=theta, bend_values=False).fit(TrainingData.of_values(axes, points, values))


def test_what_an_evaluation_is_worth_is_what_conditioning_on_its_draws_comes_to():
    rng = np.random.default_rng(3)
    points, new = rng.random((6, 2)), rng.random((2, 2))
    belief = belief_of(points)
    of_known, of_new = gains_of_known([belief], points), gains_of_new([belief], points, new)
    latent = replace(belief, scale=OutcomeTransform())  # where gains are judged
    before = latent.moments(points)[0].min()
    places = [(points[1], points, of_known[1]), (points[4], points, of_known[4])]
    places += [(place, np.concatenate([points, place[None]]), gain) for place, gain in zip(new, of_new)]
    for place, allowed, found in places:
        mean, std = latent.moments(place[None])
        draws = mean[0] + np.hypot(std[0], latent.noise**0.5) * rng.standard_normal(20_000)
        # the posterior mean is affine in the value, so two values tell all of it
        low, high = (latent.condition_on(place[None], np.array([y])).moments(allowed)[0] for y in (0.0, 1.0))
        after = (low[:, None] + (high - low)[:, None] * draws).min(axis=0)
        # five standard errors of the draws
        assert found == pytest.approx(before - after.mean(), abs=5 * after.std() / len(draws) ** 0.5)
    assert of_known[1] > 0.01  # else there is nothing to compare
    assert of_new.max() > 0.01


def test_without_noise_a_repeat_is_worth_nothing():
    points = np.random.default_rng(3).random((6, 2))
    assert gains_of_known([belief_of(points, noise=-16.0)], points).max() < 1e-3
    assert gains_of_known([belief_of(points, noise=-1.0)], points).max() > 1e-2


def test_noisy_points_are_asked_for_again_only_where_the_recipe_says_so():
    assert set(times(searched("auto", 14)).values()) == {1}
    opt = searched(AGAIN, 14, sigma=1.0)
    assert max(times(opt).values()) > 1
    seeds = [trial.seed for trial in opt.trials]
    assert len(set(seeds)) == len(seeds)


def test_repeats_go_to_the_points_that_may_be_best_and_tell_them_apart():
    opt = searched(AGAIN, 50)
    counts = times(opt)
    good = sum(counts[point] for point in counts if point[0] in "ab")
    assert len(opt.trials) == 50 > len(counts)  # more than the space has
    assert good > 35
    assert opt.recommend().params == {"kind": "b", "n": 1}
    with pytest.raises(SpaceExhausted):
        searched("auto", 17)


def test_one_repeat_shows_that_nothing_is_noise_and_the_space_is_used_up_as_without():
    opt = Optimizer(TABLE, AGAIN, seed=1)
    for _ in range(17):
        trial = opt.ask()
        opt.tell(trial, true_value(trial.params))
    with pytest.raises(SpaceExhausted):
        opt.ask()
    assert sorted(times(opt).values()) == [1] * 15 + [2]


def test_a_batch_and_points_under_way_know_of_repeats():
    opt = searched(AGAIN, 30)
    counts = {}
    for trial in opt.ask(12):
        point = tuple(trial.params.values())
        counts[point] = counts.get(point, 0) + 1
    assert len(counts) >= 2  # what is under way is worth less a second time


def test_a_repeat_has_what_is_fixed():
    opt = searched(AGAIN, 30)
    assert all(trial.params["kind"] == "c" for trial in opt.ask(8, fixed={"kind": "c"}))


OTHERS = [{"gp": {"replication": {"margin": 0.5}}}, {"noisy": {"replication": True}}]


@pytest.mark.parametrize("recipe", [AGAIN, *OTHERS], ids=str)
def test_repeats_are_replayed_from_the_log(recipe):
    opt = searched(recipe, 24)
    assert max(times(opt).values()) > 1
    assert Optimizer.replay(TABLE, opt.log, preset(recipe), seed=1).trials == opt.trials


def test_a_study_that_was_left_and_resumed_replays_its_repeats(tmp_path):
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    rng = np.random.default_rng(1)
    for _ in range(4):  # each time by another process, so to speak, that leaves one open behind it
        study = Study.open(url, "noisy", TABLE, AGAIN, seed=1, budget=Budget(trials=40))
        for _ in range(6):
            trial = study.ask()
            study.tell(trial, true_value(trial.params) + 0.5 * rng.standard_normal(), sem=0.5)
        study.ask()
    points = [tuple(trial.params.items()) for trial in study.trials]
    assert len(points) == 28 > len(set(points))
    result = CliRunner().invoke(main, ["replay", "noisy", "--store", url])
    assert result.exit_code == 0, result.output
    assert "28 trials of 28 proposals come out the same" in result.output


@pytest.mark.parametrize(
    ("problem", "recipe", "said"),
    [
        (Problem(TABLE, objectives=dict.fromkeys("abcde", "min")), AGAIN, "5 objectives"),
        (Problem(TABLE), Recipe(Forest(), replication=Replication()), "Forest"),
        (Problem(TABLE), Recipe(replication=Replication()), "weighed by a Gaussian process"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_repeats_are_not_weighed_for_is_refused_at_the_door(problem, recipe, said):
    with pytest.raises(RecipeError, match=said):
        Optimizer(problem, recipe, seed=1)


@pytest.mark.parametrize(
    "settings", [{"replication": 3}, {"replication": {"margin": -1}}, {"replicate": True}]
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(RecipeError):
        preset({"auto": settings})


def test_the_setting_is_stored_and_without_it_a_recipe_is_stored_as_before():
    recipe = preset({"auto": {"replication": {"margin": 2.0}}})
    assert recipe == Recipe(rule=Auto(), replication=Replication(2.0))
    assert recipe_from_json(recipe_to_json(recipe)) == recipe
    assert "replication" not in recipe_to_json(preset("auto"))["settings"]
    assert recipe_from_json(recipe_to_json(preset("gp"))) == preset("gp")
