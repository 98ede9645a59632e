"""`smbo show`: the best trial, the model, the table of trials, and what failed evaluations said."""

import unicodedata

from smbo import Categorical, Problem, Real, Study


def test_show_names_the_model_and_what_matters_most(folder):
    folder.job("recipe: gp", "budget: {trials: 8}")
    folder.smbo("run", "job.yaml")
    (line,) = [line for line in folder.smbo("show", "toy").output.splitlines() if line.startswith("model:")]
    assert "(GP); matters most: x; leave-one-out on 8 values" in line


def test_show_puts_the_best_trial_first_and_keeps_its_point(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    best = min(folder.trials(), key=lambda row: row["value"])
    output = folder.smbo("show", "toy").output
    assert f"best value seen: {best['value']:.6g} (trial {best['number']})" in output
    table = output.split("\n\n")[1].splitlines()
    assert int(table[1].split()[0]) == best["number"]
    by_number = folder.smbo("show", "toy", "--by", "number", "--rows", "2").output
    assert [int(line.split()[0]) for line in by_number.split("\n\n")[1].splitlines()[1:3]] == [0, 1]
    assert "2 more trials" in by_number


def test_what_failed_evaluations_said_can_be_read(folder):
    ran = folder.smbo("run", folder.job("objective: {python: cli_toy:fail}"))
    assert ran.exit_code == 4, "nothing but failures is no success"
    assert "4 failed with objective-error: ValueError: no good (trial 3, for one)" in ran.output
    assert "4 failed with objective-error: ValueError: no good" in folder.smbo("show", "toy").output
    one = folder.smbo("show", "toy", "--trial", "2").output
    assert "Traceback" in one
    assert 'raise ValueError("no good")' in one
    assert folder.smbo("show", "toy", "--trial", "9").exit_code == 2
    assert folder.smbo("run", "job.yaml").exit_code == 4, "a second look finds no success either"


def test_an_error_drives_no_terminal(folder):
    folder.write("rude.py", 'def evaluate(params):\n    raise ValueError("\\x1b[2Jgone" + 9999 * "x")\n')
    ran = folder.smbo("run", folder.job("objective: {python: rude:evaluate}"))
    shown = folder.smbo("show", "toy", "--trial", "0").output
    assert "\x1b" not in ran.output + shown
    assert "\\x1b[2Jgone" in ran.output
    assert max(map(len, ran.output.splitlines())) < 300


def test_no_proposal_is_made_to_show_a_study(folder, monkeypatch):
    folder.job("recipe: gp")
    folder.smbo("run", "job.yaml")
    monkeypatch.setattr("smbo.analysis.explain.propose", None)  # calling it would fail
    shown = folder.smbo("show", "toy")
    assert shown.exit_code == 0, shown.output
    assert "model: " in shown.output


def test_names_and_choices_drive_no_terminal(folder):
    # a job file may not have such names, a study made in Python may
    name = "x\u202e\u001b[2J"
    space = {name: Categorical(["a\u202eb", "c\u0007d"]), "y": Real(0, 1)}
    problem = Problem(space, {"loss\u202e": "min"})
    with Study.open(f"sqlite:///{folder.path}/toy.db", "toy", problem, "gp", seed=1) as study:
        for _ in range(4):
            trial = study.ask()
            study.tell(trial, {"loss\u202e": trial.params["y"], "m\u2066": 1.0})
    said = ""
    for arguments in (("show", "toy", "--metrics"), ("show", "toy", "--trial", "1"), ("status", "toy")):
        result = folder.smbo(*arguments)
        assert result.exit_code == 0, result.output
        said += result.output
    assert "a\\u202eb" in said
    assert not {letter for letter in said if unicodedata.category(letter)[0] == "C"} - {"\n"}
