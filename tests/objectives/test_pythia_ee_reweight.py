"""One run's events at neighbouring points: its own bins where nothing changes, those of a run else."""

from __future__ import annotations

import numpy as np
import pytest

from objectives.pythia_ee import PythiaEE
from objectives.pythia_ee.spaces import SPACES, default_point
from smbo.problem import Context, ObjectiveError

MONASH = default_point(SPACES["ee6n"])
EVENTS = 2_000
OBSERVABLES = ["charged_multiplicity", "x_p_charged", "sphericity", "pdg_means"]


@pytest.fixture(scope="module")
def objective() -> PythiaEE:
    return PythiaEE(events=EVENTS, observables=OBSERVABLES)


def test_a_step_that_is_none_gives_the_bins_of_the_run_itself(objective):
    nearly = {**MONASH, "probStoUD": MONASH["probStoUD"] * (1 + 1e-9)}
    (found,) = objective.neighbours(MONASH, [nearly], Context(seed=1))
    run = objective.evaluate(MONASH, Context(seed=1))
    assert found.effective == pytest.approx(1.0)
    assert found.reason is None
    # asking for weights takes no random numbers: these are the same events
    np.testing.assert_allclose(found.outputs, run.outputs, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(found.variances, run.outputs_variance, rtol=1e-5, atol=1e-12)


def test_a_near_point_is_what_a_run_there_says_and_a_far_one_is_refused(objective):
    near, far = {**MONASH, "probStoUD": 0.15}, {**MONASH, "bLund": 0.6}
    told, refused = objective.neighbours(MONASH, [near, far], Context(seed=1))
    assert 0.5 < told.effective < 0.95
    assert refused.outputs is None
    assert refused.effective < 0.5
    assert "fewer than 50%" in refused.reason
    run = objective.evaluate(near, Context(seed=2))
    variances = told.variances + run.outputs_variance
    seen = variances > 0
    pulls = (told.outputs - run.outputs)[seen] / np.sqrt(variances[seen])
    assert (pulls**2).mean() == pytest.approx(1.0, abs=0.5)  # of some 100 bins, which err together
    # kaons, where the parameter acts: moved from the central run by more than what is off here
    centre = objective.evaluate(MONASH, Context(seed=1))
    row = len(centre.outputs) - len(objective.observables[-1].values)
    kaon = row + list(objective.observables[-1].hadron_names).index("KPlus")
    assert told.outputs[kaon] < centre.outputs[kaon]
    assert abs(told.outputs[kaon] - run.outputs[kaon]) < 4 * np.sqrt(variances[kaon])


@pytest.mark.parametrize(
    ("points", "least", "said"),
    [
        ([{**MONASH, "alphaSvalue": 0.13}], 0.5, "alphaSvalue cannot be reweighted"),
        ([MONASH], 0.5, "changes nothing"),
        ([], 0.5, "give a point"),
        ([{**MONASH, "bLund": 0.9}], 0.0, "min_effective=0.0"),
    ],
)
def test_what_cannot_be_reweighted_is_refused_before_an_event(objective, points, least, said):
    with pytest.raises(ObjectiveError, match=said):
        objective.neighbours(MONASH, points, Context(seed=1), least)
