"""What `smbo export` writes comes back as the trials it was; tables of others by a mapping of columns."""

import gzip
import json
import math
import re

import pytest

from smbo import (
    Categorical,
    Constant,
    Derived,
    Fidelity,
    Integer,
    LevelSet,
    Problem,
    Real,
    Space,
    Study,
    TrialState,
)
from smbo.errors import ProblemError
from smbo.history import table
from smbo.problem.transfer_source import TransferSource

AWKWARD = [
    "1",
    1,
    1.5,
    True,
    "True",
    None,
    "",
    "+b",
    "'+b",
    "=cmd",
    "a,b",
    "a\nb",
    '"q"',
    " pad",
    "x;y",
    (1, "a"),
    "None",
]
SPACE = Space(
    {
        "x": Real(0.0, 1.0),
        "lr": Real(1e-5, 1e-1, log=True),
        "n": Integer(1, 9),
        "c": Categorical(AWKWARD),
        "flag": [True, False],
        "+odd, name": Real(-1.0, 1.0),
        "depth": Integer(1, 4, active_when="flag == True"),
        "fixed": Constant("07"),
    }
)


def point(i):
    flag = i % 2 == 0
    found = {
        "x": 0.1 + 0.2 * (i % 4) + 1e-17,
        "lr": 1e-5 * 3**i if i < 8 else 1e-3 / 3,
        "n": 1 + i % 9,
        "c": AWKWARD[i % len(AWKWARD)],
        "flag": flag,
        "+odd, name": -1.0 / (i + 1),
        "fixed": "07",
    }
    return found | ({"depth": 1 + i % 4} if flag else {})


def written(study, folder, form):
    path = folder / f"all.{form}"
    if form == "parquet":
        pytest.importorskip("pyarrow")
        table.to_parquet(study.problem, study.trials, path)
    else:
        write = table.to_csv if form == "csv" else table.to_json
        path.write_text(write(study.problem, study.trials), newline="")
    return path


def as_told(trial):
    params = {name: (type(value), value) for name, value in trial.params.items()}
    # of a failed evaluation: a metric that is NaN says as much as none
    metrics = {name: value for name, value in trial.metrics.items() if value == value}
    measured = trial.value, trial.sem, trial.cost, trial.feasible, metrics, trial.reason
    return params, str(trial.state), measured


def opened(folder, name, problem, **more):
    return Study.open(f"sqlite:///{folder}/{name}.db", name, problem, "random", seed=1, **more)


FORMS = ["csv", "json", "parquet"]


@pytest.mark.parametrize("form", FORMS)
def test_every_export_comes_back_as_the_trials_it_was(tmp_path, form):
    problem = Problem(SPACE, constraints=["load <= 1"])
    with opened(tmp_path, "a", problem) as first, opened(tmp_path, "b", problem) as second:
        for i in range(2 * len(AWKWARD)):
            first.tell(
                point(i), {"value": 0.1 * i / 3, "load": i / 8}, sem=i / 7 if i % 3 else None, cost=0.1 * i
            )
        first.tell(point(2), status="failed", reason="SIGSEGV, again")
        first.tell(point(3), {"value": math.nan, "load": 0.5})
        first.tell(point(4), status="cancelled")
        first.tell(point(5), 3.5, status="pruned")
        first.ask()
        told = second.import_table(written(first, tmp_path, form))
        assert not told.refused
        assert dict(told.left_out) == {"still running": 1}
        assert told.unused == ()
        assert [as_told(trial) for trial in second.trials] == [as_told(trial) for trial in first.trials[:-1]]
        again = second.import_table(written(first, tmp_path, form))
        assert (again.n_added, again.n_known) == (0, len(first.trials) - 1)


PROBLEMS = {
    "several objectives": Problem({"x": (0.0, 1.0)}, objectives={"seed": "min", "b": "max"}),
    "named objective": Problem({"x": (0.0, 1.0)}, objectives={"state": "max"}),
    "level set": Problem({"x": (0.0, 1.0)}, level_set=LevelSet(0.05, of=["f", "g"])),
    "one level": Problem({"x": (0.0, 1.0)}, level_set=LevelSet(0.05)),
}
RESULTS = {
    "several objectives": lambda x: {"seed": (x, 0.1), "b": -x, "more": 3.0},
    "named objective": lambda x: {"state": x, "more": x * x},
    "level set": lambda x: {"f": x, "g": 1 - x, "more": 2.0},
    "one level": lambda x: x,
}


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("form", ["csv", "json"])
def test_exports_of_every_kind_of_problem_come_back(tmp_path, kind, form):
    problem = PROBLEMS[kind]
    with opened(tmp_path, "a", problem) as first, opened(tmp_path, "b", problem) as second:
        for x in (0.1, 0.3, 0.7):
            first.tell({"x": x}, RESULTS[kind](x))
        first.tell({"x": 0.5}, status="failed", reason="exit 3")
        told = second.import_table(written(first, tmp_path, form))
        assert not told.refused
        assert told.unused == ()
        assert [as_told(trial) for trial in second.trials] == [as_told(trial) for trial in first.trials]


