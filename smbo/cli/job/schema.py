"""The schema of a job file: strict, with errors that show file, line and key.

Strict means that nothing is guessed: an unknown key is refused (with the one that was meant), a
``false`` is no number, a number in quotes is text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from smbo.cli.job.batch_cluster import AdaptiveSection
from smbo.cli.job.cluster import BATCH_SYSTEMS, CORES, ClusterSection, LocalSection
from smbo.cli.job.document import Document, read_document
from smbo.cli.job.hints import KeyPath, in_job_words, key_hint, value_hint
from smbo.cli.job.level_set import LevelSetSection
from smbo.cli.job.observed import ContextSection
from smbo.cli.job.profiles import Profile, with_profile
from smbo.cli.job.section import Count, Duration, Section, Size
from smbo.cli.job.words import close_matches
from smbo.errors import JobFileError
from smbo.problem.stored_names import KEYS

# What checks a value that few jobs give is imported by the check: a mistake in a job costs no numerics.
if TYPE_CHECKING:
    from smbo.fidelity import Fidelity

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
    resumes: bool = True

    @model_validator(mode="after")
    def _makes_sense(self) -> FidelitySection:
        self.fidelity()
        return self

    def fidelity(self) -> Fidelity:
        """Return the fidelity of the problem."""
        from smbo.fidelity import Fidelity

        return Fidelity(**self.model_dump())


class TransferSection(Section):
    """A source study: a table with a column for the value, or a study in a store."""

    file: str | None = None
    value: str | None = None
    metrics: dict[str, str] = Field(default_factory=dict)
    outputs: list[str] = Field(default_factory=list)
    defaults: dict[str, Any] = Field(default_factory=dict)
    drop: list[str] = Field(default_factory=list)
    study: str | None = None
    store: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> TransferSection:
        if (self.file is None) == (self.study is None):
            raise ValueError("give `file: old.csv`, or `study: name` with its `store`")
        for place in (self.file, self.store):
            if place is not None and not place.isprintable():
                raise ValueError(f"{place!r} cannot name a file or a store")
        if (self.study is None) != (self.store is None):
            raise ValueError("`study` and `store` go together")
        if self.value is not None and self.metrics:
            raise ValueError("give `value: NAME`, or `metrics: {name here: name there}`")
        if self.outputs and self.file is None:
            raise ValueError("`outputs` are columns of a `file`; a study has its own")
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
    isolation: Literal["process", "thread", "fresh"] = "process"
    retries: RetriesSection = RetriesSection()
    cluster: ClusterSection = ClusterSection(local=LocalSection())
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    report: str | None = None
    fidelity: FidelitySection | None = None
    early_stopping: str | dict[str, Any] | None = None
    level_set: LevelSetSection | None = None
    context: ContextSection | None = None
    step_limits: dict[str, float] | None = None
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

    @field_validator("store", "spool")
    @classmethod
    def _a_place(cls, place: str | None) -> str | None:
        if place is not None and (not place.isprintable() or not place):
            raise ValueError(f"{place!r} cannot name a place")
        return place

    @field_validator("objectives", "resources")
    @classmethod
    def _printable(cls, named: Any) -> Any:
        for name in named or ():
            if not name.strip() or not name.isprintable():
                raise ValueError(f"{name!r} cannot be a name")
        return named

    @field_validator("early_stopping")
    @classmethod
    def _known_early_stopping(cls, early_stopping: Any) -> Any:
        if early_stopping is not None:
            from smbo.fidelity import as_early_stopping

            as_early_stopping(early_stopping)  # its ProblemError is a ValueError
        return early_stopping

    @field_validator("termination")
    @classmethod
    def _known_termination(cls, termination: Any) -> Any:
        from smbo.problem.termination import as_termination

        as_termination(termination)  # its ProblemError is a ValueError
        return termination

    @field_validator("report", mode="before")
    @classmethod
    def _report_off(cls, report: Any) -> Any:
        # null and false both mean no report; the default is a folder named after the study
        return "" if report is None or report is False else report

    @model_validator(mode="after")
    def _whole_cores(self) -> JobFile:
        cores = self.resources.get(CORES, 1.0)
        if cores != int(cores) or cores > 4096:
            raise ValueError(f"resources.cores is {cores:g}; an evaluation takes a whole number of cores")
        return self

    @property
    def evaluation_cores(self) -> int | None:
        """How many cores an evaluation takes, None where the job does not say."""
        return int(self.resources[CORES]) if CORES in self.resources else None

    @property
    def lease_seconds(self) -> float:
        """How long a worker may miss its heartbeats before its evaluation counts as lost."""
        return self.cluster.usual_lease_seconds if self.lease is None else self.lease

    @property
    def store_url(self) -> str:
        """The store, by default a SQLite file named after the study in the current folder."""
        from smbo.store.connect import file_url

        return self.store if self.store is not None else file_url(f"{self.study}.db")

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
    document, profile = with_profile(document)
    try:
        return JobFile.model_validate(dict(document.data))
    except ValidationError as error:
        found = _without_branches(error.errors(include_url=False, include_input=True))
        lines = [_explain(document, item) + _origin(item, profile) for item in found[:_MAX_SHOWN]]
        if len(found) > _MAX_SHOWN:
            lines.append(f"… and {len(found) - _MAX_SHOWN} more")
        raise JobFileError("\n".join(dict.fromkeys(lines))) from None


def _origin(error: Mapping[str, Any], profile: Profile | None) -> str:
    """Return, of an error in a cluster that comes from a profile, where the profile is."""
    is_of_it = profile is not None and tuple(error["loc"])[:1] == ("cluster",)
    return f" (with the cluster {profile.name!r} of {profile.file})" if profile and is_of_it else ""


def _explain(document: Document, error: Mapping[str, Any]) -> str:
    path: KeyPath = tuple(error["loc"])
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        return f"{document.place(path)}: unknown key{_meant(path)}"
    if kind == "missing":
        return f"{document.place(path[:-1])}: the key {path[-1]!r} is missing".replace(": :", ":")
    if kind == "value_error":
        return str(document.error(path, in_job_words(str(error["ctx"]["error"]))))
    said = f"{_plain_words(kind, error['msg'])}; got {_shown(value)}{value_hint(path, kind, value)}"
    return f"{document.place(path)}: {said}"


# what pydantic adds to the path of an entry that may be of several types, and the word for each type
_BRANCHES = {"str": "text", "dict[str,any]": "a mapping", "float": "a number", "TransferSection": "a mapping"}
# a section with a validator of its own is called after that
_SECTION = re.compile(r"function-after\[\w+\(\), (\w+)\]")
_BRANCHES |= {"dict[str,float]": "a mapping of numbers"}


def _without_branches(found: Sequence[Any]) -> list[dict[str, Any]]:
    """Return errors with those in the types that an entry may have put into the words of the job file.

    Of a mapping those in its keys are kept; for any other value one error says what it may be.
    """
    kept: list[dict[str, Any]] = []
    found = [{**each, "loc": tuple(map(_without_validator, each["loc"]))} for each in found]
    for error in found:
        path = tuple(error["loc"])
        at = next((index for index, key in enumerate(path) if key in _BRANCHES and index), None)
        if at is None or not _is_branch(path, at):
            kept.append(dict(error))
            continue
        is_of_kind = "type" in str(error["type"])
        if len(path) > at + 1 or not is_of_kind:  # within a mapping
            kept.append({**error, "loc": (*path[:at], *path[at + 1 :])})
        elif not any(tuple(each["loc"])[:at] == path[:at] and len(each["loc"]) > at + 1 for each in found):
            words = [
                _BRANCHES[str(each["loc"][at])] for each in found if tuple(each["loc"])[:at] == path[:at]
            ]
            said = f"{' or '.join(dict.fromkeys(words))} is needed"
            kept.append({**error, "loc": path[:at], "type": "wrong_type", "msg": said})
    return [
        error
        for number, error in enumerate(kept)
        if error["type"] != "string_type" or not _has_better(error, kept[:number] + kept[number + 1 :])
    ]


def _without_validator(key: str | int) -> str | int:
    return _SECTION.sub(r"\1", key) if isinstance(key, str) else key


def _is_branch(path: KeyPath, at: int) -> bool:
    """Return whether a part of an error's path is a type, and no key that happens to be called so."""
    return path[0] in ("recipe", "early_stopping", "transfer", "level_set") and at in (1, 2)


