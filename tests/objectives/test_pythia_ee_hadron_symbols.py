"""Symbols of hadrons: one for each of the table of mean multiplicities, and no two alike."""

from __future__ import annotations

from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.hadron_symbols import SYMBOLS
from smbo_objectives.pythia_ee.tables import DEFAULT_HADRONS


def test_every_hadron_that_is_compared_by_default_has_a_symbol_of_its_own():
    assert set(DEFAULT_HADRONS) == set(SYMBOLS)
    assert len(set(SYMBOLS.values())) == len(SYMBOLS)


def test_symbols_stand_on_the_axis_of_the_means_in_their_order():
    (axes,) = PythiaEE(observables=["pdg_means"]).observable_axes()
    assert axes.bins == tuple(SYMBOLS[name] for name in DEFAULT_HADRONS)
