from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tune_toy import SPACE, TRUTH, spectra, study_of

from smbo.errors import ProblemError
from smbo.problem import ChiSquare, FunctionLoss, Problem
from smbo.space import Real, Space
from smbo.training_data import Array
from smbo.tuning import TuneSettings, fit_tune, refit

NAMES = ("slope", "width")


def deviations(seeds: range, **how: float) -> Array:
    """Return how far off each constrained parameter is, in reported standard deviations, (seeds, 2)."""
    found = []
    for seed in seeds:
        tune = fit_tune(*study_of(seed, **how))
        found.append([(p.value - TRUTH[p.name]) / p.error for p in tune.parameters if p.name in NAMES])
    return np.array(found)


@pytest.mark.parametrize(
    ("noise", "error"), [(0.02, 0.03), (0.06, 0.01)], ids=["data decide", "simulation decides"]
)
def test_reported_errors_cover_the_truth_as_often_as_they_should(noise: float, error: float) -> None:
    off = deviations(range(24), noise=noise, error=error)
    # of 48 numbers 68 % and 95 %; three binomial standard deviations below
    assert (np.abs(off) < 1.0).mean() > 0.48
    assert (np.abs(off) < 2.0).mean() > 0.86
    # and they are not much wider than what they describe (of 60 seeds: 1.0 and 1.2 times)
    assert 1.0 / np.sqrt((off**2).mean()) < 1.7


def test_with_weights_of_one_the_covariance_is_that_of_a_rise_of_chi2_by_the_level() -> None:
    problem, training_data = study_of(3, noise=0.001)
    tune = fit_tune(problem, training_data, TuneSettings(level=1.0))
    data, errors = tune.statistic.data, tune.statistic.errors

    def chi2(slope: float, width: float) -> float:
        return float((((spectra(slope, width) - data) / errors) ** 2).sum())

    best = [tune.params[name] for name in NAMES]
    step = 1e-3
    hessian = np.empty((2, 2))
    for i in range(2):
        for j in range(2):
            ends = np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)])
            points = np.tile(best, (4, 1))
            points[:, i] += step * ends[:, 0]
            points[:, j] += step * ends[:, 1]
            values = np.array([chi2(*point) for point in points])
            hessian[i, j] = values @ np.array([1, -1, -1, 1]) / (4.0 * step**2)
    expected = np.linalg.inv(0.5 * hessian)
    # the true Hessian has the curvature of the bins too, which the linearised one leaves out
    assert tune.covariance[:2, :2] == pytest.approx(expected, rel=0.15, abs=1e-6)


def test_the_parts_of_an_error_add_up_to_it() -> None:
    for each in fit_tune(*study_of(6)).parameters:
        if each.is_constrained:
            assert each.error == pytest.approx(np.hypot.reduce(list(each.parts.values())))


def test_what_the_data_do_not_constrain_is_named_and_two_of_its_errors_cover_its_range() -> None:
    for seed in range(8):
        tune = fit_tune(*study_of(seed))
        slope, width, idle = tune.parameters
        assert slope.is_constrained
        assert width.is_constrained
        assert not idle.is_constrained or idle.error > 0.2
        if not idle.is_constrained:
            assert idle.value - 2.0 * idle.error <= -1.0 + 1e-9
            assert idle.value + 2.0 * idle.error >= 1.0 - 1e-9


def test_a_parameter_that_wants_beyond_its_range_is_on_its_bound() -> None:
    narrow = Space({"slope": Real(1.6, 2.5), "width": Real(0.2, 1.0), "idle": Real(-1.0, 1.0)})
    problem, data = study_of(0)
    inside = [row for row, point in enumerate(SPACE.from_unit(data.points)) if point["slope"] > 1.6]
    kept = data.rows(np.array(inside))
    units = narrow.to_unit(SPACE.from_unit(kept.points))
    tune = fit_tune(Problem(narrow, loss=problem.loss), replace(kept, points=units))
    assert next(p.bound for p in tune.parameters) == "lower"


