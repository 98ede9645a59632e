"""smbo as a gest-api generator: points of a VOCS, results in any order."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("gest_api")

from gest_api.vocs import VOCS

from smbo.integrations.gest import SmboGenerator

FULL = {
    "variables": {"x": [0.0, 1.0], "kind": {"b", "a"}},
    "objectives": {"f": "MINIMIZE", "g": "MAXIMIZE"},
    "constraints": {"c": ["GREATER_THAN", 0.1], "d": ["BOUNDS", -1.0, 1.0], "e": ["LESS_THAN", 5.0]},
    "constants": {"alpha": 2.5},
    "observables": ["temperature"],
}


def measured(point):
    x = point["x"]
    return {**point, "f": x**2, "g": x, "c": x, "d": 0.0, "e": 1.0, "temperature": "warm"}


def test_points_carry_variables_constants_and_their_id():
    points = SmboGenerator(VOCS(**FULL), seed=1).suggest(3)
    assert [point["_id"] for point in points] == [0, 1, 2]
    assert all(point["alpha"] == 2.5 and point["kind"] in {"a", "b"} for point in points)


def test_without_a_number_one_point_is_suggested():
    assert len(SmboGenerator(VOCS(**FULL), seed=1).suggest()) == 1


def test_results_in_any_order_and_in_part_are_learned_from():
    generator = SmboGenerator(VOCS(**FULL), seed=1)
    points = generator.suggest(8)
    generator.ingest([measured(point) for point in points[:2:-1]])
    generator.ingest([measured(point) for point in points[:3]])
    generator.finalize()
    assert all(trial.metrics["f"] == trial.params["x"] ** 2 for trial in generator.optimizer.trials)
    assert len(generator.suggest(2)) == 2
    assert not all(trial.feasible for trial in generator.optimizer.trials[:8])  # some x are below 0.1


def test_points_that_were_never_suggested_are_taken_and_numpy_ids_too():
    generator = SmboGenerator(VOCS(**FULL), seed=1)
    generator.ingest([measured({"x": 0.5, "kind": "a", "alpha": 2.5})])
    (point,) = generator.suggest(1)
    generator.ingest([measured({**point, "_id": np.int64(point["_id"])})])
    assert generator.optimizer.trials[0].value == 0.25


def test_a_result_that_is_not_finite_is_a_failure():
    generator = SmboGenerator(VOCS(**FULL), seed=1)
    (point,) = generator.suggest(1)
    generator.ingest([{**measured(point), "f": math.nan}])
    assert generator.optimizer.trials[0].state == "failed"


@pytest.mark.parametrize(
    ("change", "words"),
    [({"_id": 99}, "never asked for"), ({"f": None}, "f"), ({"_id": None, "x": 7.0}, "x")],
    ids=["an unknown id", "no number", "out of the space"],
)
def test_what_cannot_be_ingested_is_a_value_error(change, words):
    generator = SmboGenerator(VOCS(**FULL), seed=1)
    (point,) = generator.suggest(1)
    with pytest.raises(ValueError, match=words):
        generator.ingest([{**measured(point), **change}])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"variables": {"x": [0, 1], "t": "CONTEXTUAL"}}, "'t' is contextual"),
        ({"objectives": {"f": "EXPLORE"}}, "'f' is"),
        ({"objectives": {}}, "no objective"),
    ],
    ids=["contextual", "explore", "no objective"],
)
def test_what_smbo_does_not_do_is_refused_by_name(change, words):
    with pytest.raises(ValueError, match=words):
        SmboGenerator(VOCS(**{**FULL, **change}))


def test_the_minimum_of_a_bowl_is_found_in_twenty_points():
    generator = SmboGenerator(VOCS(variables={"x": [0.0, 1.0]}, objectives={"f": "MINIMIZE"}), seed=1)
    for _ in range(20):
        generator.ingest([{**point, "f": (point["x"] - 0.3) ** 2} for point in generator.suggest(1)])
    assert generator.optimizer.best.value < 1e-4
