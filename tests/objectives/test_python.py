"""The objective python: functions of somebody's module."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from smbo.problem import Context, ObjectiveError, Problem
from smbo_objectives.python import PythonFunction

MODULE = """
from smbo.problem import Problem

def plain(params):
    return params["x"]

def contextual(params, context):
    return context.seed + params["x"]

def with_default(params, scale=10):
    return params["x"] * scale

def with_optional_context(params, context=None):
    return context.seed

def by_name(x):
    return x + 1

def by_name_with_context(x, context):
    return x + context.seed

def any_name(**values):
    return values["x"]

def only_by_name(*, x):
    return -x

async def later(x):
    return x

def any_number(*arguments):
    return len(arguments)

def too_many(a, b, c):
    return 0

def keyword_only(params, *, scale):
    return 0

def nothing():
    return 0

class Known:
    problem = Problem({"x": (0.0, 1.0)})
    def evaluate(self, params, context):
        return params["x"] + 100

known = Known()
number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_simulation.py").write_text(MODULE)
    (tmp_path / "my_broken.py").write_text("1 / 0")
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield str(tmp_path)
    for name in ("my_simulation", "my_broken"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("plain", 2),
        ("contextual", 7),
        ("with_default", 20),
        ("with_optional_context", 5),
        ("by_name", 3),
        ("by_name_with_context", 7),
        ("any_name", 2),
        ("only_by_name", -2),
        ("any_number", 1),
        ("known", 102),
        ("known.evaluate", 102),
    ],
)
def test_a_function_is_called_as_its_signature_asks(module, function, value):
    objective = PythonFunction(f"my_simulation:{function}", path=module)
    assert objective.evaluate({"x": 2}, Context(seed=5)) == value


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("my_simulation", "module:function"),
        ("my_simulation:", "module:function"),
        (":plain", "module:function"),
        (3, "module:function"),
        ("no_such_module_here:f", "cannot be imported"),
        ("my_broken:f", "ZeroDivisionError"),
        ("my_simulation:plane", "plain"),
        ("my_simulation:number", "cannot be called"),
        ("my_simulation:Known", "is a class"),
        ("my_simulation:later", "is async"),
        ("my_simulation:nothing", "takes no argument"),
    ],
)
def test_what_cannot_be_called_is_refused_with_a_message_that_shows_it(module, function, said):
    with pytest.raises(ObjectiveError, match="python: ") as caught:
        PythonFunction(function, path=module)
    assert said in str(caught.value)


@pytest.mark.parametrize(("function", "said"), [("too_many", "(a, b, c)"), ("keyword_only", "scale")])
def test_arguments_that_are_no_dimensions_are_refused_once_the_space_is_known(module, function, said):
    objective = PythonFunction(f"my_simulation:{function}", path=module)
    with pytest.raises(ObjectiveError, match="python: ") as caught:
        objective.check_problem(Problem({"x": (0.0, 1.0)}))
    assert said in str(caught.value)


def test_it_says_that_a_function_is_called_by_the_names_of_the_dimensions(module):
    problem = Problem({"x": (0.0, 1.0)})
    assert PythonFunction("my_simulation:by_name", path=module).check_problem(problem) == "by_name(x)"
    assert PythonFunction("my_simulation:plain", path=module).check_problem(problem) is None


def test_a_path_that_is_no_folder_is_refused():
    with pytest.raises(ObjectiveError, match="no folder"):
        PythonFunction("math:sqrt", path="/no/such/folder")


def test_an_object_that_knows_its_problem_poses_it(module):
    assert isinstance(PythonFunction("my_simulation:known", path=module).problem, Problem)
    assert not hasattr(PythonFunction("my_simulation:plain", path=module), "problem")


def test_it_pickles_by_name_and_loads_where_the_module_has_not_been_imported(module, tmp_path):
    stored = tmp_path / "objective.pickle"
    stored.write_bytes(pickle.dumps(PythonFunction("my_simulation:plain", path=module)))
    code = (
        "import pickle, sys; from smbo.problem import Context\n"
        "print(pickle.load(open(sys.argv[1], 'rb')).evaluate({'x': 4}, Context(seed=1)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(stored)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "4"


def test_the_point_handed_over_is_a_copy(module):
    params = {"x": 1}
    objective = PythonFunction("my_simulation:plain", path=module)
    objective._function = lambda p: p.update(x=9)
    objective.evaluate(params, Context(seed=1))
    assert params == {"x": 1}


def test_a_module_loaded_from_elsewhere_is_not_taken_for_its_namesake(module, tmp_path):
    assert PythonFunction("my_simulation:plain", path=module).evaluate({"x": 2}, Context(seed=1)) == 2
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "my_simulation.py").write_text("def plain(params):\n    return 5\n")
    with pytest.raises(ObjectiveError, match=r"has loaded .*my_simulation.py as 'my_simulation' already"):
        PythonFunction("my_simulation:plain", path=str(tmp_path / "other"))


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("import sys; sys.exit('no data')", "sys.exit('no data')"),
        (
            "from argparse import ArgumentParser as P; p = P(); p.add_argument('out'); p.parse_args([])",
            "exit(2)",
        ),
        ("class Stop(BaseException): pass\nraise Stop('here')", "Stop: here"),
    ],
)
def test_a_module_that_is_a_program_is_refused_by_name(tmp_path, code, shown):
    """An ``exit`` or ``parse_args`` outside ``if __name__ == "__main__"`` ended the run without a word."""
    name = f"program_{abs(hash(code))}"
    (tmp_path / f"{name}.py").write_text(f"{code}\ndef evaluate(x): return x\n")
    with pytest.raises(ObjectiveError, match=f"module '{name}'") as refusal:
        PythonFunction(f"{name}:evaluate", path=str(tmp_path))
    assert shown in str(refusal.value)
