"""The objective higgsml-cuts: its settings, its outcome constraint, its halves."""

import pickle

import pytest

from smbo.problem import Context, ObjectiveError
from smbo_objectives.higgsml_cuts import HiggsMLCuts
from smbo_objectives.higgsml_cuts.objective import FIGURES_OF_MERIT, MASS_WINDOW

GOOD = {**MASS_WINDOW, "mmc_lo": 115.0, "mmc_hi": 160.0, "mt_max": 30.0, "ratio_max": 2.0, "tau_min": 40.0}
TIGHT = {**MASS_WINDOW, "mt_max": 10.0, "tau_min": 80.0, "sumpt_min": 400.0, "cent_min": 1.4}


def evaluate(objective, params):
    return objective.problem.outcome(objective.evaluate(params, Context(seed=0)))


@pytest.mark.parametrize("name", FIGURES_OF_MERIT)
def test_every_figure_of_merit_is_maximised_by_name(name):
    objective = HiggsMLCuts(figure_of_merit=name)
    good, window = evaluate(objective, GOOD), evaluate(objective, MASS_WINDOW)
    assert objective.problem.sign == -1.0
    assert good.value == good.metrics[name] > window.value > 0.0


def test_too_few_background_events_make_a_point_infeasible_and_not_failed():
    objective = HiggsMLCuts(n_min=100)
    assert objective.problem.is_feasible(evaluate(objective, GOOD))
    tight = evaluate(objective, TIGHT)
    assert tight.metrics["n_background"] < 100
    assert not objective.problem.is_feasible(tight)


@pytest.mark.parametrize("name", FIGURES_OF_MERIT)
def test_a_rectangle_without_background_scores_zero_because_nothing_is_known_there(name):
    objective = HiggsMLCuts(figure_of_merit=name)
    empty = {**TIGHT, "ratio_max": 0.5, "mmc_lo": 124.9, "mmc_hi": 125.1}
    outcome = evaluate(objective, empty)
    assert outcome.metrics["n_background"] == 0
    assert outcome.value == 0.0


def test_the_default_figure_is_no_worse_than_what_the_grid_knows():
    assert evaluate(HiggsMLCuts(), GOOD).value == pytest.approx(2.76651, abs=6e-6)


def test_a_half_is_scored_on_the_other_half_too():
    even, odd = HiggsMLCuts(half="even"), HiggsMLCuts(half="odd")
    of_even, of_odd = evaluate(even, GOOD).metrics, evaluate(odd, GOOD).metrics
    assert of_even["ams_other_half"] == of_odd["ams"] != of_even["ams"]
    assert of_odd["ams_other_half"] == of_even["ams"]
    assert "ams_other_half" not in evaluate(HiggsMLCuts(), GOOD).metrics


def test_the_baseline_lies_in_the_space():
    objective = HiggsMLCuts()
    assert objective.problem.space.contains(objective.confirmation().baseline)


def test_evaluations_after_a_pickle_are_the_same():
    objective = HiggsMLCuts(figure_of_merit="punzi", half="odd")
    again = pickle.loads(pickle.dumps(objective))
    assert evaluate(again, GOOD).metrics == evaluate(objective, GOOD).metrics


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"figure_of_merit": "auc"}, "figure_of_merit='auc'"),
        ({"n_min": 0}, "n_min=0"),
        ({"n_min": 12.5}, r"n_min=12\.5"),
        ({"half": "left"}, "half='left'"),
        ({"background_uncertainty": -0.1}, r"background_uncertainty=-0\.1"),
        ({"background_uncertainty": "mc"}, "background_uncertainty='mc'"),
        ({"delay_seconds": float("nan")}, "delay_seconds=nan"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(settings, word):
    with pytest.raises(ObjectiveError, match=word):
        HiggsMLCuts(**settings)
