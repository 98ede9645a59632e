"""Numbers of numpy, torch and Python get the same verdict, wherever a number is told."""

import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from smbo import (
    Asha,
    Budget,
    Categorical,
    ChiSquare,
    Fidelity,
    LevelSet,
    MedianStopping,
    Normal,
    Optimizer,
    Outcome,
    Problem,
    ProblemError,
    Recipe,
    RecipeError,
    Replication,
    SpaceError,
    StoreError,
    Study,
    TellError,
    Termination,
)
from smbo.plain_values import as_flag, as_number, as_numbers, as_whole_number, plain, shown

NUMBERS = {
    "an int": 3,
    "an int of numpy": np.int64(3),
    "a float of numpy": np.float32(3),
    "a long double": np.longdouble(3),
    "a 0-d array": np.array(3.0),
    "an array of one": np.array([3.0]),
    "an array of one whole number": np.array([[3]]),
    "a decimal": Decimal(3),
    "a fraction": Fraction(6, 2),
}

NO_NUMBERS = {
    "True": True,
    "True of numpy": np.True_,
    "an array of True": np.array(True),
    "one True in an array": np.array([True]),
    "a complex number": 1 + 3j,
    "a complex number of numpy": np.complex128(1 + 3j),
    "a complex number without an imaginary part": np.complex64(1),
    "a complex array": np.array([1 + 3j]),
    "a text": "3",
    "a text of numpy": np.str_("3"),
    "an array of text": np.array("3"),
    "bytes": b"3",
    "a date": np.datetime64("2020-01-01"),
    "a time": np.timedelta64(3, "s"),
    "a list": [3.0],
    "two numbers": np.array([3.0, 4.0]),
    "no number": np.array([]),
    "a set": {3.0},
    "an object": object(),
    "an array of nothing": np.array(None),
    "an int beyond doubles": 10**400,
    "an int of very many digits": 10**5000,
    "a signalling NaN": Decimal("sNaN"),
}


@pytest.fixture
def optimizer():
    return Optimizer({"x": (0.0, 1.0)}, seed=1)


@pytest.mark.parametrize("case", NUMBERS)
def test_a_number_of_any_library_is_told_as_pythons_own(case, optimizer):
    number = NUMBERS[case]
    told = optimizer.tell({"x": 0.5}, number, sem=number, cost=number)
    assert (told.value, told.sem, told.cost) == (3.0, 3.0, 3.0)
    assert {type(each) for each in (told.value, told.sem, told.cost)} == {float}
    assert optimizer.tell({"x": 0.6}, (number, number)).sem == 3.0
    several = Optimizer(Problem({"x": (0.0, 1.0)}, objectives={"loss": "min"}))
    assert several.tell({"x": 0.5}, {"loss": (number, number), "other": number}).metrics["other"] == 3.0
    trial = optimizer.ask()
    optimizer.report(trial, number, number)
    assert optimizer.log[-1].value == 3.0


@pytest.mark.parametrize("case", NO_NUMBERS)
def test_what_python_refuses_as_a_number_is_refused_of_numpy_too(case, optimizer):
    given = NO_NUMBERS[case]
    n_known = len(optimizer.log)
    for told in (
        {"result": given},
        {"result": (given, 1.0)},
        {"result": (1.0, given)},
        {"result": 1.0, "sem": given},
        {"result": 1.0, "cost": given},
        {"result": {"value": given}},
        {"result": {"value": 1.0, "other": given}},
        {"result": Outcome(value=given)},
        {"result": Outcome(value=1.0, metrics={"other": given})},
    ):
        with pytest.raises(TellError, match=r"number|tuple|pair"):
            optimizer.tell({"x": 0.5}, **told)
    with pytest.raises(TellError, match="number"):
        optimizer.report(optimizer.ask(), 1, given)
    assert len(optimizer.log) == n_known + 1  # nothing of it was recorded


def test_a_masked_number_is_no_measurement(optimizer):
    assert optimizer.tell({"x": 0.5}, np.ma.masked).reason == "non-finite"
    assert optimizer.tell({"x": 0.5}, np.ma.array([1.0], mask=[True])).reason == "non-finite"
    assert optimizer.tell({"x": 0.5}, np.ma.array([1.0], mask=[False])).value == 1.0


