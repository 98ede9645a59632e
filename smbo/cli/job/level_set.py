"""Level sets on the command line: their section of a job file, and what is said of a contour."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from smbo.analysis.contours import Contour
from smbo.cli.job.section import Section
from smbo.errors import SmboError
from smbo.problem.level_set import LevelSet
from smbo.study import Study


class LevelSetSection(Section):
    """What is sought where: the points at which functions have given values."""

    level: float | dict[str, float]
    of: list[str] = Field(default_factory=list, max_length=100)
    transform: Literal["auto", "linear", "log", "p-value"] = "auto"
    tolerance: float | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> LevelSetSection:
        self.level_set()  # its ProblemError is a ValueError
        return self

    def level_set(self) -> LevelSet:
        """Return it as a problem has it."""
        return LevelSet(self.level, tuple(self.of), self.transform, self.tolerance)


def contour_of_study(study: Study) -> Contour | None:
    """Return the contour of a study, None where no level is sought or too little is known."""
    if study.problem.level_set is None:
        return None
    try:
        return study.contour()
    except SmboError:  # too little is complete yet, or a recipe that is code
        return None


def contour_lines(study: Study) -> list[str]:
    """Return what is known of a study's contours, a line for each function; none without them."""
    contour = contour_of_study(study)
    return [] if contour is None else str(contour).splitlines()


def contour_as_json(study: Study) -> dict[str, Any] | None:
    """Return the same as plain JSON values, by function; None without a contour."""
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
