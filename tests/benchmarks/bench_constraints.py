"""Regret under outcome constraints, beside other optimizers.

    python tests/benchmarks/bench_constraints.py run --peer smbo --problems all --seeds 0-9 [--rows FILE]
    python tests/benchmarks/bench_constraints.py report [--rows FILE]

Peers run in environments of their own (PYTHONPATH=.): optuna_gp (GPSampler with constraints_func), botorch
(constrained qLogNoisyExpectedImprovement), hebo and smac (the value plus a penalty), random.  The regret
is that of the best feasible value so far over the spread of random feasible values, at least 1e-3 and,
as long as nothing feasible is known, 2.  Bar: after 30, 60 and 100 evaluations 0.8 times the best peer.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from constrained import PROBLEMS
from kept_rows import append_row, read_rows

ROWS = Path(__file__).parent / "constraints/rows.jsonl.gz"
CHECKPOINTS, BUDGET = (30, 60, 100), 100
FLOOR, NOTHING = 1e-3, 2.0


class Random:
    def __init__(self, problem, seed):
        self.problem, self.rng = problem, np.random.default_rng([seed, 77])

    def ask(self):
        return None, self.problem.random_point(self.rng)

    def tell(self, handle, point, value, constraints):
        pass


class Smbo:
    recipe = "auto"

    def __init__(self, problem, seed):
        from smbo import Integer, Optimizer, Problem, Real

        kinds = {"integer": Integer, "real": Real}
        space = {f"x{i}": kinds[kind](low, high) for i, (kind, low, high) in enumerate(problem.variables)}
        stated = [f"c{i} <= 0" for i in range(problem.n_constraints)]
        self.optimizer = Optimizer(
            Problem(space, objectives={"f": "min"}, constraints=stated), self.recipe, seed=seed
        )

    def ask(self):
        trial = self.optimizer.ask()
        return trial, list(trial.params.values())

    def tell(self, handle, point, value, constraints):
        self.optimizer.tell(handle, {"f": value, **{f"c{i}": c for i, c in enumerate(constraints)}})


class OptunaGP:
    def __init__(self, problem, seed):
        import optuna
        import torch

        torch.set_num_threads(1)
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        real, whole = optuna.distributions.FloatDistribution, optuna.distributions.IntDistribution
        self.space = {
            f"x{i}": whole(low, high) if kind == "integer" else real(low, high)
            for i, (kind, low, high) in enumerate(problem.variables)
        }
        self.known = {}
        sampler = optuna.samplers.GPSampler(
            seed=seed, deterministic_objective=True, constraints_func=lambda trial: self.known[trial.number]
        )
        self.study = optuna.create_study(sampler=sampler)

    def ask(self):
        trial = self.study.ask(self.space)
        return trial, [trial.params[name] for name in self.space]

    def tell(self, handle, point, value, constraints):
        self.known[handle.number] = tuple(constraints)
        self.study.tell(handle, value)


class BoTorch:
    """SingleTaskGPs as they come, qLogNoisyExpectedImprovement with constraints, ten points of design."""

    def __init__(self, problem, seed):
        import torch
        from torch.quasirandom import SobolEngine

        torch.set_num_threads(1)
        torch.manual_seed(seed)
        warnings.simplefilter("ignore")
        self.problem, self.seed = problem, seed
        self.d = len(problem.variables)
        self.sobol = SobolEngine(self.d, scramble=True, seed=seed)
        self.points, self.values = [], []

    def point_at(self, unit):
        found = []
        for u, (kind, low, high) in zip(unit, self.problem.variables, strict=True):
            value = low + float(u) * (high - low)
            found.append(round(value) if kind == "integer" else value)
        return found

    def ask(self):
        import torch

        if len(self.points) < 10:
            unit = self.sobol.draw(1)[0].double().numpy()
            return unit, self.point_at(unit)
        from botorch.acquisition.logei import qLogNoisyExpectedImprovement
        from botorch.acquisition.objective import GenericMCObjective
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import ModelListGP, SingleTaskGP
        from botorch.optim import optimize_acqf
        from botorch.sampling import SobolQMCNormalSampler
        from gpytorch.mlls import SumMarginalLogLikelihood

        x = torch.tensor(np.array(self.points), dtype=torch.double)
        y = torch.tensor(np.array(self.values), dtype=torch.double)
        model = ModelListGP(*[SingleTaskGP(x, y[:, k : k + 1]) for k in range(y.shape[1])])
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        criterion = qLogNoisyExpectedImprovement(
            model,
            X_baseline=x,
            sampler=SobolQMCNormalSampler(torch.Size([128]), seed=self.seed),
            objective=GenericMCObjective(lambda samples, X=None: -samples[..., 0]),
            constraints=[lambda samples, k=k: samples[..., k] for k in range(1, y.shape[1])],
            prune_baseline=True,
        )
        box = torch.tensor([[0.0] * self.d, [1.0] * self.d], dtype=torch.double)
        found, _ = optimize_acqf(criterion, box, q=1, num_restarts=5, raw_samples=256)
        unit = found[0].detach().numpy()
        return unit, self.point_at(unit)

    def tell(self, handle, point, value, constraints):
        self.points.append(handle)
        self.values.append([value, *constraints])


class _Penalised:
    """The value plus a penalty: the constraints' violations, each over the median of those seen."""

    def __init__(self):
        self.rows = []

    def penalised(self, value, constraints):
        self.rows.append([value, *constraints])
        seen = np.array(self.rows)
        sizes = np.median(np.abs(seen[:, 1:]), axis=0) + 1e-12
        spread = float(np.subtract(*np.percentile(seen[:, 0], [90, 10]))) or 1.0
        return value + spread * float((np.maximum(constraints, 0.0) / sizes).sum())


