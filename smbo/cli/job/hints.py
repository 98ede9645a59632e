"""What to write instead of a wrong entry of a job file: keys of other programs, forms that miss a level."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

_TRIALS = "budget: {trials: 40}"
_SPACE = "space: {x: {real: [0, 1]}}"
_WORKERS = "cluster: {local: {workers: 4}}"
_CLUSTER = "cluster: {slurm: {workers: 10, memory: 4GB}}, or another"
_TIME = "budget: {time: 2h} for the whole study, limits: {time: 10min} for one evaluation"
_DIRECTION = "maximize: true, or objectives: {NAME: max}; without them the value is minimised"

# keys of other programs, and of other sections, by what is written here
_KEYS: Mapping[str, str] = {
    foreign: words
    for foreigners, words in (
        ("n_trials max_evals n_calls n_iter max_trials iterations trials evaluations", _TRIALS),
        ("timeout time walltime time_limit max_time", _TIME),
        ("n_jobs n_workers workers cores parallel max_concurrent", _WORKERS),
        ("direction directions mode goal minimize minimise maximise", _DIRECTION),
        ("metric metrics", "objectives: {NAME: min}"),
        ("bounds parameters params search_space dimensions variables", _SPACE),
        ("sampler algorithm optimizer strategy acquisition surrogate", "recipe: auto"),
        ("pruner scheduler stopper", "early_stopping: median"),
        ("storage database db url", "store: sqlite:///runs.db"),
        ("name study_name title experiment", "study: NAME"),
        ("random_state random_seed rng", "seed: 1"),
        ("python function evaluate", "objective: {python: module:function}"),
        ("command argv program run", "objective: {command: {argv: [./program, '{x}']}}"),
        ("failures max_failures cost patience", "budget: {trials: 40, failures: 10}"),
        ("memory mem", "limits: {memory: 4GB}"),
        ("slurm htcondor ssh local dask executor partition queue", _CLUSTER),
        ("initial x0 enqueue points_to_evaluate warm_start", "try_first: [{x: 0.5}]"),
        ("output report_folder", "report: FOLDER"),
    )
    for foreign in foreigners.split()
}

# sections whose value is often written without the level between
_SHORT: Mapping[KeyPath, str] = {
    ("budget",): "budget: {{trials: {}}}",
    ("retries",): "retries: {{lost: {}}}",
    ("limits",): "limits: {{time: {}}}",
    ("objective",): "objective: {{python: {}}}",
}

_QUOTED_NUMBER = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?\Z")
_YES = {"yes": "true", "on": "true", "y": "true", "true": "true"}
_NO = {"no": "false", "off": "false", "n": "false", "false": "false"}

# words for kinds of dimensions, and for their settings, of other programs
_REAL = ("float", "double", "uniform", "loguniform", "continuous", "number")
_INTEGER = ("int", "randint", "discrete", "range", "quniform")
_CHOICE = ("categorical", "values", "choices", "options", "enum", "list")
_ENDS = (("low", "high"), ("min", "max"), ("lower", "upper"), ("a", "b"), ("start", "stop"))


def key_hint(path: KeyPath) -> str:
    """Return what is written here for a key of other programs; "" where it is none."""
    words = _KEYS.get(str(path[-1]).lower())
    return "" if words is None or len(path) > 2 else f"; write {words}"


def value_hint(path: KeyPath, kind: str, value: Any) -> str:
    """Return how a value is to be written; "" where that cannot be guessed.

    Args:
        kind: of pydantic's error.
        value: what was given.
    """
    if kind == "string_type" and isinstance(value, int | float):
        shown = str(value).lower() if isinstance(value, bool) else str(value)[:40]
        return f"; in quotes it is text: '{shown}' (quote all of its digits: '007')"
    if kind in ("int_type", "float_type") and isinstance(value, str) and _QUOTED_NUMBER.match(value):
        return "; leave out the quotes"
    if kind == "bool_type" and isinstance(value, str):
        word = (_YES | _NO).get(value.lower())
        return "" if word is None else f"; write {word}"
    if kind in ("dict_type", "model_type", "model_attributes_type") and path in _SHORT:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return f"; write {_SHORT[path].format(str(value)[:40])}"
        if path == ("objective",):
            return "; write objective: {python: module:function}"
    if path == ("space",) and isinstance(value, Sequence):
        return f"; write {_SPACE}"
    return ""


def dimension_hint(form: Any) -> str:
    """Return how a dimension in the words of another program is written here; "" where it is none."""
    if not isinstance(form, Mapping):
        return ""
    keys = {str(key).lower(): value for key, value in form.items()}
    kind = str(keys.get("type", next((each for each in keys if each in (*_REAL, *_INTEGER, *_CHOICE)), "")))
    ends = next((pair for pair in _ENDS if set(pair) <= keys.keys()), None)
    bounds = keys.get("bounds", keys.get("range"))
    if bounds is None and ends is not None:
        bounds = [keys[end] for end in ends]
    if bounds is None:
        bounds = keys.get(kind, "[0, 1]")
    if kind.lower() in _CHOICE or "values" in keys or "choices" in keys:
        values = keys.get("values", keys.get("choices", keys.get(kind, "[a, b]")))
        return f"; write {{choice: {_plain(values)}}}"
    if kind.lower() in (*_INTEGER, "integer"):
        return f"; write {{integer: {_plain(bounds)}}}"
    if kind.lower() in (*_REAL, "real") or "bounds" in keys or ends is not None:
        log = ", log: true" if kind.lower() == "loguniform" or keys.get("log") is True else ""
        return f"; write {{real: {_plain(bounds)}{log}}}"
    return ""


def yaml_hint(problem: str, line: str) -> str:
    """Return what to do about a line that is not YAML; "" where that cannot be guessed."""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in problem:
        return "; indent with blanks, not with tabs"
    if "mapping values are not allowed" in problem:
        return "; quote text that holds ': '"
    if "cannot start any token" in problem:
        return "; quote text that begins with this character"
    return ""


def _plain(value: Any) -> str:
    text = str(value) if not isinstance(value, list) else f"[{', '.join(map(str, value))}]"
    return text if len(text) <= 60 else f"{text[:57]}..."


# how messages of the library name what a job file has a key for
_IN_JOBS = (
    (re.compile(r"\bLevelSet\(tolerance=\.\.\.\)"), "level_set: {tolerance: 0.01}"),
    (re.compile(r"\bFidelity\(\.\.\., averages=True\)"), "fidelity: {averages: true}"),
    (re.compile(r"\bProblem\(\.\.\., (\w+)=True\)"), r"\1: true"),
    (re.compile(r"\b(early_stopping|recipe|maximize|level_set|termination|fidelity)='?(\w+)'?"), r"\1: \2"),
    (re.compile(r"; pass GP\(\), Forest\(\) or such"), ""),
    (re.compile(r", or pass a Recipe\b"), ""),
    (re.compile(r"\bTrue\b"), "true"),
    (re.compile(r"\bFalse\b"), "false"),
    (re.compile(r"\bor None\b"), "or leave it out"),
    (re.compile(r"\ban Outcome with a cost\b"), "an outcome with a cost"),
)


def in_job_words(text: str) -> str:
    """Return a message of the library in the words of a job file."""
    for pattern, words in _IN_JOBS:
        text = pattern.sub(words, text)
    return text