@pytest.mark.torch
def test_a_number_of_torch_is_told_with_its_gradient(optimizer):
    import torch

    assert optimizer.tell({"x": 0.5}, torch.tensor(0.5, requires_grad=True)).value == 0.5
    assert optimizer.tell({"x": 0.5}, torch.tensor([0.25])).value == 0.25
    assert optimizer.tell({"x": torch.tensor(0.5)}, 1.0).params == {"x": 0.5}
    for refused in (torch.tensor(True), torch.tensor(1j), torch.tensor([1.0, 2.0])):
        with pytest.raises(TellError, match="number"):
            optimizer.tell({"x": 0.5}, refused)


@pytest.mark.parametrize(
    "outputs",
    [["1", "2"], [True, False], np.array([True, False]), [1 + 1j, 2], [None, 1.0], [[1.0], [1.0, 2.0]],
     np.array(["2020-01-01"], dtype="datetime64[D]"), [Decimal(1), "2"]],
    ids=repr,
)  # fmt: skip
def test_outputs_that_are_no_numbers_are_refused(outputs):
    problem = Problem({"x": (0.0, 1.0)}, loss=ChiSquare([1.0, 2.0], [0.1, 0.1]))
    optimizer = Optimizer(problem, seed=1)
    for told in ({"outputs": outputs}, {"outputs": [1.0, 2.0], "covariance": outputs}):
        with pytest.raises(TellError, match=r"number|shape"):
            optimizer.tell({"x": 0.5}, **told)
    with pytest.raises(TellError, match=r"number|shape"):
        optimizer.tell({"x": 0.5}, Outcome(outputs=outputs))


def test_variances_of_outputs_may_be_a_tuple():
    assert Outcome.of_outputs((1.0, 2.0), (0.1, 0.2)).outputs_variance.tolist() == [0.1, 0.2]
    assert Outcome.of_outputs((1, 2, 3), (0.1, 0.2, 0.3)).outputs_variance.tolist() == [0.1, 0.2, 0.3]


def test_reports_of_no_number_are_refused_by_a_study(tmp_path):
    with Study.open(f"sqlite:///{tmp_path}/runs.db", "s", {"x": (0.0, 1.0)}, seed=1) as study:
        trial = study.ask()
        study.report(trial, np.int64(1), np.array([0.5]))
        for step, value in ((1, np.True_), (np.complex128(1), 1.0), (2, "3"), (2, None), (math.nan, 1.0)):
            with pytest.raises(TellError, match="number"):
                study.report(trial, step, value)
        assert study.tell(np.int64(trial.number), np.float32(0.5)).value == 0.5


def test_an_objective_that_returns_true_of_numpy_fails_as_with_pythons(tmp_path):
    for name, returned in (("python", True), ("numpy", np.True_)):
        with Study.open(f"sqlite:///{tmp_path}/runs.db", name, {"x": (0.0, 1.0)}, seed=1) as study:
            study.run(lambda params, returned=returned: returned, n_trials=1)
            assert [trial.state.value for trial in study.trials] == ["failed"]


def test_flags_and_whole_numbers_of_numpy_are_pythons():
    assert as_flag(np.True_) is True
    assert [as_flag(each) for each in (1, "True", None, np.int64(1), [True])] == [None] * 5
    assert as_whole_number(np.int32(3)) == 3
    assert [as_whole_number(each) for each in (True, 3.0, "3", np.bool_(1), None)] == [None] * 5


def test_a_plain_value_is_itself():
    for value in (None, True, 3, 0.5, "a", (1, 2), [np.int64(1)], np.datetime64("2020"), np.arange(2)):
        assert plain(value) is value


def test_a_value_is_shown_briefly():
    assert shown(10**5000) == "a int of very many digits"
    assert len(shown("x" * 10**6)) == 81


def test_arrays_of_numbers_are_copies():
    given = np.arange(3.0)
    found = as_numbers(given)
    given[0] = 9.0
    assert found.tolist() == [0.0, 1.0, 2.0]
    assert as_numbers([Decimal("0.5"), Fraction(1, 4)]).tolist() == [0.5, 0.25]
    assert math.isnan(as_numbers(np.ma.array([1.0, 2.0], mask=[True, False]))[0])
    assert math.isnan(as_number(math.nan))


