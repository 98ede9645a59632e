"""A training's checkpoint: resumed, it is the uninterrupted training bit for bit."""

from __future__ import annotations

import pytest
from tiny_training import POINT

from smbo.problem import Context
from smbo_objectives.pivot_toy import PivotToy, training

torch = pytest.importorskip("torch")


def test_a_training_that_was_put_down_goes_on_as_if_it_had_not_been(tiny, tmp_path, monkeypatch):
    tiny = PivotToy(schedule="quick", device="cpu", iterations_as_fidelity=True)
    point = {name: value for name, value in POINT.items() if name != "iterations"}
    (first := tmp_path / "first").mkdir()
    (second := tmp_path / "second").mkdir()
    whole = tiny.train(point, Context(seed=3, fidelity=10))
    tiny.evaluate(point, Context(seed=3, fidelity=4, folder=first))

    def refuse(*_):
        raise AssertionError("trained from the beginning again")

    monkeypatch.setattr(training, "_pretrain", refuse)
    resumed = tiny.train(point, Context(seed=3, fidelity=10, folder=second, checkpoint=first))
    assert resumed.history[-1] == whole.history[-1]
    assert all(torch.equal(mine, other) for mine, other in zip(resumed.final, whole.final, strict=True))
    assert (second / "training.npz").exists()  # and can be taken up once more
