"""What the recordings hold of a search: points, results, memories and answers, number by number."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass

import numpy as np

from smbo import Optimizer, Problem, SmboError
from smbo.problem import ChiSquare
from smbo.tuning import TuneSettings


def hexed(value):
    """Return a value as JSON in which every bit of a float shows."""
    if isinstance(value, np.ndarray):
        if value.size <= 64:
            return {"shape": list(value.shape), "of": hexed(value.tolist())}
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:24]
        return {"shape": list(value.shape), "sha": f"{value.dtype}:{digest}"}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return [[str(key), hexed(each)] for key, each in value.items()]
    if isinstance(value, list | tuple):
        return [hexed(each) for each in value]
    return f"{type(value).__name__}: {value}"


def tree(value):
    """Return a memory without its keys and texts: lists in order, mappings as multisets of what they hold."""
    if isinstance(value, Mapping):
        return {"m": sorted((tree(each) for each in value.values()), key=lambda each: json.dumps(each))}
    if isinstance(value, list | tuple):
        return [tree(each) for each in value]
    return "text" if isinstance(value, str) else hexed(value)


def names_in(value, path=""):
    """Return the keys of a memory with their texts, as paths."""
    if isinstance(value, Mapping):
        return sorted(
            {each for key, inner in value.items() for each in names_in(inner, f"{path}/{key}")} | {path}
        )
    if isinstance(value, list | tuple):
        return sorted({each for inner in value for each in names_in(inner, f"{path}[]")} | {path})
    return [f"{path}={value}"] if isinstance(value, str) else [path]


def digest(value):
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:24]


def numbers_of(thing, skip=frozenset()):
    """Return all numbers in a dataclass, however nested, as a sorted flat list of hex texts."""
    found = []

    def walk(value):
        if is_dataclass(value) and not isinstance(value, type):
            for each in fields(value):
                if each.name not in skip:
                    walk(getattr(value, each.name))
        elif isinstance(value, Mapping):
            for each in value.values():
                walk(each)
        elif isinstance(value, list | tuple | set | frozenset):
            for each in value:
                walk(each)
        elif isinstance(value, np.ndarray):
            walk(value.tolist())
        elif value is not None and not isinstance(value, str) and isinstance(value, int | float | np.generic):
            found.append(str(hexed(value)))

    walk(thing)
    return sorted(found)


class Tape:
    """What a scenario records."""

    def __init__(self):
        self.exact, self.words = [], []

    def put(self, label, value):
        self.exact.append([label, json.loads(json.dumps(hexed(value)))])

    def say(self, label, text):
        self.words.append([label, text if isinstance(text, list) else str(text)])


SCENARIOS: dict[str, Callable[[Tape], None]] = {}


def scenario(name, function):
    """Enter a scenario under its name."""
    assert name not in SCENARIOS, name
    SCENARIOS[name] = function


def asked_of(trial):
    return [trial.number, trial.seed, str(trial.state), dict(trial.params), trial.fidelity]


def told_of(trial):
    rungs = [
        [getattr(r, name) for name in ("fidelity", "value", "sem", "cost", "feasible")] for r in trial.rungs
    ]
    fixed = [
        getattr(trial, name)
        for name in ("number", "value", "sem", "cost", "feasible", "metrics", "outputs", "outputs_variance")
    ]
    return [*fixed, str(trial.state), trial.reason, trial.fidelity, rungs, trial.rung]


def recommended_of(found):
    fixed = [getattr(found, name) for name in ("params", "mean", "std", "number", "p_feasible")]
    return [*fixed, list(found.means.items()), list(found.stds.items())]


def refusal(tape, label, error):
    """Note that something was refused; the message may name what was renamed."""
    tape.put(label, "refused")
    tape.say(label, f"{type(error).__name__}: {error}")


def memory_of(session):
    """Return the memory of an optimizer, or of a study from its file."""
    if isinstance(session, Optimizer):
        return session._memory
    return stored_memory(session._recorded_path, session._recorded_name)


def stored_memory(path, name):
    with sqlite3.connect(path) as raw:
        (text,) = raw.execute("SELECT memory FROM study WHERE name = ?", (name,)).fetchone()
    raw.close()
    return json.loads(text)


def put_memory(tape, session, label="memory"):
    tape.put(label, digest(tree(memory_of(session))))


def problem_parts(problem):
    """Return what a problem asks for: told by whoever made it, since its attributes may be renamed."""
    return PARTS.get(id(problem), dict.fromkeys(("goals", "levels", "chi2"), False))


PARTS: dict[int, dict] = {}
KEPT = []  # problems stay alive, so that ids stay theirs


def problem_of(space, **keywords):
    """Return a Problem, and remember what it asks for."""
    problem = Problem(space, **keywords)
    KEPT.append(problem)
    PARTS[id(problem)] = {
        "goals": len(keywords.get("objectives") or {}) > 1,
        "levels": keywords.get("level_set") is not None,
        "chi2": isinstance(keywords.get("loss"), ChiSquare),
    }
    return problem


def put_termination(tape, session):
    said = session.termination
    said = said() if callable(said) else said
    tape.put("termination", [said is not None, re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", said or "")])
    tape.say("termination", said)


def put_pareto(tape, session, problem):
    found = session.pareto()
    tape.put("pareto observed", [each.number for each in found.observed])
    tape.put("pareto predicted", [recommended_of(each) for each in found.predicted])
    tape.put("pareto", [getattr(found, name) for name in ("knee", "hypervolume", "history", "numbers")])
    tape.put("pareto reference", list(found.reference.items()))
    tape.put("pareto recommended", recommended_of(found.recommended))
    tape.say("pareto", found)


def put_contour(tape, session, problem):
    found = session.contour()
    names = list(found.misclassified)
    for name in ("misclassified", "volume_above", "band"):
        tape.put(f"contour {name}", list(getattr(found, name).items()))
    tape.put("contour", [found.is_done, found.n_evaluations])
    for name in names:
        points = found.points(name, n=30)
        tape.put(f"contour points {name}", [list(each.values()) for each in points])
        try:
            lines = found.lines(name, n=41)
            tape.put(
                f"contour lines {name}", [[np.array(column) for column in each.values()] for each in lines]
            )
        except SmboError as error:
            refusal(tape, f"contour lines {name}", error)
    some = problem.space.sample(4, np.random.default_rng(0))
    tape.put("contour probability", list(found.probability(some).items()))
    tape.say("contour", found)


def put_tune(tape, session, problem):
    settings = {
        "plain": None,
        "weights": TuneSettings(weights={"second": 0.3}, theory=0.02),
        "once": TuneSettings(same_measurement=[("first", "second")], level="residuals"),
    }
    for label, each in settings.items():
        tape.put(f"tune {label}", tune_of(session.tune(each)))


def tune_of(found):
    eigen = [[e.size, dict(e.direction), dict(e.plus), dict(e.minus)] for e in found.eigentunes]
    observables = [
        [getattr(o, n) for n in ("weight", "chi2", "pulls", "information", "response")]
        for o in found.observables
    ]
    fixed = [
        getattr(found, n)
        for n in ("params", "errors", "covariance", "chi2", "ndf", "level", "loss", "outputs", "outputs_std")
    ]
    return [*fixed, found.n_evaluations, eigen, observables]
