"""Durations and sizes as people write them."""

import pytest

from smbo.cli.job.quantities import duration_seconds, duration_text, size_bytes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30min", 1800), ("2h", 7200), ("1h30min", 5400), ("1d", 86400), ("0.5h", 1800), (12, 12)],
)
def test_a_duration_is_read_in_seconds(text, seconds):
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4 * 10**9), ("512MiB", 512 * 2**20), ("1 kB", 1000), (77, 77)],
)
def test_a_size_is_read_in_bytes(text, size):
    assert size_bytes(text) == size


def test_a_duration_is_written_for_people():
    assert [duration_text(s) for s in (0.2, 59, 61, 3600, 7500)] == [
        "0s",
        "59s",
        "1min 01s",
        "1h 00min",
        "2h 05min",
    ]
