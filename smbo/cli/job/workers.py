"""What job files say of workers on other machines, whatever starts them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from smbo.cli.job.section import Duration, Section
from smbo_scheduler.clusters.specs import SchedulerOptions

WorkerCount: TypeAlias = Annotated[int, Field(ge=1, le=100_000)]
Port: TypeAlias = Annotated[int, Field(ge=1, le=65535)]
Resources: TypeAlias = dict[str, Annotated[float, Field(gt=0)]]


def _one_line(text: str) -> str:
    if not text or any(end in text for end in "\r\n\0"):
        raise ValueError(f"{text!r} is not one line of text")
    return text


Text: TypeAlias = Annotated[str, AfterValidator(_one_line)]


class EntranceSection(Section):
    """The address of the scheduler, which runs on this machine, for workers on other machines."""

    host: Text | None = None
    interface: Text | None = None
    port: Port | None = None
    python: Text | None = None
    prologue: list[Text] = Field(default_factory=list, max_length=100)
    resources: Resources = Field(default_factory=dict)
    death_timeout: Duration = 120.0

    @model_validator(mode="after")
    def _one_entrance(self) -> EntranceSection:
        if self.host is not None and self.interface is not None:
            raise ValueError("give host or interface, not both")
        return self

    @property
    def entrance(self) -> SchedulerOptions:
        """Where the scheduler listens."""
        return SchedulerOptions(self.host, self.interface, self.port or 0)
