"""Settings of a run are checked once; None stands for the default."""

from __future__ import annotations

import pytest

from smbo.errors import StoreError
from smbo.study.run_settings import RunSettings


def test_none_stands_for_the_default():
    assert RunSettings.of(n_trials=None, limits=None, lease_seconds=None) == RunSettings()
    assert RunSettings.of(n_trials=3).n_trials == 3


@pytest.mark.parametrize(
    "given",
    [{"n_trials": 0}, {"n_trials": True}, {"n_trials": 1.5}, {"timeout_seconds": 0}, {"lease_seconds": -1.0}],
)
def test_a_number_that_makes_no_sense_is_refused_by_its_name(given):
    with pytest.raises(StoreError, match=next(iter(given))):
        RunSettings(**given)
