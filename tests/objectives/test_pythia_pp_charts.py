"""Axes of the minimum-bias observables."""

from __future__ import annotations

import pytest
from matplotlib.mathtext import MathTextParser

from smbo_objectives.pythia_pp.charts import chart
from smbo_objectives.pythia_pp.tables import DEFAULT_OBSERVABLES, observables


@pytest.mark.parametrize("name", DEFAULT_OBSERVABLES)
def test_a_chart_has_the_bins_of_its_data_and_labels_that_can_be_typeset(name):
    (observable,) = observables(["atlas_2010"], [name])
    axes = chart(observable)
    assert axes.name == name
    assert (axes.low == observable.data.low).all()
    assert (axes.high == observable.data.high).all()
    for label in (axes.x_label, axes.y_label):
        MathTextParser("path").parse(label)


@pytest.mark.parametrize(
    ("source", "name", "title"),
    [
        ("atlas_2010", "eta_900gev_pt500_n1", "ATLAS 2010, 0.9 TeV"),
        ("atlas_2010", "eta_7tev_pt500_n1", "ATLAS 2010, 7 TeV"),
        ("atlas_2016", "nch_13tev_pt500_n1_tau300ps", "ATLAS 2016, 13 TeV"),
    ],
)
def test_a_chart_is_named_for_who_measured_it_when_and_at_which_energy(source, name, title):
    (observable,) = observables([source], [name])
    assert chart(observable).title == title
    assert chart(observable).process == f"pp, inelastic, √s = {title.rpartition(', ')[2]}"


def test_an_axis_of_a_momentum_has_its_unit():
    for observable in observables(["atlas_2010"], None):
        axes = chart(observable)
        assert ("[GeV]" in axes.x_label) == (observable.kind == "pt")
        assert ("GeV" in axes.y_label) == (observable.kind in ("pt", "meanpt_vs_nch"))


def test_an_axis_is_logarithmic_only_where_its_bins_are_above_zero():
    for observable in observables(["atlas_2010"], None):
        axes = chart(observable)
        assert not axes.log_x or (axes.low > 0.0).all()
        assert not axes.log_y or (observable.data.values > 0.0).all()
