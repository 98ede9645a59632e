"""Progress of a run on the screen: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

import click

from smbo.cli.job.quantities import duration_text
from smbo.cli.summary import line_text

if TYPE_CHECKING:
    from rich.panel import Panel

LIVE_PERIOD_SECONDS = 0.25
PLAIN_PERIOD_SECONDS = 5.0
# between two fits for the recommended value: at least this long, and at least so many times the processor
# time of the last fit, so that watching costs the evaluations no more than a twentieth of one core
RECOMMEND_PERIOD_SECONDS = 1.0
RECOMMEND_SHARE = 20.0


@dataclass(frozen=True)
class Snapshot:
    """State of a run at one moment.

    Attributes:
        complete, failed, running: trials of the study by state.
        trials: the budget, None where only time limits the study.
        slots: how many evaluations can run at once, None where that is not known.
        best: lowest (highest) value told so far, in the user's units.
        recommended: mean and standard deviation of the posterior at its best point.
        elapsed_seconds: of this run.
        left_seconds: estimate until the end; None without one.
        paused: trials that wait at a low fidelity for a promotion.
        recommended_of: complete trials that were known when ``recommended`` was computed.
        ended_early: trials that were pruned or cancelled.
        queue: what batch jobs wait for.
    """

    complete: int
    failed: int
    running: int
    trials: int | None
    slots: int | None
    best: float | None
    recommended: tuple[float, float] | None
    elapsed_seconds: float
    left_seconds: float | None
    paused: int = 0
    recommended_of: int | None = None
    ended_early: int = 0
    queue: str | None = None

    @property
    def recommended_text(self) -> str:
        """The recommended value, by how many results where there are newer ones; "" where most are newer."""
        known = self.complete if self.recommended_of is None else self.recommended_of
        if self.recommended is None or 2 * known < self.complete:
            return ""
        is_old = known < self.complete
        return _plus_minus(*self.recommended) + (f" (by the first {known})" if is_old else "")

    @property
    def done(self) -> int:
        """How many trials have ended, however they did, or wait for a promotion."""
        return self.complete + self.failed + self.ended_early + self.paused

    @property
    def counts(self) -> tuple[int, int]:
        """How many trials have ended or wait for a promotion, and how many failed."""
        return self.done, self.failed

    @property
    def kinds(self) -> list[str]:
        """How many of those that are done are paused, failed and ended early, in words."""
        words = {"paused": self.paused, "ended early": self.ended_early}
        return [f"{n} {word}" for word, n in words.items() if n] + [f"{self.failed} failed"]

    @property
    def running_text(self) -> str:
        """How many evaluations run in how many slots, and how many wait for one."""
        if self.slots is None:
            return f"{self.running} running"
        n_running = min(self.running, self.slots)
        n_queued = self.running - n_running
        return f"{n_running} running of {self.slots} slots" + (f", {n_queued} queued" if n_queued else "")


class Progress(Protocol):
    """A display of snapshots."""

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot, or leave it out if the last one is fresh enough."""
        ...

    def close(self, snapshot: Snapshot | None) -> None:
        """Show the last snapshot and give the terminal back."""
        ...


def seconds_left(
    finished: int,
    finished_at_start: int,
    trials: int | None,
    elapsed: float,
    time_left: float | None,
    slots: int | None = None,
) -> float | None:
    """Return how long a run still takes at its pace so far; None before there is a pace.

    There is one once as many trials have ended as run at once: the first of them tells how long one takes,
    and not how many end in that time.

    Args:
        finished, finished_at_start: finished trials now and when this run began.
        trials: the budget of trials, if any.
        elapsed: seconds since the first evaluation of this run started.
        time_left: seconds of the budget of time that are left, if any.
        slots: how many run at once, None where that is not known.
    """
    estimates = [] if time_left is None else [max(0.0, time_left)]
    done = finished - finished_at_start
    if trials is not None and done >= max(1, min(slots or 1, trials - finished_at_start)):
        estimates.append(max(0, trials - finished) * elapsed / done)
    return min(estimates) if estimates else None


def line(snapshot: Snapshot, value_name: str = "value") -> str:
    """Return a snapshot as one line of text."""
    of = f"/{snapshot.trials}" if snapshot.trials is not None else ""
    parts = [f"{snapshot.done}{of} done", snapshot.running_text, *snapshot.kinds]
    if snapshot.best is not None:
        parts.append(f"best {line_text(value_name, 40)} {snapshot.best:.5g}")
    if snapshot.recommended_text:
        parts.append(f"recommended {snapshot.recommended_text}")
    parts.append(f"{duration_text(snapshot.elapsed_seconds)} elapsed")
    if snapshot.left_seconds is not None:
        parts.append(f"about {duration_text(snapshot.left_seconds)} left")
    if snapshot.queue is not None:
        parts.append(snapshot.queue)
    return ", ".join(parts)


def _plus_minus(mean: float, std: float) -> str:
    return f"{mean:.5g} ± {std:.2g}" if std == std else f"{mean:.5g}"


class NoProgress:
    """Nothing, for -q."""

    def show(self, snapshot: Snapshot) -> None:
        """Show nothing."""

    def close(self, snapshot: Snapshot | None) -> None:
        """Show nothing."""