SETTINGS = {
    "a fidelity": (lambda of: Fidelity(of(1), of(9), averages=of(True)), ProblemError),
    "a fidelity that is whole": (lambda of: Fidelity(1, 9, integer=of(True)), ProblemError),
    "the ratio of rungs": (lambda of: Asha(of(3)), ProblemError),
    "median stopping": (lambda of: MedianStopping(of(3), of(2)), ProblemError),
    "a plateau": (lambda of: Termination(plateau=of(20), gain=of(1)), ProblemError),
    "the regret left": (lambda of: Termination(left=of(1)), ProblemError),
    "a level": (lambda of: LevelSet(of(1)), ProblemError),
    "levels by name": (lambda of: LevelSet({"a": of(1)}), ProblemError),
    "a budget": (lambda of: Budget(trials=of(20), time_seconds=of(3), cost=of(2)), StoreError),
    "a first design": (lambda of: Recipe(design="sobol", n_initial=of(8)), RecipeError),
    "replication": (lambda of: Replication(of(2)), RecipeError),
    "a reference": (
        lambda of: Problem({"x": (0.0, 1.0)}, objectives={"a": "min", "b": "min"}, reference={"a": of(1)}),
        ProblemError,
    ),
    "weights of objectives": (
        lambda of: Problem({"x": (0.0, 1.0)}, objectives={"a": "min", "b": "min"}, weights={"a": of(1)}),
        ProblemError,
    ),
    "a maximum": (lambda of: Problem({"x": (0.0, 1.0)}, maximize=of(True)), ProblemError),
    "a maximum in memory": (lambda of: Optimizer({"x": (0.0, 1.0)}, maximize=of(True)), ProblemError),
    "a seed": (lambda of: Optimizer({"x": (0.0, 1.0)}, seed=of(3)), RecipeError),
    "weights of choices": (lambda of: Categorical(["a", "b"], prior=[of(1), of(2)]), SpaceError),
    "a prior": (lambda of: Normal(of(1), of(2)), SpaceError),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_a_setting_of_numpy_is_pythons_and_stored(case):
    build, _ = SETTINGS[case]
    for of in (lambda value: np.array(value)[()], np.array):
        made, plainly = build(of), build(lambda value: value)
        if hasattr(made, "to_json"):
            assert json.dumps(made.to_json()) == json.dumps(plainly.to_json())
        elif not isinstance(made, Optimizer | Problem):
            assert made == plainly


@pytest.mark.parametrize("case", SETTINGS)
@pytest.mark.parametrize(
    "junk", ["no", b"1", 1j, [1], "3", np.str_("yes"), 10**400], ids=lambda junk: repr(junk)[:9]
)
def test_a_setting_that_is_no_number_or_flag_is_refused(case, junk):
    build, error = SETTINGS[case]
    if case in ("a seed", "a first design") and isinstance(junk, int):
        return  # whole numbers of any size
    with pytest.raises(error):
        build(lambda _value: junk)


def test_the_kind_of_a_flag_is_not_its_truth():
    for build in (
        lambda: Fidelity(1, 9, integer="no"),
        lambda: Fidelity(1, 9, averages=1),
        lambda: Problem({"x": (0.0, 1.0)}, maximize="no"),
        lambda: Problem({"x": (0.0, 1.0)}, maximize=1),
        lambda: Optimizer({"x": (0.0, 1.0)}, maximize="False"),
        lambda: Problem({"x": (0.0, 1.0)}, objectives={"a": True}),
        lambda: Problem({"x": (0.0, 1.0)}, objectives=["a"]),
        lambda: Problem({"x": (0.0, 1.0)}, constraints={"a >= 1": True}),
        lambda: Problem({"x": (0.0, 1.0)}, constraints=None),
        lambda: Problem({"x": (0.0, 1.0)}, try_first=None),
        lambda: Problem({"x": (0.0, 1.0)}, transfer=None),
        lambda: Problem({"x": (0.0, 1.0)}, loss=3),
        lambda: LevelSet(0.5, of=3),
        lambda: ChiSquare(["1"], [1.0]),
        lambda: ChiSquare([True], [1.0]),
        lambda: ChiSquare([1.0], [1.0], theory="no"),
    ):
        with pytest.raises(ProblemError):
            build()
