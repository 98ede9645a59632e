"""Durable ask/tell: a study, and in a module each what it does; the facade is ``smbo.study.study``."""

from smbo.study.study import Budget, Study

__all__ = ["Budget", "Study"]
