"""Every wrong input: exit code 2, one clear message, no traceback, and the stored study untouched."""

import sqlite3
from contextlib import closing

import pytest

# what: (words of the command, lines that replace those of the toy job, what the message says)
WRONG_JOBS = {
    "unknown key": (["sede: 3"], "unknown key; did you mean 'seed'?"),
    "unknown key below": (["budget: {trials: 4, trails: 5}"], "did you mean 'trials'?"),
    "duplicate key": (["seed: 1", "seed: 2"], "keep one of them"),
    "not YAML": (["budget: {trials: 4"], "not YAML"),
    "no objective": (["objective: {}"], "name exactly one objective"),
    "two objectives": (["objective: {python: a:b, command: [x]}"], "name exactly one objective"),
    "unknown objective": (["objective: {pyhton: a:b}"], "did you mean 'python'?"),
    "no such setting": (["objective: {python: {function: cli_toy:evaluate, colour: 3}}"], "'colour'"),
    "no such module": (["objective: {python: no_such_module:f}"], "no_such_module"),
    "no such function": (["objective: {python: cli_toy:no_such}"], "no_such"),
    "no function": (["objective: {python: cli_toy:not_a_function}"], "not_a_function"),
    "no colon": (["objective: {python: cli_toy}"], "module:function"),
    "low above high": (["space: {x: {real: [1.0, 0.0]}}"], "x: "),
    "low equals high": (["space: {x: {real: [1.0, 1.0]}}"], "x: "),
    "log of zero": (["space: {x: {real: [0.0, 1.0], log: true}}"], "log"),
    "infinite bound": (["space: {x: {real: [0.0, .inf]}}"], "x: "),
    "bound in quotes": (["space: {x: {real: ['0', 1.0]}}"], "x: "),
    "boolean bound": (["space: {x: {real: [false, 1.0]}}"], "x: "),
    "three bounds": (["space: {x: {real: [0, 1, 2]}}"], "[low, high]"),
    "unknown dimension": (["space: {x: {raal: [0, 1]}}"], "write one of real"),
    "unknown option": (["space: {x: {real: [0, 1], lg: true}}"], "'lg' is unknown"),
    "no choices": (["space: {x: {choice: []}}"], "at least one choice"),
    "choice given twice": (["space: {x: {choice: [a, a]}}"], "given twice"),
    "range or choices": (["space: {x: [0, 1]}"], "could be a range or two choices"),
    "condition on nothing": (["space: {x: {real: [0, 1], active_when: 'y == 1'}}"], "y"),
    "formula that runs": (
        ['constraints: [\'__import__("os").system("touch pwned") == 0\']'],
        "constraints.0",
    ),
    "formula that does not parse": (["constraints: ['x <=']"], "constraints.0"),
    "formula of another language": (["constraints: ['x => 0.5']"], "write '>=' for '=>'"),
    "constraint that is none": (["constraints: [loss]"], "constraints: 'loss' is no comparison"),
    "constraint on parameters that is none": (["constraints: [x * 2]"], "is no comparison"),
    "rule of a level set's kind": (
        ["level_set: {level: 0.5}", "termination: {plateau: 3}"],
        ": termination: ",
    ),
    "mixed formula": (["constraints: ['x + loss <= 1']"], "mixes parameters"),
    "empty space": (["space: {}"], "space"),
    "unknown recipe": (["recipe: gpp"], "recipe"),
    "unknown direction": (["objectives: {loss: upwards}"], "'min' or 'max'"),
    "no objectives": (["objectives: {}"], "name at least one"),
    "several objectives and median stopping": (
        ["objectives: {a: min, b: min}", "early_stopping: median"],
        "several objectives: a, b",
    ),
    "recipe for one objective": (["objectives: {a: min, b: min}", "recipe: gp"], "for one objective"),
    "no end": (["budget: {failures: 3}"], "would never end"),
    "zero trials": (["budget: {trials: 0}"], "budget.trials"),
    "boolean trials": (["budget: {trials: true}"], "whole number"),
    "hostile study": (["study: '../../x'"], "cannot name a study"),
    "hostile shell study": (["study: '; rm -rf /'"], "cannot name a study"),
    "several lines of study": (['study: "a\\nb"'], "cannot name a study"),
    "long study": (["study: " + "x" * 10_240], "cannot name a study"),
    "fidelity": (["fidelity: {events: [1, 2]}"], "fidelity.events"),
    "fidelity added": (["fidelity: {low: 1, high: 9}"], "toy"),
    "stopping without fidelity": (["early_stopping: asha"], "needs a fidelity"),
    "space changed": (["space: {x: {real: [0.0, 2.0]}}"], "toy"),
    "seed changed": (["seed: 2"], "seed"),
    "recipe changed": (["recipe: random"], "recipe"),
    "direction changed": (["maximize: true"], "toy"),
    "budget lowered": (["budget: {trials: 2}"], "lowered"),
    "store of another kind": (["store: 'mongodb://x/y'"], "store"),
    "store without a scheme": (["store: results"], "store"),
    "store that is no database": (["store: 'sqlite:///job.yaml'"], "job.yaml"),
    "store in no folder": (["store: 'sqlite:///no/such/folder/x.db'"], "no/such/folder"),
    "no scheduler file": (["budget: {trials: 9}", "cluster: {scheduler_file: none.json}"], "none.json"),
    "no scheduler": (["budget: {trials: 9}", "cluster: {address: 'tcp://127.0.0.1:1'}"], "127.0.0.1:1"),
    "no address": (["budget: {trials: 9}", "cluster: {address: 'nonsense'}"], "nonsense"),
}

