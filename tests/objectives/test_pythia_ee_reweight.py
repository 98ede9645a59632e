"""One run's events at neighbouring points: its own bins where nothing changes, those of a run else."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.problem import Context, ObjectiveError, Reweightable
from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.spaces import SPACES, default_point

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
    np.testing.assert_allclose(found.changes, 0.0, atol=1e-6)
    np.testing.assert_allclose(found.change_variances, 0.0, atol=1e-12)


def test_the_change_is_from_the_same_events_without_weights_and_errs_as_said(objective):
    near = {**MONASH, "probStoUD": 0.23, "bLund": 0.96}
    each = [objective.neighbours(MONASH, [near], Context(seed=seed, fidelity=500))[0] for seed in range(12)]
    changes = np.array([found.changes for found in each])
    said = np.mean([found.change_variances for found in each], axis=0)
    seen = said > 0
    assert changes.var(axis=0, ddof=1)[seen].sum() == pytest.approx(said[seen].sum(), rel=0.4)
    ratios = changes.var(axis=0, ddof=1)[seen] / said[seen]
    assert ratios.mean() == pytest.approx(1.0, abs=0.3)
    # a change is far better known than the bins are
    assert np.median(said[seen] / np.mean([found.variances for found in each], axis=0)[seen]) < 0.2


@pytest.mark.parametrize(("name", "step"), [("aLund", 0.03), ("bLund", 0.015)])
def test_a_step_back_undoes_a_step_forth(objective, name, step):
    points = [{**MONASH, name: MONASH[name] + sign * step} for sign in (1, -1)]
    forth, back = objective.neighbours(MONASH, points, Context(seed=1))
    # as sampled without headroom, a step back of aLund moves a fifth of what a step forth does
    apart, moved = forth.changes + back.changes, forth.changes - back.changes
    errors = np.sqrt(forth.change_variances + back.change_variances)
    seen = errors > 0
    off = (apart[seen] / errors[seen]) @ (apart[seen] / errors[seen])
    assert off < 0.05 * ((moved[seen] / errors[seen]) @ (moved[seen] / errors[seen]))


def test_near_points_change_one_parameter_each_and_stay_within_pythias_ranges(objective):
    assert isinstance(objective, Reweightable)
    at = {**MONASH, "aLund": 2.0}
    found = objective.near(at)
    assert sorted(found) == ["aLund", "bLund", "probQQtoQ", "probStoUD", "sigma"]  # no alphaSvalue
    for name, point in found.items():
        assert {key for key in at if point[key] != at[key]} == {name}
    assert found["aLund"]["aLund"] < 2.0
    assert found["bLund"]["bLund"] > at["bLund"]


def test_weights_that_are_wrong_are_refused(objective):
    (refused,) = objective.neighbours(MONASH, [{**MONASH, "probQQtoQ": 0.085}], Context(seed=1))
    assert refused.effective > 0.95
    assert refused.changes is None
    assert "Pythia's weights are wrong here" in refused.reason
    assert 0.2 < refused.imbalance < 0.6


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
