"""Records of the store: studies, results, attempts, drivers, reports; checked before they are written."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

import numpy as np
from sqlalchemy import Table

from smbo.errors import DamagedStore, StoreError
from smbo.store import schema
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.budget import Spent
from smbo.store.column_kinds import KEYS, wrong_values
from smbo.training_data import Array
from smbo.trial import LOST as LOST, Trial, TrialState

MAX_ERROR_CHARACTERS = 65_536
MAX_REASON_CHARACTERS = 200

_STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


Decode: TypeAlias = Callable[[dict[str, Any]], Mapping[str, Any]]


class StaleProposal(StoreError):
    """Another ask came since the proposal was computed; compute it anew."""


@dataclass(frozen=True, eq=False)
class Result:
    """The result of a trial, ready to be recorded: the fields of ``Trial`` of the same names.

    A final state, or PAUSED with the value at the end of a rung.  PRUNED may have a value.
    ``checkpoint`` is the folder left for the next attempt; None leaves an earlier one in place.  ``params``
    are the JSON values of the point where its context was observed with the result, else None.
    """

    state: TrialState
    value: float | None = None
    sem: float | None = None
    cost: float | None = None
    feasible: bool | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    outputs: Array | None = None
    outputs_variance: Array | None = None
    reason: str | None = None
    error: str | None = None
    checkpoint: str | None = None
    params: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        is_paused = self.state is TrialState.PAUSED
        assert self.state.is_final or is_paused, f"a result cannot leave a trial {self.state}"
        if self.state is not TrialState.PRUNED:
            assert (self.state is TrialState.COMPLETE or is_paused) == (self.value is not None)

    @classmethod
    def of(cls, trial: Trial) -> Result:
        """Return the result that a finished trial holds."""
        return cls(**{each.name: getattr(trial, each.name) for each in fields(cls) if each.name != "params"})

    @property
    def is_lost(self) -> bool:
        return self.state is TrialState.FAILED and self.reason == LOST

    @property
    def is_measured(self) -> bool:
        """Whether the result is a measurement, which counts however late it is."""
        return self.state in (TrialState.COMPLETE, TrialState.PAUSED)

    def columns(self) -> dict[str, Any]:
        """Return the result as columns of the trial table."""
        point = {} if self.params is None else {"params": dump_json(self.params)}
        return {
            **point,
            "state": self.state.value,
            "value": self.value,
            "sem": self.sem,
            "cost": self.cost,
            "feasible": None if self.feasible is None else int(self.feasible),
            "metrics": dump_numbers(self.metrics),
            "outputs": dump_vector(self.outputs),
            "outputs_variance": dump_vector(self.outputs_variance),
            "reason": None if self.reason is None else storable(self.reason)[:MAX_REASON_CHARACTERS],
            "error": None if self.error is None else storable(self.error)[-MAX_ERROR_CHARACTERS:],
        }

    def hash(self) -> str:
        """Return a hash of the result, a traceback left out."""
        columns = {name: value for name, value in self.columns().items() if name != "error"}
        digest = hashlib.sha256()
        for name, value in sorted(columns.items()):
            digest.update(f"{name}={value!r};".encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class StudyRecord:
    """A study as it is stored.

    Attributes:
        id: in the store; ``name`` is for people.
        uid: tells this study from any other of its name, in whatever store.
        problem, recipe, budget, memory: JSON values.
        seed: of the study.
        is_stopped: whether the study was asked to stop.
        spent: of its budget, so far.
        next_number: of the trial that would be asked for next.
        last_seq: of the latest change.
        problem_text: of the problem, as it is stored.
    """

    id: int
    name: str
    uid: str
    problem: Mapping[str, Any]
    recipe: Any
    seed: int
    budget: Mapping[str, Any]
    memory: Mapping[str, Any]
    is_stopped: bool
    spent: Spent
    next_number: int
    last_seq: int
    problem_text: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class AttemptRecord:
    """One execution of a trial, as it is stored; ``outcome`` is None while it is open.

    Attributes:
        owner: of the ask that made the attempt: a word, then details.
        driver: that holds the attempt, where several work on the study.
        job: its key in the back end.
        fidelity, rung: of its evaluation.
        claimed: when its execution was claimed; None if it was not.
        beat: number of its heartbeats.
        value, sem, cost: of its result; of a trial on several rungs each attempt has its own.
        checkpoint: folder that it left.
    """

    token: int
    number: int
    owner: str
    outcome: AttemptOutcome | None
    host: str | None = None
    pid: int | None = None
    created: float | None = None
    started: float | None = None
    ended: float | None = None
    driver: str | None = None
    job: str | None = None
    fidelity: float | None = None
    rung: int | None = None
    claimed: float | None = None
    beat: int = 0
    value: float | None = None
    sem: float | None = None
    cost: float | None = None
    checkpoint: str | None = None


@dataclass(frozen=True)
class DriverRecord:
    """A process that runs trials of a study, as it is stored.

    Attributes:
        id: chosen by the driver; one that registers again under it gets the next epoch.
        epoch: how often it has registered.
        beat: number of its heartbeats.
        capacity: how many trials it can run at once.
        created: when it registered last.
        ended: when it left in good order, None while it works or if it died.
    """

    id: str
    epoch: int
    host: str
    pid: int
    beat: int
    capacity: int
    created: float
    ended: float | None


@dataclass(frozen=True)
class ReportRecord:
    """An intermediate value of an attempt; NaN where it was no number."""

    number: int
    token: int
    step: float
    value: float
    seq: int


@dataclass(frozen=True)
class Place:
    """Where and when an attempt ran; None where that is not known."""

    host: str | None = None
    pid: int | None = None
    started: float | None = None
    ended: float | None = None


def check_name(name: object) -> str:
    """Return a study's name if it is one.

    The allow-list keeps names harmless in paths, URLs, Dask keys and HTML.

    Raises:
        StoreError: it is not of 1 to 100 letters, digits and ``._-``, the first a letter or digit.
    """
    # fullmatch: "$" would accept a trailing newline
    if not isinstance(name, str) or not _STUDY_NAME.fullmatch(name):
        shown = repr(name)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise StoreError(
            f"study name {shown}: use 1 to 100 letters, digits and . _ -, starting with a letter or digit"
        )
    return name


def storable(text: str) -> str:
    """Return text with characters that databases refuse (lone surrogates and NUL) written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


