"""Transfer for level sets, vector outputs and trees; sources with other dimensions, ranges and metrics."""

from __future__ import annotations

import json

import numpy as np
import pytest

from smbo import Integer, LevelSet, Optimizer, Problem, Real, Space, TransferSource
from smbo.errors import ProblemError
from smbo.history.encode import encode
from smbo.problem import ChiSquare
from smbo.proposal.transfer import best_of_sources, source_data
from smbo.space.neighbourhood import to_unit_beyond
from smbo.surrogates import GP, CompositeGP, Forest, Subset
from smbo.surrogates.transfer import SourceData, Transfer
from smbo.training_data import Axis, TrainingData

PLANE = {"x": Real(0, 1), "y": Real(0, 1)}
POINTS = np.random.default_rng(5).random((60, 2))
GRID = np.random.default_rng(6).random((400, 2))
BINS = np.linspace(0.0, 1.0, 12)
BEST = np.array([0.3, 0.6])


def as_points(units: np.ndarray) -> list[dict[str, float]]:
    return [dict(zip(PLANE, map(float, unit))) for unit in units]


def wavy(units: np.ndarray) -> np.ndarray:
    x, y = np.transpose(units)
    return np.sin(5 * x + 1) * np.cos(4 * y) + x * y + 0.3 * np.sin(9 * y * x)


def histogram(unit: np.ndarray) -> np.ndarray:
    x, y = unit
    return 10.0 * np.exp(-(((BINS - 0.2 - 0.6 * x) / (0.08 + 0.2 * y)) ** 2)) + 4.0 * y * np.sin(
        6.0 * BINS * x
    )


def unlike(units: np.ndarray) -> np.ndarray:
    x, y = np.transpose(units)
    return np.sin(9.0 * y) + np.cos(14.0 * x * y)


def level_problem(*values: np.ndarray) -> Problem:
    sources = [TransferSource(as_points(POINTS), each) for each in values]
    return Problem(PLANE, level_set=LevelSet(0.3), transfer=sources)


def vector_problem(*functions) -> Problem:
    sources = [
        TransferSource(as_points(POINTS), outputs=[each(unit) for unit in POINTS]) for each in functions
    ]
    loss = ChiSquare(data=histogram(BEST), errors=np.full(len(BINS), 0.3))
    return Problem(PLANE, loss=loss, transfer=sources)


def searched(problem: Problem, n: int, seed: int = 1, recipe: str = "auto") -> Optimizer:
    opt = Optimizer(problem, recipe, seed=seed)
    for _ in range(n):
        trial = opt.ask()
        unit = np.array([trial.params["x"], trial.params["y"]])
        if problem.loss is not None:
            opt.tell(trial, outputs=histogram(unit))
        else:
            opt.tell(trial, float(wavy(unit[None])[0]))
    return opt


def misclassified(opt: Optimizer) -> float:
    means = opt.predict(as_points(GRID)).means["value"]
    return float(((means > 0.3) != (wavy(GRID) > 0.3)).mean())


def distance(opt: Optimizer) -> float:
    found = opt.recommend().params
    return float(vector_problem().loss.of(histogram(np.array([found["x"], found["y"]]))))


def test_a_related_level_set_in_other_units_saves_evaluations_and_an_inverted_one_is_not_used():
    related, inverted = 3.0 * wavy(POINTS + 0.02) + 20.0, -wavy(POINTS)
    plain = np.mean([misclassified(searched(level_problem(), 6, seed)) for seed in (1, 2)])
    found = [searched(level_problem(unlike(POINTS), related), 6, seed) for seed in (1, 2)]
    assert np.mean([misclassified(each) for each in found]) < 0.5 * plain
    assert "around 1 of 2 earlier studies" in found[0].explain().reason
    assert "earlier studies" not in searched(level_problem(inverted), 10).explain().reason


def test_related_outputs_in_other_units_save_evaluations_and_others_are_not_used():
    plain = np.median([distance(searched(vector_problem(), 6, seed)) for seed in (1, 2, 3)])
    related = [
        searched(vector_problem(lambda unit: 1.5 * histogram(unit + 0.02) + 3.0), 6, s) for s in (1, 2, 3)
    ]
    assert np.median([distance(each) for each in related]) < 0.1 * plain
    inverted = searched(vector_problem(lambda unit: -histogram(unit)), 8)
    assert "earlier studies" not in inverted.explain().reason


