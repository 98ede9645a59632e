"""Optimizers of several objectives, side by side: ask() -> point, tell(point, values, slack)."""

from __future__ import annotations

import os
import warnings
from importlib import metadata
from typing import Any, Protocol

import numpy as np
from problems import ParetoProblem


class Peer(Protocol):
    """One optimizer on one problem; points in the problem's units."""

    def ask(self) -> np.ndarray: ...
    def tell(self, point: np.ndarray, values: np.ndarray, slack: float | None) -> None: ...


class Smbo:
    """The recipe "auto", told the reference point."""

    packages = ("smbo",)
    by_rule = False

    def __init__(self, problem: ParetoProblem, seed: int, budget: int) -> None:
        from smbo import Optimizer, Problem, Real

        names = [f"f{j}" for j in range(problem.m)]
        posed = Problem(
            {f"x{i}": Real(low, high) for i, (low, high) in enumerate(zip(problem.low, problem.high))},
            objectives=dict.fromkeys(names, "min"),
            constraints=[] if problem.constraint is None else ["slack >= 0"],
            reference=None if self.by_rule else dict(zip(names, problem.reference.tolist())),
        )
        self.names = names
        self.optimizer = Optimizer(posed, recipe="auto", seed=seed)

    def ask(self) -> np.ndarray:
        self.trial = self.optimizer.ask()
        return np.array([self.trial.params[name] for name in self.optimizer.space.names])

    def tell(self, point: np.ndarray, values: np.ndarray, slack: float | None) -> None:
        metrics = dict(zip(self.names, values.tolist()))
        self.optimizer.tell(self.trial, metrics if slack is None else {**metrics, "slack": slack})


class SmboByRule(Smbo):
    """The same, with the reference point left to the rule."""

    by_rule = True


class _Optuna:
    packages = ("optuna", "torch")

    def __init__(self, problem: ParetoProblem, seed: int, budget: int) -> None:
        import optuna

        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.problem = problem
        constrained = problem.constraint is not None
        self.sampler = self.make(optuna, problem, seed, _slacks if constrained else None)
        self.study = optuna.create_study(directions=["minimize"] * problem.m, sampler=self.sampler)

    def ask(self) -> np.ndarray:
        self.trial = self.study.ask()
        bounds = zip(self.problem.low, self.problem.high)
        return np.array(
            [self.trial.suggest_float(f"x{i}", low, high) for i, (low, high) in enumerate(bounds)]
        )

    def tell(self, point: np.ndarray, values: np.ndarray, slack: float | None) -> None:
        self.trial.set_user_attr("slack", slack)
        self.study.tell(self.trial, values.tolist())


def _slacks(trial: Any) -> tuple[float, ...]:
    return (-float(trial.user_attrs["slack"]),)


class OptunaGP(_Optuna):
    """GPSampler, which has log expected hypervolume improvement for several objectives."""

    @staticmethod
    def make(optuna: Any, problem: ParetoProblem, seed: int, constraints: Any) -> Any:
        import torch

        torch.set_num_threads(1)
        return optuna.samplers.GPSampler(
            seed=seed, deterministic_objective=problem.noise is None, constraints_func=constraints
        )


class NSGA2(_Optuna):
    """NSGAIISampler with a population of 20, which suits a hundred evaluations better than its 50."""

    @staticmethod
    def make(optuna: Any, problem: ParetoProblem, seed: int, constraints: Any) -> Any:
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=20, constraints_func=constraints)


class BoTorch:
    """qLogNoisyExpectedHypervolumeImprovement as in its tutorial, told the reference point.

    SingleTaskGP with its defaults for each objective and for the constraint, 2 (d + 1) points of a Sobol
    design, 128 base samples, 10 restarts out of 512 raw samples.
    """

    packages = ("botorch", "gpytorch", "torch")

    def __init__(self, problem: ParetoProblem, seed: int, budget: int) -> None:
        import torch
        from torch.quasirandom import SobolEngine

        torch.set_num_threads(1)
        torch.manual_seed(seed)
        warnings.simplefilter("ignore")
        self.problem, self.seed = problem, seed
        self.sobol = SobolEngine(problem.d, scramble=True, seed=seed)
        self.points: list[np.ndarray] = []
        self.values: list[np.ndarray] = []

    def ask(self) -> np.ndarray:
        problem = self.problem
        if len(self.points) < 2 * (problem.d + 1):
            unit = self.sobol.draw(1)[0].numpy().astype(float)
        else:
            unit = self.proposal()
        self.unit = unit
        return problem.low + unit * (problem.high - problem.low)

    def proposal(self) -> np.ndarray:
        import torch
        from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
        from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import ModelListGP, SingleTaskGP
        from botorch.optim import optimize_acqf
        from botorch.sampling.normal import SobolQMCNormalSampler
        from gpytorch.mlls import SumMarginalLogLikelihood

        m = self.problem.m
        x = torch.tensor(np.array(self.points), dtype=torch.double)
        y = torch.tensor(np.array(self.values), dtype=torch.double)
        model = ModelListGP(*(SingleTaskGP(x, -y[:, j : j + 1]) for j in range(y.shape[1])))
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        acquisition = qLogNoisyExpectedHypervolumeImprovement(
            model=model,
            ref_point=(-self.problem.reference).tolist(),
            X_baseline=x,
            prune_baseline=True,
            sampler=SobolQMCNormalSampler(sample_shape=torch.Size([128]), seed=self.seed),
            objective=IdentityMCMultiOutputObjective(outcomes=list(range(m))),
            # the last output is minus the slack here, so that feasible is where it is at most zero
            constraints=None if self.problem.constraint is None else [lambda z: z[..., -1]],
        )
        bounds = torch.stack([torch.zeros(self.problem.d), torch.ones(self.problem.d)]).double()
        found, _ = optimize_acqf(
            acquisition,
            bounds=bounds,
            q=1,
            num_restarts=10,
            raw_samples=512,
            options={"batch_limit": 5, "maxiter": 200},
        )
        return found[0].detach().numpy()

    def tell(self, point: np.ndarray, values: np.ndarray, slack: float | None) -> None:
        self.points.append(self.unit)
        self.values.append(values if slack is None else np.append(values, slack))

    def restore(self, unit: np.ndarray, values: np.ndarray, slack: float | None) -> None:
        """Take in an evaluation of a run that was cut off; only the torch generator starts anew."""
        if len(self.points) < 2 * (self.problem.d + 1):
            self.sobol.fast_forward(1)
        self.unit = unit
        self.tell(unit, values, slack)


class Random:
    """Uniform points."""

    packages = ()

    def __init__(self, problem: ParetoProblem, seed: int, budget: int) -> None:
        self.problem, self.rng = problem, np.random.default_rng([seed, 9])

    def ask(self) -> np.ndarray:
        return self.rng.uniform(self.problem.low, self.problem.high)

    def tell(self, point: np.ndarray, values: np.ndarray, slack: float | None) -> None:
        pass


PEERS: dict[str, type] = {
    "smbo": Smbo,
    "smbo_by_rule": SmboByRule,
    "optuna_gp": OptunaGP,
    "nsga2": NSGA2,
    "botorch": BoTorch,
    "random": Random,
}


def versions(peer: str) -> dict[str, str]:
    """Return the versions of what a peer rests on."""
    found = {}
    for package in PEERS[peer].packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = os.environ.get("SMBO_VERSION", "unknown")
    return found
