"""scikit-optimize's interface over our engine: what its users' scripts rely on."""

from __future__ import annotations

import math

import numpy as np
import pytest

import smbo.integrations.skopt as skopt
from smbo.integrations.skopt import callbacks, plots, sampler, utils
from smbo.integrations.skopt.benchmarks import bench3, branin, hart6
from smbo.integrations.skopt.space import Categorical, Integer, Real, Space, check_dimension

BRANIN = [(-5.0, 10.0), (0.0, 15.0)]
MIXED = [Real(1e-3, 10.0, prior="log-uniform", name="rate"), Integer(1, 9, name="n"), Categorical(["a", "b"])]


def mixed_loss(x):
    return abs(math.log10(x[0])) + abs(x[1] - 4) + (x[2] == "a")


@pytest.mark.parametrize(
    ("given", "kind"),
    [((1, 4), Integer), ((1.0, 4), Real), ((1, 4, "log-uniform"), Integer), ((0.1, 4, "uniform", 2), Real),
     ((1, 2, 3), Categorical), (("a", "b"), Categorical), ((True, False), Categorical), ([7], Categorical)],
)  # fmt: skip
def test_a_shorthand_is_what_it_was(given, kind):
    assert type(check_dimension(given)) is kind


@pytest.mark.parametrize("transform", ["identity", "normalize"])
def test_points_come_back_from_a_transformed_space(transform):
    space = Space(MIXED)
    for each in space.dimensions:
        each.set_transformer(
            "onehot" if isinstance(each, Categorical) and transform == "identity" else transform
        )
    points = space.rvs(20, random_state=0)
    back = space.inverse_transform(space.transform(points))
    assert [point[1:] for point in back] == [point[1:] for point in points]
    assert np.allclose([point[0] for point in back], [point[0] for point in points])
    assert all(type(value) in (float, int, str) for point in points for value in point)


def test_a_space_is_read_from_a_yaml_file(tmp_path):
    (tmp_path / "space.yml").write_text(
        "Space:\n  - Real: {low: 1, high: 5, prior: log-uniform}\n  - Categorical: {categories: [a, b]}\n"
    )
    assert Space.from_yaml(tmp_path / "space.yml") == Space([(1.0, 5.0, "log-uniform"), ["a", "b"]])


@pytest.mark.parametrize(
    "minimize", [skopt.gp_minimize, skopt.forest_minimize, skopt.gbrt_minimize, skopt.dummy_minimize]
)
def test_a_result_is_what_scripts_expect(minimize):
    initial = {} if minimize is skopt.dummy_minimize else {"n_initial_points": 4}
    result = minimize(branin, BRANIN, n_calls=7, random_state=1, **initial)
    assert len(result.x_iters) == len(result.func_vals) == 7
    assert isinstance(result.x, list)
    assert result.fun == min(result.func_vals) == branin(result.x)
    assert len(result.models) == (4 if initial else 0)  # n_calls - n_initial_points + 1
    assert result.specs["function"] == "base_minimize"
    again = minimize(branin, BRANIN, n_calls=7, random_state=1, **initial)
    assert again.x_iters == result.x_iters


def test_the_gaussian_process_finds_minima():
    assert skopt.gp_minimize(branin, BRANIN, n_calls=30, random_state=0).fun < 0.45
    result = skopt.gp_minimize(mixed_loss, MIXED, n_calls=35, random_state=0)
    assert result.fun < 0.2
    assert (type(result.x[1]), result.x[2]) == (int, "b")


@pytest.mark.parametrize("acq_func", ["EI", "LCB", "PI", "MES", "PVRS"])
def test_every_acquisition_function_proposes_inside_the_space(acq_func):
    optimizer = skopt.Optimizer(BRANIN, acq_func=acq_func, n_initial_points=4, random_state=1)
    optimizer.run(branin, 8)
    assert all(point in optimizer.space for point in optimizer.Xi)


def test_ask_is_the_same_until_something_is_told():
    optimizer = skopt.Optimizer(BRANIN, n_initial_points=2, random_state=3)
    assert optimizer.ask() != optimizer.ask()  # random points are drawn anew
    optimizer.tell([[0.0, 1.0], [5.0, 5.0]], [branin([0.0, 1.0]), branin([5.0, 5.0])])
    first = optimizer.ask()
    assert optimizer.ask() == first
    several = optimizer.ask(n_points=3)
    assert optimizer.ask(n_points=3) == several
    assert len({tuple(point) for point in several}) == 3
    optimizer.tell(first, branin(first))
    assert optimizer.ask() != first
    twin = optimizer.copy()
    assert (twin.Xi, twin.yi) == (optimizer.Xi, optimizer.yi)


def test_times_count_with_the_per_second_functions():
    result = skopt.gp_minimize(
        lambda x: (bench3(x), 1.0 + abs(x[0])), [(-2.0, 2.0)], acq_func="EIps", n_calls=8, n_initial_points=4,
        random_state=1,
    )  # fmt: skip
    assert result.log_time == pytest.approx([math.log(1.0 + abs(x)) for (x,) in result.x_iters])
    with pytest.raises(TypeError):
        skopt.Optimizer([(-2.0, 2.0)], acq_func="EIps").tell([1.0], 2.0)


