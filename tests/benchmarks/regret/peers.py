"""The optimizers of the regret benchmark behind one face: ask, tell, recommend.

Each peer runs with its own recommended defaults.  A peer is imported only when it is used, as no
one environment holds them all.
"""

from __future__ import annotations

import importlib.metadata
import logging
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from problems import BenchmarkProblem
from torch_peers import BoTorch, Turbo1


class Peer(Protocol):
    """One optimizer at work on one problem."""

    def ask(self) -> tuple[Any, list[Any]]:
        """Return a handle and a point."""
        ...

    def tell(self, handle: Any, point: Sequence[Any], value: float, sem: float | None = None) -> None: ...

    def recommend(self) -> list[Any] | None:
        """Return the point it would hand over, or None for the best seen."""
        ...


class Random:
    packages = ("numpy",)

    def __init__(self, problem: BenchmarkProblem, seed: int, budget: int) -> None:
        self.problem, self.rng = problem, np.random.default_rng([seed, 77])

    def ask(self) -> tuple[Any, list[Any]]:
        return None, self.problem.random_point(self.rng)

    def tell(self, handle: Any, point: Sequence[Any], value: float, sem: float | None = None) -> None:
        pass

    def recommend(self) -> list[Any] | None:
        return None


class Smbo:
    packages = ("smbo",)
    recipe = "auto"

    def __init__(self, problem: BenchmarkProblem, seed: int, budget: int) -> None:
        from smbo import Categorical, Integer, Optimizer, Real

        space: dict[str, Any] = {}
        for i, v in enumerate(problem.variables):
            when = None if v.when is None else f"x{v.when[0]} in {list(v.when[1])!r}"
            if v.kind == "choice":
                space[f"x{i}"] = Categorical(list(v.choices), active_when=when)
            elif v.kind == "integer":
                space[f"x{i}"] = Integer(int(v.low), int(v.high), log=v.log, active_when=when)
            else:
                space[f"x{i}"] = Real(v.low, v.high, log=v.log, active_when=when)
        self.names = list(space)
        # what stands in for an inactive variable, which the function does not read
        self.inactive = problem.random_point(np.random.default_rng(0))
        self.optimizer = Optimizer(space, recipe=self.recipe, seed=seed)

    def ask(self) -> tuple[Any, list[Any]]:
        trial = self.optimizer.ask()
        return trial, self._values(trial.params)

    def tell(self, handle: Any, point: Sequence[Any], value: float, sem: float | None = None) -> None:
        self.optimizer.tell(handle, value, sem=sem)

    def recommend(self) -> list[Any] | None:
        return self._values(self.optimizer.recommend().params)

    def _values(self, params: Mapping[str, Any]) -> list[Any]:
        return [params.get(name, other) for name, other in zip(self.names, self.inactive)]


class SmboGP(Smbo):
    recipe = "gp"


class SmboTrust(Smbo):
    recipe = "trust"


class OptunaTPE:
    packages = ("optuna",)

    def __init__(self, problem: BenchmarkProblem, seed: int, budget: int) -> None:
        import optuna

        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = {
            f"x{i}": optuna.distributions.CategoricalDistribution(v.choices)
            if v.kind == "choice"
            else optuna.distributions.IntDistribution(int(v.low), int(v.high), log=v.log)
            if v.kind == "integer"
            else optuna.distributions.FloatDistribution(v.low, v.high, log=v.log)
            for i, v in enumerate(problem.variables)
        }
        self.study = optuna.create_study(sampler=self.sampler(optuna, seed, problem))

    def sampler(self, optuna: Any, seed: int, problem: BenchmarkProblem) -> Any:
        return optuna.samplers.TPESampler(seed=seed, constant_liar=problem.workers > 1)

    def ask(self) -> tuple[Any, list[Any]]:
        trial = self.study.ask(self.space)
        return trial, [trial.params[name] for name in self.space]

    def tell(self, handle: Any, point: Sequence[Any], value: float, sem: float | None = None) -> None:
        self.study.tell(handle, value)

    def recommend(self) -> list[Any] | None:
        return None


class OptunaGP(OptunaTPE):
    packages = ("optuna", "torch")

    def sampler(self, optuna: Any, seed: int, problem: BenchmarkProblem) -> Any:
        import torch

        torch.set_num_threads(1)
        return optuna.samplers.GPSampler(seed=seed, deterministic_objective=not problem.is_noisy)


class SmboInOptuna(OptunaTPE):
    packages = ("optuna",)

    def sampler(self, optuna: Any, seed: int, problem: BenchmarkProblem) -> Any:
        from smbo.integrations.optuna import SmboSampler

        return SmboSampler(seed=seed)


