"""Repeats in problems that measure several quantities: objectives, outputs, a level set, at fidelities."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from smbo import Fidelity, Integer, LevelSet, Optimizer, Outcome, Problem
from smbo.acquisition.knowledge_gradient import gains_of_known, gains_of_new
from smbo.history.encode import encode
from smbo.problem import ChiSquare
from smbo.proposal.model_data import ModelData
from smbo.proposal.replication import _judged, is_exact
from smbo.surrogates import ModelListGP
from smbo.surrogates.multi_output.composite import CompositeGP

AGAIN = {"auto": {"replication": True}}
TABLE = {"k": Integer(0, 3), "n": Integer(0, 3)}
EPOCHS = Fidelity(1, 9)
KINDS = {
    "several objectives": {"objectives": {"f": "min", "g": "min"}},
    "vector outputs": {"loss": ChiSquare([0.0, 0.0], [1.0, 1.0])},
    "level set": {"level_set": LevelSet(2.0, of=["f"])},
    "asha": {"fidelity": EPOCHS, "early_stopping": "asha"},
    "model": {"fidelity": EPOCHS, "early_stopping": "model"},
    "objectives by model": {
        "objectives": {"f": "min", "g": "min"},
        "fidelity": EPOCHS,
        "early_stopping": "model",
    },
}


def measured(problem, trial, rng, sigma):
    k, n = trial.params["k"], trial.params["n"]
    short = 0.0 if trial.fidelity is None else 1.0 / trial.fidelity
    outputs = np.array([k - 1.0, n - 2.0]) + sigma * rng.standard_normal(2)
    if problem.loss is not None:
        return Outcome.of_outputs(outputs, np.full(2, max(sigma, 1e-3) ** 2))
    f = (k - 1.0) ** 2 + (n - 2.0) ** 2 + short + sigma * rng.standard_normal()
    values = {"f": f, "g": (k - 3.0) ** 2 + n + sigma * rng.standard_normal()}
    return values if problem.objectives or problem.level_set else f


def searched(kind, n, sigma=3.0):
    problem = Problem(TABLE, **KINDS[kind])
    optimizer, rng = Optimizer(problem, AGAIN, seed=1), np.random.default_rng(1)
    while len(optimizer.trials) < n:
        trial = optimizer.ask()
        optimizer.tell(trial, measured(problem, trial, rng, sigma))
    return optimizer


def times(optimizer):
    return Counter(tuple(trial.params.values()) for trial in optimizer.trials)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "level set"])
def test_noisy_points_are_asked_for_again_in_every_kind_of_problem(kind):
    optimizer = searched(kind, 16, sigma=3.0 if kind in ("asha", "model") else 1.0)
    assert len(times(optimizer)) < 16
    assert len({trial.seed for trial in optimizer.trials}) == 16


def test_of_a_level_set_points_at_the_level_are_asked_for_again():
    """Structure that no evaluation has shown makes new points worth more, while there are any."""
    ((point, _),) = times(searched("level set", 26, sigma=0.3)).most_common(1)
    assert (point[0] - 1.0) ** 2 + (point[1] - 2.0) ** 2 == 2.0


@pytest.mark.parametrize("kind", ["several objectives", "level set", "asha"])
def test_without_noise_the_space_is_used_up_as_without_repeats(kind):
    optimizer = searched(kind, 17, sigma=0.0)
    assert sorted(times(optimizer).values()) == [1] * 15 + [2]
    assert is_exact(encode(optimizer.problem, optimizer.trials))


def contest(kind):
    """Return quantities, worth and known points of a search."""
    optimizer = searched(kind, 12, sigma=1.0)
    data = encode(optimizer.problem, optimizer.trials)
    surrogate = {"several objectives": ModelListGP(), "vector outputs": CompositeGP()}[kind]
    belief = ModelData.as_measured(surrogate, data, {}).surrogate.fit(data)
    beliefs, worth, _ = _judged(belief, data)
    return belief, beliefs, worth, np.unique(data.points, axis=0), data


@pytest.mark.parametrize("kind", ["several objectives", "vector outputs"])
def test_what_an_evaluation_is_worth_is_what_conditioning_on_its_draws_comes_to(kind):
    _, beliefs, worth, known, _ = contest(kind)
    new = np.random.default_rng(2).random((6, 2))
    found = np.concatenate([gains_of_known(beliefs, known, worth), gains_of_new(beliefs, known, new, worth)])
    for place, gain in zip([*known, *new], found, strict=True):
        allowed = np.concatenate([known, place[None]])
        before, after = [], []
        for belief, draws in zip(beliefs, worth.nodes.T, strict=True):
            mean, covariance = belief.joint(allowed)
            root = np.sqrt(covariance[-1, -1] + belief.noise)
            moved = mean[:, None] + covariance[:, -1:] / root * draws
            left = np.diagonal(covariance) - (covariance[:, -1] / root) ** 2
            before.append((mean[:-1, None, None], np.diagonal(covariance)[:-1, None, None]))
            after.append((moved[:, None], np.broadcast_to(left[:, None, None], moved[:, None].shape)))
        now = worth.of_best(*(np.stack(each, axis=-1) for each in zip(*before)))[0, 0]
        then = worth.of_best(*(np.stack(each, axis=-1) for each in zip(*after))) @ worth.weights
        assert gain == pytest.approx(now - then[0], rel=1e-6, abs=1e-9)
    assert found.min() > -1e-6  # on average an evaluation changes nothing
    assert found.max() > 1e-4