@pytest.mark.parametrize("form", FORMS)
def test_every_export_is_a_source_of_transfer(tmp_path, form):
    with opened(tmp_path, "a", Problem(SPACE)) as first:
        for i in range(2 * len(AWKWARD)):
            first.tell(point(i), {"value": 0.1 * i, "loss": 2.0 * i})
        first.tell(point(2), status="failed")
        path = written(first, tmp_path, form)
        for value, factor in (("value", 0.1), ("loss", 2.0)):
            source, refused = TransferSource.read(path, value).checked(SPACE)
            assert refused == []
            assert [dict(each) for each in source.points] == [point(i) for i in range(2 * len(AWKWARD))]
            assert [type(each["c"]) for each in source.points] == [
                type(each["c"]) for each in map(point, range(34))
            ]
            assert source.values == tuple(factor * i for i in range(2 * len(AWKWARD)))


def test_trials_at_low_fidelities_are_left_out_and_said_to_be(tmp_path):
    problem = Problem({"x": (0.0, 1.0)}, fidelity=Fidelity(1, 9), early_stopping="asha")
    with opened(tmp_path, "a", problem) as first, opened(tmp_path, "b", problem) as second:
        for _ in range(4):
            first.tell(first.ask(), 0.5)
        first.tell({"x": 0.5}, 0.25)
        n_paused = sum(trial.state == "paused" for trial in first.trials)
        told = second.import_table(written(first, tmp_path, "csv"))
        assert told.n_added == 1
        assert dict(told.left_out) == {"evaluated at a low fidelity only": n_paused}


FOREIGN = """\
# made by another program
learning_rate; n ;loss; err; note
0.001; 3; 0.5; 0.1; a
0.01; 4.0; ; ; b
1e-3; 5; nan; ; c
0.5; 3; 0.1; ; beyond
0.001; three; 0.1; ; d
0.001; 3; high; ; e
0.001; 3; 0.5; 0.1; twice
"""


