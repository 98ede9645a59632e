"""Histograms of a run: densities, blocks of the jackknife, and bins that err together by the same events."""

from __future__ import annotations

import numpy as np
import pytest
from pythia_ee_events import sample_of

from smbo.problem import Context, ObjectiveError
from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.histograms import Histograms
from smbo_objectives.pythia_ee.sample import BEAM_ENERGY_GEV
from smbo_objectives.pythia_ee.spaces import SPACES, default_point
from smbo_objectives.pythia_ee.tables import Observable

MONASH = default_point(SPACES["ee6n"])


def test_bins_of_the_same_events_are_said_to_err_together_and_each_as_much_as_before():
    names = ["charged_multiplicity", "x_p_charged", "xi_p_charged", "pdg_means"]
    together = PythiaEE(observables=names, events=3_000, common_noise=4)
    alone = PythiaEE(observables=names, events=3_000)
    found, plain = (each.evaluate(MONASH, Context(seed=1)) for each in (together, alone))
    variances, factors = found.outputs_variance[:, 0], found.outputs_variance[:, 1:]
    assert 1 <= factors.shape[1] <= 4
    assert (variances >= 0.0).all()
    np.testing.assert_allclose(variances + (factors**2).sum(axis=1), plain.outputs_variance, rtol=1e-9)
    np.testing.assert_array_equal(found.outputs, plain.outputs)
    # more pions than expected are more charged particles than expected
    n_means = together.observables[-1].n_bins
    pions = factors[len(factors) - n_means]
    multiplicity = factors[: together.observables[0].n_bins] @ pions
    middle = np.average(np.arange(len(multiplicity)), weights=plain.outputs[: len(multiplicity)])
    upper = np.arange(len(multiplicity)) > middle + 1
    assert multiplicity[upper].sum() > 0.0 > multiplicity[: int(middle) - 1].sum()


def test_a_number_of_directions_that_is_none_is_refused():
    with pytest.raises(ObjectiveError, match="common_noise"):
        PythiaEE(common_noise=-1)


def observable(name, edges, **hadrons):
    low, high = np.array(edges[:-1], dtype=float), np.array(edges[1:], dtype=float)
    return Observable(name, "test", low, high, np.ones(len(low)), np.ones(len(low)), **hadrons)


def test_a_density_is_entries_per_event_and_width_whatever_lies_outside(events):
    edges = [0.05, 0.1, 0.2, 0.5]
    histograms = Histograms([observable("x_p_charged", edges)], n_events=len(events))
    histograms.fill(sample_of(events))
    (prediction,) = histograms.predictions()
    x_p = np.linalg.norm(np.concatenate(events), axis=1) / BEAM_ENERGY_GEV
    counts, _ = np.histogram(x_p, edges)
    assert counts.sum() < len(x_p)
    assert prediction.values == pytest.approx(counts / len(events) / np.diff(edges))
    assert prediction.variances == pytest.approx(counts / len(events) ** 2 / np.diff(edges) ** 2)


def test_gaps_between_bins_are_not_filled(events):
    gapped = Observable("x_p_charged", "test", np.array([0.0, 0.1]), np.array([0.05, 0.2]), *np.ones((2, 2)))
    histograms = Histograms([gapped], n_events=len(events))
    histograms.fill(sample_of(events))
    (prediction,) = histograms.predictions()
    x_p = np.linalg.norm(np.concatenate(events), axis=1) / BEAM_ENERGY_GEV
    expected = [np.sum(x_p < 0.05) / 0.05, np.sum((x_p >= 0.1) & (x_p < 0.2)) / 0.1]
    assert prediction.values == pytest.approx(np.array(expected) / len(events))


def test_leaving_a_block_out_is_the_run_without_its_events(events):
    shape = observable("sphericity", [0, 0.2, 0.5, 1.0])
    means = observable("pdg_means", [0, 1], hadrons=((211,),), hadron_names=("PiPlus",))
    histograms = Histograms([shape, means], n_events=len(events))
    histograms.fill(sample_of(events))
    for k in range(10):
        # forty events in ten blocks: four each
        rest = Histograms([shape, means], n_events=36)
        rest.fill(sample_of(events[: 4 * k] + events[4 * (k + 1) :]))
        for left_out, expected in zip(histograms.leave_one_out(), rest.predictions()):
            assert left_out.values[k] == pytest.approx(expected.values)
            assert left_out.variances[k] == pytest.approx(expected.variances)


def test_the_variance_of_a_mean_is_the_sample_variance_over_the_number_of_events(events):
    means = observable("pdg_means", [0, 1], hadrons=((211,),), hadron_names=("PiPlus",))
    histograms = Histograms([means], n_events=len(events))
    histograms.fill(sample_of(events))
    (prediction,) = histograms.predictions()
    counts = np.array([len(event) for event in events])
    assert prediction.values == pytest.approx([counts.mean()])
    assert prediction.variances == pytest.approx([counts.var() / len(events)])


def test_an_empty_bin_errs_by_one_entry_in_all_events_and_without_each_block(events):
    edges = [0.05, 0.1, 0.2, 0.5, 7.0, 9.0]
    histograms = Histograms([observable("x_p_charged", edges)], n_events=len(events))
    histograms.fill(sample_of(events))
    (prediction,) = histograms.predictions()
    (without,) = histograms.leave_one_out()
    assert prediction.values[-1] == 0.0  # beyond all momenta
    assert prediction.variances[-1] == pytest.approx(1.0 / len(events) ** 2 / 2.0**2)
    assert (without.variances[:, -1] > prediction.variances[-1]).all()
    # a bin with entries errs as before: by the square root of their number
    n = prediction.values[0] * len(events) * 0.05
    assert prediction.variances[0] == pytest.approx(n / len(events) ** 2 / 0.05**2)


def test_a_hadron_that_no_event_has_errs_by_one(events):
    rare = Observable(
        "pdg_means", "test", np.zeros(2), np.ones(2), *np.ones((2, 2)), hadrons=((3334,), (211,))
    )
    histograms = Histograms([rare], n_events=len(events))
    histograms.fill(sample_of(events))
    (prediction,) = histograms.predictions()
    assert prediction.values[0] == 0.0
    assert prediction.variances[0] == pytest.approx(1.0 / len(events) ** 2)


@pytest.mark.pythia
def test_bins_that_stay_empty_do_not_decide_about_the_value():
    # with bins of 0 ± 0 it is 2.53; an independent program has 0.97 ± 0.14 over seeds
    outcome = PythiaEE(events=2_000).evaluate(MONASH, Context(seed=2))
    assert (outcome.outputs_variance > 0.0).all()
    assert 0.6 < outcome.value < 1.4
