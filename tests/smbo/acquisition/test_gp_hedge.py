"""GP-Hedge: members gain by what their nominees turned out to be."""

import numpy as np
import pytest
from bowl_data import CONTINUOUS, evidence_on, process

from smbo.acquisition import (
    GPHedge,
    LogExpectedImprovement,
    LowerConfidenceBound,
)


def test_a_member_whose_nominee_turned_out_low_gains_on_the_others():
    data = evidence_on(CONTINUOUS, n=20)
    posterior = process(2).fit(data)
    portfolio = GPHedge((LogExpectedImprovement(), LowerConfidenceBound()))
    low, high = data.points[np.argmin(data.values)], data.points[np.argmax(data.values)]
    carried = {"gains": [0.0, 0.0], "nominees": [low.tolist(), high.tolist()]}
    gains = portfolio.gains(posterior, data, carried)
    mean, _ = posterior.latent.moments(np.stack([low, high]))
    assert gains[0] > 0 > gains[1]
    assert gains[0] - gains[1] == pytest.approx(
        (mean[1] - mean[0]) / posterior.latent.moments(data.points)[0].std()
    )
    shares = portfolio.shares(gains)
    assert shares.sum() == pytest.approx(1.0)
    assert shares[0] / shares[1] == pytest.approx(np.exp(gains[0] - gains[1]))