WRONG_WORDS = {
    "no command": (["rnu", "job.yaml"], "did you mean 'run'?"),
    "unknown option": (["run", "job.yaml", "--werkers", "2"], "--werkers"),
    "no file": (["run", "no-such.yaml"], "no-such.yaml: cannot be read"),
    "a folder": (["run", "."], "ends in .yaml"),
    "option that is no number": (["run", "job.yaml", "--trials", "many"], "many"),
    "option out of range": (["run", "job.yaml", "--trials", "-3"], "-3"),
    "no workers": (["run", "job.yaml", "--workers", "0"], "0"),
    "status of no study": (["status", "toyy", "--store", "sqlite:///toy.db"], "toyy"),
    "status without a store": (["status", "other"], "other.db"),
    "hostile name": (["status", "../x"], "cannot name a study"),
    "show of no study": (["show", "toyy", "--store", "sqlite:///toy.db"], "toyy"),
    "export of no study": (["export", "toyy", "--store", "sqlite:///toy.db"], "toyy"),
    "export in no format": (["export", "toy", "--format", "xls"], "xls"),
    "export into no folder": (["export", "toy", "--output", "no/such/folder/x.csv"], "no/such/folder"),
    "stop of no study": (["stop", "toyy", "--store", "sqlite:///toy.db"], "toyy"),
    "resume of no study": (["resume", "toyy", "--store", "sqlite:///toy.db"], "toyy"),
    "resume without a store": (["resume", "other"], "other.db"),
}


def content(path):
    """Return everything that a store holds, as SQL."""
    # closed before the folder is listed: the write-ahead log goes with the last connection
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@pytest.fixture
def study(folder):
    """The toy study, run to its end."""
    folder.job()
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    return folder


def files(folder):
    return {path for path in folder.path.rglob("*") if "__pycache__" not in path.parts}


def refusal(study, words):
    """Run a wrong command; return its message after checking that nothing else came of it."""
    before, there = content(study.path / "toy.db"), files(study)
    result = study.smbo(*words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    messages = [line for line in result.output.splitlines() if line.lower().startswith("error: ")]
    assert len(messages) == 1
    assert len(result.output) < 1500
    assert content(study.path / "toy.db") == before
    assert files(study) == there
    return result.output


@pytest.mark.parametrize(("lines", "message"), WRONG_JOBS.values(), ids=WRONG_JOBS.keys())
def test_a_wrong_job_is_refused_and_the_stored_study_untouched(study, lines, message):
    study.job(*lines)
    assert message in refusal(study, ["run", "job.yaml"])


@pytest.mark.parametrize(("words", "message"), WRONG_WORDS.values(), ids=WRONG_WORDS.keys())
def test_a_wrong_command_is_refused_and_the_stored_study_untouched(study, words, message):
    assert message in refusal(study, words)


def test_a_message_cannot_drive_the_terminal(study):
    study.job('study: "\\e[2J"')
    assert "\x1b" not in refusal(study, ["run", "job.yaml"])
