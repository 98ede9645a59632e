"""Figures of a cut scan: distributions with the cuts, and the cut flow."""

from __future__ import annotations

from smbo.problem import Confirmable, Context
from smbo_objectives.higgsml_cuts import HiggsMLCuts
from smbo_objectives.higgsml_cuts.objective import MASS_WINDOW

GOOD = {**MASS_WINDOW, "mmc_lo": 115.0, "mmc_hi": 160.0, "mt_max": 30.0, "ratio_max": 2.0, "tau_min": 40.0}


TIGHT = {**MASS_WINDOW, "mt_max": 10.0, "tau_min": 80.0, "sumpt_min": 400.0, "cent_min": 1.4}


def evaluate(objective, params):
    return objective.problem.outcome(objective.evaluate(params, Context(seed=0)))


def test_the_figures_are_drawn_with_the_recommended_cuts(tmp_path):
    objective = HiggsMLCuts()
    assert isinstance(objective, Confirmable)
    figures = objective.figures(tmp_path, {"recommended": [(GOOD, evaluate(objective, GOOD))]})
    for figure in figures:
        for suffix in (".png", ".pdf"):
            assert figure.stem.with_suffix(suffix).stat().st_size > 10_000
    assert len(figures) == 2


def test_the_figures_can_be_drawn_where_nothing_is_left(tmp_path):
    objective = HiggsMLCuts()
    empty = {**TIGHT, "ratio_max": 0.5, "mmc_lo": 124.9, "mmc_hi": 125.1}
    assert len(objective.figures(tmp_path, {"recommended": [(empty, evaluate(objective, empty))]})) == 2
