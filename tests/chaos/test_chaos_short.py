"""A few seconds of each scenario, and of a mutant of the product that it must catch."""

from __future__ import annotations

import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from rig.audit import Stored, audit
from rig.ledger import Line
from rig.objective import value_of

HERE = Path(__file__).parent


def scenario(name, *options):
    """Run a scenario as its README says, and return its exit code and what it printed."""
    command = [sys.executable, str(HERE / f"{name}.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def holds(name, *options):
    code, said = scenario(name, *options)
    assert code == 0, said
    return said


def fails(name, *options):
    code, said = scenario(name, *options)
    assert code == 1, said
    return said


SHORT_KILLS = ("--drivers", "3", "--workers", "0", "--kills", "15", "--trials", "30", "--per-study", "30")


def test_killed_drivers_and_workers_lose_nothing_and_do_nothing_twice():
    assert "0 faults" in holds(
        "kill", "--drivers", "2", "--kills", "10", "--trials", "30", "--per-study", "30"
    )


def test_kills_show_a_spool_that_is_emptied_too_early():
    assert "was run again" in fails("kill", *SHORT_KILLS, "--kills", "60", "--mutant", "settle-first")


def test_a_budget_judged_outside_the_transaction_is_overshot():
    options = ("--drivers", "3", "--workers", "0", "--kills", "0", "--per-study", "6", "--trials", "18")
    assert "6 complete trials were asked for" in fails("kill", *options, "--mutant", "budget-outside")


def test_a_full_disk_is_waited_out():
    said = holds("full", "--points", "3", "--pretend", "--seed", "1")
    assert "0 faults" in said


def test_an_outcome_given_up_for_want_of_room_is_noticed():
    fails("full", "--points", "2", "--pretend", "--seed", "1", "--mutant", "impatient")


# --- the auditor itself

Trial = namedtuple("Trial", "number state value params seed token reason")
Attempt = namedtuple("Attempt", "token number outcome")
Event = namedtuple("Event", "seq kind number")


def trial(number, **changes):
    value = value_of({"x": 0.5, "n": 1}, number)
    whole = Trial(number, "complete", value, '{"x": 0.5, "n": 1}', str(number), number + 1, None)
    return whole._replace(**changes)


def stored(trials, attempts=None, events=None):
    """Return what is stored of so many trials, each done at the first attempt unless it is said."""
    if attempts is None:
        attempts = [Attempt(each.token, each.number, "complete") for each in trials]
    if events is None:
        events = [Event(seq, "complete", each.number) for seq, each in enumerate(trials, 1)]
    return Stored(trials, attempts, events)


def lines(*texts):
    return [
        Line(word, int(number), int(token)) for word, number, token in (text.split()[:3] for text in texts)
    ]


ALL_WELL = lines(*(f"{word} {n} {n + 1}" for n in (0, 1) for word in ("started", "finished", "kept", "told")))


def test_the_auditor_is_content_with_a_study_that_went_well():
    account = audit(stored([trial(0), trial(1)]), ALL_WELL, 2)
    assert account.faults == []
    assert (account.n_complete, account.n_attempts, account.n_unkept, account.n_again) == (2, 2, 0, 0)


@pytest.mark.parametrize(
    ("found", "ledger", "word"),
    [
        (stored([trial(0)]), ALL_WELL, "is lost"),
        (stored([trial(0), trial(2)]), ALL_WELL, "gaps"),
        (stored([trial(0), trial(1), trial(2)]), ALL_WELL, "asked for"),
        (stored([trial(0), trial(1, value=0.7)]), ALL_WELL, "not 0."),
        (stored([trial(0), trial(1, state="failed", value=None)]), ALL_WELL, "is lost"),
        (stored([trial(0), trial(1)]), ALL_WELL[:-4], "nobody measured"),
        (stored([trial(0), trial(1)]), [*ALL_WELL, *lines("started 1 9")], "was run again"),
        (stored([trial(0), trial(1)]), [*ALL_WELL, *lines("started 1 9")], "in no attempt"),
        (stored([trial(0), trial(1)]), [*ALL_WELL[:1], *ALL_WELL], "was run 2 times"),
        (stored([trial(0), trial(1)], events=[Event(2, "complete", 0)]), ALL_WELL, "feed"),
        (
            stored([trial(0), trial(1)], events=[Event(n, "complete", 0) for n in (1, 2)]),
            ALL_WELL,
            "counted 2 times",
        ),
        (stored([trial(0), trial(1)], attempts=[Attempt(1, 0, None)]), ALL_WELL, "never ended"),
    ],
)
def test_the_auditor_sees_each_kind_of_fault(found, ledger, word):
    assert any(word in fault for fault in audit(found, ledger, 2).faults)


def test_an_evaluation_may_run_again_where_leases_are_taken_from_the_living_and_is_counted():
    again = [*ALL_WELL, *lines("started 1 9", "finished 1 9", "kept 1 9")]
    attempts = [Attempt(1, 0, "complete"), Attempt(2, 1, "complete"), Attempt(9, 1, "duplicate")]
    account = audit(stored([trial(0), trial(1)], attempts), again, 2, may_run_again=True)
    assert account.faults == []
    assert account.n_again == 1
