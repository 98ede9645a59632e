"""The floor F* of ee6n on real data: one long run, and what its recommended point comes to.

    python tests/benchmarks/tune/floor.py [--evaluations 300] [--events 20000] [--minutes 8.5]

80 points of a Sobol sequence, then the default recipe, all at 20,000 events; the point recommended at the
end is evaluated 8 times with 60,000 events and fresh seeds.  Goes on from its kept rows; outputs
that are not in the cache are made again from their seeds.
"""

from __future__ import annotations

import argparse

from events import Clock, cached, evaluated, fresh_seed, keep, mean_and_error, rows

from smbo import Optimizer
from smbo.space.designs import design_rows
from smbo_objectives.pythia_ee import PythiaEE

N_DESIGN, SEED = 80, 11
N_CHECKS, CHECK_EVENTS = 8, 60_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=8.5)
    arguments = parser.parse_args()
    clock = Clock(arguments.minutes)
    objective = PythiaEE(space="ee6n", events=arguments.events)
    space = objective.problem.space
    design = design_rows("sobol", len(space.axes), SEED, 0, N_DESIGN)
    optimizer = Optimizer(objective.problem, seed=SEED)
    known = {row["number"]: row for row in rows("floor_runs")}
    for number in range(arguments.evaluations):
        clock.stop_before(10.0)
        if number in known:
            point = known[number]["point"]
        elif number < N_DESIGN:
            point = space.from_unit(design[number][None])[0]
        else:
            point = dict(optimizer.ask().params)
        seed = 770_000 + number
        outcome = cached(f"floor/{number:04d}", objective, point, seed, arguments.events)
        target = point if number in known or number < N_DESIGN else optimizer.trials[-1]
        optimizer.tell(target, outcome)
        if number not in known:
            row = {"number": number, "point": point, "seed": seed, "events": arguments.events}
            keep("floor_runs", {**row, "value": outcome.value})
    found = optimizer.recommend()
    print("recommended", dict(found.params), f"{found.mean:.4f} ± {found.std:.4f}", flush=True)
    name = f"floor {arguments.evaluations}"
    done = [row for row in rows("checks") if row["of"] == name]
    point = done[0]["point"] if done else dict(found.params)
    for number in range(len(done), N_CHECKS):
        clock.stop_before(25.0)
        value = evaluated(objective, point, fresh_seed(1, number), CHECK_EVENTS).value
        row = {"of": name, "point": point, "number": number, "events": CHECK_EVENTS, "value": value}
        keep("checks", {**row, "believed": [found.mean, found.std]})
    values = [row["value"] for row in rows("checks") if row["of"] == name]
    print("F* = {:.4f} ± {:.4f}".format(*mean_and_error(values)))


if __name__ == "__main__":
    main()
