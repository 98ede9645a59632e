"""The benchmark of several objectives in small: it tells a search from a crippled one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture
def bench(monkeypatch):
    """The benchmark's own module; its folder's modules are called as those of another benchmark."""
    for name in ("problems", "peers", "whole"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent / "pareto"))
    monkeypatch.delitem(sys.modules, "bench_pareto", raising=False)
    import bench_pareto

    yield bench_pareto
    for name in ("problems", "peers", "whole", "bench_pareto"):
        sys.modules.pop(name, None)


def test_a_search_that_sees_no_worth_in_any_point_is_caught(bench, monkeypatch):
    from smbo.acquisition import expected_hypervolume_improvement as hypervolume

    problem = bench.problems.make("zdt1", 0)
    sound = bench.gap(bench.run("smbo", problem, 0, 25), 25)
    monkeypatch.setattr(
        hypervolume.VolumeImprovement, "__call__", lambda self, points: np.zeros(len(points)), raising=True
    )
    monkeypatch.setattr(
        hypervolume.VolumeImprovement,
        "with_gradient",
        lambda self, points: (np.zeros(len(points)), np.zeros(points.shape)),
    )
    crippled = bench.gap(bench.run("smbo", problem, 0, 25), 25)
    assert sound < 0.1 * crippled


def test_the_whole_front_leaves_no_gap(bench):
    angles = np.linspace(0.0, 0.5 * np.pi, 2000)
    front = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    row = {"problem": "dtlz2-2", "seed": 0, "values": front.tolist(), "feasible": [True] * len(front)}
    # what lies between neighbours on the front is missing still
    assert bench.gap(row, 2000) == pytest.approx(0.0, abs=2e-3)
    assert bench.gap(row, 1000) > 0.1


@pytest.mark.parametrize(("name", "n_nodes", "n_batches"), [("zdt1", 500, 30), ("dtlz2-3", 30, 150)])
def test_the_volume_of_a_whole_front_is_that_of_its_formula(bench, name, n_nodes, n_batches):
    import whole

    problem = bench.problems.make(name, 0)
    found = whole.volume(problem, np.random.default_rng(0), n_nodes, n_batches)
    # the evolution is short, and the steps of a grid are straight where the surface bends
    assert found == pytest.approx(problem.best, rel=5e-3)


@pytest.mark.parametrize("seed", [0, 1])
def test_no_random_point_lies_beyond_a_front(bench, seed):
    rng = np.random.default_rng(seed)
    for name in (*bench.problems.TUNING, *bench.problems.HELD_OUT):
        problem = bench.problems.make(name, seed)
        points = rng.uniform(problem.low, problem.high, size=(300, problem.d))
        values = problem.function(points)
        feasible = np.ones(300, bool) if problem.constraint is None else problem.constraint(points)[:, 0] >= 0
        row = {"problem": name, "seed": seed, "values": values.tolist(), "feasible": feasible.tolist()}
        assert 0.0 <= bench.gap(row, 300) <= 1.0, name
