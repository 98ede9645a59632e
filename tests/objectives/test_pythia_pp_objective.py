from __future__ import annotations

import numpy as np
import pytest

from smbo.problem import Confirmable, Context, ObjectiveError, Plottable
from smbo_objectives.pythia_pp import PythiaPP
from smbo_objectives.pythia_pp.events import Events


def test_it_says_how_it_is_shown_what_counts_once_and_how_pythia_reads_it():
    objective = PythiaPP(observables=["nch_7tev_pt500_n1", "nch_7tev_pt500_n6", "eta_7tev_pt500_n1"])
    assert isinstance(objective, Plottable)
    assert isinstance(objective, Confirmable)
    assert [chart.name for chart in objective.observable_axes()] == list(objective.problem.loss.counts)
    assert objective.same_measurement() == [["nch_7tev_pt500_n1", "nch_7tev_pt500_n6"]]
    text = objective.run_card(objective.default_point(), ["a tune"]).text
    assert text.startswith("! a tune\n")
    assert "MultipartonInteractions:bProfile" in text
    assert text.splitlines()[1].split(" = ") == ["MultipartonInteractions:pT0Ref     ", "2.28"]


def test_wrong_settings_are_refused_with_what_is_known():
    with pytest.raises(ObjectiveError, match="shipped are atlas_2010, atlas_2016"):
        PythiaPP(data=["atlas_1910"])
    with pytest.raises(ObjectiveError, match="there are nch_7tev"):
        PythiaPP(observables=["nch_8tev_pt500_n1"])
    with pytest.raises(ObjectiveError, match="names one twice"):
        PythiaPP(observables=["eta_7tev_pt500_n1"] * 2)
    with pytest.raises(ObjectiveError, match=r"common_noise is 2\.5"):
        PythiaPP(common_noise=2.5)
    with pytest.raises(ObjectiveError, match="from 100 up"):
        PythiaPP(events=10)
    with pytest.raises(ObjectiveError, match="none of the data's observables"):
        PythiaPP(weights={"nch": 1.0})


def test_common_noise_is_told_beside_the_variances(monkeypatch):
    def generated(params, energy_gev, seed, n_events):
        rng = np.random.default_rng(seed)
        event = np.repeat(np.arange(n_events), rng.poisson(rng.gamma(2.0, 4.0, n_events)))
        eta, pt = rng.uniform(-2.5, 2.5, len(event)), 0.5 + rng.exponential(1.0, len(event))
        yield Events(n_events, event, pt, eta, np.zeros(len(event), dtype=bool))

    monkeypatch.setattr("smbo_objectives.pythia_pp.objective.events_of", generated)
    alone, together = (
        PythiaPP(events=4000, observables=["eta_7tev_pt500_n1"], common_noise=most) for most in (0, 2)
    )
    plain, found = (
        each.evaluate(alone.default_point(), Context(seed=1)).outputs_variance for each in (alone, together)
    )
    assert 2 <= found.shape[1] <= 3
    np.testing.assert_allclose(found[:, 0] + (found[:, 1:] ** 2).sum(axis=1), plain)


@pytest.mark.pythia
def test_the_default_tune_describes_the_central_density_and_the_same_seed_gives_the_same_bins():
    objective = PythiaPP(events=100, observables=["eta_7tev_pt500_n1"])
    point = objective.default_point()
    first, again = (objective.evaluate(point, Context(seed=5)) for _ in range(2))
    assert np.array_equal(first.outputs, again.outputs)
    # 100 events fix the mean density to 8 %
    assert first.outputs.mean() == pytest.approx(objective.problem.loss.data.mean(), rel=0.25)
    other = objective.evaluate({**point, "pT0Ref": 1.8}, Context(seed=5))
    assert other.outputs.mean() > 1.05 * first.outputs.mean()
