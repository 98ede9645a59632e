"""`smbo run` and `smbo resume`: what a job file and the options of the command line ask for."""

import json


def test_a_run_ends_with_all_trials_complete_and_exit_code_0(folder):
    folder.job()
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    assert [trial["state"] for trial in folder.trials()] == ["complete"] * 4
    assert "4/4 done" in result.output
    assert "recommended (trial" in result.output


def test_a_raised_budget_goes_on_where_the_study_was(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    first = folder.trials()
    result = folder.smbo("run", "job.yaml", "--trials", "7")
    assert result.exit_code == 0, result.output
    assert "resuming toy: 4 trials are finished already" in result.output
    after = folder.trials()
    assert after[:4] == first
    assert len(after) == 7


def test_resume_needs_only_the_name(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    (folder.path / "job.yaml").unlink()
    result = folder.smbo("resume", "toy", "--trials", "6")
    assert result.exit_code == 0, result.output
    assert len(folder.trials()) == 6


def test_a_study_that_was_never_run_from_the_command_line_cannot_be_resumed_by_name(folder):
    from smbo import Study

    Study.open("sqlite:///toy.db", "toy", {"x": (0.0, 1.0)}, seed=1).close()
    result = folder.smbo("resume", "toy")
    assert (result.exit_code, "run it with a job file" in result.output) == (2, True)


def test_a_study_is_run_from_toml_and_json_too(folder):
    toml = 'study = "t"\nobjective = {python = "cli_toy:evaluate"}\nspace = {x = {real = [0.0, 1.0]}}\n'
    folder.write(
        "job.toml", toml + 'recipe = "sobol"\nbudget = {trials = 2}\ncluster = "serial"\nreport = false\n'
    )
    assert folder.smbo("run", "job.toml").exit_code == 0
    data = {
        "study": "j",
        "objective": {"python": {"function": "cli_toy:evaluate"}},
        "space": {"x": {"real": [0, 1]}},
        "recipe": "sobol",
        "budget": {"trials": 2},
        "cluster": "serial",
        "report": False,
    }
    folder.write("job.json", json.dumps(data))
    assert folder.smbo("run", "job.json").exit_code == 0
    assert len(folder.trials("j")) == len(folder.trials("t")) == 2


def test_named_metrics_and_both_kinds_of_constraints_are_honoured(folder):
    folder.job(
        "objective: {python: cli_toy:measure}",
        "objectives: {loss: min}",
        "constraints: ['x <= 0.8', 'size >= 2']",
        "budget: {trials: 8}",
    )
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    rows = folder.trials()
    assert max(row["params.x"] for row in rows) <= 0.8
    assert [row["feasible"] for row in rows] == [row["metrics.size"] >= 2 for row in rows]
