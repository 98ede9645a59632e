from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tune_toy import TRUTH, study_of

from smbo.errors import ProblemError
from smbo.problem import ChiSquare, Problem
from smbo.training_data import TrainingData
from smbo.tuning import TuneSettings, automatic
from smbo.tuning.automatic import automatic_weights, squares_of


def with_a_broken_observable(seed: int) -> tuple[Problem, TrainingData]:
    """Return a toy study in which a third observable wants a slope that the others exclude.

    It is the first spectrum measured anew, tilted by what no setting does.
    """
    problem, data = study_of(seed)
    loss, vectors = problem.loss, data.outputs
    assert isinstance(loss, ChiSquare)
    assert vectors is not None
    tilt = 1.0 + np.linspace(0.8, -0.6, 12) * np.cos(np.arange(12))
    pairs = {
        "falling": (loss.data[:12], loss.errors[:12]),
        "peak": (loss.data[12:], loss.errors[12:]),
        "broken": (loss.data[:12] * tilt, loss.errors[:12]),
    }
    third = ChiSquare.of_observables(pairs)
    more = replace(
        vectors,
        loss=third,
        values=np.hstack([vectors.values, vectors.values[:, :12]]),
        variances=np.hstack([vectors.variances, vectors.variances[:, :12]]),
        factors=np.zeros((len(data), 36, 0)),
    )
    return Problem(problem.space, loss=third), replace(data, outputs=more)


def test_what_no_setting_describes_is_weighed_down_and_no_longer_pulls() -> None:
    problem, data = with_a_broken_observable(0)
    found = automatic_weights(problem, data)
    assert found.weights["broken"] < 0.05
    assert found.weights["peak"] > 0.5
    assert found.alone["broken"] > 5.0
    assert found.alone["falling"] < 2.0
    before = abs(found.equal.params["slope"] - TRUTH["slope"])
    after = abs(found.tune.params["slope"] - TRUTH["slope"])
    assert after < 0.3 * before


def test_robust_weights_are_the_inverse_squares_of_the_pulls_that_they_lead_to() -> None:
    problem, data = with_a_broken_observable(1)
    found = automatic_weights(problem, data)
    for name, square in squares_of(found.tune).items():
        assert found.weights[name] == pytest.approx(1.0 / max(square, 1.0), rel=0.02)


def test_bilevel_weights_lower_the_score_that_they_are_chosen_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automatic, "_N_TRIALS", 25)
    problem, data = with_a_broken_observable(2)
    found = automatic_weights(problem, data, method="bilevel")

    def score(squares: dict[str, float]) -> float:
        values = np.array(list(squares.values()))
        return float(values.mean() + values.std())

    assert score(squares_of(found.tune)) < score(squares_of(found.equal))
    assert max(found.weights.values()) == pytest.approx(1.0)
    again = automatic_weights(problem, data, method="bilevel")
    assert again.weights == found.weights


def test_weights_of_ones_own_stay_and_what_is_left_out_stays_out() -> None:
    problem, data = with_a_broken_observable(3)
    settings = TuneSettings(weights={"peak": 0.5}, same_measurement=[("falling", "broken")])
    found = automatic_weights(problem, data, settings)
    assert set(found.weights) == {"falling", "peak"}
    assert found.weights["peak"] <= 0.5
    by_name = {each.name: each.weight for each in found.tune.observables}
    assert by_name["broken"] == 0.0
    assert found.tune.statistic.left_out == ("broken",)


def test_unknown_rules_and_a_single_observable_are_refused() -> None:
    problem, data = with_a_broken_observable(0)
    with pytest.raises(ProblemError, match="robust, bilevel"):
        automatic_weights(problem, data, method="guess")  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match="two observables"):
        automatic_weights(problem, data, TuneSettings(observables=["peak"]))
