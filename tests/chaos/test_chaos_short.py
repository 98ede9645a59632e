"""A few seconds of each scenario, and of a mutant of the product that it must catch."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rig.audit import Stored, audit
from rig.ledger import Line
from rig.objective import value_of

HERE = Path(__file__).parent

# By name: what must hold under a few seconds of each scenario.
SCENARIOS = {
    "kills": "kill.py --drivers 2 --kills 10 --trials 30 --per-study 30",
    "full disks": "full.py --points 3 --pretend --seed 1",
    "pauses and steps of the clock": "pause.py --pauses 2 --steps 4 --lease 1.5 --seed 1",
    "kills on Dask": "dask_kill.py --seconds 8 --mean-seconds 1.5 --pause 0.1 --seed 1",
    "kills for long": "soak.py --minutes 0.1 --every 1.5 --pause 0.1 --seed 1",
}

# By name: a scenario with a mutant of the product, and what is said of it.
MUTANTS = {
    "dropped before it is stored": (
        "kill.py --drivers 3 --workers 0 --kills 60 --trials 30 --per-study 30 --mutant settle-first",
        "was run again",
    ),
    "budget outside the transaction": (
        "kill.py --drivers 3 --workers 0 --kills 0 --trials 18 --per-study 6 --mutant budget-outside",
        "6 complete trials were asked for",
    ),
    "no patience with a full disk": (
        "full.py --points 2 --pretend --end 20 --mutant impatient",
        "exit codes",
    ),
    "leases by the wall clock": (
        "pause.py --pauses 0 --steps 24 --lease 1.5 --mutant wall-clock",
        "given up though nothing died",
    ),
    "budget outside, on Dask": (
        "dask_kill.py --seconds 1 --mean-seconds 9 --pause 0.05 --mutant budget-outside",
        "complete trials were asked for",
    ),
    "a descriptor for each result": (
        "soak.py --minutes 0.1 --every 3 --pause 0.1 --mutant leak",
        "descriptors grow",
    ),
}


@pytest.fixture(scope="module")
def outcomes(request):
    """Start what the collected tests need, three at a time: most of each is waiting."""
    items = [item for item in request.session.items if item.module is request.module]
    names = [item.callspec.params.get("name") for item in items if hasattr(item, "callspec")]
    commands = {name: SCENARIOS[name] for name in names if name in SCENARIOS}
    with ThreadPoolExecutor(3) as pool:
        futures = {name: pool.submit(run, command) for name, command in commands.items()}
        futures |= {name: pool.submit(hunt, MUTANTS[name][0]) for name in names if name in MUTANTS}
        yield futures


def run(command):
    """Run a scenario as its README says, and return its exit code and what it printed."""
    script, *options = shlex.split(command)
    words = [sys.executable, str(HERE / script), *options]
    done = subprocess.run(words, capture_output=True, text=True, timeout=500)
    return done.returncode, done.stdout + done.stderr


def hunt(command, chances=4):
    """Run a scenario until it notices its mutant: each does wrong in a race only, and a race is chance."""
    for chance in range(chances):
        code, said = run(f"{command} --seed {chance + 1}")
        if code != 0:
            break
    return code, said


@pytest.mark.dask
@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_lost_or_done_twice_under(name, outcomes):
    code, said = outcomes[name].result()
    assert code == 0, said
    assert "0 faults" in said


@pytest.mark.dask
@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_product_is_noticed(name, outcomes):
    code, said = outcomes[name].result()
    assert (code, MUTANTS[name][1] in said) == (1, True), said


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
