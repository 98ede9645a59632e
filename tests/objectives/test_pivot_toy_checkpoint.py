"""A training's checkpoint: resumed, it is the uninterrupted training bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_training import POINT

from smbo.problem import Context
from smbo_objectives.pivot_toy import PivotToy, checkpoint, networks, training

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


def test_a_checkpoint_is_read_as_it_was_written_and_a_folder_without_one_holds_none(tmp_path):
    rng = np.random.default_rng(0)
    f, other, r = (
        networks.classifier(3, rng, "cpu"),
        networks.classifier(3, rng, "cpu"),
        networks.adversary(4, rng, "cpu"),
    )
    kept = checkpoint.Checkpoint(
        f, other, r, dict(rng.bit_generator.state), rng.permutation(7), rng.normal(size=(3, 4))
    )
    assert checkpoint.load(None, "cpu") is None
    assert checkpoint.load(tmp_path, "cpu") is None
    checkpoint.save(kept, tmp_path)
    again = checkpoint.load(tmp_path, "cpu")
    for name in ("pretrained", "f", "r"):
        for mine, read in zip(getattr(kept, name), getattr(again, name), strict=True):
            assert torch.equal(mine, read)
    assert again.random_state == kept.random_state
    assert np.array_equal(again.rows_left, kept.rows_left)
    assert np.array_equal(again.history, kept.history)
    assert [path.name for path in tmp_path.iterdir()] == ["training.npz"]  # no half-written part is left


def test_batches_after_a_checkpoint_are_those_that_would_have_come(tmp_path):
    rows = torch.arange(10)
    stream = training._Stream((rows,), 3, np.random.default_rng(1))
    stream.take(1)
    nothing = []
    checkpoint.save(
        checkpoint.Checkpoint(
            nothing, nothing, nothing, stream.random_state, stream.rows_left, np.zeros((0, 4))
        ),
        tmp_path,
    )
    with np.load(tmp_path / "training.npz") as stored:
        state, left = json.loads(str(stored["random_state"])), stored["rows_left"]
    resumed = training._Stream((rows,), 3, np.random.default_rng(2))
    resumed.restore(checkpoint.Checkpoint(nothing, nothing, nothing, state, left, np.zeros((0, 4))))
    for n in (2, 1, 4):
        assert torch.equal(resumed.take(n)[0], stream.take(n)[0])
