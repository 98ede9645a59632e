"""Very many evaluations: one rule picks the rows that a surrogate is fitted to, whatever is measured."""

from dataclasses import replace

import numpy as np
import pytest

from smbo.proposal.model_data import ModelData
from smbo.surrogates import GP, CompositeGP, KernelSelection, ModelListGP, MultiFidelityGP
from smbo.surrogates.subset import Subset, bounded, rows_to_fit
from smbo.training_data import Axis, FidelityResults, ObjectiveValues, TrainingData

AXES = tuple(Axis(f"x{k}", "continuous") for k in range(2))
N = 2400


@pytest.fixture
def many():
    points = np.random.default_rng(1).random((N, 2))
    return TrainingData.of_values(AXES, points, ((points - 0.3) ** 2).sum(axis=1))


@pytest.mark.parametrize("surrogate", [GP(), KernelSelection(), MultiFidelityGP()], ids=repr)
def test_a_surrogate_of_all_rows_is_fitted_to_a_part_of_very_many(surrogate, many):
    model = ModelData.as_measured(surrogate, many, {})
    assert len(model.data) == 1000
    assert many.numbers[np.argmin(many.values)] in model.data.numbers


def test_few_rows_and_a_surrogate_with_a_part_of_its_own_stay_as_they_are(many):
    few, own = many.rows(np.arange(500)), Subset(GP(), most=400, n_rows=300)
    assert bounded(GP(), few) == GP()
    assert bounded(own, many) is own
    assert bounded(CompositeGP(), few) == CompositeGP()


def test_of_several_objectives_the_front_is_among_the_rows(many):
    values = np.stack([many.values, ((many.points - 0.7) ** 2).sum(axis=1)], axis=1)
    several = ObjectiveValues(values, np.full_like(values, np.nan), np.full(2, np.nan), np.ones(2))
    data = replace(many, objective_values=several)
    rows = rows_to_fit(data, 600)
    is_dominated = [((values <= each).all(axis=1) & (values < each).any(axis=1)).any() for each in values]
    assert np.isin(np.flatnonzero(~np.array(is_dominated)), rows).all()
    assert len(ModelListGP().relevant(data)) == 1000


def test_results_at_fidelities_are_those_of_the_rows(many):
    gaps = np.linspace(0.0, 1.0, N)
    data = replace(many, fidelities=FidelityResults(many, gaps, np.ones(N)))
    part = ModelData.as_measured(MultiFidelityGP(), data, {}).data
    assert len(part) == 300
    assert part.fidelities is not None
    assert np.array_equal(part.fidelities.numbers, part.numbers)


def test_very_many_failures_are_bounded_where_few_values_are():
    rng = np.random.default_rng(0)
    data = TrainingData.of_values(AXES, rng.random((20, 2)), rng.random(20))
    data = replace(data, failed=rng.random((5000, 2)))
    found = bounded(GP(), data)
    assert isinstance(found, Subset)
    assert len(found.relevant(data)) == 20
    assert len(found.relevant(data).failed) == found.n_rows
    assert bounded(found, data) is found  # it bounds them already