@pytest.mark.parametrize("recipe", ["forest", "extra-trees", "boosting"])
def test_trees_model_the_residual_of_a_related_study(recipe):
    source = TransferSource(as_points(POINTS), 3.0 * wavy(POINTS + 0.02) + 20.0)
    lowest = float(wavy(np.random.default_rng(1).random((20_000, 2))).min())

    def regret(*sources: TransferSource) -> float:
        found = [searched(Problem(PLANE, transfer=sources), 7, s, recipe).best.value for s in (1, 2)]
        return float(np.mean(found)) - lowest

    assert regret(source) < 0.5 * regret()


def training_data(values: np.ndarray) -> TrainingData:
    return TrainingData.of_values(
        (Axis("x", "continuous"), Axis("y", "continuous")), GRID[: len(values)], values
    )


def test_trees_around_a_source_are_conditioned_and_predict_better():
    data = training_data(wavy(GRID[:20]))
    source = SourceData(POINTS, 2.0 * wavy(POINTS))
    posterior = Transfer(Subset(Forest()), (source,)).fit(data)
    plain = Forest().fit(data)
    errors = [np.abs(each.moments(GRID)[0] - wavy(GRID)).mean() for each in (posterior, plain)]
    assert errors[0] < 0.3 * errors[1]
    assert not hasattr(posterior, "moments_and_gradients")
    told = posterior.condition_on(GRID[50:51], np.array([5.0]))
    assert told.moments(GRID[50:51])[0] > posterior.moments(GRID[50:51])[0]


def test_a_process_around_a_trend_has_the_covariance_and_left_out_moments_of_its_residual():
    data = training_data(wavy(GRID[:20]))
    posterior = Transfer(GP(), (SourceData(POINTS, wavy(POINTS + 0.02)),)).fit(data)
    latent = posterior.standardized
    _, std = latent.moments(GRID[20:30])
    variances = np.diagonal(posterior.covariance(GRID[20:30], GRID[20:30]))
    assert variances == pytest.approx(std**2, rel=1e-6, abs=1e-12)
    assert posterior.values == pytest.approx(posterior.scale.to_latent(data.values))
    assert posterior.amplitude > 0.0 < posterior.noise
    left, variance = posterior.left_out_moments()
    gone = latent.condition_on(GRID[20:21], wavy(GRID[20:21]))  # the last of more values, and left out again
    assert left.shape == variance.shape == gone.left_out_moments()[0].shape == (20,)
    assert np.abs(left - posterior.values).mean() < 0.1
    assert (variance >= posterior.noise).all()


def test_composite_posteriors_around_a_trend_have_slopes_of_finite_differences():
    opt = searched(vector_problem(lambda unit: 1.5 * histogram(unit + 0.02)), 6)
    data = encode(opt.problem, opt.trials)
    surrogate, memory = CompositeGP().with_sources(source_data(opt.problem)).train(data, {})
    posterior = surrogate.fit(data)
    assert posterior.trend is not None
    points, step = GRID[:5], np.array([1e-6, 0.0])
    draw = posterior.function_draw(np.random.default_rng(1), 32)
    draws = posterior.function_draws(np.random.default_rng(1), 2, 32)
    rows = np.array([0, 1, 0, 1, 0])
    cases = {
        "mean": (lambda at: posterior.moments(at)[0], posterior.moments_and_gradients(points)[2]),
        "draw": (draw, draw.with_gradient(points)[1]),
        "draws": (lambda at: draws(at)[np.arange(5), rows], draws.of_rows(points, rows)[1]),
    }
    for function, slopes in cases.values():
        numeric = (function(points + step) - function(points - step)) / 2e-6
        assert slopes[:, 0] == pytest.approx(numeric, rel=1e-3, abs=1e-3)
    assert draws.of_rows(points, rows)[0] == pytest.approx(draws(points)[np.arange(5), rows])
    # draws are around the mean: the outputs at evaluated points are as measured
    at = data.points[:3]
    assert posterior.outputs(at)[0] == pytest.approx(data.outputs.values[:3], abs=0.05)
    assert posterior.draws(at, 3, np.random.default_rng(1)) == pytest.approx(
        np.repeat(data.values[:3, None], 3, axis=1), rel=0.05, abs=0.5
    )
    again, _ = (
        CompositeGP().with_sources(source_data(opt.problem)).train(data, json.loads(json.dumps(memory)))
    )
    assert (again.fit(data).moments(points)[0] == posterior.moments(points)[0]).all()


