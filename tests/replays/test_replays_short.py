"""A slice of the replays: a recording made twice is the same, and a planted difference is seen."""

from __future__ import annotations

import copy

import pytest
from compare import differences
from record import record
from recording import SCENARIOS

SLICE = ("plain2/gp", "conditional/sobol", "several/auto", "asha/random", "study-run/own-points")


@pytest.fixture(scope="module")
def recorded():
    return record(SLICE)


def test_every_recipe_meets_every_kind_of_problem():
    kinds = {name.partition("/")[0] for name in SCENARIOS if name.endswith("/portfolio")}
    assert len(kinds) > 30
    assert all(
        f"{kind}/{recipe}" in SCENARIOS for kind in kinds for recipe in ("auto", "gp", "pareto", "sobol")
    )


def test_a_recording_made_twice_is_the_same(recorded):
    again = record(SLICE)
    assert [each["words"] for each in recorded.values() if ["broke", True] in each["exact"]] == []
    assert differences(recorded, again) == {}
    assert differences(recorded, again, "words") == {}


def test_a_criterion_that_is_a_little_off_is_seen(recorded, monkeypatch):
    from smbo.acquisition import expected_improvement

    right = expected_improvement.incumbent
    monkeypatch.setattr(expected_improvement, "incumbent", lambda *given: right(*given) - 1e-3)
    assert "plain2/gp" in differences(recorded, record(["plain2/gp"]) | {k: recorded[k] for k in SLICE[1:]})


def test_the_last_bit_of_one_number_is_a_difference_and_a_text_is_none(recorded):
    other = copy.deepcopy(recorded)
    place = next(i for i, (label, _) in enumerate(other["plain2/gp"]["exact"]) if label == "tell")
    value = float.fromhex(other["plain2/gp"]["exact"][place][1][1])
    other["plain2/gp"]["exact"][place][1][1] = (value * (1.0 + 2.0**-52)).hex()
    other["several/auto"]["words"][0][1] = "other words"
    assert list(differences(recorded, other)) == ["plain2/gp"]
    assert list(differences(recorded, other, "words")) == ["several/auto"]
    del other["asha/random"]
    assert differences(recorded, other)["asha/random"] == "only in A"
