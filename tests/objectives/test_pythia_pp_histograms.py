"""Sums over minimum-bias events: which events and particles count in which bin."""

from __future__ import annotations

import numpy as np
import pytest

from smbo_objectives.pythia_pp.events import Events
from smbo_objectives.pythia_pp.histograms import Histograms
from smbo_objectives.pythia_pp.tables import observables


def events_with(*per_event, strange=False):
    """Return events of particles at (pT in GeV, η)."""
    rows = [(number, *particle) for number, event in enumerate(per_event) for particle in event]
    number, pt, eta = (np.array(column) for column in zip(*rows))
    return Events(len(per_event), number, pt, eta, np.full(len(rows), strange))


def filled(name, events, energy=7000.0, data=("atlas_2010",)):
    chosen = observables(data, [name])
    histograms = Histograms(chosen)
    histograms.fill(energy, events)
    return chosen[0].data, histograms.predictions()[0]


THREE = events_with([(1.0, 0.05), (0.3, 1.0)], [(0.8, -1.01), (0.6, 0.02)], [(0.2, 0.0)])


def test_events_count_that_have_enough_particles_above_the_threshold():
    data, found = filled("nch_7tev_pt500_n1", THREE)
    # one event with one, one with two particles above 500 MeV, and one with none, which does not count
    contents = dict(zip(0.5 * (data.low + data.high), found.values))
    assert contents[1.0] == pytest.approx(0.5)
    assert contents[2.0] == pytest.approx(0.5)
    assert contents[3.0] == 0.0
    assert (found.variances > 0.0).all()


def test_particles_are_per_event_and_unit_of_pseudorapidity():
    data, found = filled("eta_7tev_pt500_n1", THREE)
    width = data.high[0] - data.low[0]
    centre = 0.5 * (data.low + data.high)
    assert found.values[np.argmin(np.abs(centre - 0.05))] == pytest.approx(2 / 2 / width)
    assert found.values.sum() * width == pytest.approx(1.5)


def test_the_spectrum_is_weighted_by_its_phase_space():
    data, found = filled("pt_7tev_pt500_n1", THREE)
    bin_of = int(np.flatnonzero((data.low <= 1.0) & (data.high > 1.0))[0])
    width = data.high[bin_of] - data.low[bin_of]
    assert found.values[bin_of] == pytest.approx(1.0 / (2 * np.pi * 1.0 * 5.0) / width / 2)


def test_the_mean_momentum_is_that_of_the_particles_of_a_multiplicity():
    data, found = filled("meanpt_vs_nch_7tev_pt500_n1", THREE)
    contents = dict(zip(0.5 * (data.low + data.high), found.values))
    assert contents[1.0] == pytest.approx(1.0)
    assert contents[2.0] == pytest.approx(0.7)
    # a multiplicity that never came is as good as unknown
    assert contents[5.0] == pytest.approx((1.0 + 0.8 + 0.6) / 3)
    assert found.variances[4] > 0.0


def test_events_of_another_energy_and_short_lived_baryons_where_these_are_left_out_do_not_count():
    _, found = filled("nch_7tev_pt500_n1", THREE, energy=900.0)
    assert found.values.sum() == 0.0
    name = "nch_13tev_pt500_n1_tau300ps"
    strange = events_with([(1.0, 0.1)], strange=True)
    assert filled(name, strange, 13000.0, ("atlas_2016",))[1].values.sum() == 0.0
    assert filled(name, events_with([(1.0, 0.1)]), 13000.0, ("atlas_2016",))[1].values.sum() > 0.0


def collisions(rng, n_events):
    """Return events whose particles share a mean multiplicity and a mean momentum, above 500 MeV."""
    hardness = rng.gamma(2.0, 0.5, n_events)
    n = rng.poisson(1.0 + 6.0 * hardness)
    event = np.repeat(np.arange(n_events), n)
    pt = 0.5 + rng.exponential(0.3 + 0.4 * hardness[event])
    eta = rng.uniform(-2.5, 2.5, len(event))
    return Events(n_events, event, pt, eta, np.zeros(len(event), dtype=bool))


FOUR = ["nch_7tev_pt500_n1", "eta_7tev_pt500_n1", "pt_7tev_pt500_n1", "meanpt_vs_nch_7tev_pt500_n1"]


def test_the_variance_of_a_bin_is_that_of_runs_whose_particles_come_in_events():
    rng = np.random.default_rng(0)
    chosen = observables(["atlas_2010"], FOUR)
    values, said = [], []
    for _ in range(60):
        histograms = Histograms(chosen)
        histograms.fill(7000.0, collisions(rng, 1000))
        values.append([each.values for each in histograms.predictions()])
        said.append([each.variances for each in histograms.predictions()])
    for k, observable in enumerate(chosen):
        seen = np.array([each[k] for each in values])
        claimed = np.mean([each[k] for each in said], axis=0)
        enough = np.mean([each[0] for each in values], axis=0)[: len(claimed)] > 0.03
        filled_well = seen.mean(axis=0) > 0.2 * seen.mean() if observable.kind != "meanpt_vs_nch" else enough
        ratio = (seen.var(axis=0, ddof=1) / claimed)[filled_well]
        assert len(ratio) > 5
        assert ratio.mean() == pytest.approx(1.0, abs=0.15), observable.kind


def test_bins_of_the_same_events_err_together_and_those_of_another_energy_do_not():
    rng = np.random.default_rng(1)
    chosen = observables(["atlas_2010"], ["eta_7tev_pt500_n1", "nch_7tev_pt500_n1", "eta_900gev_pt500_n1"])
    histograms = Histograms(chosen)
    for energy in (7000.0, 900.0):
        for _ in range(4):
            histograms.fill(energy, collisions(rng, 1000))
    variances, factors = histograms.noise_together(2)
    together = np.concatenate([each.variances for each in histograms.predictions()])
    np.testing.assert_allclose(variances + (factors**2).sum(axis=1), together)
    n = len(chosen[0].data.low)
    noise = factors @ factors.T
    # more particles than expected are more in every bin; half of a random direction's would agree
    assert (noise[:n, :n].sum(axis=1) > 0.0).mean() > 0.75
    assert (noise[-n:, -n:].sum(axis=1) > 0.0).mean() > 0.75
    assert (noise[:-n, -n:] == 0.0).all()
