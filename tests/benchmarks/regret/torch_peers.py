"""Two peers on top of BoTorch: its default loop, and TuRBO-1.

They search the unit cube and so take part in problems of real parameters only.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from problems import BenchmarkProblem

_LARGEST, _SMALLEST, _FIRST = 1.6, 0.5**7, 0.8  # edge of TuRBO's box
_SUCCESSES = 10  # in a row, before the box doubles (as in BoTorch's tutorial; the paper has 3)


class _OnCube:
    """What both share: a scrambled Sobol design, training data on the unit cube, values to be maximised."""

    packages = ("botorch", "gpytorch", "torch")

    def __init__(self, problem: BenchmarkProblem, seed: int, budget: int) -> None:
        import torch
        from torch.quasirandom import SobolEngine

        if any(v.kind != "real" for v in problem.variables):
            raise ValueError(f"{problem.name} has integers or choices")
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        warnings.simplefilter("ignore")
        self.problem, self.seed = problem, seed
        self.d = len(problem.variables)
        self.sobol = SobolEngine(self.d, scramble=True, seed=seed)
        self.points: list[np.ndarray] = []
        self.values: list[float] = []
        self.pending: list[np.ndarray] = []

    def to_params(self, unit: np.ndarray) -> list[Any]:
        return [v.from_unit(float(u)) for v, u in zip(self.problem.variables, unit)]

    def design_point(self) -> np.ndarray:
        return self.sobol.draw(1)[0].numpy().astype(float)

    def data(self, first: int = 0) -> tuple[Any, Any]:
        import torch

        x = torch.tensor(np.array(self.points[first:]), dtype=torch.double)
        return x, -torch.tensor(self.values[first:], dtype=torch.double).unsqueeze(-1)

    def take(self, unit: np.ndarray) -> tuple[np.ndarray, list[Any]]:
        self.pending.append(unit)
        return unit, self.to_params(unit)

    def put(self, unit: np.ndarray, value: float, sem: float | None = None) -> None:
        self.pending = [other for other in self.pending if other is not unit]
        self.points.append(unit)
        self.values.append(value)


class BoTorch(_OnCube):
    """SingleTaskGP with its defaults and qLogNoisyExpectedImprovement, ten points of design."""

    def model(self) -> tuple[Any, Any]:
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from gpytorch.mlls import ExactMarginalLogLikelihood

        x, y = self.data()
        model = SingleTaskGP(x, y)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        return model, x

    def ask(self) -> tuple[Any, list[Any]]:
        if len(self.points) + len(self.pending) < 10 or not self.points:
            return self.take(self.design_point())
        import torch
        from botorch.acquisition.logei import qLogNoisyExpectedImprovement
        from botorch.optim import optimize_acqf
        from botorch.sampling import SobolQMCNormalSampler

        model, x = self.model()
        criterion = qLogNoisyExpectedImprovement(
            model,
            X_baseline=x,
            sampler=SobolQMCNormalSampler(torch.Size([256]), seed=self.seed),
            prune_baseline=True,
            X_pending=torch.tensor(np.array(self.pending)) if self.pending else None,
        )
        box = torch.tensor([[0.0] * self.d, [1.0] * self.d], dtype=torch.double)
        found, _ = optimize_acqf(criterion, box, q=1, num_restarts=10, raw_samples=512)
        return self.take(found[0].detach().numpy())

    def tell(self, handle: Any, point: Sequence[Any], value: float, sem: float | None = None) -> None:
        self.put(handle, value)

    def recommend(self) -> list[Any] | None:
        model, x = self.model()
        return self.to_params(x[int(model.posterior(x).mean.argmax())].numpy())


class Turbo1(_OnCube):
    """TuRBO-1 with Thompson sampling, one point at a time (Eriksson et al. 2019; BoTorch's settings)."""

    def __init__(self, problem: BenchmarkProblem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        self.restart()

    def restart(self) -> None:
        self.edge, self.successes, self.failures = _FIRST, 0, 0
        self.first = len(self.points)  # training data of earlier boxes is not used
        self.best = math.inf

    def model(self) -> tuple[Any, Any, Any]:
        from botorch.exceptions import ModelFittingError
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from gpytorch.constraints import Interval
        from gpytorch.kernels import MaternKernel, ScaleKernel
        from gpytorch.likelihoods import GaussianLikelihood
        from gpytorch.mlls import ExactMarginalLogLikelihood

        x, y = self.data(self.first)
        y = (y - y.mean()) / y.std().clamp_min(1e-12)
        kernel = MaternKernel(nu=2.5, ard_num_dims=self.d, lengthscale_constraint=Interval(0.005, 4.0))
        model = SingleTaskGP(
            x,
            y,
            outcome_transform=None,
            covar_module=ScaleKernel(kernel),
            likelihood=GaussianLikelihood(noise_constraint=Interval(1e-8, 1e-3)),
        )
        try:
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        except ModelFittingError:  # near-duplicates of a converged box: go on with what there is
            model.eval()
        return model, x, y

    def ask(self) -> tuple[Any, list[Any]]:
        here = len(self.points) - self.first
        if here + len(self.pending) < 2 * self.d or here < 2:
            return self.take(self.design_point())
        import torch
        from botorch.generation import MaxPosteriorSampling
        from torch.quasirandom import SobolEngine

        model, x, y = self.model()
        centre = x[int(y.argmax())]
        weights = model.covar_module.base_kernel.lengthscale.squeeze(0).detach()
        weights = weights / weights.mean()
        weights = weights / weights.pow(1.0 / self.d).prod()
        low = (centre - weights * self.edge / 2).clamp(0, 1)
        high = (centre + weights * self.edge / 2).clamp(0, 1)
        n = min(5000, max(2000, 200 * self.d))
        draws = SobolEngine(self.d, scramble=True, seed=997 * self.seed + len(self.points)).draw(n).double()
        moved = torch.rand(n, self.d) <= min(20.0 / self.d, 1.0)
        still = torch.where(~moved.any(dim=1))[0]
        moved[still, torch.randint(0, self.d, (len(still),))] = True
        candidates = torch.where(moved, low + (high - low) * draws, centre)
        with torch.no_grad():
            chosen = MaxPosteriorSampling(model=model, replacement=False)(candidates, num_samples=1)
        return self.take(chosen[0].numpy())

    def tell(self, handle: Any, point: Sequence[Any], value: float, sem: float | None = None) -> None:
        self.put(handle, value)
        if len(self.points) - self.first <= 2 * self.d:
            self.best = min(self.best, value)
            return
        if value < self.best - 1e-3 * abs(self.best):
            self.successes, self.failures = self.successes + 1, 0
        else:
            self.successes, self.failures = 0, self.failures + 1
        if self.successes >= _SUCCESSES:
            self.edge, self.successes = min(2 * self.edge, _LARGEST), 0
        elif self.failures >= max(4, self.d):
            self.edge, self.failures = self.edge / 2, 0
        self.best = min(self.best, value)
        if self.edge < _SMALLEST:
            self.restart()

    def recommend(self) -> list[Any] | None:
        return None