def test_a_constraint_of_the_space_is_kept_in_both_phases():
    def allowed(point):
        return point[0] + point[1] < 6.0

    optimizer = skopt.Optimizer(
        BRANIN, space_constraint=allowed, n_initial_points=3, initial_point_generator="sobol", random_state=1
    )
    optimizer.run(branin, 7)
    assert all(allowed(point) for point in optimizer.Xi)


@pytest.mark.parametrize(
    ("point", "value", "words"),
    [([20.0, 1.0], 1.0, "not within the bounds"), ([1.0], 1.0, "Dimensions of point"),
     ([1.0, 1.0], [1.0], "should return a scalar"), ([[1.0, 1.0]], [1.0, 2.0], "list of 1 scalars")],
)  # fmt: skip
def test_what_cannot_be_told_is_said(point, value, words):
    with pytest.raises(ValueError, match=words):
        skopt.Optimizer(BRANIN).tell(point, value)


def test_wrong_arguments_are_said():
    for wrong in (
        {"base_estimator": "rtr"}, {"base_estimator": 42}, {"acq_func": "UCB"},
        {"initial_point_generator": "latin"},
        {"base_estimator": "RF", "acq_optimizer": "lbfgs"}, {"n_initial_points": -1},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
            skopt.Optimizer(BRANIN, **wrong)


def test_points_and_values_to_begin_with():
    known = [[1.0, 2.0], [3.0, 4.0]]
    result = skopt.gp_minimize(
        branin, BRANIN, x0=known, y0=[branin(x) for x in known], n_calls=4, n_initial_points=2
    )
    assert (result.x_iters[:2], len(result.x_iters)) == (known, 6)
    result = skopt.gp_minimize(branin, BRANIN, x0=known[0], n_calls=4, n_initial_points=2)
    assert (result.x_iters[0], len(result.x_iters)) == (known[0], 4)
    for wrong in ({"x0": known, "y0": [1.0]}, {"y0": [1.0]}, {"n_calls": 3}):
        with pytest.raises(ValueError, match=r"x0|n_calls"):
            skopt.gp_minimize(branin, BRANIN, **wrong)


def test_callbacks_end_a_search_and_keep_it(tmp_path, capsys):
    saver, timer = callbacks.CheckpointSaver(tmp_path / "kept.pkl"), callbacks.TimerCallback()
    told = [saver, timer, callbacks.ThresholdStopper(0.5)]
    result = skopt.gp_minimize(branin, BRANIN, n_calls=40, random_state=0, callback=told, verbose=True)
    assert result.fun <= 0.5
    assert len(timer.iter_time) == len(result.x_iters) < 40
    assert saver.load()["x0"] == result.x_iters
    assert f"{len(result.x_iters)} of 40 (proposed point)" in capsys.readouterr().out
    assert skopt.load(tmp_path / "kept.pkl").x == result.x


def test_the_model_is_asked_where_its_mean_is_lowest():
    result = skopt.gp_minimize(bench3, [(-2.0, 2.0)], n_calls=14, random_state=1, noise=1e-8)
    point, mean = utils.expected_minimum(result, random_state=1)
    assert abs(point[0] + 0.29) < 0.05
    assert mean <= result.fun + 1e-3
    by_chance, _ = utils.expected_minimum_random_sampling(result, n_random_starts=500, random_state=1)
    assert abs(by_chance[0] - point[0]) < 0.05
    mean, std = result.models[-1].predict(result.space.transform(result.x_iters), return_std=True)
    assert mean == pytest.approx(result.func_vals, abs=0.01)
    assert (std >= 0.0).all()


def test_a_function_of_named_parameters_takes_a_point():
    @utils.use_named_args(MIXED[:2])
    def loss(rate, n):
        return rate * n

    assert loss([0.5, 4]) == 2.0
    with pytest.raises(ValueError, match="needs a name"):
        utils.use_named_args([Real(0.0, 1.0)])


@pytest.mark.parametrize("name", ["Sobol", "Halton", "Hammersly", "Lhs", "Grid"])
def test_designs_are_generated(name):
    points = getattr(sampler, name)().generate(MIXED, 9, random_state=1)
    assert len(points) == 9
    assert all(point in Space(MIXED) for point in points)


def test_figures_are_drawn():
    import matplotlib.pyplot as plt

    named = [*MIXED[:2], Categorical(["a", "b"], name="kind")]
    result = skopt.gp_minimize(mixed_loss, named, n_calls=8, n_initial_points=5, random_state=1)
    assert plots.plot_convergence(result, true_minimum=0.0).get_ylabel() == "best value"
    plots.plot_regret(("ours", [result, result]))
    assert plots.plot_evaluations(result).shape == (3, 3)
    axes = plots.plot_objective(result, n_points=5, n_samples=10)
    assert [each.get_xlabel() for each in axes[-1]] == ["rate", "n", "kind"]
    plots.plot_objective_2D(result, "rate", "n", n_points=5, n_samples=10)
    plots.plot_histogram(result, "kind")
    one = skopt.gp_minimize(bench3, [(-2.0, 2.0)], n_calls=6, n_initial_points=4, random_state=1)
    plots.plot_gaussian_process(one, objective=bench3, n_points=50)
    assert plots._evaluate_min_params(one, [1.0]) == [1.0]
    plt.close("all")


def test_the_functions_have_their_minima():
    assert branin([math.pi, 2.275]) == pytest.approx(0.397887, abs=1e-5)
    assert hart6([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573]) == pytest.approx(
        -3.32237, abs=1e-4
    )
