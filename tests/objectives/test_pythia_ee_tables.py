from __future__ import annotations

import numpy as np
import pytest

from smbo.problem import Context, Plottable
from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.charts import once
from smbo_objectives.pythia_ee.sample import Sample

OPAL = ["mean_n_charged_uds", "mean_n_charged_c", "mean_n_charged_b", "mean_n_charged_all", "x_p_charged_b"]


def two_events() -> Sample:
    """Return an event of Z -> b b-bar with three charged pions and one of Z -> u u-bar with one."""
    rows = [
        (0, 23, -22),
        (0, 5, -23),
        (0, -5, -23),
        (0, 211, 1),
        (0, -211, 1),
        (0, 211, 83),
        (1, 2, -23),
        (1, 211, 1),
    ]
    event, pdg_id, status = (np.array(column) for column in zip(*rows))
    none = np.full(len(rows), -1)
    momentum = np.tile([1.0, 2.0, 3.0], (len(rows), 1))
    return Sample(2, event, pdg_id, status, none, none, momentum, np.full(len(rows), 4.0))


def test_the_flavour_of_an_event_is_that_of_the_quarks_which_the_z_decays_to() -> None:
    assert two_events().flavour.tolist() == [5, 2]


def test_a_mean_of_one_flavour_is_over_its_events_alone() -> None:
    from smbo_objectives.pythia_ee.histograms import Histograms

    objective = PythiaEE(data=["opal_1998"], observables=OPAL[:4])
    histograms = Histograms(objective.observables, 2)
    histograms.fill(two_events())
    uds, charm, bottom, every = (each.values[0] for each in histograms.predictions())
    assert (uds, charm, bottom, every) == (1.0, 0.0, 3.0, 2.0)


def test_several_experiments_make_one_job_with_names_of_their_own() -> None:
    names = ["aleph_1996/sphericity", "delphi_1996/sphericity", "opal_1998/x_p_charged_all", "pdg_means"]
    objective = PythiaEE(data=["aleph_1996", "delphi_1996", "opal_1998", "pdg_2008"], observables=names)
    assert isinstance(objective, Plottable)
    assert [chart.name for chart in objective.observable_axes()] == names
    assert list(objective.problem.loss.counts) == names
    assert objective.observable_axes()[1].title == "DELPHI 1996"


@pytest.mark.parametrize("space", ["ee3", "ee6", "ee6n", "ee20"])
def test_a_tune_of_every_space_is_written_as_pythia_reads_it(space: str) -> None:
    objective = PythiaEE(space=space)
    names = objective.problem.space.names
    text = objective.run_card(dict.fromkeys(names, 0.25), ["one", "two\nthree"]).text
    assert text.startswith("! one\n! two\n! three\n")
    assert len(text.splitlines()) == 3 + len(names)


def test_spectra_in_x_and_in_its_logarithm_by_one_experiment_count_once() -> None:
    objective = PythiaEE()
    assert objective.same_measurement() == [["x_p_charged", "xi_p_charged"]]
    two = PythiaEE(
        data=["aleph_1996", "delphi_1996"], observables=["aleph_1996/x_p_charged", "delphi_1996/xi_p_charged"]
    )
    assert once(two.observables, ["a", "d"]) == []
    opal = PythiaEE(data=["opal_1998"], observables=OPAL)
    assert ["x_p_charged_b", "mean_n_charged_b"] in opal.same_measurement()


@pytest.mark.pythia
def test_the_default_tune_has_opals_multiplicities_by_flavour() -> None:
    objective = PythiaEE(data=["opal_1998"], observables=OPAL[:4], events=2_000)
    outcome = objective.evaluate(objective.confirmation().baseline, Context(seed=3))
    # 20.25, 21.55, 23.16 and 21.16 were measured; OPAL counts as ALEPH does
    assert outcome.outputs == pytest.approx(objective.problem.loss.data, rel=0.05)
    assert outcome.outputs[2] - outcome.outputs[0] == pytest.approx(2.9, abs=1.0)
