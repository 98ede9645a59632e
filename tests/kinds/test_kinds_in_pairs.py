"""Twelve pairs of the seventeen kinds, drawn anew each day, and those that have no meaning."""

from __future__ import annotations

import datetime
import os

import pytest
from seventeen import KINDS, MEANINGLESS, Case, pairs
from table import drawn, named, table, tried

from smbo.errors import ProblemError

# A failure is repeated on another day with SMBO_PAIRS_BY=2026-12-01.
BY = os.environ.get("SMBO_PAIRS_BY") or datetime.date.today().isoformat()


@pytest.mark.parametrize("pair", drawn(12, BY), ids=named)
def test_a_pair_of_kinds_works_and_goes_on_after_a_kill(pair):
    faults = tried(pair)
    assert not faults, f'python tests/kinds/table.py --pairs "{named(pair)}" (drawn by {BY}): {faults}'


# Values of one argument, of which a problem has one at most.
STOPPING = {"fidelity by ladder", "fidelity by model", "early stopping"}


@pytest.mark.parametrize(
    "pair", sorted(sorted(pair) for pair in MEANINGLESS if not pair <= STOPPING), ids=named
)
def test_a_pair_without_a_meaning_is_refused(pair):
    with pytest.raises(ProblemError):
        Case(tuple(pair)).problem()


def test_each_pair_is_in_the_table_once():
    assert len(pairs()) == 136
    assert {frozenset(pair) for pair in pairs()} > MEANINGLESS.keys()
    rows = [{"pair": "failures x noise", "seed": seed, "smbo": seed, "random": 7.5} for seed in range(10)]
    lines = table(rows).splitlines()
    assert len(lines) > len(KINDS) + 2
    assert lines[2].split("|")[-2].strip() == "8"  # 0 to 7 are below 7.5
