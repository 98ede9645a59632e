"""The polynomial of universal kriging, chosen by the likelihood of the values."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sampled_functions import bump, quartic, quiet, told

from smbo import Categorical, LevelSet, Optimizer, Problem, Real
from smbo.history.encode import encode
from smbo.surrogates import LevelGP
from smbo.surrogates.gp.kernel_selection import KernelSelection
from smbo.surrogates.gp.trend_selection import TrendSelection
from smbo.surrogates.gp.universal_kriging import UniversalKriging, UniversalKrigingPosterior


@pytest.mark.parametrize(("function", "degree"), [(quartic, 4), (bump, None)])
def test_a_polynomial_is_taken_where_the_values_are_likelier_around_it(function, degree):
    process, memory = TrendSelection(KernelSelection(quiet())).train(told(function, 24), {})
    assert (process.trend.degree if isinstance(process, UniversalKriging) else None) == degree
    again, kept = TrendSelection(KernelSelection(quiet())).train(
        told(function, 24), json.loads(json.dumps(memory))
    )
    assert (again, kept) == (process, memory)


def test_a_polynomial_has_to_be_likelier_by_the_price():
    data = told(quartic, 24)
    found = {
        price: TrendSelection(KernelSelection(quiet()), price=price).train(data, {})[1]["trend"]
        for price in (5.0, 1e6)
    }
    assert found == {5.0: "4", 1e6: "none"}


def test_a_degree_waits_for_more_values_than_it_has_coefficients():
    for n, degrees in ((6, set()), (7, {"2"}), (11, {"2", "3"}), (16, {"2", "3", "4"})):
        _, memory = TrendSelection(KernelSelection(quiet(n_iterations=1))).train(told(quartic, n), {})
        assert {name for name in memory["trends"] if "ridge" not in name} == {"none"} | degrees
    of_kinds = Optimizer({"kind": Categorical(["a", "b", "c"])}, recipe="sobol", seed=1)
    for trial in of_kinds.ask(3):
        of_kinds.tell(trial, 1.0)
    _, memory = TrendSelection().train(encode(of_kinds.problem, of_kinds.trials), {})
    assert set(memory["trends"]) == {"none"}


def test_the_level_of_a_polynomial_is_found_wherever_it_is():
    """Two islands, of which one is small."""

    def islands(x, y):
        return 9.0 * ((x - 0.25) ** 2 + (y - 0.3) ** 2) * ((x - 0.75) ** 2 + (y - 0.6) ** 2) + 0.1 * x

    problem = Problem({"x": Real(0.0, 1.0), "y": Real(0.0, 1.0)}, level_set=LevelSet(0.09))
    optimizer = Optimizer(problem, recipe="sobol", seed=2)
    for trial in optimizer.ask(24):
        optimizer.tell(trial, islands(**trial.params))
    posterior = LevelGP().fit(encode(problem, optimizer.trials))
    assert isinstance(posterior.processes[0], UniversalKrigingPosterior)
    places = np.random.default_rng(1).random((4000, 2))
    truth = islands(*places.T) > 0.09
    assert ((posterior.above(places)[0] > 0.5) != truth).mean() < 0.001
