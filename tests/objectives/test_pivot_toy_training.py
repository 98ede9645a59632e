"""Adversarial trainings: repeatable by their seed, batches without gaps, and scores that forget z."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_training import POINT

from smbo.problem import Context
from smbo_objectives.pivot_toy import PivotToy, toy, training
from smbo_objectives.pivot_toy.objective import PAPER_POINT

torch = pytest.importorskip("torch")


def test_the_seed_fixes_a_training_to_the_last_bit(tiny):
    first, again, other = (tiny.evaluate(POINT, Context(seed=s)).metrics for s in (5, 5, 6))
    assert first == again != other


def test_the_number_of_torchs_threads_is_as_before_after_a_training(tiny):
    before = torch.get_num_threads()
    tiny.evaluate(POINT, Context(seed=5))
    assert torch.get_num_threads() == before


def test_the_stream_of_batches_passes_over_every_row_once_before_any_twice():
    rows = torch.arange(10)
    stream = training._Stream((rows,), 3, np.random.default_rng(0))
    seen = torch.cat([stream.take(2)[0], stream.take(3)[0], stream.take(5)[0]]).numpy()
    for start in range(0, 30, 10):
        assert sorted(seen[start : start + 10]) == list(range(10))


@pytest.mark.torch
def test_the_adversary_makes_the_scores_forget_z_in_the_quick_schedule():
    objective = PivotToy(schedule="quick", device="cpu")
    point = {**PAPER_POINT, "r_steps": 100, "iterations": 60}
    history = objective.train(point, Context(seed=1)).history
    assert history[0].loss_f < 0.47
    assert history[0].ks > 0.2
    assert history[-1].ks < 0.1
    assert history[-1].loss_f < 0.68 < toy.ENTROPY_OF_Z
