"""An optimizer of the regret benchmark at the other end of a pipe, a line of JSON each way.

python peer_process.py NAME SEED BUDGET
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "regret"))

import peers
from problems import BenchmarkProblem, Variable


class ScikitOptimize:
    """scikit-optimize: a Gaussian process with expected improvement, which learns the noise."""

    def __init__(self, problem: BenchmarkProblem, seed: int, budget: int) -> None:
        from skopt import Optimizer

        warnings.simplefilter("ignore")
        bounds = [(v.low, v.high) for v in problem.variables]
        self.optimizer = Optimizer(bounds, base_estimator="GP", acq_func="EI", random_state=seed)
        self.result: Any = None

    def ask(self) -> tuple[Any, list[Any]]:
        return None, [float(x) for x in self.optimizer.ask()]

    def tell(self, handle: Any, point: Sequence[Any], value: float) -> None:
        self.result = self.optimizer.tell(list(point), value)

    def recommend(self) -> list[Any] | None:
        """Return the minimum of its model, as its ``expected_minimum`` gives it."""
        from skopt.utils import expected_minimum

        if not self.result.models:
            return None
        return [float(x) for x in expected_minimum(self.result, random_state=0)[0]]


def main() -> None:
    name, seed, budget = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    bounds = json.loads(sys.stdin.readline())["bounds"]
    variables = tuple(Variable("real", low, high) for low, high in bounds)
    problem = BenchmarkProblem("tune", "tune", variables, lambda point: 0.0, None, noise=0.1)
    made = ScikitOptimize if name == "skopt" else peers.PEERS[name]
    peer = made(problem, seed, budget)
    print("{}", flush=True)
    handle, point, told = None, [], []
    for line in sys.stdin:
        message = json.loads(line)
        answer: Any = {}
        if "ask" in message:
            handle, point = peer.ask()
            answer = point = [float(x) for x in point]
        elif "tell" in message:
            peer.tell(handle, point, message["tell"])
            told.append((message["tell"], point))
        else:
            answer = peer.recommend() or min(told)[1]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