def _has_better(error: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> bool:
    path = tuple(error["loc"])
    return any(tuple(each["loc"])[: len(path)] == path and each is not error for each in others)


def _section_of(section: type[BaseModel], key: str) -> type[BaseModel]:
    """Return the section below an optional key of another."""
    found: type[BaseModel] = next(
        kind for kind in get_args(section.model_fields[key].annotation) if kind is not type(None)
    )
    return found


_SECTIONS: dict[KeyPath, type[BaseModel]] = {
    (): JobFile,
    ("budget",): BudgetSection,
    ("limits",): LimitsSection,
    ("retries",): RetriesSection,
    ("fidelity",): FidelitySection,
    ("level_set",): LevelSetSection,
    ("context",): ContextSection,
    ("cluster",): ClusterSection,
    **{
        ("cluster", kind): _section_of(ClusterSection, kind)
        for kind in ("local", "allocation", "ssh", "tls", "client", *BATCH_SYSTEMS)
    },
    **{("cluster", kind, "workers"): AdaptiveSection for kind in BATCH_SYSTEMS},
}


def _meant(path: KeyPath) -> str:
    section = _SECTIONS.get(path[:-1])
    if section is None:
        return ""
    known = sorted(section.model_fields)
    word = str(path[-1])
    meant = close_matches(KEYS.get(word, word), known)
    return key_hint(path) or meant or f"; known are {', '.join(known)}"


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
    "wrong_type": "",
}


def _plain_words(kind: str, message: str) -> str:
    said = _WORDS.get(kind) or message[:1].lower() + message[1:]
    return said.removeprefix("input should be ").replace(", line 0 column -1", "")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"