def test_a_table_of_another_program_is_read_with_a_mapping_and_bad_rows_are_named_with_their_line(tmp_path):
    path = tmp_path / "foreign.csv"
    path.write_text("\ufeff" + FOREIGN)
    problem = Problem({"lr": Real(1e-5, 1e-1, log=True), "n": (1, 9)})
    with opened(tmp_path, "a", problem) as study:
        told = study.import_table(path, value="loss", params={"lr": "learning_rate"}, sem="err")
        assert dict(told.states) == {"complete": 2, "failed": 2}
        assert [line.split(":")[0] for line in told.refused] == ["line 6", "line 7", "line 8"]
        assert "lr=0.5" in told.refused[0]
        assert "n='three': a number is needed" in told.refused[1]
        assert "loss='high': a number is needed" in told.refused[2]
        assert told.repeated == ["line 9"]
        assert told.unused == ("note",)
        first = study.trials[0]
        assert (dict(first.params), first.value, first.sem) == ({"lr": 0.001, "n": 3}, 0.5, 0.1)
        assert type(first.params["n"]) is int


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        ("a,b\n1,2\n", {}, "no column is called 'x'; there are a, b; say which holds it, --params x=COLUMN"),
        ("x,b\n1,2\n", {}, "no column is called 'value'.*--value COLUMN"),
        ("x,b\n1,2\n", {"value": "c"}, "no column is called 'c'; there are x, b"),
        ("x,b\n1,2\n", {"params": {"y": "b"}}, "'y' is no parameter of the study; there are x"),
        ("x,x\n1,2\n", {}, "two columns are called 'x'"),
        ("x,value\n1,2,3\n", {}, "line 2: 3 cells, and there are 2 columns"),
        ("", {}, "the file is empty"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_what_is_missing(tmp_path, text, settings, words):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with opened(tmp_path, "a", Problem({"x": (0.0, 1.0)})) as study:
        with pytest.raises(ProblemError, match=words):
            study.import_table(path, **settings)
        assert study.trials == ()


def test_json_lines_are_read_and_what_is_no_table_is_refused(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"x": 0.5, "value": 1.0}\n{"x": 0.25, "value": 2}\n')
    with opened(tmp_path, "a", Problem({"x": (0.0, 1.0)})) as study:
        assert study.import_table(path).n_added == 2
        for text in ("[1, 2]", "{", '{"x": 1}', "[" * 100_000):
            (tmp_path / "bad.json").write_text(text)
            with pytest.raises(ProblemError, match=r"bad\.json"):
                study.import_table(tmp_path / "bad.json")
        with pytest.raises(ProblemError, match="cannot be read"):
            study.import_table(tmp_path / "none.csv")


def test_replicates_with_one_result_are_all_kept(tmp_path):
    problem = Problem({"x": (0.0, 1.0)})
    with opened(tmp_path, "a", problem) as first, opened(tmp_path, "b", problem) as second:
        for _ in range(3):
            first.tell({"x": 0.5}, 1.0)
        second.tell({"x": 0.5}, 1.0)
        told = second.import_table(written(first, tmp_path, "csv"))
        assert (told.n_added, told.n_known) == (2, 1)


def test_exported_json_holds_values_with_their_types(tmp_path):
    with opened(tmp_path, "a", Problem(SPACE)) as study:
        for i in range(len(AWKWARD)):
            study.tell(point(i), 1.0)
        rows = json.loads(table.to_json(study.problem, study.trials))
    assert [row["params.c"] for row in rows] == [[1, "a"] if each == (1, "a") else each for each in AWKWARD]


MIXTURE = {"a": (0.0, 1.0), "n": (1, 5), "rest": Derived("1 - a", low=0), "double": Derived("2 * n")}


@pytest.mark.parametrize("form", FORMS)
def test_an_export_with_derived_dimensions_comes_back_and_is_a_source_of_transfer(tmp_path, form):
    problem = Problem(MIXTURE)
    with opened(tmp_path, "a", problem) as first, opened(tmp_path, "b", problem) as second:
        for i in range(4):
            first.tell({"a": i / 7, "n": 1 + i}, float(i))
        path = written(first, tmp_path, form)
        assert second.import_table(path).refused == []
        assert [as_told(trial) for trial in second.trials] == [as_told(trial) for trial in first.trials]
        source, refused = TransferSource.read(path).checked(problem.space)
        assert (len(source.values), refused) == (4, [])


def test_a_table_needs_no_column_of_a_derived_dimension_and_one_that_contradicts_is_refused(tmp_path):
    with opened(tmp_path, "a", Problem(MIXTURE)) as study:
        (tmp_path / "t.csv").write_text("a,n,value\n0.25,2,1\n")
        assert study.import_table(tmp_path / "t.csv").n_added == 1
        assert dict(study.trials[0].params) == {"a": 0.25, "n": 2, "rest": 0.75, "double": 4}
        (tmp_path / "u.csv").write_text("a,n,rest,value\n0.5,2,0.6,1\n")
        assert "rest=0.6 contradicts" in study.import_table(tmp_path / "u.csv").refused[0]


OF_SPREADSHEETS = {
    "semicolons, decimal commas": "\ufeffx;flag;value\r\n0,5;TRUE;1,25\r\n;;\r\n1;FALSE;2\r\n".encode(),
    "the separator in a line": b"sep=;\r\nx;flag;value\r\n0,5;TRUE;1,25\r\n1;FALSE;2,000\r\n",
    "text in Unicode": "x\tflag\tvalue\r\n0,5\tTRUE\t1,25\r\n1\tFALSE\t2,0\r\n".encode("utf-16"),
    "gzipped": gzip.compress(b"x,flag,value\n0.5,True,1.25\n1,False,2\n"),
}


@pytest.mark.parametrize("kind", OF_SPREADSHEETS)
def test_tables_are_read_as_spreadsheets_write_them(tmp_path, kind):
    path = tmp_path / ("t.csv.gz" if kind == "gzipped" else "t.csv")
    path.write_bytes(OF_SPREADSHEETS[kind])
    with opened(tmp_path, "a", Problem({"x": (0.0, 1.0), "flag": [True, False]})) as study:
        assert study.import_table(path).refused == []
        found = [(dict(trial.params), trial.value) for trial in study.trials]
        assert found == [({"x": 0.5, "flag": True}, 1.25), ({"x": 1.0, "flag": False}, 2.0)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x;value\n0,5;1.250,75\n", r"value='1\.250,75': a number is needed"),
        (b"x\tvalue\n0,5\t1,250\n", "value='1,250': a number is needed"),  # or thousands
        (b"x,value\n0.5,1_000\n", "value='1_000': a number is needed"),
    ],
)
def test_numbers_that_could_be_two_are_refused(tmp_path, content, words):
    (tmp_path / "t.csv").write_bytes(content)
    with opened(tmp_path, "a", Problem({"x": (0.0, 1.0)})) as study:
        (refused,) = study.import_table(tmp_path / "t.csv").refused
        assert re.search(words, refused)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.xlsx", b"PK\x03\x04\x14", "save the sheet as CSV"),
        ("t.csv", "x,value,Größe\n0.5,1,2\n".encode("cp1252"), r"save it as CSV \(UTF-8\)"),
        ("t.csv.gz", b"\x1f\x8b\x08\x00", "cannot be read"),
        ("t.json", b'{"x": {"0": 0.5}, "value": {"0": 1.0}}', "orient='records'"),
    ],
)
def test_files_that_are_no_text_of_a_table_say_how_to_save_them(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with opened(tmp_path, "a", Problem({"x": (0.0, 1.0)})) as study, pytest.raises(ProblemError, match=words):
        study.import_table(tmp_path / name)


OF_OPTUNA = """,number,value,datetime_start,duration,params_c,params_x,user_attrs_load,state
0,0,0.41,2026-01-01 10:00:00,0 days 00:00:01,b,0.41,0.5,COMPLETE
1,1,0.14,2026-01-01 10:00:00,0 days 00:00:01,a,0.14,,PRUNED
2,2,,2026-01-01 10:00:00,0 days 00:00:01,a,0.19,,FAIL
3,3,0.34,2026-01-01 10:00:00,0 days 00:00:01,a,0.34,2.0,COMPLETE
4,4,,2026-01-01 10:00:00,,,,,RUNNING
"""


def test_a_table_of_optunas_trials_is_taken_with_its_states_and_metrics(tmp_path):
    """Pruned trials were taken for complete ones."""
    path = tmp_path / "optuna.csv"
    path.write_text(OF_OPTUNA)
    problem = Problem({"x": (0.0, 1.0), "c": ["a", "b"]}, constraints=["load <= 1"])
    with opened(tmp_path, "a", problem) as study:
        told = study.import_table(path)
        assert (told.refused, dict(told.left_out)) == ([], {"still running": 1})
        assert [str(trial.state) for trial in study.trials] == ["complete", "pruned", "failed", "complete"]
        assert [trial.feasible for trial in study.trials if trial.state is TrialState.COMPLETE] == [
            True,
            False,
        ]
    source, refused = TransferSource.read(path).checked(problem.space)
    assert ([*source.values], refused) == ([0.41, 0.34], [])


def test_one_object_is_a_table_where_each_line_holds_one(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"x": 0.5, "value": 1.0}\n')
    with opened(tmp_path, "a", Problem({"x": (0.0, 1.0)})) as study:
        assert study.import_table(path).n_added == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"params": ["x"]}, "give the column by parameter"),
        ({"metrics": "load"}, r"give a list of columns, \['load'\]"),
        ({"params": {"x": "value"}}, "'value' is a parameter's column; say which holds the value"),
    ],
)
def test_columns_given_in_another_form_are_refused(tmp_path, settings, words):
    """A text was read letter by letter, and one column could be the parameter and the value."""
    (tmp_path / "t.csv").write_text("x,value,load\n0.5,1,2\n")
    with opened(tmp_path, "a", Problem({"x": (0.0, 1.0)})) as study, pytest.raises(ProblemError, match=words):
        study.import_table(tmp_path / "t.csv", **settings)


