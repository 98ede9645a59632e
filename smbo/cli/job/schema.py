"""The schema of a job file: strict, with errors that show file, line and key.

Strict means that nothing is guessed: an unknown key is refused (with the one that was meant), a
``false`` is no number, a number in quotes is text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from smbo.cli.job.cluster import (
    AdaptiveSection,
    CertificatesSection,
    ClusterSection,
    HTCondorSection,
    LocalSection,
    SlurmSection,
    SshSection,
)
from smbo.cli.job.document import Document, KeyPath, read_document
from smbo.cli.job.level_set import LevelSetSection
from smbo.cli.job.section import Count, Duration, Section, Size
from smbo.errors import JobFileError
from smbo.fidelity import Fidelity, as_early_stopping
from smbo.problem.stored_names import KEYS
from smbo.problem.termination import as_termination

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MAX_SHOWN = 5  # errors in one message; further ones often follow from the first


def check_study_name(name: str) -> str:
    """Return a study's name if it is safe in paths, URLs and keys; else raise ValueError."""
    if not _NAME.fullmatch(name):
        shown = name if len(name) <= 40 else name[:40] + "…"
        raise ValueError(
            f"{shown!r} cannot name a study: use letters, digits, '.', '_' and '-', start with a letter "
            "or digit, 100 characters at most"
        )
    return name


class BudgetSection(Section):
    """When the study ends: the first of these that is reached."""

    trials: Count | None = None
    time: Duration | None = None
    failures: Count | None = None
    cost: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    fidelity: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _ends(self) -> BudgetSection:
        if all(limit is None for limit in (self.trials, self.time, self.cost, self.fidelity)):
            raise ValueError("the study would never end; give `trials: 40`, or `time: 2h`, or both")
        return self


class LimitsSection(Section):
    """Limits of one evaluation, and whether it survives the death of its worker and of the run."""

    time: Duration | None = None
    memory: Size | None = None
    survive: bool = False


class RetriesSection(Section):
    """How often an evaluation is run again when its worker was lost."""

    lost: Annotated[int, Field(ge=0, le=100)] = 3


class FidelitySection(Section):
    """Range of the fidelity, for evaluations that are cheaper at a low one."""

    low: float
    high: float
    integer: bool = True
    name: str = "fidelity"
    averages: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> FidelitySection:
        self.fidelity()
        return self

    def fidelity(self) -> Fidelity:
        """Return the fidelity of the problem."""
        return Fidelity(self.low, self.high, self.integer, self.name, self.averages)


class TransferSection(Section):
    """A source study: a table with a column for the value, or a study in a store."""

    file: str | None = None
    value: str | None = None
    study: str | None = None
    store: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> TransferSection:
        if (self.file is None) == (self.study is None):
            raise ValueError("give `file: old.csv`, or `study: name` with its `store`")
        if (self.study is None) != (self.store is None):
            raise ValueError("`study` and `store` go together")
        return self


class JobFile(Section):
    """A job file: what to optimise, how, where, and until when."""

    study: str
    objective: dict[str, Any]
    budget: BudgetSection
    store: str | None = None
    spool: str | None = None
    lease: Duration | None = None
    space: dict[str, Any] | None = None
    constraints: list[str] = Field(default_factory=list, max_length=1000)
    objectives: dict[str, Literal["min", "max"]] | None = None
    reference: dict[str, float] | None = None
    weights: dict[str, Annotated[float, Field(gt=0)]] | None = None
    maximize: bool = False
    recipe: str | dict[str, Any] = "auto"
    resources: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    limits: LimitsSection = LimitsSection()
    retries: RetriesSection = RetriesSection()
    cluster: ClusterSection = ClusterSection(local=LocalSection())
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    report: str | None = None
    fidelity: FidelitySection | None = None
    early_stopping: str | dict[str, Any] | None = None
    level_set: LevelSetSection | None = None
    try_first: list[dict[str, Any]] = Field(default_factory=list, max_length=10_000)
    fixed: dict[str, Any] = Field(default_factory=dict)
    termination: dict[str, Any] | None = None
    transfer: list[str | TransferSection] = Field(default_factory=list, max_length=100)

    @field_validator("study")
    @classmethod
    def _safe_name(cls, name: str) -> str:
        return check_study_name(name)

    @field_validator("objective")
    @classmethod
    def _one_objective(cls, objective: dict[str, Any]) -> dict[str, Any]:
        if len(objective) != 1:
            raise ValueError(
                f"name exactly one objective, as in `python: module:function`; got {sorted(objective)}"
            )
        return objective

    @field_validator("early_stopping")
    @classmethod
    def _known_early_stopping(cls, early_stopping: Any) -> Any:
        if early_stopping is not None:
            as_early_stopping(early_stopping)  # its ProblemError is a ValueError
        return early_stopping

    @field_validator("termination")
    @classmethod
    def _known_termination(cls, termination: Any) -> Any:
        as_termination(termination)  # its ProblemError is a ValueError
        return termination

    @field_validator("report", mode="before")
    @classmethod
    def _report_off(cls, report: Any) -> Any:
        # null and false both mean no report; the default is a folder named after the study
        return "" if report is None or report is False else report

    @property
    def lease_seconds(self) -> float:
        """How long a worker may miss its heartbeats before its evaluation counts as lost."""
        return self.cluster.usual_lease_seconds if self.lease is None else self.lease

    @property
    def store_url(self) -> str:
        """The store, by default a SQLite file named after the study in the current folder."""
        return self.store if self.store is not None else f"sqlite:///{self.study}.db"

    @property
    def report_folder(self) -> Path | None:
        """Where the report goes; None for no report."""
        if self.report == "":
            return None
        return Path(self.report) if self.report is not None else Path(f"{self.study}-report")