class PlainProgress:
    """A line when something has changed, and not too often."""

    def __init__(
        self,
        value_name: str,
        echo: Callable[[str], None] = click.echo,
        clock: Callable[[], float] = time.monotonic,
        period_seconds: float = PLAIN_PERIOD_SECONDS,
    ) -> None:
        self._value_name, self._echo, self._clock, self._period = value_name, echo, clock, period_seconds
        self._last_time = -float("inf")
        self._last_counts: tuple[int, int] | None = None

    def show(self, snapshot: Snapshot) -> None:
        counts = snapshot.counts
        if counts != self._last_counts and self._clock() - self._last_time >= self._period:
            self._write(snapshot)

    def close(self, snapshot: Snapshot | None) -> None:
        if snapshot is not None and snapshot.counts != self._last_counts:
            self._write(snapshot)

    def _write(self, snapshot: Snapshot) -> None:
        self._echo(line(snapshot, self._value_name))
        self._last_time = self._clock()
        self._last_counts = snapshot.counts


class LiveProgress:
    """A panel that is redrawn in place."""

    def __init__(self, title: str, value_name: str, file: IO[str] | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._title, self._value_name = title, value_name
        # no refresh thread: the loop calls show often enough, and a thread would outlive a crash
        self._live = Live(console=Console(file=file), auto_refresh=False, transient=False)
        self._live.start()
        self._last_time = -float("inf")

    def show(self, snapshot: Snapshot) -> None:
        if time.monotonic() - self._last_time >= LIVE_PERIOD_SECONDS:
            self._draw(snapshot)

    def close(self, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            self._draw(snapshot)
        self._live.stop()

    def _draw(self, snapshot: Snapshot) -> None:
        self._live.update(_panel(self._title, self._value_name, snapshot), refresh=True)
        self._last_time = time.monotonic()


def _panel(title: str, value_name: str, snapshot: Snapshot) -> Panel:
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    of = f" of {snapshot.trials}" if snapshot.trials is not None else ""
    table = Table.grid(padding=(0, 2))
    table.add_row("evaluations", f"{snapshot.done}{of} done, {', '.join(snapshot.kinds)}")
    if snapshot.trials is not None:
        table.add_row("", ProgressBar(total=snapshot.trials, completed=snapshot.done, width=40))
    table.add_row("workers", snapshot.running_text)
    if snapshot.queue is not None:
        table.add_row("queue", Text(line_text(snapshot.queue)))
    best = "none yet" if snapshot.best is None else f"{snapshot.best:.6g}"
    table.add_row(Text(f"best {line_text(value_name, 40)}"), Text(best))
    table.add_row("recommended", f"{snapshot.recommended_text or 'not yet known'}  (by the posterior)")
    left = "" if snapshot.left_seconds is None else f", about {duration_text(snapshot.left_seconds)} left"
    table.add_row("time", f"{duration_text(snapshot.elapsed_seconds)} elapsed{left}")
    return Panel(table, title=Text(line_text(title)), title_align="left", expand=False)


def open_progress(title: str, value_name: str) -> Progress:
    """Return live progress on a terminal that can do it, plain lines elsewhere."""
    plain = (
        not sys.stdout.isatty()
        or os.environ.get("TERM", "dumb") == "dumb"
        or "NO_COLOR" in os.environ
        or "CI" in os.environ
    )
    return PlainProgress(value_name) if plain else LiveProgress(title, value_name)


class Recommender:
    """Compute the recommended value in a thread of its own, at most every few seconds.

    Args:
        compute: returns mean and standard deviation, or None while nothing can be recommended;
            called in that thread.
    """

    def __init__(
        self,
        compute: Callable[[], tuple[float, float] | None],
        period_seconds: float = RECOMMEND_PERIOD_SECONDS,
    ) -> None:
        self._compute, self._period = compute, period_seconds
        self._n_wanted = self._n_known = 0
        self._latest: tuple[float, float] | None = None
        self.latest_of: int | None = None  # results that the latest value was computed from
        self._wake, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="recommender", daemon=True)
        self._thread.start()

    def latest(self, n_complete: int) -> tuple[float, float] | None:
        """Return the newest value; start computing a new one if ``n_complete`` has grown."""
        if n_complete > self._n_wanted:
            self._n_wanted = n_complete
            self._wake.set()
        return self._latest

    def close(self) -> None:
        """End the thread; wait up to ten seconds for a computation under way."""
        self._end.set()
        self._wake.set()
        self._thread.join(timeout=10.0)

    def _work(self) -> None:
        is_first = True
        while not self._end.is_set():
            self._wake.wait()
            self._wake.clear()
            if self._end.is_set() or self._n_wanted == self._n_known:
                continue
            n_known = self._n_known = self._n_wanted
            began = time.thread_time()
            try:
                self._latest, self.latest_of = self._compute(), n_known
            except Exception:
                # progress must not end a run: the value is shown again when it can be computed
                self._latest = None
            # the first one loads libraries, which later ones do not
            took = 0.0 if is_first else time.thread_time() - began
            is_first = False
            self._end.wait(max(self._period, RECOMMEND_SHARE * took))
