"""``smbo tune --slopes``: new events at the tune, reweighted, beside the slopes that its errors rest on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from click.testing import CliRunner

from smbo.cli import main
from smbo.cli.tune_slopes import slopes_beside
from smbo.errors import ProblemError
from smbo.optimizer import Optimizer
from smbo.problem import ChiSquare, Problem, Reweightable
from smbo.report.wording_tune import slope_lines
from smbo.space import Real, Space
from smbo.space.designs import design_rows
from smbo.study import Study

SPACE = Space({"slope": Real(0.5, 2.5), "height": Real(0.5, 1.5)})
X = np.linspace(0.0, 2.0, 10)


def spectrum(slope, height):
    return height * np.exp(-slope * X)


PROBLEM = Problem(SPACE, loss=ChiSquare(spectrum(1.4, 1.0), np.full(10, 0.02)))


@dataclass
class Moved:
    changes: object
    reason: str | None = None


@dataclass
class Simulator:
    """Its events can be weighed, but for the height; all that was asked of it is kept."""

    asked: list = field(default_factory=list)

    def near(self, params):
        return {
            name: {**params, name: params[name] + 0.02}
            for name in ("slope", "height", "other")
            if name in params
        }

    def neighbours(self, params, points, context):
        self.asked.append((context.seed, context.fidelity))
        noise = 1e-4 * np.random.default_rng(context.seed).standard_normal(10)
        first, _ = points
        return [Moved(spectrum(**first) - spectrum(**params) + noise), Moved(None, "weights are wrong")]


@pytest.fixture(scope="module")
def tune():
    optimizer = Optimizer(PROBLEM, seed=0)
    rng = np.random.default_rng(0)
    for point in SPACE.from_unit(SPACE.snap(design_rows("sobol", 2, 0, 0, 24))):
        outputs = spectrum(**point) + 0.005 * rng.standard_normal(10)
        optimizer.tell(point, outputs=outputs, covariance=np.full(10, 2.5e-5))
    return optimizer.tune()


def test_the_slopes_are_compared_and_what_is_refused_is_said(tune):
    simulator = Simulator()
    assert isinstance(simulator, Reweightable)
    found = slopes_beside(simulator, SPACE, tune, 3, 1001)
    assert [each.name for each in found] == ["slope", "height"]
    assert found[0].ratio == pytest.approx(1.0, abs=0.05)
    seeds, events = zip(*simulator.asked)
    assert len(set(seeds)) == len(seeds)
    assert sum(events) == 1001
    lines = slope_lines(found, 1001)
    assert "1001 events reweighted" in lines[0]
    assert "slope   1.0" in lines[1] or "slope   0.9" in lines[1]
    assert lines[2].endswith("not known: weights are wrong")


def test_the_same_command_generates_the_same_events(tune):
    first, again = Simulator(), Simulator()
    for simulator in (first, again):
        slopes_beside(simulator, SPACE, tune, 3, 1000)
    assert first.asked == again.asked


def test_an_objective_that_does_not_reweight_is_refused(tune, tmp_path, monkeypatch):
    with pytest.raises(ProblemError, match="does not reweight"):
        slopes_beside(None, SPACE, tune, 3, 1000)
    monkeypatch.chdir(tmp_path)
    with Study.open("sqlite:///toy.db", "toy", PROBLEM, seed=0) as study:
        for point in SPACE.from_unit(SPACE.snap(design_rows("sobol", 2, 0, 0, 6))):
            study.tell(point, outputs=spectrum(**point), covariance=np.full(10, 1e-4))
    done = CliRunner().invoke(main, ["tune", "toy", "--slopes", "1000"], catch_exceptions=False)
    assert done.exit_code == 2
    assert "--slopes: this study's objective does not reweight its events" in done.output
