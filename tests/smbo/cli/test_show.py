"""`smbo show`: the best trial, the model, the table of trials, and what failed evaluations said."""


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
