"""A training of the pivot toy that takes a fraction of a second."""

from __future__ import annotations

from smbo_objectives.pivot_toy.objective import PAPER_POINT
from smbo_objectives.pivot_toy.training import Schedule

TINY = Schedule(
    n_train=2000,
    n_validation=1000,
    classifier_epochs=2,
    classifier_batch=64,
    adversary_epochs=1,
    pretraining_rate=0.05,
    batch=100,
    n_ks=2000,
    n_reports=5,
)


POINT = {**PAPER_POINT, "r_steps": 7, "iterations": 10}
