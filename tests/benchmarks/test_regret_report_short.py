"""The regret benchmark: instances that move, optima that nobody beats, what its summary counts."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parent
# these read data of packages that the suite does without
OUTSIDE = ("bbob", "mixint", "hplc", "colours", "blends", "grid", "snar", "reizman", "baumgartner")


@pytest.fixture
def report(monkeypatch):
    """The report's module; other benchmarks have modules of the same names."""
    for name in [
        n for n in sys.modules if n in ("problems", "peers", "run", "report") or n.startswith("kinds")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.syspath_prepend(str(FOLDER / "regret"))
    import report

    report.problems.load_kinds()
    yield report
    for name in [
        n for n in sys.modules if n in ("problems", "peers", "run", "report") or n.startswith("kinds")
    ]:
        sys.modules.pop(name)


def row(peer, problem, seed, values):
    return {"peer": peer, "problem": problem, "seed": seed, "values": values, "recommended": {}}


def test_every_held_out_problem_moves_with_its_seed_and_no_value_lies_below_its_optimum(report):
    problems = report.problems
    kinds = [group for group in problems.HELD_OUT if f"{group}_held_out" in problems._KINDS]
    assert len(kinds) >= 6
    for name in (name for group in kinds for name in problems.HELD_OUT[group]):
        if any(word in name for word in OUTSIDE):
            continue
        first, second = problems.make(name, 0), problems.make(name, 1)
        rng = np.random.default_rng(0)
        points = [first.random_point(rng) for _ in range(40)]
        values = np.array([first.function(point) for point in points])
        assert np.isfinite(values).all(), name
        assert not np.allclose(values, [second.function(point) for point in points]), name
        assert np.allclose(values, [problems.make(name, 0).function(point) for point in points]), name
        assert first.optimum is None or values.min() >= first.optimum - 1e-9, name


def test_a_function_never_reads_a_variable_that_is_not_active(report):
    problems = report.problems
    checked = 0
    for name in (*problems.HELD_OUT["choices"], *problems.HELD_OUT["asynchronous"]):
        if any(word in name for word in OUTSIDE):
            continue
        problem = problems.make(name, 3)
        rng = np.random.default_rng(1)
        for _ in range(20):
            point, other = problem.random_point(rng), problem.random_point(rng)
            active: list[bool] = []
            for variable in problem.variables:
                on = variable.when is None or (
                    active[variable.when[0]] and point[variable.when[0]] in variable.when[1]
                )
                active.append(on)
            changed = [value if on else new for value, new, on in zip(point, other, active)]
            checked += changed != point
            assert problem.function(changed) == problem.function(point), name
    assert checked > 40


def test_a_run_that_stands_still_above_the_floor_is_counted_and_one_at_the_optimum_is_not(report, tmp_path):
    name, optimum = "held_drop_wave2", -1.0
    falling = list(np.linspace(-0.1, -0.9, 100))
    rows = [
        row("stands", name, 0, [-0.5] * 100),
        row("falls", name, 0, falling),
        row("done", name, 0, [-0.5] * 20 + [optimum] * 80),
    ]
    found = report.stalled(rows, report.scores(rows, 100, tmp_path))
    assert found == {"stands": [f"{name}/0"], "falls": [], "done": []}


def test_a_problem_on_which_a_peer_is_twice_ahead_is_named(report, tmp_path):
    name = "held_drop_wave2"
    rows = [row("smbo", name, s, [-0.5] * 50) for s in range(3)]
    rows += [row("good", name, s, [-0.9] * 50) for s in range(3)]
    rows += [row("even", name, s, [-0.6] * 50) for s in range(3)]
    found = report.behind(rows, [name], [50], tmp_path, "smbo")
    assert [(problem, peer) for problem, _, peer, _, _ in found] == [(name, "good")]


def test_who_finds_the_best_row_of_a_table_is_not_scored_as_random_search(report, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "random_pool", lambda *_: (np.zeros(500), None, 0.0))
    found = report.scores([row("smbo", "held_drop_wave2", 0, [0.0] * 30)], 30, tmp_path)
    assert list(found.values()) == [report.FLOOR]
