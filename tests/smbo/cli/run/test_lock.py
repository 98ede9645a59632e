"""Locks of drivers and of the one that finalizes: held by a process, gone with it."""

import errno
import os

import pytest

from smbo.cli.run import lock
from smbo.errors import StoreError


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


def test_a_spool_whose_disk_knows_no_locks_leaves_them_beside_the_store(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    assert lock.place(tmp_path / "spool", tmp_path / "beside") == tmp_path / "spool"
    with lock.finishing(tmp_path / "spool"):
        assert lock.place(tmp_path / "spool", tmp_path / "beside") == tmp_path / "spool"
    monkeypatch.setattr(lock.fcntl, "flock", no_locks)
    assert lock.place(tmp_path / "spool", tmp_path / "beside") == tmp_path / "beside"


def test_a_file_in_the_place_of_a_spool_is_refused_by_name(tmp_path):
    """``a.db-spool`` was a file: a traceback."""
    (tmp_path / "a.db-spool").touch()
    with pytest.raises(StoreError, match=r"a\.db-spool.* cannot be made: Not a directory"):
        lock.place(tmp_path / "a.db-spool" / "a-1", tmp_path / "a.db-spool" / "a-1")
    assert lock.drivers(tmp_path / "a.db-spool" / "a-1") == []