def read_jobfile(path: Path) -> tuple[JobFile, Document]:
    """Return the job that the file at ``path`` describes, and the document for further messages.

    Raises:
        JobFileError: with file, line, key, and what to write instead.
    """
    document = read_document(path)
    return check_jobfile(document), document


def check_jobfile(document: Document) -> JobFile:
    """Return a document as a job; JobFileError if it is none."""
    try:
        return JobFile.model_validate(dict(document.data))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=True)
        lines = [_explain(document, item) for item in found[:_MAX_SHOWN]]
        if len(found) > _MAX_SHOWN:
            lines.append(f"… and {len(found) - _MAX_SHOWN} more")
        raise JobFileError("\n".join(dict.fromkeys(lines))) from None


def _explain(document: Document, error: Mapping[str, Any]) -> str:
    path: KeyPath = tuple(error["loc"])
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        return f"{document.place(path)}: unknown key{_meant(path)}"
    if kind == "missing":
        return f"{document.place(path[:-1])}: the key {path[-1]!r} is missing".replace(": :", ":")
    if kind == "value_error":
        return f"{document.place(path)}: {error['ctx']['error']}"
    return f"{document.place(path)}: {_plain_words(kind, error['msg'])}; got {_shown(value)}"


_SECTIONS: dict[KeyPath, type[BaseModel]] = {
    (): JobFile,
    ("budget",): BudgetSection,
    ("limits",): LimitsSection,
    ("retries",): RetriesSection,
    ("fidelity",): FidelitySection,
    ("level_set",): LevelSetSection,
    ("cluster",): ClusterSection,
    ("cluster", "local"): LocalSection,
    ("cluster", "slurm"): SlurmSection,
    ("cluster", "htcondor"): HTCondorSection,
    ("cluster", "ssh"): SshSection,
    ("cluster", "tls"): CertificatesSection,
    ("cluster", "slurm", "workers"): AdaptiveSection,
    ("cluster", "htcondor", "workers"): AdaptiveSection,
}


def _meant(path: KeyPath) -> str:
    section = _SECTIONS.get(path[:-1])
    if section is None:
        return ""
    known = sorted(section.model_fields)
    word = str(path[-1])
    return close_matches(KEYS.get(word, word), known) or f"; known are {', '.join(known)}"


def close_matches(word: str, known: list[str]) -> str:
    """Return "; did you mean …?" for a misspelt word, "" where nothing is near."""
    close = difflib.get_close_matches(word[:100], known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


_WORDS = {
    "float_type": "a number is needed",
    "int_type": "a whole number is needed",
    "string_type": "text is needed",
    "bool_type": "true or false is needed",
    "dict_type": "a mapping is needed",
    "list_type": "a list is needed",
    "model_type": "a mapping is needed",
    "model_attributes_type": "a mapping is needed",
    "finite_number": "a finite number is needed",
}


def _plain_words(kind: str, message: str) -> str:
    return _WORDS.get(kind, message[:1].lower() + message[1:])


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"
