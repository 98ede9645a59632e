"""The events of the cut scan: two halves that share none, and cuts on an undefined mass."""

from __future__ import annotations

import pytest

from smbo_objectives.higgsml_cuts.events import Cut, load


def test_the_halves_share_no_event_and_average_to_the_whole():
    even, odd, full = (load(half).count([]) for half in ("even", "odd", None))
    assert even.n_background + odd.n_background == full.n_background == 15011
    assert even.n_signal + odd.n_signal == full.n_signal == 7789
    assert (even.s + odd.s) / 2 == pytest.approx(full.s, rel=1e-12)
    assert (even.b + odd.b) / 2 == pytest.approx(full.b, rel=1e-12)


def test_an_undefined_mass_fails_the_lower_cut_and_no_upper_cut():
    undefined = load().columns["mmc"] == -999.0
    assert undefined.sum() > 1000
    assert not (load().passing([Cut("mmc", "lower", 60.0)]) & undefined).any()
    assert (load().passing([Cut("mmc", "upper", 250.0)]) & undefined).sum() == undefined.sum()
