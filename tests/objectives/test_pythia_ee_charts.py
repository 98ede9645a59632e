"""Axes of the observables, groups that are one measurement, and a tune as Pythia's command file."""

from __future__ import annotations

import pytest

from smbo.problem import Plottable
from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.charts import once
from smbo_objectives.pythia_ee.quantities import QUANTITIES
from smbo_objectives.pythia_ee.tables import read_tables

OPAL = ["mean_n_charged_uds", "mean_n_charged_c", "mean_n_charged_b", "mean_n_charged_all", "x_p_charged_b"]


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


def test_every_label_can_be_typeset():
    from matplotlib.mathtext import MathTextParser

    from smbo_objectives.pythia_ee.charts import density_label
    from smbo_objectives.pythia_ee.hadron_symbols import SYMBOLS

    parser = MathTextParser("path")
    for quantity in QUANTITIES.values():
        parser.parse(quantity.label)
        parser.parse(density_label(quantity.label))
    for symbol in SYMBOLS.values():
        parser.parse(symbol)
    assert density_label("$1-T$") == r"$1/N\ \mathrm{d}n/\mathrm{d}(1-T)$"
    assert density_label(r"$\xi_p=-\ln x_p$") == r"$1/N\ \mathrm{d}n/\mathrm{d}\xi_p$"


def test_every_axis_has_its_unit_and_every_panel_process_and_energy():
    names = [name for name in QUANTITIES if name in _aleph()]
    for chart in PythiaEE(observables=[*names, "pdg_means"]).observable_axes():
        assert chart.process == "e⁺e⁻ → Z → hadrons, √s = 91.2 GeV"
        is_in_gev = chart.name.endswith("_gev")
        assert ("[GeV]" in chart.x_label) == is_in_gev
        assert ("[GeV$^{-1}$]" in chart.y_label) == is_in_gev
        assert chart.bins or (chart.x_label and chart.y_label)


def _aleph():
    return read_tables(["aleph_1996"], ["PiPlus"])["aleph_1996"]
