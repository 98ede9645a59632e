"""What a supervisor keeps of a program's output, and the limits that it sets."""

from __future__ import annotations

import os
import resource
import time

import pytest

from smbo_objectives import supervisor


def test_a_log_keeps_the_beginning_in_its_file_and_the_end_as_its_tail(tmp_path):
    read, write = os.pipe()
    os.write(write, b"0123456789")
    os.close(write)
    log = supervisor._Log(os.fdopen(read, "rb"), str(tmp_path / "stdout.txt"), limit_bytes=4)
    log.drain(time.monotonic() + 5)
    assert (tmp_path / "stdout.txt").read_bytes() == b"0123"
    assert (log.tail, log.n_bytes) == (b"0123456789", 10)


def test_a_log_is_not_written_through_a_link(tmp_path):
    (tmp_path / "stdout.txt").symlink_to(tmp_path / "elsewhere")
    read, write = os.pipe()
    os.close(write)
    with os.fdopen(read, "rb") as stream, pytest.raises(OSError, match="stdout"):
        supervisor._Log(stream, str(tmp_path / "stdout.txt"), limit_bytes=4)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("limits", "most", "expected"),
    [
        ((100, 200), 50.0, (50, 50)),
        ((100, 200), 150.0, (100, 100)),  # never raised
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 50.0, (50, 51)),  # the soft one's signal first
    ],
)
def test_a_limit_of_processor_time_is_lowered_and_never_raised(monkeypatch, limits, most, expected):
    found = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda which, pair: found.append(pair))
    supervisor._limit(resource.RLIMIT_CPU, most)
    assert found == [expected]
