"""The settings of Pythia that can be tuned: their ranges, their defaults and the named spaces."""

from __future__ import annotations

import pytest

from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.spaces import PARAMETERS, SPACES


def test_every_named_space_lies_within_what_pythia_accepts_and_holds_names_that_it_knows():
    for ranges in SPACES.values():
        for name, (low, high) in ranges.items():
            assert PARAMETERS[name].low <= low < high <= PARAMETERS[name].high
    assert {name: len(ranges) for name, ranges in SPACES.items()} == {
        "ee3": 3,
        "ee6": 6,
        "ee6n": 6,
        "ee20": 20,
    }


def test_the_default_tune_lies_in_each_space():
    for space in SPACES:
        problem = PythiaEE(space=space).problem
        assert problem.space.contains(PythiaEE(space=space).confirmation().baseline)
        assert problem.sign == 1.0


@pytest.mark.pythia
def test_pythias_own_defaults_and_ranges_are_the_tables():
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    for parameter in PARAMETERS.values():
        entry = pythia.settings
        assert entry.isParm(parameter.setting)
        assert entry.parm(parameter.setting) == parameter.default
        assert pythia.readString(f"{parameter.setting} = {parameter.low}")
        assert pythia.readString(f"{parameter.setting} = {parameter.high}")
        assert not pythia.readString(f"{parameter.setting} = {parameter.low - 0.01}")
        assert not pythia.readString(f"{parameter.setting} = {parameter.high + 0.01}")