LOOK_ALIKE = {
    "None beside texts": [None, "None", "null", ""],
    "JSON of one is another": [1, "1", '"1"'],
    "numbers that JSON lacks": [0.1, math.inf, -math.inf, "inf"],
    "carriage returns": ["a\rb", "a\r\nb", "a\nb"],
}


@pytest.mark.parametrize("kind", LOOK_ALIKE)
@pytest.mark.parametrize("form", ["csv", "json"])
def test_choices_that_look_alike_come_back_as_what_they_were(tmp_path, kind, form):
    problem = Problem({"c": Categorical(LOOK_ALIKE[kind])})
    with opened(tmp_path, "a", problem) as first, opened(tmp_path, "b", problem) as second:
        for number, choice in enumerate(LOOK_ALIKE[kind]):
            first.tell({"c": choice}, float(number))
        assert second.import_table(written(first, tmp_path, form)).refused == []
        assert [as_told(trial) for trial in second.trials] == [as_told(trial) for trial in first.trials]


def test_the_reason_of_a_failure_may_hold_carriage_returns(tmp_path):
    problem = Problem({"x": (0.0, 1.0)})
    with opened(tmp_path, "a", problem) as first, opened(tmp_path, "b", problem) as second:
        first.tell({"x": 0.25}, status="failed", reason="10 %\r20 %\rkilled")
        first.tell({"x": 0.5}, 1.0)
        assert second.import_table(written(first, tmp_path, "csv")).refused == []
        assert [as_told(trial) for trial in second.trials] == [as_told(trial) for trial in first.trials]
