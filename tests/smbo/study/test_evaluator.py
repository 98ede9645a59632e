"""Calling objectives of every form, and finding the installed ones."""

from __future__ import annotations

import functools
import math
import pickle
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import smbo.study.evaluator as evaluation
from smbo.errors import ObjectiveError
from smbo.problem import Outcome
from smbo.space.json_values import to_plain
from smbo.study.evaluator import (
    Evaluator,
    ObjectiveSpec,
    installed_objectives,
    load_objective,
    outcome_from_json,
    outcome_to_json,
    payload_of,
)


@dataclass
class FakeBench:
    folder: Path = Path("/nowhere")
    reports: list = field(default_factory=list)
    most_reports: int = 1_000

    def report(self, step, value):
        self.reports.append((step, value))

    def is_asked_to_stop(self):
        return len(self.reports) >= self.most_reports


class Scaled:
    """An objective with settings."""

    made = 0

    def __init__(self, scale: float, *, offset: float = 0.0) -> None:
        if scale == 0:
            raise ObjectiveError("scale=0 makes every point equal; give another")
        if scale < 0:
            raise TypeError("a mistake inside the constructor")
        self.scale, self.offset = scale, offset
        type(self).made += 1

    def evaluate(self, params, context):
        return self.scale * params["x"] + self.offset


class NoObjective:
    pass


@pytest.fixture
def installed(monkeypatch):
    points = {
        "scaled": EntryPoint("scaled", f"{__name__}:Scaled", evaluation.ENTRY_POINTS),
        "useless": EntryPoint("useless", f"{__name__}:NoObjective", evaluation.ENTRY_POINTS),
        "broken": EntryPoint("broken", "no_such_module_here:Thing", evaluation.ENTRY_POINTS),
    }
    monkeypatch.setattr(evaluation, "installed_objectives", lambda: points)
    monkeypatch.setattr(evaluation, "_loaded", {})


def of_point(params):
    return params["x"] * 2


def of_point_and_context(params, context):
    context.report(1.0, 0.5)
    return {"value": params["x"], "seed": context.seed, "fidelity": context.fidelity or 0.0}


class Method:
    def evaluate(self, params, context):
        return params["x"], 0.5

    def __call__(self, params):
        raise AssertionError("evaluate is what is called")


class Callable_:
    def __call__(self, params):
        return params["x"]


def call(objective, params=None, **more):
    payload = payload_of(params or {"x": 3.0}, seed=7, fidelity=None)
    return outcome_from_json(Evaluator(objective)({**payload, **more}, FakeBench()))


@pytest.mark.parametrize(
    ("objective", "value"),
    [
        (of_point, 6.0),
        (lambda params: params["x"], 3.0),
        (lambda params, scale=10.0: params["x"] * scale, 30.0),
        (lambda *args: args[0]["x"], 3.0),
        (functools.partial(of_point_and_context, context=None), None),
        (Method(), 3.0),
        (Callable_(), 3.0),
    ],
    ids=["point", "lambda", "own default", "star", "partial", "object", "callable object"],
)
def test_an_objective_takes_the_form_that_suits_its_author(objective, value):
    if value is None:
        with pytest.raises(AttributeError, match="report"):
            call(objective)
    else:
        assert call(objective).value == value


def test_texts_beside_the_metrics_do_not_cost_what_was_measured(caplog, monkeypatch):
    monkeypatch.setattr("smbo.study.evaluator._logged", set())
    others = {"tag": "abc", "ok": True, "note": None, "history": [3.0, 2.0, 1.0], "setup": {"n": 1}}
    evaluator = Evaluator(lambda params: {"loss": (0.5, 0.1), "size": np.float32(2.0), **others})
    for _ in range(2):
        found = evaluator(payload_of({"x": 1.0}, seed=7, fidelity=None), FakeBench())
        assert found["metrics"] == {"loss": 0.5, "size": 2.0}
        assert found["left_out"] == {name: repr(value) for name, value in others.items()}
    assert [record.args[0] for record in caplog.records] == list(others)