class HEBO(_Penalised):
    def __init__(self, problem, seed):
        import logging

        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO as Hebo

        super().__init__()
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - HEBO draws from the global state
        logging.disable(logging.WARNING)
        warnings.simplefilter("ignore")
        self.problem = problem
        kinds = {"integer": "int", "real": "num"}
        parameters = [
            {"name": f"x{i}", "type": kinds[kind], "lb": low, "ub": high}
            for i, (kind, low, high) in enumerate(problem.variables)
        ]
        self.optimizer = Hebo(DesignSpace().parse(parameters), scramble_seed=seed)

    def ask(self):
        frame = self.optimizer.suggest(n_suggestions=1)
        kinds = {"integer": int, "real": float}
        return frame, [
            kinds[kind](frame[f"x{i}"].iloc[0]) for i, (kind, _, _) in enumerate(self.problem.variables)
        ]

    def tell(self, handle, point, value, constraints):
        self.optimizer.observe(handle, np.array([[self.penalised(value, constraints)]]))


class SMAC(_Penalised):
    def __init__(self, problem, seed):
        import logging
        import tempfile

        from ConfigSpace import ConfigurationSpace, Float, Integer
        from smac import HyperparameterOptimizationFacade, Scenario

        super().__init__()
        logging.disable(logging.WARNING)
        warnings.simplefilter("ignore")
        space = ConfigurationSpace(seed=seed)
        for i, (kind, low, high) in enumerate(problem.variables):
            make = Integer if kind == "integer" else Float
            space.add(make(f"x{i}", (low, high)))
        scenario = Scenario(
            space, deterministic=True, n_trials=BUDGET, seed=seed, output_directory=Path(tempfile.mkdtemp())
        )
        self.names = [f"x{i}" for i in range(len(problem.variables))]
        self.facade = HyperparameterOptimizationFacade(scenario, lambda config, seed=0: 0.0, overwrite=True)

    def ask(self):
        info = self.facade.ask()
        return info, [info.config[name] for name in self.names]

    def tell(self, handle, point, value, constraints):
        from smac.runhistory.dataclasses import TrialValue

        self.facade.tell(handle, TrialValue(cost=self.penalised(value, constraints)))


PEERS = {
    "smbo": Smbo,
    "optuna_gp": OptunaGP,
    "botorch": BoTorch,
    "hebo": HEBO,
    "smac": SMAC,
    "random": Random,
}


