"""The simulated cluster, small: what it reports of full, idle and unlucky workers is so."""

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(HERE))
    try:
        spec = importlib.util.spec_from_file_location("bench_scale", HERE / "bench_scale.py")
        module = sys.modules["bench_scale"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(HERE))
    return module


def test_workers_are_kept_busy_though_evaluations_differ_in_length_and_some_are_lost(bench):
    said = bench.simulate(bench.Way("as it runs", "sobol", False), 20, 100, 1, bench.Durations())
    assert sum(said.counts.values()) == 100
    assert said.account.executions >= 100
    assert said.account.utilisation > 0.95


def test_the_account_sees_that_batches_wait_for_their_slowest(bench):
    said = bench.simulate(bench.Way("batches", "sobol", True), 20, 100, 1, bench.Durations())
    assert said.account.utilisation < 0.6


def test_the_account_sees_slots_that_wait_for_the_driver(bench, monkeypatch):
    # evaluations that take no longer than the driver needs for one: twenty workers cannot be busy
    short = bench.Durations(median_seconds=0.005)
    said = bench.simulate(bench.Way("as it runs", "sobol", False), 20, 60, 1, short)
    assert said.account.utilisation < 0.9


def test_the_goal_is_reached_at_the_known_minimum(bench):
    minimum = [0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573]
    assert bench.hartmann6({f"x{i}": x for i, x in enumerate(minimum)}) == pytest.approx(-3.32237, abs=1e-5)


@pytest.mark.dask
def test_threads_of_dask_are_timed_by_what_they_slept(bench, capsys):
    bench.main_threads(4, 12, 0.2)
    figures = capsys.readouterr().out.splitlines()[-1].split("|")
    assert [int(figures[1]), int(figures[2])] == [4, 12]
    assert 0.0 < float(figures[4].strip().rstrip("%")) <= 100.0
