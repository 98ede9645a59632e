"""A few power cuts under the spool, and what must not survive them."""

from __future__ import annotations

import power_spool
import pytest


def test_outcomes_that_were_acknowledged_outlive_a_few_power_cuts(tmp_path):
    faults, acknowledged = power_spool.cut(tmp_path, 60, seed=3)
    assert faults == []
    assert acknowledged > 30


NOTICED = {
    "no-fsync-of-files": "is not there",
    "no-fsync-of-folders": "is not there",
    "no-fsync-of-places": "is not there",
    "no-fsync-of-checkpoints": "checkpoint of",
    "readable-outcomes": "has mode 644",
}


@pytest.mark.parametrize("mutant", power_spool.MUTANTS)
def test_a_spool_that_does_not_wait_for_the_disk_or_is_open_to_others_is_found_out(tmp_path, mutant):
    faults, _ = power_spool.cut(tmp_path, 40, seed=3, mutant=mutant)
    assert any(NOTICED[mutant] in fault for fault in faults)