def run(peer, problem, seed, budget):
    """Return the record of one search."""
    started = time.process_time()
    optimizer = PEERS[peer](problem, seed)
    values, violations = [], []
    for _ in range(budget):
        handle, point = optimizer.ask()
        value, constraints = problem.function(point)
        optimizer.tell(handle, point, float(value), [float(c) for c in constraints])
        values.append(float(f"{value:.8g}"))
        violations.append(float(f"{max(max(constraints), 0.0):.4g}"))
    cpu = round(time.process_time() - started, 2)
    return {
        "peer": peer,
        "problem": problem.name,
        "seed": seed,
        "values": values,
        "violations": violations,
        "cpu": cpu,
    }


def regrets(row):
    """Return the regret at each checkpoint, (k,); NaN beyond the end of the run."""
    problem = PROBLEMS[row["problem"]]
    best, found = np.inf, []
    for value, violation in zip(row["values"], row["violations"], strict=True):
        best = min(best, value) if violation <= 0.0 else best
        found.append(NOTHING if np.isinf(best) else max((best - problem.optimum) / problem.spread, FLOOR))
    return np.array([found[n - 1] if n <= len(found) else np.nan for n in CHECKPOINTS])


def report(rows):
    order = [*PEERS, "smbo_before"]  # rows of an earlier smbo, renamed
    known = sorted({row["peer"] for row in rows}, key=order.index)
    found = {}  # (problem, peer) -> geometric mean by checkpoint
    print("| problem | peer | seeds | " + " | ".join(str(n) for n in CHECKPOINTS) + " | CPU s |")
    print("|---|---|---|" + "---|" * (len(CHECKPOINTS) + 1))
    for name, problem in PROBLEMS.items():
        for peer in known:
            mine = [row for row in rows if (row["problem"], row["peer"]) == (name, peer)]
            if mine:
                found[name, peer] = np.exp(np.log([regrets(row) for row in mine]).mean(axis=0))
                cells = " | ".join(f"{value:.3g}" for value in found[name, peer])
                cpu = np.mean([row["cpu"] for row in mine])
                print(f"| {name} ({problem.half}) | {peer} | {len(mine)} | {cells} | {cpu:.0f} |")
    print("\nsmbo over each peer, geometric mean over the problems that both ran, by half:\n")
    for half in ("tuning", "held out", None):
        for peer in known:
            names = [
                name
                for name, problem in PROBLEMS.items()
                if half in (problem.half, None) and {(name, peer), (name, "smbo")} <= found.keys()
            ]
            if peer == "smbo" or not names:
                continue
            ratios = np.exp(np.mean([np.log(found[n, "smbo"] / found[n, peer]) for n in names], axis=0))
            cells = ", ".join(f"{ratio:.2f} after {n}" for ratio, n in zip(ratios, CHECKPOINTS, strict=True))
            print(f"- {half or 'all'}, {peer} ({len(names)} problems): {cells}")
    _ranks(found, known)


def _ranks(found, known):
    names = [name for name in PROBLEMS if all((name, peer) in found for peer in known)]
    if names:
        table = np.array([[found[name, peer] for peer in known] for name in names])
        places = 1 + (table[:, :, None, :] > table[:, None, :, :]).sum(axis=2)
        ties = (table[:, :, None, :] == table[:, None, :, :]).sum(axis=2) - 1
        means = (places + 0.5 * ties).mean(axis=0)
        print(f"\nmean rank on {', '.join(names)} after {', '.join(map(str, CHECKPOINTS))}:\n")
        for peer, ranks in zip(known, means, strict=True):
            print(f"- {peer}: {', '.join(f'{rank:.2f}' for rank in ranks)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["run", "report"])
    parser.add_argument("--peer", choices=PEERS, default="smbo")
    parser.add_argument("--problems", default="all")
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--budget", type=int, default=BUDGET)
    parser.add_argument("--rows", type=Path, default=ROWS)
    options = parser.parse_args()
    if options.what == "report":
        return report(read_rows(options.rows))
    done = {(row["peer"], row["problem"], row["seed"]) for row in read_rows(options.rows)}
    first, _, last = options.seeds.partition("-")
    for seed in range(int(first), int(last or first) + 1):
        for name in list(PROBLEMS) if options.problems == "all" else options.problems.split(","):
            if (options.peer, name, seed) in done:
                continue
            row = run(options.peer, PROBLEMS[name], seed, options.budget)
            append_row(options.rows, row)
            print(name, seed, regrets(row), row["cpu"], file=sys.stderr, flush=True)
    return None


if __name__ == "__main__":
    main()
