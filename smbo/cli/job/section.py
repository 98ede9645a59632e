"""The base class of the sections of a job file, and the types of their values."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from smbo.cli.job.quantities import duration_seconds, size_bytes

Duration: TypeAlias = Annotated[float, BeforeValidator(duration_seconds)]
Size: TypeAlias = Annotated[int, BeforeValidator(size_bytes)]
Count: TypeAlias = Annotated[int, Field(ge=1, le=10**9)]


class Section(BaseModel):
    """Base of every section: strict, frozen, no unknown keys, finite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
