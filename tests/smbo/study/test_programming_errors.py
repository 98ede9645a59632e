"""Programming errors are told from evaluations that fail for their point."""

from __future__ import annotations

import traceback

import pytest

from smbo.study.programming_errors import cause_of, without_our_frames


def error_of(code):
    try:
        exec(compile(code, "model.py", "exec"), {})
    except BaseException:
        return traceback.format_exc()
    raise AssertionError("it raised nothing")


MISTAKES = {
    "ModuleNotFoundError": "import no_such_module_here",
    "ImportError": "from math import no_such_function",
    "NameError": "mass(1)",
    "TypeError": "len(1, 2)",
    "AttributeError": "(1).mass",
    "KeyError": "{}['z']",
    "SyntaxError": "exec('x = = 1')",
    "NotImplementedError": "raise NotImplementedError",
}


@pytest.mark.parametrize(("kind", "code"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_in_the_code_is_recognised_by_kind_and_place(kind, code):
    cause = cause_of("objective-error", error_of(code))
    assert cause is not None
    assert cause.text.startswith(f"{kind} at ")
    assert cause == cause_of("objective-error", error_of(code))
    assert cause != cause_of("objective-error", error_of("\n" + code)) or kind == "SyntaxError"


@pytest.mark.parametrize("returned", ["None", "'done'", "True"])
def test_what_is_returned_and_is_no_number_is_a_mistake(returned):
    """An objective without ``return`` cost the whole budget."""
    cause = cause_of(
        "objective-error", error_of(f"from smbo.problem import as_outcome; as_outcome({returned})")
    )
    assert cause is not None
    assert not cause.is_certain


@pytest.mark.parametrize(
    "code", ["raise ValueError('no solution')", "1 / 0", "[][0]", "assert 1 > 2", "exit(3)"]
)
def test_what_may_be_the_fault_of_the_point_is_none(code):
    assert cause_of("objective-error", error_of(code)) is None


def test_the_same_missing_file_is_one_cause_and_two_files_are_two():
    missing = [cause_of("objective-error", error_of(f"open('/no/such/{name}')")) for name in "aab"]
    assert missing[0] == missing[1] != missing[2]


@pytest.mark.parametrize(
    ("reason", "error", "is_one"),
    [
        ("exit 127", "sim.sh ended with exit 127", True),
        ("exit 126", "", True),
        ("cannot-start", "", True),
        (
            "exit 2",
            "ended with exit 2; stderr ends: usage: sim.py [-h] x\nerror: unrecognized arguments: --z",
            True,
        ),
        ("exit 1", "ended with exit 1; stderr ends: " + error_of("import no_such_module_here"), True),
        ("exit 1", "ended with exit 1; stderr ends: " + error_of("raise ValueError"), False),
        ("exit 1", "ended with exit 1; stderr ends: no convergence", False),
        ("exit 2", "ended with exit 2; stderr ends: no convergence", False),
        ("exit 2", "ended with exit 2; stderr ends: python3: can't open file '/x/p.py': [Errno 2]", True),
        ("exit 2", 'ended with exit 2; stderr ends: Can\'t open perl script "p.pl": No such file', True),
        ("SIGSEGV", "", False),
        ("timeout", "", False),
        ("non-finite", None, False),
        (None, None, False),
    ],
)
def test_a_program_that_is_not_found_or_called_wrongly_is_a_mistake(reason, error, is_one):
    assert (cause_of(reason, error) is not None) is is_one


def test_a_traceback_is_shown_from_the_objective_on():
    text = (
        "Traceback (most recent call last):\n"
        '  File "/x/smbo_scheduler/worker/call.py", line 51, in call_target\n    returned = target()\n'
        '  File "/x/smbo/study/evaluator.py", line 9, in __call__\n    evaluate(params)\n'
        '  File "/home/me/model.py", line 4, in f\n    return bla(x)\n'
        "NameError: name 'bla' is not defined\n"
    )
    shown = without_our_frames(text)
    assert shown.splitlines()[:2] == [
        "Traceback (most recent call last):",
        '  File "/home/me/model.py", line 4, in f',
    ]
    ours = text.replace("/home/me/model.py", "/x/smbo_objectives/command.py")
    assert without_our_frames(ours) == "NameError: name 'bla' is not defined"
    assert without_our_frames("killed") == "killed"
