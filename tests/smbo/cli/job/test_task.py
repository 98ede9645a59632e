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
