"""Plans: in which order a scenario asks and tells."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping

from recording import (
    asked_of,
    digest,
    hexed,
    memory_of,
    names_in,
    numbers_of,
    problem_parts,
    put_contour,
    put_memory,
    put_pareto,
    put_termination,
    put_tune,
    recommended_of,
    refusal,
    told_of,
    tree,
)

from smbo import Optimizer, SmboError


class PlanEnds(Exception):
    """A dear recipe has proposed often enough."""


# proposals past the initial design after which a plan ends, by recipe: fitting trees takes 0.1 s
MODELLED = {"boosting": 2, "forest": 2, "extra-trees": 4}
LIMIT = {"left": None, "from": 0}


def put_ask(tape, session, n=None, *, label="ask", fixed=None):
    if LIMIT["left"] is not None and len(session.trials) >= LIMIT["from"]:
        if LIMIT["left"] == 0:
            raise PlanEnds
        LIMIT["left"] -= 1
    keywords = {} if fixed is None else {"fixed": fixed}
    error_class = SmboError
    try:
        found = session.ask(n, **keywords)
    except error_class as error:
        refusal(tape, label, error)
        return []
    trials = [found] if n is None else found
    tape.put(label, [asked_of(each) for each in trials])
    put_memory(tape, session)
    return trials


def put_tell(tape, session, trial, measured):
    result = measured.get("result")
    told = session.tell(trial, result, **{k: v for k, v in measured.items() if k != "result"})
    tape.put("tell", told_of(told))
    return told


def measured_at(measure, trial):
    return measure(dict(trial.params), trial.seed, trial.fidelity)


def serially(n, *, until_terminated=False):
    """Return a plan: n times one after the other."""

    def plan(tape, session, measure):
        for _ in range(n):
            trials = put_ask(tape, session)
            if not trials:
                return
            put_tell(tape, session, trials[0], measured_at(measure, trials[0]))
            if until_terminated:
                put_termination(tape, session)

    return plan


def in_batches(n_batches, size, n_single=2):
    """Return a plan: batches of which one stays under way each, told backwards, then single ones."""

    def plan(tape, session, measure):
        for k in range(n_batches):
            trials = put_ask(tape, session, size)
            open_one = k % size
            for place in reversed(range(len(trials))):
                if place != open_one or k == 0:
                    put_tell(tape, session, trials[place], measured_at(measure, trials[place]))
        for _ in range(n_single):
            for trial in put_ask(tape, session):
                put_tell(tape, session, trial, measured_at(measure, trial))

    return plan


def with_promotions(n, *, batch=None, n_last=6):
    """Return a plan: n asks, of new trials and promotions, then promotions alone."""

    def plan(tape, session, measure):
        try:
            for _ in range(n):
                for trial in reversed(put_ask(tape, session, batch)):
                    put_tell(tape, session, trial, measured_at(measure, trial))
        except PlanEnds:
            pass
        for _ in range(n_last):
            trial = session.promote()
            tape.put("promote", None if trial is None else asked_of(trial))
            if trial is None:
                break
            put_tell(tape, session, trial, measured_at(measure, trial))

    return plan


def with_reports(n, n_steps=5):
    """Return a plan: trials that report as they go, and end early where they may."""

    def plan(tape, session, measure):
        for _ in range(n):
            trials = put_ask(tape, session)
            if not trials:
                return
            trial, flags, told = trials[0], [], None
            for step in range(1, n_steps + 1):
                value = float(measured_at(measure, trial)["result"]) + 1.0 / step
                flags.append(session.report(trial, step, value))
                if flags[-1]:
                    told = {"result": value, "status": "pruned"}
                    break
            tape.put("reports", flags)
            put_tell(tape, session, trial, told or {"result": value})

    return plan


def with_own_points(points, then):
    """Return a plan: points of one's own are told first."""

    def plan(tape, session, measure):
        for k, point in enumerate(points):
            put_tell(tape, session, point, measure(point, 1000 + k, None))
        then(tape, session, measure)

    return plan


def with_fixed_values(tape, session, measure):
    serially(9)(tape, session, measure)
    asks = [
        (None, {"kind": "poly"}),
        (3, {"kind": "rbf", "c": 1.0}),
        (2, {"degree": 4}),
        (None, {"gamma": 0.1}),
        (2, {"kind": "linear", "c": 2.0}),
    ]
    for n, fixed in asks:
        for trial in reversed(put_ask(tape, session, n, fixed=fixed)):
            put_tell(tape, session, trial, measured_at(measure, trial))
    put_ask(tape, session, None, fixed={"kind": "linear", "degree": 3})
    serially(2)(tape, session, measure)


def crowd(n_first, n_crowd):
    def plan(tape, session, measure):
        serially(n_first)(tape, session, measure)
        trials = put_ask(tape, session, n_crowd)
        more = put_ask(tape, session, 3)
        for trial in [*trials[::7], *more]:
            put_tell(tape, session, trial, measured_at(measure, trial))
        put_ask(tape, session, 2)

    return plan


def finals(tape, session, problem, *, more=2, replay=False, is_dear=False):
    """Record what is said of a search at its end, and what it would ask for next."""
    error_class = SmboError
    best = session.best
    tape.put("best", None if best is None else [best.number, best.value])
    try:
        tape.put("recommend", recommended_of(session.recommend()))
    except error_class as error:
        refusal(tape, "recommend", error)
    table = session.table()
    tape.put("table", digest(hexed([list(column) for column in table.values()])))
    tape.say("table columns", list(table))
    # explain() times a proposal, which is thrown away
    try:
        explanation = session.explain()
        tape.put("explain", numbers_of(explanation, skip=frozenset({"seconds"})))
        text = [line for line in str(explanation).splitlines() if not re.search(r"\d ms\b", line)]
        tape.put(
            "explain text", re.findall(r"(?<![A-Za-z_\d])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", "\n".join(text))
        )
        tape.say("explain", "\n".join(text))
    except error_class as error:  # a space that is used up
        refusal(tape, "explain", error)
    has = problem_parts(problem)
    for what, wanted in (("pareto", has["goals"]), ("contour", has["levels"]), ("tune", has["chi2"])):
        if wanted:
            try:
                {"pareto": put_pareto, "contour": put_contour, "tune": put_tune}[what](tape, session, problem)
            except error_class as error:
                refusal(tape, what, error)
    put_termination(tape, session)
    tape.say("memory", names_in(memory_of(session)))
    if replay:
        kind = Optimizer
        space = problem if not isinstance(problem, Mapping) else dict(problem)
        again = kind.replay(space, session.log, recipe=session.recipe, seed=session.seed)
        tape.put("replayed memory", digest(tree(memory_of(again))))
        tape.put("replayed ask", [asked_of(each) for each in again.ask(2)])
    if isinstance(session, Optimizer):
        twin = copy.copy(session)
        put_ask(tape, twin, 2 if is_dear else 3, label="twin")
    for _ in range(0 if is_dear else more):
        put_ask(tape, session, None, label="after")