def test_the_context_holds_seed_fidelity_folder_checkpoint_and_reports():
    bench, seen = FakeBench(Path("/somewhere")), []
    payload = {**payload_of({"x": 1.0}, 7, 100.0), "checkpoint": "/earlier"}

    def objective(params, context):
        seen.append(context)
        context.report(1.0, 0.5)
        return 1.0

    Evaluator(objective)(payload, bench)
    (context,) = seen
    assert (context.seed, context.fidelity, context.folder, context.checkpoint) == (
        7,
        100.0,
        Path("/somewhere"),
        Path("/earlier"),
    )
    assert bench.reports == [(1.0, 0.5)]


def test_categories_that_json_lacks_reach_the_objective_as_they_are():
    params = {"a": ("b", 2), "b": math.inf, "c": None}
    plain = {name: to_plain(value) for name, value in params.items()}
    seen = []
    call(lambda point: seen.append(point) or 1.0, plain)
    assert seen == [params]


@pytest.mark.parametrize("bad", [3, "text", None, lambda: 1.0, lambda a, b, c: 1.0, Method], ids=repr)
def test_what_is_no_objective_is_refused_at_once(bad):
    with pytest.raises(ObjectiveError):
        Evaluator(bad, ("x",))


def test_an_evaluator_travels():
    payload = payload_of({"x": 3.0}, 7, None)
    there = pickle.loads(pickle.dumps(Evaluator(of_point)))
    assert there(payload, FakeBench())["value"] == 6.0


def test_an_outcome_survives_its_journey():
    outcome = Outcome(
        1 / 3, sem=0.1, cost=2.0, metrics={"a": math.inf}, outputs=np.arange(3.0), outputs_variance=np.ones(3)
    )
    back = outcome_from_json(outcome_to_json(outcome))
    assert (back.value, back.sem, back.cost, back.metrics) == (1 / 3, 0.1, 2.0, {"a": math.inf})
    assert back.outputs.tolist() == [0.0, 1.0, 2.0]
    assert back.outputs_variance.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.usefixtures("installed")
def test_an_installed_objective_is_made_once_per_process():
    Scaled.made = 0
    spec = ObjectiveSpec("scaled", {"scale": 2.0, "offset": 1.0})
    assert [call(spec).value, call(spec).value] == [7.0, 7.0]
    assert Scaled.made == 1
    assert call(ObjectiveSpec("scaled", {"scale": 3.0})).value == 9.0


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("scald", {}, r"no objective 'scald', did you mean 'scaled'\?; installed: scaled, useless, broken"),
        ("scaled", {"scael": 1.0}, r"no setting 'scael', did you mean 'scale'\?; it takes: scale, offset"),
        ("scaled", {}, "needs the setting 'scale'"),
        ("scaled", {"scale": 0}, "scale=0 makes every point equal"),
        ("useless", {}, "has no method evaluate"),
        ("broken", {}, "cannot be loaded: No module named"),
    ],
)
def test_a_wrong_name_or_setting_is_answered_by_what_there_is(kind, settings, words):
    with pytest.raises(ObjectiveError, match=words):
        load_objective(kind, settings)


@pytest.mark.usefixtures("installed")
def test_a_mistake_inside_a_constructor_is_not_blamed_on_the_settings():
    with pytest.raises(TypeError, match="a mistake inside"):
        load_objective("scaled", {"scale": -1})


def test_the_objectives_of_this_distribution_are_installed():
    assert {"pythia-ee", "command", "python"} <= installed_objectives().keys()


def reporting(params, context):
    for step in range(5):
        context.report(step, 10.0 - step)
    return 1.0


def looking(params, context):
    context.report(0, 7.0) if params["x"] else None
    return 1.0 if context.should_stop() else 2.0


def test_an_evaluation_that_was_enough_ends_at_its_report_with_the_last_value():
    payload = payload_of({"x": 1.0}, seed=7, fidelity=None)
    found = Evaluator(reporting)(payload, FakeBench(most_reports=3))
    assert (found["pruned"], found["value"]) == (True, 8.0)
    assert "pruned" not in Evaluator(reporting)(payload, FakeBench())


def test_an_objective_that_looked_and_returned_counts_as_ended_early():
    payload = payload_of({"x": 0.0}, seed=7, fidelity=None)
    assert Evaluator(looking)(payload, FakeBench(most_reports=0))["pruned"]
    assert Evaluator(looking)(payload, FakeBench())["value"] == 2.0
