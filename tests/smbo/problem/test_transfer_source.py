"""Warm starts from earlier studies: what is taken from them, and when they are believed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from smbo import Categorical, Fidelity, Integer, Optimizer, Problem, Real, Space, TransferSource
from smbo.errors import ProblemError, RecipeError
from smbo.history.encode import encode
from smbo.history.table import to_csv
from smbo.surrogates.gp.gp import GP
from smbo.surrogates.transfer import SourceData, Transfer
from smbo.training_data import Axis, TrainingData

SPACE = {"x": Real(0, 1), "y": Real(0, 1)}


def valley(x: float, y: float) -> float:
    return float(3.0 * (x - 0.3) ** 2 + (y - 0.6) ** 2 - 0.2 * np.cos(7.0 * x + 2.0 * y))


def alike(x: float, y: float) -> float:
    return 5.0 * valley(x + 0.02, y - 0.03) - 40.0


def other(x: float, y: float) -> float:
    return float(np.sin(9.0 * y) + np.cos(4.0 * x * y))


def earlier(function, n: int = 50, name: str = "old") -> TransferSource:
    points = [{"x": float(x), "y": float(y)} for x, y in np.random.default_rng(5).random((n, 2))]
    return TransferSource(points, [function(**point) for point in points], name)


def best_after(n: int, *studies: TransferSource, seed: int) -> float:
    opt = Optimizer(Problem(SPACE, transfer=studies), seed=seed)
    for _ in range(n):
        trial = opt.ask()
        opt.tell(trial, valley(**trial.params))
    assert opt.best is not None
    return float(opt.best.value or 0.0)


LOWEST = min(valley(x, y) for x in np.linspace(0, 1, 201) for y in np.linspace(0, 1, 201))


def test_a_related_study_saves_half_of_the_evaluations_and_another_costs_little():
    seeds = range(3)
    plain = np.mean([best_after(16, seed=seed) for seed in seeds]) - LOWEST
    related = np.mean([best_after(8, earlier(alike), seed=seed) for seed in seeds]) - LOWEST
    unrelated = np.mean([best_after(18, earlier(other), seed=seed) for seed in seeds]) - LOWEST
    assert related <= max(plain, 2e-3)
    assert unrelated <= max(plain, 2e-3)


def training_data_of(function, n: int) -> TrainingData:
    points = np.random.default_rng(11).random((n, 2))
    unknown = np.full(n, np.nan)
    return TrainingData(
        axes=(Axis("x", "continuous"), Axis("y", "continuous")),
        numbers=np.arange(n),
        points=points,
        values=np.array([function(*point) for point in points]),
        variances=unknown,
        feasible=np.ones(n, dtype=bool),
        failed=points[:0],
        pending=points[:0],
    )


def arrays(study: TransferSource) -> SourceData:
    return SourceData(np.array([[p["x"], p["y"]] for p in study.points]), np.array(study.values))


def test_a_study_is_weighed_by_whether_it_predicts_what_is_found_here():
    both = (arrays(earlier(other)), arrays(earlier(alike)))
    trained, _ = Transfer(GP(), both).train(training_data_of(valley, 12), {})
    assert trained.weights is not None
    assert trained.weights[1] > 0.5
    assert abs(trained.weights[0]) < 0.2


def test_a_study_is_believed_until_a_handful_of_values_speak_against_it():
    def is_believed(study, n):
        return Transfer(GP(), (arrays(earlier(study)),)).train(training_data_of(valley, n), {})[0].is_in_use

    assert all(is_believed(alike, n) for n in (3, 4, 5, 8))
    assert is_believed(other, 4)  # four values do not tell
    assert not is_believed(other, 8)
    upside_down = training_data_of(lambda x, y: -alike(x, y), 4)
    assert not Transfer(GP(), (arrays(earlier(alike)),)).train(upside_down, {})[0].is_in_use


def test_the_model_takes_over_after_three_points():
    opt = Optimizer(Problem(SPACE, transfer=[earlier(alike)]), seed=1)
    values = []
    for _ in range(5):
        trial = opt.ask()
        values.append(valley(**trial.params))
        opt.tell(trial, values[-1])
    assert max(values[3:]) - LOWEST < 0.015  # a design's points are nowhere near


def test_without_a_related_study_the_posterior_is_that_of_the_process_alone():
    data = training_data_of(valley, 12)
    trained, _ = Transfer(GP(), (arrays(earlier(other)),)).train(data, {})
    plain, _ = GP().train(data, {})
    points = np.random.default_rng(2).random((7, 2))
    assert not trained.is_in_use
    for mine, theirs in zip(trained.fit(data).moments(points), plain.fit(data).moments(points)):
        assert (mine == theirs).all()


def test_a_trended_posterior_predicts_better_and_has_slopes_of_finite_differences():
    data = training_data_of(valley, 8)
    trained, _ = Transfer(GP(), (arrays(earlier(alike)),)).train(data, {})
    posterior = trained.fit(data)
    points = np.random.default_rng(2).random((40, 2))
    truth = np.array([valley(*point) for point in points])
    plain = GP().fit(data).moments(points)[0]
    assert np.abs(posterior.moments(points)[0] - truth).mean() < 0.5 * np.abs(plain - truth).mean()
    _, std, mean_slope, std_slope = posterior.moments_and_gradients(points)
    for column in range(2):
        step = np.zeros(2)
        step[column] = 1e-6
        up, down = posterior.moments(points + step), posterior.moments(points - step)
        assert mean_slope[:, column] == pytest.approx((up[0] - down[0]) / 2e-6, rel=1e-3, abs=1e-4)
        assert std_slope[:, column] == pytest.approx((up[1] - down[1]) / 2e-6, rel=1e-3, abs=1e-4)
    told = posterior.condition_on(points[:1], truth[:1])
    assert told.moments(points[:1])[1][0] < 0.2 * std[0] + 1e-3
    before, after = posterior.latent, posterior.fantasize(points[:1]).latent
    assert after.moments(points)[0] == pytest.approx(before.moments(points)[0])


def test_what_was_learned_comes_back_from_memory_bit_for_bit():
    data = training_data_of(valley, 9)
    transfer = Transfer(GP(), (arrays(earlier(alike)),))
    trained, memory = transfer.train(data, {})
    again, _ = transfer.train(data, json.loads(json.dumps(memory)))
    points = np.random.default_rng(2).random((7, 2))
    assert (trained.fit(data).moments(points)[0] == again.fit(data).moments(points)[0]).all()


def test_a_stored_problem_proposes_the_same():
    def points_of(problem: Problem) -> list[dict[str, float]]:
        opt = Optimizer(problem, seed=4)
        for _ in range(9):
            trial = opt.ask()
            opt.tell(trial, (valley(**trial.params), 0.01))  # with noise, where draws need a bare process
        return [dict(trial.params) for trial in opt.trials]

    problem = Problem(SPACE, transfer=[earlier(alike)])
    again = Problem.from_json(json.loads(json.dumps(problem.to_json())))
    assert points_of(problem) == points_of(again)


def test_the_first_point_is_the_best_of_the_earlier_study_also_where_higher_is_better():
    study = earlier(lambda x, y: x + y)
    opt = Optimizer(Problem(SPACE, maximize=True, transfer=[study]), seed=1)
    best = study.points[int(np.argmax(study.values))]
    assert dict(opt.ask().params) == pytest.approx(best)
    assert encode(opt.problem, opt.trials).pending.shape == (1, 2)


def test_rows_that_do_not_fit_are_refused_one_by_one_and_said(tmp_path):
    path = tmp_path / "old.csv"
    path.write_text(
        "x, n, kind, chi2, note\n0.5, 3, a, 1.5, fine\n0.7, 4.0, 2, 2.5, fine\n2.5, 3, a, 1, far\n"
        "0.5, 3.5, a, 1, between\n0.5, 3, c, 1, unknown\n0.5, 3, a, nan, none\n"
        ", 3, a, 1, lacks\nq, 3, a, 1, text\n"
    )
    space = Space({"x": Real(0, 1), "n": Integer(1, 9), "kind": Categorical(["a", 2])})
    problem = Problem(space, transfer=[TransferSource.read(path, value="chi2")])
    (kept,) = problem.transfer
    assert [tuple(point.values()) for point in kept.points] == [(0.5, 3, "a"), (0.7, 4, 2)]
    assert kept.values == (1.5, 2.5)
    said = [text.partition(": ")[0] for text in problem.refused]
    assert said == [f"old.csv, row {row}" for row in range(3, 9)]
    assert "x=2.5 is outside [-1.0, 2.0], the range and one width at each end" in problem.refused[0]
    assert "the value nan is not finite" in problem.refused[3]


def test_a_table_without_the_column_or_without_rows_that_fit_is_refused(tmp_path):
    path = tmp_path / "old.csv"
    path.write_text("x,y\n5,1\n6,2\n")
    with pytest.raises(ProblemError, match="no column is called 'value'; there are x, y"):
        TransferSource.read(path)
    with pytest.raises(ProblemError, match=r"0 of 2 rows fit the space.*x=5.0 is outside"):
        Problem({"x": Real(0, 1)}, transfer=[TransferSource.read(path, value="y")])
    with pytest.raises(ProblemError, match="cannot be read"):
        TransferSource.read(tmp_path / "none.csv")


def test_trials_of_another_study_are_an_earlier_one():
    old = Optimizer(SPACE, "sobol", seed=1)
    for trial in old.ask(6):
        old.tell(trial, valley(**trial.params))
    old.ask()
    assert len(TransferSource.of_trials(old.trials).points) == 6


def test_recipes_that_cannot_use_earlier_studies_say_so():
    for recipe in ("sobol", "random"):
        with pytest.raises(RecipeError, match=f"needs a model of the values, and recipe '{recipe}' has none"):
            Optimizer(Problem(SPACE, transfer=[earlier(alike)]), recipe, seed=1)


def test_earlier_studies_and_outcome_constraints_go_together():
    opt = Optimizer(
        Problem(SPACE, objectives={"f": "min"}, constraints=["c >= 0.2"], transfer=[earlier(alike)])
    )
    for _ in range(8):
        trial = opt.ask()
        x, y = trial.params.values()
        opt.tell(trial, {"f": valley(x, y), "c": x * y})
    assert opt._memory["surrogate"]["weights"][0] > 0.0
    assert opt.best is not None


def bowl(x: float, y: float) -> float:
    return (x - 0.3) ** 2 + 3.0 * (y - 0.6) ** 2 + x * y


@pytest.mark.parametrize("stopping", ["asha", "model"])
def test_earlier_studies_shorten_a_search_at_several_fidelities(stopping):
    def best(seed: int, *studies: TransferSource) -> float:
        problem = Problem(SPACE, transfer=studies, fidelity=Fidelity(1, 9), early_stopping=stopping)
        opt, spent = Optimizer(problem, seed=seed), 0
        while spent < 18 or opt.best is None:  # as much as two evaluations in full
            trial = opt.ask() if spent < 18 else opt.promote()
            spent += trial.fidelity - max((rung.fidelity for rung in trial.rungs), default=0)
            opt.tell(trial, bowl(**trial.params) + 0.3 * trial.params["x"] * (1.0 - trial.fidelity / 9))
        assert all(weight > 0.0 for weight in opt._memory["surrogate"].get("weights", ()))
        assert opt.explain().surrogate == ("Transfer" if studies else "MultiFidelityGP")
        return float(opt.best.value) - min(bowl(x / 200, y / 200) for x in range(201) for y in range(201))

    shifted = earlier(lambda x, y: 5.0 * bowl(x + 0.02, y - 0.03) - 40.0)
    seeds = (1, 2, 3, 4)
    assert np.mean([best(seed, shifted) for seed in seeds]) < 0.7 * np.mean([best(seed) for seed in seeds])


TWO = {"cost": "min", "gain": "max"}


def values_of_two(points, shift: float = 0.0) -> dict[str, list[float]]:
    costs = [bowl(point["x"] + shift, point["y"]) for point in points]
    return {"cost": costs, "gain": [cost + 2.0 * point["x"] for cost, point in zip(costs, points)]}


def test_each_of_several_objectives_has_its_own_values_of_earlier_studies():
    points = earlier(alike).points
    told = values_of_two(points, 0.02)
    told["cost"] = [2.0 * each + 7.0 for each in told["cost"]]  # in other units
    source = TransferSource(points, told)
    volumes = {}
    for name, transfer in {"with": [source], "without": []}.items():
        problem = Problem(SPACE, objectives=TWO, transfer=transfer, reference={"cost": 1.0, "gain": 0.0})
        opt = Optimizer(Problem.from_json(problem.to_json()), seed=1)
        for _ in range(7):
            trial = opt.ask()
            columns = values_of_two([trial.params])
            opt.tell(trial, {name: column[0] for name, column in columns.items()})
        volumes[name] = opt.pareto().hypervolume
        if transfer:
            weights = [each["weights"] for each in opt._memory["surrogate"]["objectives"]]
            assert all(weight > 0.0 for (weight,) in weights)
            assert "around 1 of 1 earlier studies" in opt.explain().reason
    assert volumes["with"] > volumes["without"]


@pytest.mark.parametrize(
    ("objectives", "values", "said"),
    [
        (TWO, [1.0, 2.0], r"old: values without names.*give \{'cost': \[…\], 'gain': \[…\]\}"),
        (TWO, {"cost": [1.0, 2.0]}, "values of 'cost', and the problem has several objectives"),
        (None, {"cost": [1.0, 2.0]}, "the problem has one objective; give a list of values"),
        (TWO, {"cost": [1.0, 2.0], "gain": [1.0]}, "2 points and 1 values"),
    ],
)
def test_values_that_are_not_those_of_the_objectives_are_refused(objectives, values, said):
    points = [{"x": 0.1, "y": 0.2}, {"x": 0.3, "y": 0.4}]
    with pytest.raises(ProblemError, match=said):
        Problem(SPACE, objectives=objectives, transfer=[TransferSource(points, values, "old")])


def test_several_objectives_are_read_from_trials_and_tables_by_their_names(tmp_path):
    opt = Optimizer(Problem(SPACE, objectives=TWO), "random", seed=1)
    for _ in range(3):
        trial = opt.ask()
        opt.tell(trial, {name: column[0] for name, column in values_of_two([trial.params]).items()})
    (tmp_path / "old.csv").write_text(to_csv(opt.problem, opt.trials))
    for source in (
        TransferSource.of_trials(opt.trials, "old", [*TWO]),
        TransferSource.read(tmp_path / "old.csv", [*TWO]),
    ):
        kept, refused = source.checked(Space(SPACE), [*TWO])
        assert refused == []
        assert kept.values["gain"] == pytest.approx([trial.metrics["gain"] for trial in opt.trials])


def test_a_parquet_file_is_read_as_a_table_is(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="the extra 'parquet' is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "x": [0.1, 0.2, 2.5, 0.4],
        "n": [1, 2, 3, None],
        "m": ["a", "b", "a", "a"],
        "v": [1.0, 2.0, 3.0, 4.0],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "old.parquet")
    space = Space({"x": Real(0, 1), "n": Integer(1, 4), "m": Categorical(["a", "b"])})
    kept, refused = TransferSource.read(tmp_path / "old.parquet", value="v").checked(space)
    assert kept.points == ({"x": 0.1, "n": 1, "m": "a"}, {"x": 0.2, "n": 2, "m": "b"})
    assert list(kept.values) == [1.0, 2.0]
    assert refused == [
        "old.parquet, row 3: x=2.5 is outside [-1.0, 2.0], the range and one width at each end",
        "old.parquet, row 4: n is missing; give a value for it, or the one that it had in "
        "defaults={name: value}",
    ]
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(ProblemError, match=r"bad\.parquet: cannot be read"):
        TransferSource.read(tmp_path / "bad.parquet")
