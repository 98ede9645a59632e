"""What a proposal was made from tells it from others, and is enough to make it again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smbo.study import Study
from smbo.study.provenance import Proposed, propose_trials, proposed_trials

PROPOSED = Proposed(
    points=({"x": 0.1}, {"x": 0.2}, {"x": 0.3}),
    first_number=4,
    watermark=9,
    before={"radius": 0.5},
    memory={"radius": 0.25},
    beside=({"x": 0.9},),
)


@pytest.mark.parametrize(
    "change",
    [
        {"first_number": 5},
        {"watermark": 10},
        {"before": {"radius": 0.4}},
        {"beside": ()},
        {"fixed": {"x": 0.1}},
        {"points": PROPOSED.points[:2]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_proposal_is_named_after_all_that_it_was_made_from(change):
    assert replace(PROPOSED, **change).name != PROPOSED.name
    assert replace(PROPOSED, memory={}).name == PROPOSED.name  # what it led to is no part of it


def test_the_log_keeps_once_what_a_proposal_was_made_from():
    whole, rest = PROPOSED.origins(0, 1, is_whole=True), PROPOSED.origins(1, 3, is_whole=False)
    name = PROPOSED.name
    assert rest == [{"proposal": name, "index": 1}, {"proposal": name, "index": 2}]
    assert whole == [
        {"proposal": name, "index": 0, "first": 4, "n": 3, "watermark": 9}
        | {"memory": {"radius": 0.5}, "beside": [{"x": 0.9}]}
    ]
    assert PROPOSED.origins(0, 0, is_whole=True) == []


def test_points_proposed_before_count_as_trials_under_way_that_were_asked_for(tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db"
    with Study.open(url, "s", {"x": (0.0, 1.0), "k": (1, 9)}, recipe="gp", seed=1) as study:
        for trial in study.ask(3):
            study.tell(trial, trial.params["x"])
        record, trials = study._driver.log.with_trials()
        first = propose_trials(study.problem, study.recipe, record, trials, 1)
        ahead = propose_trials(
            study.problem, study.recipe, replace(record, memory=first.memory), trials, 1, beside=first.points
        )
        (under_way,) = proposed_trials(study.problem, first.points, 4)
        asked, after = study.ask(), study.ask()
    assert (under_way.number, under_way.params) == (asked.number, asked.params) == (3, dict(first.points[0]))
    assert (ahead.first_number, after.number, dict(ahead.points[0])) == (4, 4, after.params)
