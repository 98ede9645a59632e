"""Durable ask/tell and the drivers that run a study: ``Study`` is for users, ``DriverStudy`` for drivers."""

from smbo.study.study import Budget, Study

__all__ = ["Budget", "Study"]
