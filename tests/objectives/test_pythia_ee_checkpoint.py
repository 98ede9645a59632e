"""A run's checkpoint: resumed with more events, it is one run of all of them."""

from __future__ import annotations

import pytest

from smbo.problem import Context, ObjectiveError
from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.spaces import SPACES, default_point

MONASH = default_point(SPACES["ee6n"])


@pytest.fixture(scope="module")
def objective() -> PythiaEE:
    return PythiaEE(events=1_000)


@pytest.mark.pythia
def test_a_run_that_goes_on_to_more_events_is_what_one_run_of_all_of_them_is(objective, tmp_path):
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    first = objective.evaluate(MONASH, Context(seed=5, fidelity=500, folder=folders[0]))
    steps = []
    context = Context(
        seed=5,
        fidelity=1_500,
        folder=folders[1],
        checkpoint=folders[0],
        report=lambda step, value: steps.append(step),
    )
    went_on = objective.evaluate(MONASH, context)
    at_once = objective.evaluate(MONASH, Context(seed=5, fidelity=1_500))
    assert first.metrics["n_events"] == 500
    assert steps == [1_500]
    assert went_on.value == at_once.value
    assert went_on.sem == at_once.sem
    assert (went_on.outputs == at_once.outputs).all()
    assert (went_on.outputs_variance == at_once.outputs_variance).all()


def test_a_checkpoint_of_other_observables_or_more_events_is_refused(objective, tmp_path):
    objective.evaluate(MONASH, Context(seed=5, fidelity=300, folder=tmp_path))
    other = PythiaEE(observables=["sphericity"])
    with pytest.raises(ObjectiveError, match="start the trial anew"):
        other.evaluate(MONASH, Context(seed=5, fidelity=600, checkpoint=tmp_path))
    with pytest.raises(ObjectiveError, match="300 events"):
        objective.evaluate(MONASH, Context(seed=5, fidelity=200, checkpoint=tmp_path))
