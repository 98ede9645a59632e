"""Figures of pythia-ee, from results that need no generator: the data themselves, shifted."""

from __future__ import annotations

import matplotlib.image
import numpy as np
import pytest

from smbo.problem import ObjectiveError, Outcome
from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.figures import tunes


def outcome(objective: PythiaEE, factor: float) -> Outcome:
    data = np.concatenate([observable.values for observable in objective.observables])
    return Outcome(1.0, metrics={"n_events": 500.0}, outputs=factor * data, outputs_variance=1e-4 * data**2)


@pytest.fixture(scope="module")
def objective() -> PythiaEE:
    return PythiaEE(
        data=["aleph_1996", "delphi_1996", "pdg_2008"],
        # bins with gaps between them, a mean, a probability, both axes logarithmic, one page each
        observables=[
            "sphericity",
            "one_minus_thrust",
            "charged_multiplicity",
            "x_p_pi_charged",
            "delphi_1996/sphericity",
            "mean_charged_multiplicity",
            "pdg_means",
        ],
    )


def test_every_family_gets_a_page_as_png_and_pdf_and_the_means_get_theirs(objective, tmp_path):
    results = {
        "recommended": [({}, outcome(objective, 1.02)), ({}, outcome(objective, 1.04))],
        "Monash 2013": [({}, outcome(objective, 0.9))],
    }
    figures = objective.figures(tmp_path, results)
    assert [figure.title for figure in figures] == [
        "Event shapes, ALEPH 1996",
        "Charged particles, ALEPH 1996",
        "Identified hadrons, ALEPH 1996",
        "Event shapes, DELPHI 1996",
        "Mean multiplicities",
    ]
    for figure in figures:
        pixels = matplotlib.image.imread(figure.stem.with_suffix(".png"))
        assert pixels[..., :3].std() > 0.05  # something is drawn on it
        assert figure.stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert "Monash 2013: 500 events, recommended: 1,000 events" in figures[0].caption


def test_repeated_evaluations_are_averaged_and_the_recommended_tune_is_drawn_last(objective):
    results = {
        "recommended": [({}, outcome(objective, 1.0)), ({}, outcome(objective, 2.0))],
        "default": [({}, outcome(objective, 1.0))],
    }
    default, recommended = tunes(objective.observables, results)
    assert (default.name, recommended.name) == ("default", "recommended")
    for observable, values, variances in zip(
        objective.observables, recommended.values, recommended.variances
    ):
        assert values == pytest.approx(1.5 * observable.values)
        assert variances == pytest.approx(0.5e-4 * observable.values**2)


def test_results_of_another_job_are_refused(objective, tmp_path):
    for other in (Outcome(1.0), Outcome(1.0, outputs=np.ones(3), outputs_variance=np.ones(3))):
        with pytest.raises(ObjectiveError, match="this same job"):
            objective.figures(tmp_path, {"recommended": [({}, other)]})


def test_without_any_results_the_data_are_drawn_alone(tmp_path):
    (figure,) = PythiaEE(observables=["sphericity"]).figures(tmp_path, {"recommended": []})
    assert figure.stem.with_suffix(".png").exists()
