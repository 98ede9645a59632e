"""Level sets on the command line: the key `level_set` of a job file, and the text of a contour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from smbo.cli.job.section import Section
from smbo.errors import SmboError

if TYPE_CHECKING:
    from smbo.analysis.contours import Contour
    from smbo.problem.level_set import LevelSet
    from smbo.study import Study


class LevelSetSection(Section):
    """The level set that is sought: the points at which functions have given values."""

    level: float | dict[str, float]
    of: list[str] = Field(default_factory=list, max_length=100)
    transform: Literal["auto", "linear", "log", "p-value"] = "auto"
    tolerance: float | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> LevelSetSection:
        self.level_set()  # its ProblemError is a ValueError
        return self

    def level_set(self) -> LevelSet:
        """Return the level set of the problem."""
        from smbo.problem.level_set import LevelSet

        return LevelSet(self.level, tuple(self.of), self.transform, self.tolerance)


def contour_of_study(study: Study) -> Contour | None:
    """Return the contour of a study; None without a level set, or while too few trials are complete."""
    if study.problem.level_set is None:
        return None
    try:
        return study.contour()
    except SmboError:  # too few trials are complete yet, or the recipe is code
        return None


def contour_lines(study: Study) -> list[str]:
    """Return the text of a study's contour, a line for each function; none without one."""
    contour = contour_of_study(study)
    return [] if contour is None else str(contour).splitlines()


def contour_as_json(study: Study) -> dict[str, Any] | None:
    """Return a study's contour as JSON values, by function; None without one."""
    contour = contour_of_study(study)
    if contour is None:
        return None
    return {
        name: {
            "level": level,
            "above": contour.volume_above[name],
            "misclassified": contour.misclassified[name],
            "band": contour.band[name],
        }
        for name, level in zip(contour.names, contour.level_set.levels)
    }
