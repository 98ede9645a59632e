"""The objective command: programs of all kinds, well-meant and not."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smbo.problem import Context, EvaluationFailed, ObjectiveError, Problem
from smbo.space import Real
from smbo_objectives.command import Command

HERE = Path(__file__).resolve().parents[2]
HOSTILE = [
    "; rm -rf {folder}",
    "$(touch owned)",
    "`touch owned`",
    "a\ntouch owned\n",
    "| touch owned",
    "x" * 10_000,
]


@pytest.fixture
def context(tmp_path):
    folder = tmp_path / "attempt"
    folder.mkdir()
    return Context(seed=11, folder=folder)


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "program.py"
    path.write_text(text)
    return str(path)


def python(tmp_path: Path, text: str, *arguments: str, **settings: object) -> Command:
    return Command([sys.executable, script(tmp_path, text), *arguments], **settings)


WRITE_ARGUMENTS = """
import json, os, sys
told = {name: value for name, value in os.environ.items() if name.startswith("SMBO_")}
path = os.environ["SMBO_FOLDER"] + "/told.json"
json.dump({"arguments": sys.argv[1:], "environment": told}, open(path, "w"))
print(1.5)
"""


def told(context: Context) -> dict:
    return json.loads((context.folder / "told.json").read_text())


def test_a_program_is_told_the_point_by_arguments_file_and_environment(tmp_path, context):
    command = python(
        tmp_path,
        WRITE_ARGUMENTS,
        "--alpha={alpha}",
        "{n}",
        "{mode}",
        "{params}",
        "{seed}",
        "{{n}}",
        result="stdout",
    )
    params = {"alpha": 0.1 + 0.2, "n": -3, "mode": "fast mode"}
    assert command.evaluate(params, context).value == 1.5
    seen = told(context)
    path = str(context.folder / "params.json")
    # every digit of the float arrives
    assert seen["arguments"] == ["--alpha=0.30000000000000004", "-3", "fast mode", path, "11", "{n}"]
    assert seen["environment"]["SMBO_PARAM_alpha"] == "0.30000000000000004"
    assert seen["environment"]["SMBO_PARAM_mode"] == "fast mode"
    assert seen["environment"]["SMBO_SEED"] == "11"
    assert json.loads(Path(path).read_text()) == params


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_arrives_as_one_argument_and_runs_nothing(tmp_path, context, value, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = python(tmp_path, WRITE_ARGUMENTS, "{mode}", "--mode={mode}", result="stdout")
    command.evaluate({"mode": value}, context)
    assert told(context)["arguments"] == [value, f"--mode={value}"]
    assert told(context)["environment"]["SMBO_PARAM_mode"] == value
    assert not (tmp_path / "owned").exists()
    assert context.folder.exists()


def test_format_fields_in_a_value_are_not_filled_in_turn(tmp_path, context):
    command = python(tmp_path, WRITE_ARGUMENTS, "{a}", result="stdout")
    command.evaluate({"a": "{seed} {0.__class__} {b}", "b": "secret"}, context)
    assert told(context)["arguments"] == ["{seed} {0.__class__} {b}"]


@pytest.mark.parametrize("element", ["{a}", "{b}{a}"])
def test_a_string_that_would_become_an_option_is_refused(tmp_path, context, element):
    command = python(tmp_path, WRITE_ARGUMENTS, element, result="stdout")
    with pytest.raises(EvaluationFailed, match="reads as an option"):
        command.evaluate({"a": "--delete-all", "b": ""}, context)
    assert not (context.folder / "told.json").exists()


def test_a_value_with_a_nul_character_fails_its_evaluation(tmp_path, context):
    with pytest.raises(EvaluationFailed, match="NUL"):
        python(tmp_path, WRITE_ARGUMENTS, "{a}").evaluate({"a": "x\0y"}, context)
    with pytest.raises(EvaluationFailed, match="environment"):
        python(tmp_path, WRITE_ARGUMENTS).evaluate({"a": "x\0y"}, context)


def test_a_value_too_long_for_any_argument_fails_its_evaluation(tmp_path, context):
    with pytest.raises(EvaluationFailed, match="cannot be run"):
        python(tmp_path, WRITE_ARGUMENTS, "{a}").evaluate({"a": "x" * 10_000_000}, context)


def test_only_the_listed_environment_is_handed_on(tmp_path, context, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("ROOTSYS", "/opt/root")
    command = python(
        tmp_path,
        "import os, json\npath = os.environ['SMBO_FOLDER'] + '/e.json'\n"
        "json.dump(dict(os.environ), open(path, 'w'))\nprint(0)",
        result="stdout",
        env={"COLOUR": "blue"},
        keep_env=["ROOTSYS", "NOT_SET"],
    )
    command.evaluate({"x": 1}, context)
    seen = json.loads((context.folder / "e.json").read_text())
    assert "SECRET_TOKEN" not in seen
    assert "NOT_SET" not in seen
    assert (seen["COLOUR"], seen["ROOTSYS"], seen["PATH"]) == ("blue", "/opt/root", os.environ["PATH"])


def test_programs_find_the_nodes_of_their_batch_job_and_the_users_credentials(tmp_path, context, monkeypatch):
    handed_on = {
        "SLURM_JOB_ID": "7",
        "PBS_NODEFILE": "/n",
        "KRB5CCNAME": "FILE:/t",
        "NUMEXPR_NUM_THREADS": "4",
    }
    for name, value in {**handed_on, "SLURM_JWT": "secret"}.items():
        monkeypatch.setenv(name, value)
    script = "import os, json\npath = os.environ['SMBO_FOLDER'] + '/e.json'\n"
    dump = "json.dump(dict(os.environ), open(path, 'w'))\nprint(0)"
    python(tmp_path, script + dump, result="stdout").evaluate({"x": 1}, context)
    seen = json.loads((context.folder / "e.json").read_text())
    assert {name: seen.get(name) for name in handed_on} == handed_on
    assert "SLURM_JWT" not in seen


@pytest.mark.parametrize(
    ("argv", "settings", "said"),
    [
        ("./run.sh --x={x}", {}, "list of strings"),
        ([], {}, "empty"),
        (["no-such-program"], {}, "on the PATH"),
        (["./no-such-program"], {}, "chmod"),
        (["{x}"], {}, "must not choose"),
        (["sh", "-c", "prog {x}"], {}, "become code"),
        (["bash", "-ec", "prog {x}"], {}, "become code"),
        (["perl", "-e", "print {x}"], {}, "become code"),
        (["true", 3], {}, "list of strings"),
        (["true"], {"result": "json"}, "stdout"),
        (["true"], {"timeout_seconds": 0}, "above 0"),
        (["true"], {"processes": 1.5}, "whole number"),
        (["true"], {"memory_bytes": "1GB"}, "above 0"),
        (["true"], {"env": {"N": 3}}, "quote numbers"),
        (["true"], {"env": {"A=B": "3"}}, "A=B"),
        (["true"], {"cwd": "/no/such/folder"}, "no folder"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_with_a_message_that_shows_it(argv, settings, said):
    with pytest.raises(ObjectiveError, match="command: ") as caught:
        Command(argv, **settings)
    assert said in str(caught.value)


def test_a_placeholder_that_the_point_lacks_or_that_is_ambiguous_is_an_error_of_the_job(context):
    with pytest.raises(ObjectiveError, match="'y'"):
        Command(["true", "{y}"]).evaluate({"x": 1}, context)
    with pytest.raises(ObjectiveError, match="fidelity"):
        Command(["true", "{fidelity}"]).evaluate({"x": 1}, context)
    with pytest.raises(ObjectiveError, match="rename"):
        Command(["true", "{seed}"]).evaluate({"seed": 1}, context)


def leave(tmp_path: Path, expression: str) -> Command:
    return python(
        tmp_path, f"import sys, os, json\npath = sys.argv[1]\nopen(path, 'w').write({expression})", "{result}"
    )


@pytest.mark.parametrize(
    ("text", "value", "sem", "metrics"),
    [
        ("2", 2.0, None, {}),
        ('{"value": 1.5, "sem": 0.1, "cost": 3, "n_events": 7}', 1.5, 0.1, {"n_events": 7.0}),
        ('{"significance": 2.5}', None, None, {"significance": 2.5}),
    ],
)
def test_a_result_file_holds_a_number_or_an_object(tmp_path, context, text, value, sem, metrics):
    outcome = leave(tmp_path, repr(text)).evaluate({"x": 1}, context)
    assert (outcome.value, outcome.sem, dict(outcome.metrics)) == (value, sem, metrics)


def test_vectors_in_a_result_are_its_outputs(tmp_path, context):
    outcome = leave(
        tmp_path, repr('{"value": 1, "outputs": [1, 2], "outputs_variance": [0.1, 0.2]}')
    ).evaluate({}, context)
    assert list(outcome.outputs) == [1.0, 2.0]
    assert list(outcome.outputs_variance) == [0.1, 0.2]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("''", "no JSON"),
        ("'not a number'", "no JSON"),
        ("'[1, 2]'", "not a number"),
        ("'true'", "not a number"),
        ('\'{"value": "1"}\'', "not a number"),
        ('\'{"value": 1, "outputs": 3}\'', "no list"),
        ("'1' + '0' * 400", "too large"),
        ("'[' * 100_000", "no JSON"),
        ("'1' * 10_000_001", "more than"),
        ("'\\x1b[2J'", "no JSON"),
    ],
)
def test_a_result_that_is_no_number_fails_the_evaluation_and_acts_on_no_terminal(
    tmp_path, context, expression, said
):
    with pytest.raises(EvaluationFailed, match=said) as caught:
        leave(tmp_path, expression).evaluate({}, context)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "trick",
    ["os.symlink('/etc/passwd', path)", "os.mkfifo(path)", "os.mkdir(path)", "os.symlink('/dev/zero', path)"],
)
def test_a_result_that_is_no_regular_file_is_not_followed(tmp_path, context, trick):
    command = python(tmp_path, f"import os, sys\npath = sys.argv[1]\n{trick}", "{result}")
    with pytest.raises(EvaluationFailed, match=r"cannot be read|not a regular file"):
        command.evaluate({}, context)


def test_a_result_of_an_earlier_run_in_the_folder_is_not_taken_for_this_ones(context):
    (context.folder / "result.json").write_text("1.0")
    with pytest.raises(EvaluationFailed, match="left no file"):
        Command(["true"]).evaluate({}, context)


def test_an_exit_code_fails_the_evaluation_with_the_end_of_stderr(tmp_path, context):
    command = python(
        tmp_path, "import sys; print('x' * 100_000, 'no such file', file=sys.stderr); sys.exit(3)"
    )
    with pytest.raises(EvaluationFailed, match=r"exit 3.*no such file") as caught:
        command.evaluate({}, context)
    assert len(str(caught.value)) < 3_000


@pytest.mark.parametrize(
    ("code", "settings", "reason"),
    [
        ("import sys; sys.exit(3)", {}, "exit 3"),
        ("import os; os.kill(os.getpid(), 11)", {}, "SIGSEGV"),
        ("import time; time.sleep(100)", {"timeout_seconds": 0.2}, "timeout"),
        ("while True: pass", {"cpu_seconds": 1}, "timeout"),
        ("while True: print('x' * 9999)", {"output_limit_bytes": 100_000}, "output-cap"),
        ("x = bytearray(10**9)", {"address_space_bytes": 300_000_000}, "memory"),
        ("print('no number')", {}, "bad-output"),
        ('print(\'{"value": 1, "value": 2}\')', {}, "bad-output"),
        ('print(\'{"value": 1, "outputs": [1], "outputs_variance": [1, 2]}\')', {}, "bad-output"),
    ],
)
def test_a_failure_has_a_reason_in_one_word(tmp_path, context, code, settings, reason):
    with pytest.raises(EvaluationFailed) as caught:
        python(tmp_path, code, result="stdout", **settings).evaluate({}, context)
    assert caught.value.reason == reason


def test_a_value_that_is_not_finite_is_left_to_the_study(tmp_path, context):
    value = python(tmp_path, "print('NaN')", result="stdout").evaluate({}, context).value
    assert value != value


def test_what_is_printed_after_the_result_does_not_hide_it(tmp_path, context):
    code = """print('{"value": 9}'); print('{"value": 1.5, "tag": "abc"}'); print(2); print('closing down')"""
    assert python(tmp_path, code, result="stdout").evaluate({}, context).value == 1.5
    with pytest.raises(EvaluationFailed, match="the last line printed is no JSON"):
        python(tmp_path, "print(1.5); print('closing down')", result="stdout").evaluate({}, context)


def test_a_program_ended_by_a_signal_says_which(tmp_path, context):
    command = python(tmp_path, "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(EvaluationFailed, match="SIGKILL"):
        command.evaluate({}, context)


def test_what_is_printed_is_kept_as_far_as_the_limit_and_the_last_line_is_read_all_the_same(
    tmp_path, context
):
    command = python(
        tmp_path,
        "import sys\nfor _ in range(1000): print('noise' * 200)\nprint(42)",
        result="stdout",
        log_limit_bytes=5_000,
    )
    assert command.evaluate({}, context).value == 42.0
    assert (context.folder / "stdout.txt").stat().st_size == 5_000


def is_running(pid: int) -> bool:
    try:
        # a zombie that nobody has reaped yet does not run
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not is_running(pid)


STUBBORN = """
import os, signal, subprocess, sys, time
code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(1000)"
child = subprocess.Popen([sys.executable, "-c", code])
open(sys.argv[1] + "/child", "w").write(str(child.pid))
if sys.argv[2] == "wait":
    time.sleep(1000)
