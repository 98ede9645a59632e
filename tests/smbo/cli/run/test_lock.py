"""Locks of drivers and of the one that finalizes: held by a process, gone with it."""

import os

from smbo.cli.run import lock


def test_a_driver_is_registered_while_its_block_runs(tmp_path):
    with lock.driving(tmp_path):
        (driver,) = lock.drivers(tmp_path)
        assert f"process {os.getpid()} on" in driver
    assert lock.drivers(tmp_path) == []


def test_a_file_that_no_process_holds_is_no_driver_and_is_removed(tmp_path):
    left = tmp_path / "drivers" / "host-1"
    left.parent.mkdir()
    left.write_text("process 1 on host")
    assert lock.drivers(tmp_path) == []
    assert not left.exists()


def test_one_process_at_a_time_finalizes(tmp_path):
    with lock.finishing(tmp_path) as first, lock.finishing(tmp_path) as second:
        assert (first, second) == (True, False)
    with lock.finishing(tmp_path) as again:
        assert again
