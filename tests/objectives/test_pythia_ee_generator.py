"""Runs of Pythia: seeds, batches, and settings or events that fail."""

from __future__ import annotations

import pytest

from smbo.problem import Context, EvaluationFailed, ObjectiveError
from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.generator import Generator, pythia_seed
from smbo_objectives.pythia_ee.histograms import Histograms
from smbo_objectives.pythia_ee.spaces import SPACES, default_point

MONASH = default_point(SPACES["ee6n"])


@pytest.fixture(scope="module")
def objective() -> PythiaEE:
    return PythiaEE(events=1_000)


def test_seeds_stay_within_what_pythia_takes():
    assert [pythia_seed(s) for s in (0, 899_999_999, 900_000_000)] == [1, 900_000_000, 1]
    assert 1 <= pythia_seed(2**63) <= 900_000_000


@pytest.mark.pythia
def test_the_histograms_do_not_depend_on_the_batch_size(objective):
    results = []
    for batch_size in (1_000, 333):
        histograms = Histograms(objective.observables, 1_000)
        for sample in Generator(MONASH, seed=5).batches(1_000, batch_size):
            histograms.fill(sample)
        results.append(histograms)
    for one, two in zip(results[0].leave_one_out(), results[1].leave_one_out(), strict=True):
        assert (one.values == two.values).all()
        assert (one.variances == two.variances).all()


@pytest.mark.pythia
@pytest.mark.parametrize(
    ("params", "error", "said"),
    [
        ({"sigma": 1.5}, EvaluationFailed, "StringPT:sigma"),
        ({"sigma": float("nan")}, EvaluationFailed, "StringPT:sigma"),
        ({"sigm": 0.3}, ObjectiveError, "sigm"),
        ({"sigma": "0.3\nBeams:eCM = 200"}, ObjectiveError, "number"),
    ],
)
def test_what_pythia_does_not_take_fails_instead_of_being_booked_for_the_default(
    objective, params, error, said
):
    with pytest.raises(error, match=said):
        objective.evaluate(params, Context(seed=1))


class Refusing:
    """Stands in for Pythia: takes every setting, then fails to start, or on every event."""

    def __init__(self, starts: bool) -> None:
        self._starts = starts

    def readString(self, _line: str) -> bool:
        return True

    def init(self) -> bool:
        return self._starts

    def nextBatch(self, _n_events: int) -> list[object]:
        return []


@pytest.mark.parametrize(("starts", "said"), [(False, "^init: "), (True, "^events: .* failed")])
def test_a_generator_that_does_not_start_or_keeps_failing_fails_the_evaluation(
    objective, monkeypatch, starts, said
):
    import pythia8mc

    monkeypatch.setattr(pythia8mc, "Pythia", lambda *_: Refusing(starts))
    with pytest.raises(EvaluationFailed, match=said):
        objective.evaluate(MONASH, Context(seed=1))
