"""The benchmark of fidelities in small: it tells a search from a crippled one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench_fidelity_kinds as bench
from fidelity_kinds import cases


def test_cheap_evaluations_give_more_than_the_same_cost_in_full():
    by_model, in_full = (bench.run_smbo("detector", way, 0, 4) for way in ("model", "full"))
    assert by_model["scores"][4]["front"] > in_full["scores"][4]["front"]


def test_a_search_whose_cheap_results_are_of_other_points_is_caught(monkeypatch):
    sound = bench.run_smbo("ripples", "model", 0, 3)["scores"][3]["wrong"]
    honest = cases.case("ripples")

    def misled(params, at, rng):
        return honest.evaluate(params if at == 10 else {name: rng.random() for name in params}, at, rng)

    monkeypatch.setattr(cases, "case", lambda name: type(honest)(**{**vars(honest), "evaluate": misled}))
    assert bench.run_smbo("ripples", "model", 0, 3)["scores"][3]["wrong"] > 2 * sound


@pytest.mark.parametrize("name", ["dtlz2-shifted", "dtlz2-wavy", "lens", "detector"])
def test_values_at_the_highest_fidelity_are_the_truth(name):
    case, rng = cases.case(name), np.random.default_rng(0)
    params = {key: rng.random() for key in case.space}
    told = [list(case.evaluate(params, case.fidelity["high"], rng).values()) for _ in range(200)]
    # five standard errors of 0.01 for averages over events; none for the others
    assert np.mean(told, axis=0) == pytest.approx(case.truth(params), abs=4e-3)
