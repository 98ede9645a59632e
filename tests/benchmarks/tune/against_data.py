"""ee6n on real data: what optimizers recommend after so many evaluations of 5,000 events.

    python tests/benchmarks/tune/against_data.py study --who smbo --seeds 0-4
    python tests/benchmarks/tune/against_data.py study --who optuna_gp --seeds 0-1 --python PATH
    python tests/benchmarks/tune/against_data.py check --who smbo --at 30,60
    python tests/benchmarks/tune/against_data.py check --who default

``study`` runs 60 evaluations and keeps what would be recommended after 8, 10, 12, 15, 20, 30, 45 and 60;
``check`` evaluates these points with 60,000 events and fresh seeds, five times each.  "smbo" is the
default recipe on the bins; "smbo_scalar" the default recipe on log F; others are told log F too, in an
environment of their own (``peer_process.py``), and recommend by their own rule, or their best seen.
The n-th evaluation of a study has the same seed whoever asks for it.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from typing import Any, Protocol

from events import HERE, Clock, cached, evaluated, fresh_seed, keep, numbers, rows

from smbo import Optimizer, Problem
from smbo.problem import Outcome
from smbo.proposal.suggest import trial_seed
from smbo_objectives.pythia_ee import PythiaEE

N, EVENTS, CHECK_EVENTS, N_CHECKS = 60, 5_000, 60_000, 5
STOPS = (8, 10, 12, 15, 20, 30, 45, 60)


class Tuner(Protocol):
    """Whoever proposes the points of one study."""

    def ask(self) -> dict[str, float]: ...
    def tell(self, point: dict[str, float], outcome: Outcome) -> None: ...
    def recommend(self) -> tuple[dict[str, float], float | None]:
        """Return the point it would hand over, and what it believes of F there."""
        ...


class Vector:
    """The default recipe on all bins."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self.optimizer = Optimizer(problem, seed=seed)

    def ask(self) -> dict[str, float]:
        self.trial = self.optimizer.ask()
        return dict(self.trial.params)

    def tell(self, point: dict[str, float], outcome: Outcome) -> None:
        self.optimizer.tell(self.trial, outcome)

    def recommend(self) -> tuple[dict[str, float], float | None]:
        found = self.optimizer.recommend()
        return dict(found.params), found.mean


class Scalar(Vector):
    """The default recipe on the logarithm of F alone."""

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(Problem(problem.space), seed)

    def tell(self, point: dict[str, float], outcome: Outcome) -> None:
        assert outcome.value is not None
        assert outcome.sem is not None
        self.optimizer.tell(self.trial, math.log(outcome.value), sem=outcome.sem / outcome.value)

    def recommend(self) -> tuple[dict[str, float], float | None]:
        point, believed = super().recommend()
        return point, None if believed is None else math.exp(believed)


class Peer:
    """Another optimizer, in a process of its own environment."""

    def __init__(self, problem: Problem, seed: int, name: str, python: str) -> None:
        bounds = {name: [axis.low, axis.high] for name, axis in problem.space.dimensions.items()}  # type: ignore[union-attr]
        self.names = list(bounds)
        self.process = subprocess.Popen(
            [python, str(HERE / "peer_process.py"), name, str(seed), str(N)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say({"bounds": list(bounds.values())})

    def _say(self, message: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def ask(self) -> dict[str, float]:
        return dict(zip(self.names, self._say({"ask": 1})))

    def tell(self, point: dict[str, float], outcome: Outcome) -> None:
        assert outcome.value is not None
        self._say({"tell": math.log(outcome.value)})

    def recommend(self) -> tuple[dict[str, float], float | None]:
        return dict(zip(self.names, self._say({"recommend": 1}))), None


def tuner(who: str, problem: Problem, seed: int, python: str) -> Tuner:
    """Return who tunes."""
    if who == "smbo":
        return Vector(problem, seed)
    return Scalar(problem, seed) if who == "smbo_scalar" else Peer(problem, seed, who, python)


def study(who: str, seeds: str, python: str, clock: Clock) -> None:
    """Run the studies that are not among the kept rows."""
    objective = PythiaEE(space="ee6n", events=EVENTS)
    done = {(row["who"], row["seed"]) for row in rows("studies")}
    for seed in numbers(seeds):
        if (who, seed) in done:
            continue
        tunes = tuner(who, objective.problem, seed, python)
        values, recommended = [], {}
        for number in range(N):
            point = tunes.ask()
            clock.stop_before(10.0)
            name = f"studies/{who}/{seed}/{number:03d}"
            outcome = cached(name, objective, point, trial_seed(seed, number), EVENTS)
            tunes.tell(point, outcome)
            values.append(outcome.value)
            if number + 1 in STOPS:
                recommended[number + 1] = tunes.recommend()
        keep("studies", {"who": who, "seed": seed, "values": values, "recommended": recommended})


def check(who: str, at: str, repeats: int, clock: Clock) -> None:
    """Evaluate the recommended points of kept studies with fresh seeds."""
    objective = PythiaEE(space="ee6n", events=EVENTS)
    baseline = objective.confirmation().baseline
    assert baseline is not None
    points: dict[str, Any] = {"default": dict(baseline)}
    if who != "default":
        points = {
            f"{who} {row['seed']} {n}": row["recommended"][str(n)][0]
            for n in numbers(at)
            for row in rows("studies")
            if row["who"] == who
        }
    done = [row["of"] for row in rows("checks")]
    for of, point in points.items():
        for number in range(done.count(of), repeats):
            clock.stop_before(25.0)
            # a group of seeds for each point: the letters of its name as a number
            group = int.from_bytes(of.encode(), "little") % 10**6
            value = evaluated(objective, point, fresh_seed(group, number), CHECK_EVENTS).value
            row = {"of": of, "point": point, "number": number, "events": CHECK_EVENTS, "value": value}
            keep("checks", row)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["study", "check"])
    parser.add_argument("--who", required=True)
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--at", default="30,60")
    parser.add_argument("--repeats", type=int, default=N_CHECKS)
    parser.add_argument("--python", default=sys.executable, help="of the environment that has the peer")
    parser.add_argument("--minutes", type=float, default=8.5)
    arguments = parser.parse_args()
    clock = Clock(arguments.minutes)
    if arguments.what == "study":
        study(arguments.who, arguments.seeds, arguments.python, clock)
    else:
        check(arguments.who, arguments.at, arguments.repeats, clock)


if __name__ == "__main__":
    main()
