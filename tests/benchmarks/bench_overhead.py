"""CPU seconds of ask + tell over whole trajectories, beside Optuna's GPSampler in the same run.

    python tests/benchmarks/bench_overhead.py [--d 6 2 20] [--n 50 100 200] [--peer-python PATH]
    python tests/benchmarks/bench_overhead.py --batch 8 [--d 6] [--n 50 100 200]
    python tests/benchmarks/bench_overhead.py --floor [--d 6] [--n 50 100 200]
    python tests/benchmarks/bench_overhead.py --recipes auto optuna:auto

With a recipe optuna:NAME: by ``SmboSampler``, inside Optuna.

Means over windows of ten trials around each n, refits included, in one thread.  Each optimizer runs
in a process of its own, so that its peak memory is its own.  The peer runs where Optuna (and torch) is
installed: in this interpreter, or in the one that --peer-python names.

With --floor: an ask in whose turn no hyperparameters are learned, against what it cannot do without, from the
same states: the moments of its candidates, and one more row of the Cholesky factor.

With --batch: ask(1) against ask(8) from the same states along a trajectory of single evaluations, with
none and with as many points under way.
"""

import os

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
os.environ.update(dict.fromkeys(THREADS, "1"))

import argparse
import copy
import json
import resource
import subprocess
import sys
import time

HALF_WINDOW = 5
IN_OPTUNA = "optuna:"


def loss(units):
    """Smooth, with several minima and none in the middle."""
    import numpy as np

    units = np.asarray(units)
    where = np.linspace(0.2, 0.7, len(units))
    return float(((units - where) ** 2).sum() + 0.1 * np.sin(12 * units).sum())


class Smbo:
    def __init__(self, d, seed, recipe):
        from smbo import Optimizer

        self.optimizer = Optimizer({f"x{k}": (0.0, 1.0) for k in range(d)}, recipe, seed=seed)

    def ask(self):
        self.trial = self.optimizer.ask()
        return list(self.trial.params.values())

    def tell(self, value):
        self.optimizer.tell(self.trial, value)


class OptunaGP:
    def __init__(self, d, seed, recipe):
        import warnings

        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        self.d, self.study = d, optuna.create_study(sampler=self.sampler(recipe, seed))

    def sampler(self, recipe, seed):
        import optuna

        return optuna.samplers.GPSampler(seed=seed)

    def ask(self):
        self.trial = self.study.ask()
        return [self.trial.suggest_float(f"x{k}", 0.0, 1.0) for k in range(self.d)]

    def tell(self, value):
        self.study.tell(self.trial, value)


class SmboInOptuna(OptunaGP):
    def sampler(self, recipe, seed):
        from smbo.integrations.optuna import SmboSampler

        return SmboSampler(recipe.removeprefix(IN_OPTUNA), seed)


def kind_of(name):
    """Return the class that runs a recipe, of ours or inside Optuna, or the peer."""
    return OptunaGP if name == "optuna-gp" else SmboInOptuna if name.startswith(IN_OPTUNA) else Smbo


