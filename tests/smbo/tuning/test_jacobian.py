"""A tune does not take the slopes that noise makes for knowledge of a parameter."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.history.encode import encode
from smbo.problem import ChiSquare, Problem
from smbo.space import Real, Space
from smbo.training_data import Array
from smbo.trial import Trial, TrialState
from smbo.tuning import Tune, fit_tune, jacobian as jacobian_module
from smbo.tuning.jacobian import Jacobian

K, N = 240, 36
SPACE = Space({"strong": Real(0.0, 1.0), "idle": Real(0.0, 1.0)})
TRUTH = np.array([0.45, 0.5])
JACOBIAN = np.random.default_rng(99).standard_normal((K, 2)) * [8.0, 0.0]
COMMON = np.random.default_rng(98).standard_normal((K, 3))


def tune_of(seed: int) -> Tune:
    """Return a tune to bins linear in one parameter; evaluations gather at one end of the other."""
    rng = np.random.default_rng(seed)
    loss = ChiSquare(JACOBIAN @ TRUTH + 0.3 * rng.standard_normal(K), np.full(K, 0.3))
    rows = np.column_stack([rng.uniform(size=N), rng.beta(0.5, 1.5, size=N)])
    noise = rng.standard_normal((N, K)) + rng.standard_normal((N, 3)) @ COMMON.T  # bins of the same events
    trials = [
        Trial(
            number,
            SPACE.from_unit(row[None])[0],
            0,
            TrialState.COMPLETE,
            value=0.0,
            feasible=True,
            outputs=JACOBIAN @ row + off,
            outputs_variance=np.full(K, 2.0),
        )
        for number, (row, off) in enumerate(zip(rows, noise))
    ]
    problem = Problem(SPACE, loss=loss)
    return fit_tune(problem, encode(problem, trials))


def test_a_parameter_that_moves_nothing_is_not_constrained_by_the_noise_of_hundreds_of_bins() -> None:
    tunes = [tune_of(seed) for seed in range(8)]
    assert not any(tune.parameters[1].is_constrained for tune in tunes)
    off = np.array([(t.parameters[0].value - TRUTH[0]) / t.parameters[0].error for t in tunes])
    assert all(tune.parameters[0].is_constrained for tune in tunes)
    assert np.sqrt((off**2).mean()) < 2.0


def test_it_would_be_if_noise_were_not_held_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jacobian_module, "_exceeded", lambda parts, freedoms: 0.0)
    monkeypatch.setattr(Jacobian, "_noise", lambda self, metric: (np.zeros((1, 2, 2)), np.ones(1)))
    assert any(tune_of(seed).parameters[1].is_constrained for seed in range(4))


def noisy_slopes(rng: np.random.Generator, truth: Array, doubt: Array) -> Jacobian:
    """Return slopes (k, p) that err by ``doubt`` (p, p) in each bin, and say so."""
    k, p = truth.shape
    found = truth + rng.standard_normal((k, p)) @ np.linalg.cholesky(doubt).T
    noise_root = rng.standard_normal((k, 20)) / np.sqrt(20.0)
    return Jacobian(found, found, np.zeros((k, 0)), np.zeros((0, p, p)), noise_root, 20, doubt)


def test_slopes_of_noise_alone_hardly_ever_count() -> None:
    doubt = np.array([[0.5, 0.2], [0.2, 0.3]])
    rng = np.random.default_rng(0)
    counted = [noisy_slopes(rng, np.zeros((60, 2)), doubt).significant(np.ones(60)).any() for _ in range(300)]
    assert np.mean(counted) < 0.03  # two parameters, each 0.00135, and the noise known to a tenth


def test_what_is_left_of_slopes_far_above_their_noise_is_the_information_that_they_truly_have() -> None:
    rng = np.random.default_rng(1)
    doubt = np.array([[0.5, 0.2], [0.2, 0.3]])
    truth = 2.0 * rng.standard_normal((400, 2))
    left = noisy_slopes(rng, truth, doubt).significant(np.ones(400))
    assert left.T @ left == pytest.approx(truth.T @ truth, rel=0.12, abs=0.1 * (truth[:, 0] ** 2).sum())


def test_where_one_parameter_trades_for_another_only_their_sum_counts() -> None:
    rng = np.random.default_rng(2)
    truth = rng.standard_normal((300, 1)) * [3.0, 3.0]
    left = noisy_slopes(rng, truth, 0.3 * np.eye(2)).significant(np.ones(300))
    information = left.T @ left
    assert (
        np.array([1.0, -1.0]) @ information @ np.array([1.0, -1.0]) < 12.0
    )  # less than the range itself says
    assert np.array([1.0, 1.0]) @ information @ np.array([1.0, 1.0]) > 0.8 * 36.0 * 300


def test_a_trade_that_hardly_exceeds_noise_counts_for_what_it_has_more_on_average() -> None:
    # squares along (1, -1): 27 of the truth, 180 of noise; a test in each study would rarely let that pass
    against = np.array([1.0, -1.0])
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = rng.standard_normal((300, 1)) * [3.0, 3.0] + rng.standard_normal((300, 1)) * [0.15, -0.15]
        left = noisy_slopes(rng, truth, 0.3 * np.eye(2)).significant(np.ones(300))
        found.append(against @ left.T @ left @ against)
    assert np.mean(found) == pytest.approx(27.0, rel=0.3)
