from __future__ import annotations

import csv
import io
import json

import pytest

from smbo.history.table import columns, rows, to_csv, to_json, to_pandas
from smbo.optimizer import Optimizer
from smbo.problem import Problem
from smbo.space import Space
from smbo.study import Study
from smbo.trial import Trial, TrialState


@pytest.fixture
def problem() -> Problem:
    return Problem(Space({"x": (0.0, 1.0), "kind": ["a", "=1+1"]}), objectives={"loss": "min"})


@pytest.fixture
def trials() -> list[Trial]:
    return [
        Trial(2, {"x": 0.5, "kind": "a"}, 12, TrialState.FAILED, reason="=cmd|' /C calc'!A0"),
        Trial(0, {"x": 0.25, "kind": "=1+1"}, 10, TrialState.COMPLETE, value=1.5, metrics={"n": 3.0}),
        Trial(1, {"x": 0.75, "kind": "a"}, 11, TrialState.RUNNING),
    ]


def test_columns_are_of_equal_length_and_ordered_by_number(problem, trials):
    table = columns(problem, trials)
    assert table["number"] == [0, 1, 2]
    assert table["params.x"] == [0.25, 0.75, 0.5]
    assert table["loss"] == [1.5, None, None]
    assert table["metrics.n"] == [3.0, None, None]
    assert {len(column) for column in table.values()} == {3}


def test_rows_hold_the_same_cells_as_columns(problem, trials):
    table = columns(problem, trials)
    assert rows(problem, trials) == [{name: table[name][k] for name in table} for k in range(3)]


def test_an_objective_named_like_a_column_does_not_hide_it(trials):
    problem = Problem(Space({"x": (0.0, 1.0)}), objectives={"seed": "min"})
    table = columns(problem, trials)
    assert table["seed"] == [10, 11, 12]
    assert table["value.seed"] == [1.5, None, None]


def test_csv_gives_the_cells_back_with_empty_for_unknown(problem, trials):
    read = list(csv.DictReader(io.StringIO(to_csv(problem, trials))))
    assert [row["loss"] for row in read] == ["1.5", "", ""]
    assert [float(row["params.x"]) for row in read] == [0.25, 0.75, 0.5]


def test_csv_holds_no_text_that_a_spreadsheet_takes_for_a_formula(problem, trials):
    cells = [cell for row in csv.reader(io.StringIO(to_csv(problem, trials))) for cell in row]
    assert "'=1+1" in cells
    assert not [cell for cell in cells if cell[:1] in ("=", "@")]


def test_json_is_strict_and_holds_null_for_unknown_and_non_finite(problem, trials):
    trials.append(Trial(3, {"x": 0.5, "kind": "a"}, 13, TrialState.COMPLETE, value=1.0, sem=float("nan")))
    read = json.loads(to_json(problem, trials), parse_constant=lambda text: pytest.fail(text))
    assert read[0]["loss"] == 1.5
    assert read[1]["loss"] is None
    assert read[3]["sem"] is None


def test_pandas_gets_the_number_as_index(problem, trials):
    frame = to_pandas(problem, trials)
    assert list(frame.index) == [0, 1, 2]
    assert frame.loc[0, "loss"] == 1.5


def test_a_log_without_trials_is_a_table_without_rows(problem):
    assert rows(problem, []) == []
    assert to_csv(problem, []).count("\n") == 1
    assert json.loads(to_json(problem, [])) == []


def test_optimizer_and_study_give_the_same_table(tmp_path):
    optimizer = Optimizer({"x": (0.0, 1.0)}, seed=1)
    with Study.open(f"sqlite:///{tmp_path}/s.db", "s", {"x": (0.0, 1.0)}, seed=1) as study:
        for face in (optimizer, study):
            for value in (1.0, 0.5):
                face.tell(face.ask(), value, sem=0.1)
            face.ask()
        assert optimizer.table() == study.table() == columns(study.problem, study.trials)
        assert study.table()["state"] == ["complete", "complete", "running"]
        assert optimizer.to_pandas()["value"].tolist()[:2] == [1.0, 0.5]
        assert study.to_pandas().index.tolist() == [0, 1, 2]