print(1)
"""


def test_a_timeout_ends_the_whole_group_even_what_ignores_sigterm(tmp_path, context):
    command = python(
        tmp_path, STUBBORN, "{folder}", "wait", result="stdout", timeout_seconds=0.5, grace_seconds=0.3
    )
    started = time.monotonic()
    with pytest.raises(EvaluationFailed, match="still ran") as caught:
        command.evaluate({}, context)
    assert caught.value.reason == "timeout"
    assert time.monotonic() - started < 300
    assert gone_within(int((context.folder / "child").read_text()), 60)


def test_a_child_left_behind_by_a_good_run_is_ended_too(tmp_path, context):
    command = python(tmp_path, STUBBORN, "{folder}", "go", result="stdout")
    assert command.evaluate({}, context).value == 1.0
    assert gone_within(int((context.folder / "child").read_text()), 60)


def test_the_program_does_not_outlive_an_evaluation_that_is_killed(tmp_path, context):
    code = (
        "import sys\nfrom pathlib import Path\nfrom smbo_objectives.command import Command\n"
        "from smbo.problem import Context\n"
        "Command([sys.executable, *sys.argv[1:]]).evaluate({}, Context(seed=1, folder=Path(sys.argv[2])))"
    )
    folder = str(context.folder)
    evaluation = subprocess.Popen(
        [sys.executable, "-c", code, script(tmp_path, STUBBORN), folder, "wait"], cwd=HERE
    )
    child = context.folder / "child"
    while not (child.exists() and child.read_text()):
        time.sleep(0.02)
    evaluation.send_signal(signal.SIGKILL)
    evaluation.wait()
    assert gone_within(int(child.read_text()), 60)


def test_a_run_without_a_folder_uses_a_temporary_one(tmp_path):
    outcome = leave(tmp_path, "'3'").evaluate({}, Context(seed=1))
    assert outcome.value == 3.0


def test_a_command_pickles(tmp_path, context):
    command = pickle.loads(pickle.dumps(leave(tmp_path, "'3'")))
    assert command.evaluate({}, context).value == 3.0


def test_the_example_in_shell_finds_its_lowest_point(context):
    command = Command([str(HERE / "examples/command/valley.sh"), "{x}", "{y}"], result="stdout")
    assert command.evaluate({"x": 1.0, "y": 1.0}, context).value == 0.0
    # 100 (2 - 1.5^2)^2 + 2.5^2
    assert command.evaluate({"x": -1.5, "y": 2.0}, context).value == pytest.approx(12.5)


def test_the_example_in_perl_is_lower_at_the_truth_and_repeats_by_its_seed(context):
    command = Command(
        ["perl", str(HERE / "examples/command/decay.pl"), "--seed={seed}", "{params}", "{result}"]
    )
    truth = command.evaluate({"lifetime": 1.5, "background": 0.2}, context)
    assert truth.value < 3  # a chi-square per bin with 20 bins: 1 with a spread of 0.32
    assert truth.sem > 0
    assert command.evaluate({"lifetime": 1.5, "background": 0.2}, context).value == truth.value
    assert command.evaluate({"lifetime": 3.0, "background": 0.2}, context).value > 10


@pytest.mark.parametrize(
    ("element", "said"),
    [
        ("{z}", r"'\{z\}' needs 'z', which is no parameter; there are x, width, depth"),
        ("--w={widht}", r"did you mean \{width\}\?"),
        ("{sede}", r"did you mean \{seed\}\?"),
        ("{depth}", "'depth', which is conditional.*SMBO_PARAM_depth"),
        ("{fidelity}", "needs 'fidelity', and the problem has none"),
    ],
)
def test_a_placeholder_without_a_value_is_refused_before_anything_runs(element, said):
    problem = Problem({"x": (0.0, 1.0), "width": (0.0, 1.0), "depth": Real(0.0, 1.0, active_when="x > 0.5")})
    with pytest.raises(ObjectiveError, match=said):
        Command(["true", element]).check_problem(problem)
    Command(["true", "{x}", "{width}", "{{z}}", "{seed}", "{params}"]).check_problem(problem)


def test_a_placeholder_of_a_card_is_checked_as_one_of_the_command(tmp_path):
    (tmp_path / "run.card.in").write_text("x = {x}\ny = {yy}\n")
    command = Command(["true"], cards={"run.card": "run.card.in"}, cwd=str(tmp_path))
    with pytest.raises(ObjectiveError, match=r"run\.card' needs 'yy'"):
        command.check_problem(Problem({"x": (0.0, 1.0), "y": (0.0, 1.0)}))


def test_a_parameter_named_like_a_placeholder_is_refused_before_anything_runs():
    with pytest.raises(ObjectiveError, match="rename the parameter"):
        Command(["true", "{seed}"]).check_problem(Problem({"seed": (0.0, 1.0)}))


@pytest.mark.parametrize(
    ("printed", "value"),
    [("nan", "nan"), ("-inf", "-inf"), (".5", "0.5"), ("+1.5", "1.5"), (" 0.15D+02", "15.0")],
)
@pytest.mark.parametrize("result", ["stdout", "file"])
def test_a_number_is_read_as_c_fortran_and_awk_print_it(tmp_path, context, printed, value, result):
    """JSON knows none of them: the evaluation failed as bad-output."""
    text = f"import sys; print({printed!r}, file=open(sys.argv[1], 'w') if {result == 'file'} else None)"
    command = python(tmp_path, text, "{result}", result=result)
    assert repr(command.evaluate({"x": 1.0}, context).value) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"#!/bin/sh\r\necho 1\r\n", r"names '/bin/sh\\r', which is not there: .* Windows"),
        (b"#!/no/such/sh\necho 1\n", "names '/no/such/sh', which is not there$"),
        (b"echo 1\n", "names no interpreter, such as #!/bin/sh"),
    ],
    ids=["line ends of Windows", "no such interpreter", "no interpreter"],
)
def test_a_script_whose_first_line_is_wrong_says_so(tmp_path, context, text, said):
    """ "No such file or directory" was said of the script, which is there."""
    (tmp_path / "simulate").write_bytes(text)
    (tmp_path / "simulate").chmod(0o755)
    command = Command(["./simulate"], result="stdout", cwd=str(tmp_path))
    with pytest.raises(EvaluationFailed, match=said) as failure:
        command.evaluate({"x": 1.0}, context)
    assert "Errno" not in str(failure.value) or str(failure.value).count("Errno") == 1
