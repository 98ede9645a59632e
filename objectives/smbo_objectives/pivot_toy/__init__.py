"""Adversarial training of a classifier against a nuisance parameter, on the toy of arXiv:1611.01046."""

from smbo_objectives.pivot_toy.objective import PivotToy

__all__ = ["PivotToy"]