class CMA:
    """cma on the unit cube, integers and choices by rounding, random start, sigma 1/4."""

    packages = ("cma",)

    def __init__(self, problem: BenchmarkProblem, seed: int, budget: int) -> None:
        import cma

        self.problem = problem
        rng = np.random.default_rng([seed, 78])
        self.strategy = cma.CMAEvolutionStrategy(
            rng.random(len(problem.variables)), 0.25, {"bounds": [0, 1], "seed": seed + 1, "verbose": -9}
        )
        self.queue: list[np.ndarray] = []
        self.told: list[tuple[np.ndarray, float]] = []
        self.asked = False  # since the last generation was told

    def ask(self) -> tuple[Any, list[Any]]:
        if not self.queue:
            self.queue, self.asked = list(self.strategy.ask()), True
        unit = self.queue.pop(0)
        return unit, [v.from_unit(u) for v, u in zip(self.problem.variables, unit)]

    def tell(self, handle: Any, point: Sequence[Any], value: float, sem: float | None = None) -> None:
        self.told.append((handle, value))
        if len(self.told) >= self.strategy.popsize:
            if not self.asked:  # as when the last outstanding ones come in; cma wants ask and tell in turn
                self.strategy.ask()
            self.strategy.tell(*zip(*self.told))
            self.told, self.asked = [], False

    def recommend(self) -> list[Any] | None:
        return None


class HEBO:
    packages = ("HEBO",)

    def __init__(self, problem: BenchmarkProblem, seed: int, budget: int) -> None:
        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO as Hebo

        torch.set_num_threads(1)
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - HEBO draws from the global state
        logging.disable(logging.WARNING)
        warnings.simplefilter("ignore")
        self.problem = problem
        kinds = {"choice": ("cat", "cat"), "integer": ("int", "pow_int"), "real": ("num", "pow")}
        parameters = []
        for i, v in enumerate(problem.variables):
            entry: dict[str, Any] = {"name": f"x{i}", "type": kinds[v.kind][bool(v.log)]}
            if v.kind == "choice":
                entry["categories"] = list(v.choices)
            else:
                entry.update(lb=v.low, ub=v.high)
            parameters.append(entry)
        self.optimizer = Hebo(DesignSpace().parse(parameters), scramble_seed=seed)

    def ask(self) -> tuple[Any, list[Any]]:
        frame = self.optimizer.suggest(n_suggestions=1)
        point = []
        for i, v in enumerate(self.problem.variables):  # the frame has its columns in an order of its own
            value = frame[f"x{i}"].iloc[0]
            point.append(
                str(value) if v.kind == "choice" else int(value) if v.kind == "integer" else float(value)
            )
        return frame, point

    def tell(self, handle: Any, point: Sequence[Any], value: float, sem: float | None = None) -> None:
        self.optimizer.observe(handle, np.array([[value]]))

    def recommend(self) -> list[Any] | None:
        return None


class Smac:
    """SMAC's black-box facade: a Gaussian process; points and results by ask and tell."""

    packages = ("smac", "ConfigSpace")

    def __init__(self, problem: BenchmarkProblem, seed: int, budget: int) -> None:
        import smac
        from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

        logging.disable(logging.WARNING)
        warnings.simplefilter("ignore")
        self.problem = problem
        space = ConfigurationSpace(seed=seed)
        for i, v in enumerate(problem.variables):
            name = f"x{i:02d}"
            if v.kind == "choice":
                space.add(Categorical(name, list(v.choices)))
            elif v.kind == "integer":
                space.add(Integer(name, (int(v.low), int(v.high)), log=v.log))
            else:
                space.add(Float(name, (v.low, v.high), log=v.log))
        self.folder = tempfile.TemporaryDirectory()
        scenario = smac.Scenario(
            space,
            deterministic=not problem.is_noisy,
            n_trials=budget,
            seed=seed,
            output_directory=Path(self.folder.name),
        )
        self.facade = smac.BlackBoxFacade(
            scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=False
        )

    def point(self, config: Any) -> list[Any]:
        kinds = {"choice": str, "integer": int, "real": float}
        return [kinds[v.kind](config[f"x{i:02d}"]) for i, v in enumerate(self.problem.variables)]

    def ask(self) -> tuple[Any, list[Any]]:
        info = self.facade.ask()
        return info, self.point(info.config)

    def tell(self, handle: Any, point: Sequence[Any], value: float, sem: float | None = None) -> None:
        from smac.runhistory.dataclasses import TrialValue

        self.facade.tell(handle, TrialValue(cost=value), save=False)

    def recommend(self) -> list[Any] | None:
        best = self.facade.intensifier.get_incumbent()
        return None if best is None else self.point(best)


PEERS: dict[str, Any] = {
    "random": Random,
    "smbo": Smbo,
    "smbo_gp": SmboGP,
    "smbo_trust": SmboTrust,
    "optuna_tpe": OptunaTPE,
    "optuna_gp": OptunaGP,
    "smbo_in_optuna": SmboInOptuna,
    "cma": CMA,
    "hebo": HEBO,
    "smac": Smac,
    "botorch": BoTorch,
    "turbo1": Turbo1,
}


def versions(name: str) -> dict[str, str]:
    """Return the versions of the packages that a peer stands on."""
    return {package: importlib.metadata.version(package) for package in PEERS[name].packages}
