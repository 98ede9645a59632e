"""Proposals computed beforehand: how many, and from what."""

from __future__ import annotations

import pytest

from smbo.study import Study
from smbo.study.prefetch import PrefetchRequest, Proposer, n_prefetched


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/runs.db"


def test_the_proposer_leaves_out_what_was_asked_for_since(url):
    with Study.open(url, "s", {"x": (0.0, 1.0)}, recipe="sobol", seed=1) as study:
        proposer = Proposer(study._driver.store, "s", study.problem, study.recipe)
        first = proposer(PrefetchRequest(2))
        study._driver.ask_proposed("run {}", first, 0, 1)
        second = proposer(PrefetchRequest(1, first.points, dict(first.memory)))
        assert second.beside == first.points[1:]
        assert second.first_number == 2


@pytest.mark.parametrize(
    ("slots", "proposing", "evaluation", "expected"),
    [
        (1, 5.0, 1.0, 0),  # serial: each point knows all before it
        (8, 0.5, 3600.0, 0),  # proposing takes no time beside the evaluation
        (8, None, 1.0, 0),
        (8, 0.1, 1.0, 2),
        (8, 0.5, 1.0, 5),
        (8, 60.0, 1.0, 8),  # never more than slots
        (8, 0.1, 0.0, 8),
    ],
)
def test_as_many_points_are_prefetched_as_slots_become_free_meanwhile(slots, proposing, evaluation, expected):
    assert n_prefetched(slots, proposing, evaluation) == expected