@pytest.mark.parametrize(
    "problem",
    [level_problem(wavy(POINTS + 0.02)), vector_problem(lambda unit: 2.0 * histogram(unit + 0.02))],
    ids=["level set", "vector outputs"],
)
def test_a_stored_problem_with_sources_proposes_the_same(problem):
    again = Problem.from_json(json.loads(json.dumps(problem.to_json())))
    first, second = searched(problem, 6), searched(again, 6)
    assert [trial.params for trial in first.trials] == [trial.params for trial in second.trials]
    assert "around 1 of 1 earlier studies" in first.explain().reason


SPACE = Space(
    {"a": Real(0, 2), "b": Real(1, 100, log=True), "n": Integer(2, 5), "m": Integer(4, 16, log=True)},
    constraints=["a <= 1.5"],
)


def test_points_beyond_a_range_continue_the_coordinates_of_its_unit_interval():
    inside = [{"a": 0.5, "b": 10.0, "n": 2, "m": 5}, {"a": 1.0, "b": 1.0, "n": 5, "m": 16}]
    beyond = [{"a": 3.0, "b": 1000.0, "n": 7, "m": 17}, {"a": -1.0, "b": 0.1, "n": 0, "m": 1}]
    units = to_unit_beyond(SPACE, inside + beyond)
    assert (units[:2] == SPACE.snap(SPACE.to_unit(inside))).all()
    assert units[2, :3] == pytest.approx([1.5, 1.5, 1.375])
    assert units[3, :3] == pytest.approx([-0.5, -0.5, -0.375])
    assert units[2, 3] > 1.0
    assert units[3, 3] < 0.0


def test_points_beyond_the_range_and_the_constraints_inform_but_are_not_proposed():
    rows = [(0.5, 1.0), (3.9, -9.0), (1.8, -5.0), (1.2, 0.5), (4.1, 0.0)]
    points = [{"a": a, "b": 10.0, "n": 3, "m": 8} for a, _ in rows]
    problem = Problem(SPACE, transfer=[TransferSource(points, [value for _, value in rows], "old")])
    assert problem.refused == (
        "old, row 5: a=4.1 is outside [-2.0, 4.0], the range and one width at each end",
    )
    again = Problem.from_json(json.loads(json.dumps(problem.to_json())))
    ((source,),) = source_data(again)
    assert source.points[:, 0] == pytest.approx([0.25, 1.95, 0.9, 0.6])
    (best,) = best_of_sources(again)
    assert best[0] == pytest.approx(0.6)  # of those that may be evaluated


def test_a_dimension_that_the_source_lacks_has_a_default_that_is_given_and_no_trend_along_it():
    points = [{"x": float(x)} for x in POINTS[:, 0]]
    values = [float(np.sin(7.0 * x)) for x in POINTS[:, 0]]
    with pytest.raises(ProblemError, match=r"y is missing; .*defaults=\{name: value\}"):
        Problem(PLANE, transfer=[TransferSource(points, values)])
    problem = Problem(PLANE, transfer=[TransferSource(points, values, defaults={"y": 0.2})])
    ((source,),) = source_data(problem)
    trained, _ = Transfer(GP(), (source,)).train(training_data(np.sin(7.0 * GRID[:12, 0])), {})
    posterior = trained.fit(training_data(np.sin(7.0 * GRID[:12, 0])))
    assert posterior.trend.means(np.array([[0.4, 0.0]])) == posterior.trend.means(np.array([[0.4, 1.0]]))
    assert posterior.trend.with_gradient(GRID[:3])[1][:, 1] == pytest.approx(0.0)
    with pytest.raises(ProblemError, match="defaults: 'z' is no dimension"):
        Problem(PLANE, transfer=[TransferSource(points, values, defaults={"y": 0.2, "z": 1})])


def test_a_default_of_a_conditional_dimension_counts_where_that_is_there():
    space = {"m": ["a", "b"], "x": Real(0, 1), "z": Real(0, 1, active_when="m == 'b'")}
    points = [{"m": m, "x": x} for m, x in (("a", 0.1), ("b", 0.4))]
    (kept,) = Problem(space, transfer=[TransferSource(points, [1.0, 2.0], defaults={"z": 0.5})]).transfer
    assert [*map(dict, kept.points)] == [{"m": "a", "x": 0.1}, {"m": "b", "x": 0.4, "z": 0.5}]