def trajectory(name, d, n, seed):
    """Return CPU seconds of each ask and tell, and the peak memory in MB."""
    optimizer = kind_of(name)(d, seed, name)
    asks, tells = [], []
    for _ in range(n):
        start = time.process_time()
        units = optimizer.ask()
        asked = time.process_time()
        value = loss(units)
        known = time.process_time()
        optimizer.tell(value)
        asks.append(asked - start)
        tells.append(time.process_time() - known)
    return {"asks": asks, "tells": tells, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def batch_costs(recipe, d, n, size, n_pending, seed):
    """Return mean CPU seconds of ask() and ask(size) from each of the states around the n-th evaluation."""
    optimizer = Smbo(d, seed, recipe)
    one, many = [], []
    for number in range(n + HALF_WINDOW):
        if number >= n - HALF_WINDOW:
            state = copy.copy(optimizer.optimizer)
            if n_pending:
                state.ask(n_pending)
            # in turn, so that what the machine does meanwhile meets both
            for repeat in range(4):
                twin, is_batch = copy.copy(state), repeat % 2
                start = time.process_time()
                twin.ask(size if is_batch else 1)
                (many if is_batch else one).append(time.process_time() - start)
        optimizer.tell(loss(optimizer.ask()))
    return sum(one) / len(one), sum(many) / len(many)


def floor_costs(recipe, d, n, seed):
    """Return mean CPU seconds of an ask without learning, and of its floor, around the n-th evaluation."""
    import numpy as np

    import smbo.acquisition.optimize as search
    from smbo.surrogates.gp.gp import GP
    from smbo.training_data import TrainingData

    optimizer = Smbo(d, seed, recipe)
    asks, floors, sizes = [], [], []
    candidates = search.candidates

    def counted(*arguments):
        found = candidates(*arguments)
        sizes.append(len(found))
        return found

    search.candidates = counted
    for number in range(n + HALF_WINDOW):
        state = copy.copy(optimizer.optimizer)
        start = time.process_time()
        units = optimizer.ask()
        spent = time.process_time() - start
        learned, before = (each._memory.get("surrogate", {}) for each in (optimizer.optimizer, state))
        if number >= n - HALF_WINDOW and learned and learned["n_learned"] == before.get("n_learned"):
            asks.append(spent)
            space = state.problem.space
            known = space.to_unit([each.params for each in state.trials])
            values = np.array([each.value for each in state.trials])
            data = TrainingData.of_values(space.axes, known, values)
            posterior = GP().train(data, learned)[0].fit(data)
            points = np.random.default_rng(0).random((sizes[-1], d))
            start = time.process_time()
            posterior.moments(points)
            posterior.fantasize(points[:1])
            floors.append(time.process_time() - start)
        optimizer.tell(loss(units))
    search.candidates = candidates
    return sum(asks) / len(asks), sum(floors) / len(floors)


def print_floors(options):
    print("| d | n | recipe | ask without learning, ms | floor, ms | ratio |")
    print("|---|---|---|---|---|---|")
    for d in options.d:
        for recipe in options.recipes:
            for n in options.n:
                ask, floor = floor_costs(recipe, d, n, options.seed)
                print(
                    f"| {d} | {n} | {recipe} | {1e3 * ask:.1f} | {1e3 * floor:.2f} | {ask / floor:.2f} |",
                    flush=True,
                )


def print_batches(options):
    print(f"| d | n | under way | recipe | ask(1), ms | ask({options.batch}), ms | ratio |")
    print("|---|---|---|---|---|---|---|")
    for d in options.d:
        for recipe in options.recipes:
            for n in options.n:
                for n_pending in (0, options.batch):
                    one, many = batch_costs(recipe, d, n, options.batch, n_pending, options.seed)
                    print(
                        f"| {d} | {n} | {n_pending} | {recipe} | {1e3 * one:.1f} | {1e3 * many:.1f} "
                        f"| {many / one:.2f} |",
                        flush=True,
                    )


def measured(name, python, d, n, seed):
    """Return ``trajectory`` as run by an interpreter of its own, None where that failed."""
    command = [python, __file__, "--one", name, str(d), str(n), str(seed)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        print(f"{name}: {ran.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return json.loads(ran.stdout)


def window(found, n):
    """Return the mean seconds of an ask and its tell around the n-th, and the mean of the tells."""
    rows = slice(max(n - HALF_WINDOW, 0), n + HALF_WINDOW)
    asks, tells = found["asks"][rows], found["tells"][rows]
    return (sum(asks) + sum(tells)) / len(asks), sum(tells) / len(tells)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--d", type=int, nargs="*", default=[6, 2, 20])
    parser.add_argument("--n", type=int, nargs="*", default=[50, 100, 200])
    parser.add_argument("--recipes", nargs="*", default=["auto"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has optuna and torch")
    parser.add_argument("--without-peer", action="store_true")
    parser.add_argument("--batch", type=int, help="compare ask() with ask(BATCH) instead")
    parser.add_argument("--floor", action="store_true", help="compare ask() with its floor instead")
    parser.add_argument("--one", nargs=4, metavar=("NAME", "D", "N", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, d, n, seed = options.one
        print(json.dumps(trajectory(name, int(d), int(n), int(seed))))
        return
    if options.batch or options.floor:
        (print_batches if options.batch else print_floors)(options)
        return
    print("| d | n | recipe | ask + tell, ms | tell, ms | peer, ms | peer / smbo | MB | peer MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for d in options.d:
        last = max(options.n) + HALF_WINDOW
        peer = None
        if not options.without_peer:
            peer = measured("optuna-gp", options.peer_python, d, last, options.seed)
        for recipe in options.recipes:
            ours = measured(recipe, sys.executable, d, last, options.seed)
            for n in options.n if ours else []:
                both, tell = window(ours, n)
                row = f"| {d} | {n} | {recipe} | {1e3 * both:.1f} | {1e3 * tell:.2f} "
                if peer is None:
                    print(row + f"| | | {ours['mb']:.0f} | |", flush=True)
                    continue
                theirs = window(peer, n)[0]
                memory = f"{ours['mb']:.0f} | {peer['mb']:.0f}"
                print(row + f"| {1e3 * theirs:.0f} | {theirs / both:.1f} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
