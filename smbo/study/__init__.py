"""Durable ask/tell and the drivers that run a study: ``Study`` is for users, ``DriverStudy`` for drivers."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smbo.study.study import Budget, Study

__all__ = ["Budget", "Study"]


def __getattr__(name: str) -> Any:
    # a worker imports ``smbo.study.evaluator`` alone: models, SQL and statistics would take it two seconds
    if name in __all__:
        from smbo.study import study

        return getattr(study, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