def test_a_poor_fit_widens_the_errors_by_the_scale_factor_and_a_good_one_narrows_them_on_request() -> None:
    problem, training_data = study_of(1)
    loss = problem.loss
    assert isinstance(loss, ChiSquare)
    for factor, expected in ((0.5, "wider"), (3.0, "as they are")):
        changed = ChiSquare(loss.data, loss.errors * factor, loss.weights, counts=loss.counts)
        twin = Problem(SPACE, loss=changed)
        known = replace(training_data, outputs=replace(training_data.outputs, loss=changed))  # type: ignore[type-var]
        by_level = {
            level: fit_tune(twin, known, TuneSettings(level=level))
            for level in ("pdg", "residuals", 1.0)  # type: ignore[arg-type]
        }
        ratio = by_level["residuals"].chi2 / by_level["residuals"].ndf
        assert by_level["residuals"].level == pytest.approx(ratio)
        assert by_level["pdg"].level == pytest.approx(max(1.0, ratio))
        assert (ratio > 1.0) == (expected == "wider")
        data = {level: tune.parameters[0].parts["data"] for level, tune in by_level.items()}
        assert data["residuals"] == pytest.approx(data[1.0] * np.sqrt(ratio))


def test_eigentunes_rebuild_the_covariance() -> None:
    tune = fit_tune(*study_of(2))
    rebuilt = sum(
        each.size**2 * np.outer(list(each.direction.values()), list(each.direction.values()))
        for each in tune.eigentunes
    )
    assert rebuilt == pytest.approx(tune.unit_covariance, abs=1e-12)
    sizes = [each.size for each in tune.eigentunes]
    assert sizes == sorted(sizes, reverse=True)
    for each in tune.eigentunes:
        assert SPACE.contains(each.plus)
        assert SPACE.contains(each.minus)
        if not each.is_cut:
            middle = 0.5 * (each.plus["slope"] + each.minus["slope"])
            assert middle == pytest.approx(tune.params["slope"])


def test_leaving_an_observable_out_moves_the_tune_to_the_others() -> None:
    problem, data = study_of(5)
    whole = fit_tune(problem, data)
    part = refit(problem, data, whole.model, TuneSettings(observables=["peak"]))
    by_name = {each.name: each for each in part.observables}
    assert by_name["falling"].weight == 0.0
    assert by_name["peak"].weight == 1.0
    assert by_name["falling"].information == pytest.approx([0.0, 0.0, 0.0])
    assert part.errors["slope"] > 3.0 * whole.errors["slope"]
    assert part.errors["width"] == pytest.approx(whole.errors["width"], rel=0.1)
    # what was left out is predicted all the same
    truth = spectra(**part.params)
    assert part.outputs[:12] == pytest.approx(truth[:12], abs=6.0 * part.outputs_std[:12].max())


def test_what_cannot_be_tuned_is_refused_with_the_reason() -> None:
    problem, data = study_of(0, n=3)
    with pytest.raises(ProblemError, match="there are 3"):
        fit_tune(problem, data)
    problem, data = study_of(0)
    with pytest.raises(ProblemError, match="did you mean 'peak'"):
        fit_tune(problem, data, TuneSettings(observables=["peek"]))
    with pytest.raises(ProblemError, match="no observable has any weight"):
        fit_tune(problem, data, TuneSettings(weights={"falling": 0, "peak": 0}))
    with pytest.raises(ProblemError, match="bins and data"):
        fit_tune(Problem(SPACE, loss=FunctionLoss(lambda y: y.sum(axis=-1))), replace(data, outputs=None))
    for wrong in ({"level": "sigma"}, {"level": 0.0}, {"theory": -1.0}, {"observables": "peak"}):
        with pytest.raises(ProblemError, match="tune: "):
            TuneSettings(**wrong)  # type: ignore[arg-type]
