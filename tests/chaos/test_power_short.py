"""A few power cuts, and the settings that must not survive them."""

from __future__ import annotations

import power
import pytest


def test_what_was_acknowledged_outlives_a_few_power_cuts(tmp_path):
    faults, acknowledged = power.cut(tmp_path, 25, seed=3)
    assert faults == []
    assert acknowledged > 50


@pytest.mark.parametrize("mutant", ["normal", "off"])
def test_a_store_that_does_not_wait_for_the_disk_is_found_out(tmp_path, mutant):
    faults, _ = power.cut(tmp_path, 10, seed=3, mutant=mutant)
    assert any("was acknowledged and is not there" in fault for fault in faults)


def test_what_was_synced_is_left_and_what_was_not_may_be(tmp_path):
    disk = power.Disk(power.random.Random(1), life=100)
    path = str(tmp_path / "a")
    disk.opened(path)
    disk.pending[path] += [(0, b"x" * 1024)]
    disk.synced(path)
    disk.pending[path] += [(1024, b"y" * 4096)]
    (tmp_path / "after").mkdir()
    left = set()
    for _ in range(40):
        copy = power.Disk(disk.rng, life=1)
        copy.durable, copy.pending = {path: bytearray(disk.durable[path])}, dict(disk.pending)
        copy.leave(tmp_path / "after")
        content = (tmp_path / "after" / "a").read_bytes()
        assert content[:1024] == b"x" * 1024
        assert set(content[1024:]) <= set(b"y")
        left.add(len(content))
    assert {1024, 5120} < left  # nothing, all of it, and parts
