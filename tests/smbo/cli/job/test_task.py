"""The task of a job: the objective by its name, and the problem of the job's keys and the objective's."""

import pytest

from smbo.cli.job.schema import read_jobfile
from smbo.cli.job.task import find_modules_beside, load_task
from smbo.errors import JobFileError


@pytest.fixture
def task(folder):
    def task(*lines, without=()):
        job, document = read_jobfile(folder.job(*lines, without=without))
        find_modules_beside(folder.path)
        return load_task(job, document, folder.path)

    return task


def test_constraints_are_told_apart_by_what_they_name(task):
    problem = task(
        "objective: {python: cli_toy:measure}",
        "objectives: {loss: min}",
        "constraints: [x <= 0.8, size >= 2]",
    ).problem
    assert [str(constraint) for constraint in problem.space.constraints] == ["x <= 0.8"]
    assert list(problem.constraints) == ["size >= 2"]


def test_a_constraint_on_both_is_refused_at_its_line(task):
    with pytest.raises(JobFileError, match=r"job\.yaml:\d+: constraints\.0: .* mixes parameters"):
        task("constraints:", "  - x + size <= 1")


def test_a_job_without_a_space_needs_an_objective_that_has_one(task):
    with pytest.raises(JobFileError, match="add the key 'space'"):
        task(without=("space",))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("recipe: gpp", "recipe: "),
        ("try_first: [{x: 3}]", "try_first.0: "),
        ("space: {x: [0, 1]}", "could be a range or two choices"),
        ("termination: {plateau: 0}", "termination: "),
        ("fixed: {x: 7}", "fixed.x: "),
    ],
)
def test_a_mistake_is_named_by_the_key_of_the_job_file(task, line, message):
    with pytest.raises(JobFileError) as caught:
        task(line)
    assert "job.yaml:" in str(caught.value)
    assert message in str(caught.value)


def test_a_mixture_is_written_with_a_derived_dimension(task):
    space = task(
        "space: {x: {real: [0, 1]}, y: {real: [0, 1]}, z: {expression: 1 - x - y, low: 0}}",
        "try_first: [{x: 0.25, y: 0.5}]",
        "constraints: [z <= 0.5]",
        without=("space",),
    ).problem.space
    assert space.check({"x": 0.25, "y": 0.5}) == {"x": 0.25, "y": 0.5, "z": 0.25}
    assert not space.contains({"x": 0.25, "y": 0.125})


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ("[x + y == 1]", "constraints: no point drawn at random meets the equation"),
        ("[x + y >= 1.5, x <= 0.5, y <= 0.5]", "contradict each other"),
        ("[x + y >= 3]", "holds nowhere within the ranges"),
    ],
)
def test_constraints_that_no_point_meets_are_refused_before_the_run(task, constraints, message):
    with pytest.raises(JobFileError, match=message):
        task(
            "space: {x: {real: [0, 1]}, y: {real: [0, 1]}}",
            f"constraints: {constraints}",
            without=("space",),
        )


def test_names_of_any_form_stand_in_the_formulas_of_a_job_file(task):
    problem = task(
        "space: {'StringZ:aLund': {real: [0, 2]}, lambda: {real: [0, 1]}, 'my param': [1, 2, 3]}",
        "constraints: ['`StringZ:aLund` + `lambda` <= 2', '`acc@5` >= 0.8']",
    ).problem
    assert [str(each) for each in problem.space.constraints] == ["`StringZ:aLund` + `lambda` <= 2"]
    assert list(problem.constraints) == ["`acc@5` >= 0.8"]
    for text in ("StringZ:aLund <= 1", "lambda <= 1", "my param > 1"):
        with pytest.raises(JobFileError, match=r"job\.yaml:\d+: constraints\.0: .*with backticks"):
            task(
                "space: {'StringZ:aLund': {real: [0, 2]}, lambda: {real: [0, 1]}, 'my param': [1, 2, 3]}",
                f"constraints: ['{text}']",
            )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("'real(0, 1)'", r"looks like a dimension; write {real: \[low, high\]}"),
        ("'[0, 1]'", "looks like a dimension"),
        ("{uniform: [0, 1]}", "write one of real, integer, choice, constant, .*{real:"),
        ("{real: [0, 1], log: 'yes'}", "log='yes'"),
        ("{real: ['0', 1]}", "low must be a number"),
        ("{real: [0, .nan]}", "high must be finite"),
        ("{real: [1, 0]}", "low must be below high"),
        ("{real: [true, 1]}", "low must be a number"),
        ("{choice: [a, b], ordered: 'no'}", "ordered='no'"),
    ],
)
def test_what_is_no_dimension_is_refused_in_a_job_file_in_the_same_words(task, written, message):
    with pytest.raises(JobFileError, match=rf"job\.yaml:\d+: space\.y: .*{message}"):
        task(f"space: {{x: {{real: [0, 1]}}, y: {written}}}")


def test_a_constant_of_a_job_file_is_a_plain_value_or_says_so(task):
    space = task(
        "space: {x: {real: [0, 1]}, a: 3, b: text, c: null, d: true, e: {constant: 'real(0, 1)'}}"
    ).problem.space
    constants = {name: each.value for name, each in space.dimensions.items() if name != "x"}
    assert constants == {"a": 3, "b": "text", "c": None, "d": True, "e": "real(0, 1)"}


OWN = """
from smbo import Problem

def measure(params, context):
    return {"value": params["x"], "size": params["x"]}

measure.problem = Problem({"x": (0.0, 1.0)}, constraints=["size >= 0.2"])
"""


def test_a_constraint_that_the_objective_and_the_job_name_counts_once(task, folder):
    folder.write("cli_own.py", OWN)
    problem = task("objective: {python: cli_own:measure}", "constraints: [size >= 0.2, size <= 0.9]").problem
    assert list(problem.constraints) == ["size >= 0.2", "size <= 0.9"]
