"""The study as a run sees it (``Runnable``), and the reasons for which a run starts no more trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from smbo.fidelity import Promotion
from smbo.history.promotion import Reports
from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.space import Point
from smbo.store.budget import Budget, Spent
from smbo.store.records import Place
from smbo.store.store import SqlStore
from smbo.study.provenance import Proposed
from smbo.trial import Trial


class StopReason(StrEnum):
    """Why a run starts no more trials."""

    BUDGET = "budget"  # the study's trials or time are used up
    FAILURES = "failures"  # so many evaluations failed as the budget allows
    N_TRIALS = "n_trials"  # as many were started as this call may
    TIMEOUT = "timeout"  # this call's time is over
    STOPPED = "stopped"  # Study.stop() was called, or the run was interrupted
    SPACE = "space"  # a finite space has no point left
    ENOUGH = "enough"  # the termination rule is met; ``Study.termination`` says how
    MISFIT = "misfit"  # no result so far has the metrics or outputs that the problem needs
    BROKEN = "broken"  # the objective fails everywhere alike, by a mistake in its code or command
    LOST = "lost"  # one evaluation after the other killed its process


class Runnable(Protocol):
    """The part of a study that a run uses (``smbo.study.driver_study.DriverStudy`` is one)."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def problem(self) -> Problem: ...
    @property
    def store(self) -> SqlStore: ...
    @property
    def spool_folder(self) -> Path: ...
    @property
    def budget(self) -> Budget: ...
    @property
    def spent(self) -> Spent: ...
    @property
    def is_stopped(self) -> bool: ...
    @property
    def waiting(self) -> frozenset[int]: ...
    @property
    def trials(self) -> Sequence[Trial]: ...
    def trial(self, number: int) -> Trial: ...
    @property
    def recipe(self) -> Recipe: ...
    def ask_for(self, owner: str, n: int, *, fixed: Point | None = None) -> list[Trial]: ...
    def promote_waiting(self, most: int, *, is_closing: bool = False, fixed: Point | None = None) -> int: ...
    def next_promotion(self, *, is_closing: bool = False, fixed: Point | None = None) -> Promotion | None: ...
    def reports(self) -> Mapping[int, Reports]: ...
    def ask_proposed(self, owner: str, proposed: Proposed, start: int, stop: int) -> list[Trial]: ...
    def record(self, told: Trial, place: Place | None = None) -> Trial: ...
    def retry(self, numbers: Sequence[int]) -> None: ...
    def set_going(self) -> None: ...
    def termination(self) -> str | None: ...