_encode_json = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def dump_json(value: Any) -> str:
    """Return JSON that is equal for equal values up to the order of keys, which is kept.

    Raises:
        StoreError: it holds something that JSON cannot carry.
    """
    try:
        return _encode_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"a durable study stores plain JSON values only: {error}") from error


def dump_numbers(numbers: Mapping[str, float]) -> str:
    """Return named numbers as JSON; those that JSON has no word for as strings."""
    if not numbers:
        return "{}"
    return dump_json(
        {name: value if np.isfinite(value) else str(float(value)) for name, value in numbers.items()}
    )


def load_numbers(text: str) -> dict[str, float]:
    """Return the numbers that ``dump_numbers`` wrote."""
    return {name: float(value) for name, value in json.loads(text).items()}


def dump_vector(vector: Array | None) -> bytes | None:
    """Return a vector as float64, little-endian."""
    return None if vector is None else np.ascontiguousarray(vector, dtype="<f8").tobytes()


def load_vector(data: bytes | None) -> Array | None:
    """Return the vector that ``dump_vector`` wrote."""
    return None if data is None else np.frombuffer(data, dtype="<f8").astype(np.float64)


def params_hash(params: Mapping[str, Any], text: str | None = None) -> str:
    """Return a hash of a point, the same in any order of its names.

    Args:
        text: the point as ``dump_json`` writes it, if that is known already.
    """
    names = list(params)
    in_order = sorted(names)
    if text is None or names != in_order:
        text = dump_json({name: params[name] for name in in_order})
    return hashlib.sha256(text.encode()).hexdigest()


def load_variance(outputs: bytes | None, variance: bytes | None) -> Array | None:
    """Return a covariance as it was stored: (k,), or (k, 1 + r) for k outputs."""
    loaded = load_vector(variance)
    if outputs is None or loaded is None or len(variance or b"") == len(outputs):
        return loaded
    return loaded.reshape(len(outputs) // 8, -1)


STATES = {each.value: each for each in TrialState}
_scan_json = json.JSONDecoder().raw_decode  # what json.loads calls, without a look at the ends of the text
NUMBERS = frozenset({float, int, type(None)})
INTEGERS = frozenset({int, type(None)})


def load_trial(row: Any, decode: Decode | None = None, *, params: dict[str, Any] | None = None) -> Trial:
    """Return the trial in a row of the trial table.

    Args:
        decode: makes a point of its JSON values, which it is otherwise.
        params: the JSON values, if they are at hand.

    Raises:
        DamagedStore: the row holds what smbo does not write.
    """
    if not {
        row.value.__class__,
        row.sem.__class__,
        row.cost.__class__,
        row.fidelity.__class__,
    } <= NUMBERS or (not {row.number.__class__, row.token.__class__, row.rung.__class__} <= INTEGERS):
        refuse_damaged(schema.trial, row)
    try:
        if params is None:
            params, end = _scan_json(row.params)
            if end != len(row.params) or params.__class__ is not dict:
                raise ValueError("params")
        return Trial(
            number=row.number,
            params=params if decode is None else decode(params),
            seed=int(row.seed),
            state=STATES[row.state],
            value=row.value,
            sem=row.sem,
            cost=row.cost,
            feasible=None if row.feasible is None else bool(row.feasible),
            metrics={} if row.metrics == "{}" else load_numbers(row.metrics),
            outputs=load_vector(row.outputs),
            outputs_variance=load_variance(row.outputs, row.outputs_variance),
            reason=row.reason,
            error=row.error,
            fidelity=row.fidelity,
            token=row.token,
            rung=row.rung,
            checkpoint=row.checkpoint,
        )
    except DAMAGES as error:
        refuse_damaged(schema.trial, row)
        raise DamagedStore(f"trial {row.number}: cannot be read: {error}") from error


# what values of another kind than smbo writes raise where they are read
DAMAGES = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


def refuse_damaged(table: Table, row: Any) -> None:
    """Refuse a row that holds what smbo does not write.

    Raises:
        DamagedStore: naming the row and its column.
    """
    for _, text in wrong_values(table, row):
        key = getattr(row, KEYS[table.name])
        where = f"study {row.name}" if table is schema.study else f"{table.name} {key!r}"
        raise DamagedStore(f"{where}: {text}")
