"""Bins that see the same events err together, and a run can say so."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.problem import Context, ObjectiveError
from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.spaces import SPACES, default_point

MONASH = default_point(SPACES["ee6n"])


def test_bins_of_the_same_events_are_said_to_err_together_and_each_as_much_as_before():
    names = ["charged_multiplicity", "x_p_charged", "xi_p_charged", "pdg_means"]
    together = PythiaEE(observables=names, events=3_000, common_noise=4)
    alone = PythiaEE(observables=names, events=3_000)
    found, plain = (each.evaluate(MONASH, Context(seed=1)) for each in (together, alone))
    variances, factors = found.outputs_variance[:, 0], found.outputs_variance[:, 1:]
    assert 1 <= factors.shape[1] <= 4
    assert (variances >= 0.0).all()
    np.testing.assert_allclose(variances + (factors**2).sum(axis=1), plain.outputs_variance, rtol=1e-9)
    np.testing.assert_array_equal(found.outputs, plain.outputs)
    # more pions than expected are more charged particles than expected
    n_means = together.observables[-1].n_bins
    pions = factors[len(factors) - n_means]
    multiplicity = factors[: together.observables[0].n_bins] @ pions
    middle = np.average(np.arange(len(multiplicity)), weights=plain.outputs[: len(multiplicity)])
    upper = np.arange(len(multiplicity)) > middle + 1
    assert multiplicity[upper].sum() > 0.0 > multiplicity[: int(middle) - 1].sum()


def test_a_number_of_directions_that_is_none_is_refused():
    with pytest.raises(ObjectiveError, match="common_noise"):
        PythiaEE(common_noise=-1)
