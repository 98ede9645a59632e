"""Jobs with contextual variables: a command or a function observes them before each ask."""

from __future__ import annotations

import itertools
import json
import sys

import pytest

PLANT = """
import json, pathlib, sys

def evaluate(params):
    return (params["x"] - params["heat"] / 40) ** 2

def observe():
    count = pathlib.Path(__file__).with_name("looks")
    looks = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(looks))
    return {"heat": 7.0 * looks % 40}

def broken():
    raise OSError("the probe is gone")

if __name__ == "__main__":
    print(json.dumps(observe()))
"""
SPACE = "space: {x: {real: [0, 1]}, heat: {real: [0, 40]}}"
BY_FUNCTION = "context: {parameters: [heat], python: plant_of_heat:observe}"
BY_COMMAND = 'context: {parameters: [heat], command: ["python3", "plant_of_heat.py"]}'


@pytest.fixture
def plant(folder):
    folder.write("plant_of_heat.py", PLANT)
    sys.modules.pop("plant_of_heat", None)
    return folder


def started(folder, *more):
    lines = (SPACE, "objective: {python: plant_of_heat:evaluate}", "budget: {trials: 8}")
    return folder.smbo("run", folder.job(*lines, *more))


def test_a_job_looks_at_its_context_before_each_ask(plant):
    ran = started(plant, BY_FUNCTION, "recipe: gp", "report: page")
    assert ran.exit_code == 0, ran.output
    assert "what is best depends on the context, here heat 16 (as last observed)" in ran.output
    assert [row["params.heat"] for row in plant.trials()] == [7.0 * look % 40 for look in range(1, 9)]
    page = (plant.path / "page" / "index.html").read_text()
    assert "best for heat 16.0" in page
    assert "Best single evaluation" not in page
    shown = plant.smbo("show", "toy", "--context", "heat=20").output
    assert "here heat 20 (as given)" in shown
    assert "best value seen" not in shown
    assert "heat=50 is outside" in plant.smbo("show", "toy", "--context", "heat=50").output
    told = json.loads(plant.smbo("status", "toy", "--json").output)
    assert told["best"] is None
    assert told["recommended"]["context"] == {"heat": 16.0}
    assert "come out the same" in plant.smbo("replay", "toy").output


def test_a_command_beside_the_job_file_may_observe_the_context(plant):
    assert started(plant, BY_COMMAND, "recipe: sobol").exit_code == 0
    assert [row["params.heat"] for row in plant.trials()] == [7.0 * look % 40 for look in range(1, 9)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("context: {parameters: [heat]}", "say where the present values come from"),
        ("context: {parameters: [head], python: plant_of_heat:observe}", "did you mean 'heat'"),
        ("context: {python: plant_of_heat:observe}", "name the `parameters`"),
        ("context: {parameters: [heat], python: plant_of_heat:nothing}", "write module:function"),
        ("context: {parameters: [heat], python: plant_of_heat:broken}", "OSError: the probe is gone"),
        ("context: {parameters: [heat], command: [no-such-program]}", "did not tell the present values"),
        ("context: {parameters: [heat], command: [echo, '21']}", "a mapping of names to values is needed"),
        ("context: {parameters: [heat], command: [echo, warm]}", "'warm\\n', which is no JSON"),
        ("context: {parameters: [heat], command: [echo, '{\"heat\": 99}']}", "heat=99 is outside"),
        ("context: {parameters: [heat], command: [ls, nothing-here]}", "exit status 2"),
    ],
)
def test_a_context_that_cannot_be_observed_ends_the_run_with_the_reason(plant, line, message):
    ran = started(plant, line)
    assert ran.exit_code not in (0, 1), ran.output
    assert message in " ".join(ran.output.split())
    if (plant.path / "toy.db").exists():
        assert not plant.trials()


def test_a_job_keeps_within_its_step_limits(plant):
    lines = ("step_limits: {x: 0.1, heat: 5}", "try_first: [{x: 0.9, heat: 38}]", "recipe: gp")
    assert started(plant, *lines).exit_code == 0
    rows = plant.trials()
    assert (rows[0]["params.x"], rows[0]["params.heat"]) == (0.9, 38.0)
    assert max(abs(b["params.x"] - a["params.x"]) for a, b in itertools.pairwise(rows)) <= 0.1 + 1e-9
    assert max(abs(b["params.heat"] - a["params.heat"]) for a, b in itertools.pairwise(rows)) <= 5 + 1e-9
    refused = started(plant, "step_limits: {y: 0.1}")
    assert refused.exit_code == 2
    assert "step_limits: 'y' is no dimension" in refused.output