def test_a_parameter_that_the_space_lacks_is_dropped_only_if_said():
    points = [{**point, "z": k % 3, "w": 1} for k, point in enumerate(as_points(POINTS))]
    values = wavy(POINTS)
    with pytest.raises(ProblemError, match=r"'z' varied there, and this space lacks it; say drop=\['z'\]"):
        Problem(PLANE, transfer=[TransferSource(points, values)])
    problem = Problem(PLANE, transfer=[TransferSource(points, values, drop=["z"])])
    assert problem.transfer[0].points[0].keys() == PLANE.keys()
    with pytest.raises(ProblemError, match="drop='z'"):
        TransferSource(points, values, drop="z")


def test_metrics_of_other_names_and_of_the_opposite_direction_are_mapped(tmp_path):
    old = Optimizer(Problem(PLANE, objectives={"accuracy": "max", "size": "min"}), "sobol", seed=1)
    for trial in old.ask(3):
        old.tell(trial, {"accuracy": 0.5 + trial.params["x"], "size": trial.params["y"]})
    accuracies = np.array([trial.metrics["accuracy"] for trial in old.trials])
    source = TransferSource.of_trials(old.trials, "old", {"loss": "-accuracy", "cost": "size"})
    assert source.values["loss"] == tuple(-accuracies)
    assert Problem(PLANE, objectives={"loss": "min", "cost": "min"}, transfer=[source]).transfer
    assert TransferSource.of_trials(old.trials, "old", "-accuracy").values == tuple(-accuracies)
    (tmp_path / "old.csv").write_text("x,y,acc,b0,b1\n0.1,0.2,0.7,1,2\n0.3,0.4,0.8,3,4\n")
    assert TransferSource.read(tmp_path / "old.csv", {"loss": "-acc"}).values["loss"] == (-0.7, -0.8)
    table = TransferSource.read(tmp_path / "old.csv", outputs=["b0", "b1"])
    loss = ChiSquare(data=np.zeros(2), errors=np.ones(2))
    kept, refused = Problem(PLANE, loss=loss).checked_source(table)
    assert (kept.outputs == [[1.0, 2.0], [3.0, 4.0]]).all()
    assert refused == []


@pytest.mark.parametrize(
    ("problem", "told", "said"),
    [
        (
            vector_problem(),
            {"values": [1.0, 2.0]},
            "no vector outputs, and the problem has a loss on outputs",
        ),
        (
            vector_problem(),
            {"outputs": [[1.0, 2.0], [1.0]]},
            r"rows of \[1, 2\] outputs, .* give 12 in",
        ),
        (vector_problem(), {"outputs": [[1.0, 2.0]]}, "2 points and 1 outputs"),
        (level_problem(), {"outputs": [[1.0, 2.0], [1.0, 2.0]]}, "a level set of value; give 1 in each row"),
        (level_problem(), {"values": {"f": [1.0, 2.0]}}, "values of 'f'"),
    ],
)
def test_sources_that_lack_what_the_problem_measures_are_refused(problem, told, said):
    points = [{"x": 0.1, "y": 0.2}, {"x": 0.3, "y": 0.4}]
    with pytest.raises(ProblemError, match=said):
        problem.checked_source(TransferSource(points, **told))


def test_trials_of_a_level_set_or_a_loss_are_sources_of_their_functions_and_outputs():
    for problem in (level_problem(), vector_problem()):
        old = searched(problem, 4)
        kept, _ = problem.checked_source(TransferSource.of_trials(old.trials))
        assert kept.outputs == pytest.approx(np.array([trial.outputs for trial in old.trials]))
        assert kept.outputs_variance.shape == kept.outputs.shape


@pytest.mark.parametrize("varied", [False, True])
def test_outputs_that_never_vary_are_no_direction(varied):
    constant = np.arange(1.0, 13.0)
    problem = vector_problem(lambda unit: constant)
    opt = Optimizer(problem, seed=1)
    for _ in range(6):
        trial = opt.ask()
        unit = np.array([trial.params["x"], trial.params["y"]])
        opt.tell(trial, outputs=histogram(unit) if varied else constant)
    assert "earlier studies" not in opt.explain().reason
