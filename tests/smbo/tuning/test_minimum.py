"""The minimum of the expected χ², for each choice of what is not fitted."""

from __future__ import annotations

import numpy as np
from tune_toy import spectra

from smbo.history.encode import encode
from smbo.problem import ChiSquare, Problem
from smbo.space import Categorical, Real, Space
from smbo.trial import Trial, TrialState
from smbo.tuning import fit_tune


def test_each_choice_of_a_category_has_a_minimum_of_its_own() -> None:
    space = Space({"slope": Real(0.5, 2.5), "kind": Categorical(["right", "wrong"])})
    rng = np.random.default_rng(0)
    truth = spectra(1.4, 0.5)
    loss = ChiSquare.of_observables({"both": (truth, np.full(24, 0.03))})
    trials = []
    for number, point in enumerate(space.sample(40, rng)):
        shift = 0.1 if point["kind"] == "wrong" else 0.0
        outputs = spectra(point["slope"], 0.5) + shift + 0.01 * rng.standard_normal(24)
        trials.append(
            Trial(
                number,
                point,
                0,
                TrialState.COMPLETE,
                value=0.0,
                feasible=True,
                outputs=outputs,
                outputs_variance=np.full(24, 1e-4),
            )
        )
    problem = Problem(space, loss=loss)
    tune = fit_tune(problem, encode(problem, trials))
    assert tune.params["kind"] == "right"
    assert tune.names == ("slope",)
    assert [choice for choice, _ in tune.alternatives] == [{"kind": "right"}, {"kind": "wrong"}]
    kinds = {choice["kind"]: value for choice, value in tune.alternatives}
    assert kinds["wrong"] > 5.0 * kinds["right"]
