"""Random walks over everything that a store can be asked, each step held against a model of a few lines.

    python tests/chaos/store_walk.py [--steps 100000] [--postgres | --url URL] [--walkers 1] [--seed 1]

Several walkers share the steps, each in a process and a store of its own: on a server, most of a step is
waiting for answers.

Asks (new, waiting, keyed, beyond the budget), results (first, repeated, other, late, of a lower rung),
failures, losses, reports, pauses, promotions, prunings, points of one's own, claims, beats, leaders,
restarts.  After each step the change feed must name exactly the trials that the model says have changed, in
the model's states, under sequence numbers without gaps.  Without a URL it walks on SQLite, on a disk in
memory where there is one: this is about what is recorded; power.py is about whether it reaches a disk.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from smbo.errors import AlreadyTold, BudgetExhausted, StoreError, UnknownTrial
from smbo.store import change_feed as log, maintenance as upkeep, rungs, studies, tell as telling
from smbo.store.ask import Asking
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.budget import Budget
from smbo.store.records import Result
from smbo.store.store import SqlStore
from smbo.trial import TrialState

STEPS_PER_STUDY = 500
FINAL = ("complete", "failed", "pruned", "cancelled")


@dataclass
class ModelAttempt:
    rung: int | None
    outcome: str | None = None
    result: tuple | None = None
    beat: int = 0
    is_claimed: bool = False
    reports: dict = field(default_factory=dict)


@dataclass
class ModelTrial:
    state: str
    rung: int | None = None
    value: float | None = None
    reason: str | None = None
    token: int | None = None
    priority: int = 0
    is_told: bool = False
    attempts: dict[int, ModelAttempt] = field(default_factory=dict)

    @property
    def charge(self):
        if self.is_told or self.state == "cancelled":
            return 0, 0
        return (int(self.reason != "lost"), 1) if self.state == "failed" else (1, 0)

    def is_settled_for(self, attempt):
        return self.state in (*FINAL, "paused") or attempt.rung != self.rung


class Walk:
    """One store, one study at a time, and what they ought to hold."""

    def __init__(self, url, seed):
        self.url, self.rng = url, random.Random(seed)
        self.store, self.n_studies, self.steps = SqlStore(url), 0, {}
        self.n_steps = 0
        self.new_study()

    def new_study(self):
        self.n_studies += 1
        self.name = f"walk-{self.n_studies}"
        self.limit = self.rng.choice([20, 60, 10**6])
        self.study = self.store.create_study(self.name, {}, "gp", 1, Budget(trials=self.limit)).id
        self.trials, self.keys, self.next_token = {}, {}, 1
        self.drivers, self.leader, self.epoch = {}, None, 0
        self.cursor = self.store.study(self.name).last_seq
        self.seq = self.cursor

    # --- one step

    def step(self):
        self.n_steps += 1
        if self.n_steps % STEPS_PER_STUDY == 0:
            self.check_all()
            self.new_study()
        weights = {
            self.ask: 8, self.ask_with_a_key: 1, self.tell: 12, self.lose: 5, self.report: 4,
            self.promote: 5, self.prune: 1, self.add: 1, self.claim: 2, self.beat: 2, self.lead: 1,
            self.raise_budget: 0.3, self.restart: 0.02,
        }  # fmt: skip
        move = self.rng.choices(list(weights), list(weights.values()))[0]
        self.touched = set()
        move()
        self.steps[move.__name__] = self.steps.get(move.__name__, 0) + 1
        self.check_changes()

    def check_changes(self):
        record, changed, seqs = self.store._read(self.read_feed)  # at once, to wait for half the answers
        assert {trial.number for trial in changed} == self.touched, "the feed names other trials than changed"
        assert seqs == list(range(self.cursor + 1, record.last_seq + 1)), "the feed has a gap"
        if self.touched:
            assert seqs, "a change without an event"
        self.cursor = record.last_seq
        for trial in changed:
            self.check_trial(trial)
        spent, charges = record.spent, [each.charge for each in self.trials.values()]
        assert spent.trials == sum(each[0] for each in charges), "the budget was charged otherwise"
        assert spent.failures == sum(each[1] for each in charges), "failures were counted otherwise"
        assert record.next_number == len(self.trials), "numbers have a gap"

    def read_feed(self, at):
        record, changed = studies.changes(at, self.name, self.cursor, "")
        return record, changed, [event.seq for event in studies.events(at, self.study, self.cursor)]

    def check_trial(self, trial):
        known = self.trials[trial.number]
        held = (trial.state.value, trial.value, trial.reason, trial.rung, trial.token)
        wanted = (known.state, known.value, known.reason, known.rung, known.token)
        assert held == wanted, f"trial {trial.number} is {held}, not {wanted}"

    def check_all(self):
        for trial in self.store.changes(self.name, 0)[1]:
            self.check_trial(trial)
        wanted = {
            token: (number, each.outcome, each.beat, each.is_claimed)
            for number, trial in self.trials.items()
            for token, each in trial.attempts.items()
        }
        held = {
            each.token: (
                each.number,
                each.outcome and each.outcome.value,
                each.beat,
                each.claimed is not None,
            )
            for each in self.store.attempts(self.study)
        }
        assert held == wanted, "attempts are other than they were"
        reports = {(each.token, each.step): each.value for each in self.store.reports(self.study)}
        assert reports == {
            (token, step): value
            for trial in self.trials.values()
            for token, each in trial.attempts.items()
            for step, value in each.reports.items()
        }
        assert self.store.spent(self.study) == self.store.study(self.name).spent
        faults = self.store._read(upkeep.faults)
        assert not faults, f"the store does not fit together: {faults[0]}"

    # --- choices

    def some_attempt(self):
        """A trial's number and a token of it; now and then of another trial, or of none."""
        asked = [number for number, trial in self.trials.items() if trial.attempts]
        if not asked:
            return None
        still = [number for number in asked if self.trials[number].state not in FINAL]
        number = self.rng.choice(still if still and self.rng.random() < 0.7 else asked)
        tokens = list(self.trials[number].attempts)
        token = tokens[-1] if self.rng.random() < 0.6 else self.rng.choice(tokens)
        if self.rng.random() < 0.02:
            token = self.rng.choice(
                [0, self.next_token + 5, *range(max(1, self.next_token - 5), self.next_token)]
            )
        return number, token

    def attempt(self, chosen):
        """What the model knows of it; None where the store must refuse it as unknown."""
        number, token = chosen
        return self.trials[number].attempts.get(token)

    def result(self):
        kinds = {"complete": 3, "paused": 6, "failed": 2, "lost": 2, "cancelled": 1, "pruned": 1}
        kind = self.rng.choices(list(kinds), list(kinds.values()))[0]
        value = self.rng.choice([1.0, 2.0])
        if kind in ("complete", "paused"):
            return Result(TrialState(kind), value=value, feasible=True)
        if kind == "pruned":
            return Result(TrialState.PRUNED, value=self.rng.choice([None, value]))
        if kind == "cancelled":
            return Result(TrialState.CANCELLED, reason="cancelled")
        reason = "lost" if kind == "lost" else self.rng.choice(["objective-error", "timeout"])
        return Result(TrialState.FAILED, reason=reason)

    # --- moves

    def expected_ask(self, n):
        """Numbers of the waiting trials that come first, and how many new ones."""
        waiting = [(-t.priority, number) for number, t in self.trials.items() if t.state == "waiting"]
        taken = [number for _, number in sorted(waiting)[:n]]
        return taken, n - len(taken)

    def ask(self, key=None):
        n = 1 if key else self.rng.choice([1, 1, 2, 4])
        waiting, n_new = self.expected_ask(n)
        first = len(self.trials)
        on_rungs = self.rng.random() < 0.6
        more = {"fidelities": [1.0] * n_new, "rungs": [0] * n_new} if on_rungs else {}
        points = [{"x": first + k} for k in range(n_new)]
        asking = Asking(n, points, first, self.cursor, {"at": first}, lambda m: 7 * m, key=key, **more)
        if n_new and sum(t.charge[0] for t in self.trials.values()) + n_new > self.limit:
            refused(BudgetExhausted, self.store.ask, self.study, asking)
            if self.limit == 20:
                self.raise_budget()
            return None
        trials = self.store.ask(self.study, asking)
        numbers = waiting + list(range(first, first + n_new))
        assert sorted(numbers) == [trial.number for trial in trials]
        for number in numbers:
            if number >= first:
                self.trials[number] = ModelTrial("running", rung=0 if on_rungs else None)
            known = self.trials[number]
            known.state, known.token = "running", self.next_token
            known.attempts[self.next_token] = ModelAttempt(known.rung)
            self.next_token += 1
            self.touched.add(number)
        for trial in trials:
            self.check_trial(trial)
            assert trial.seed == 7 * trial.number
        return [(trial.number, trial.token) for trial in trials]

    def ask_with_a_key(self):
        key = self.rng.choice("abcdefgh")
        if key not in self.keys:
            got = self.ask(key)
            if got:
                self.keys[key] = [number for number, _ in got]
            return
        again = self.store.ask(self.study, Asking(1, [{"x": 0}], 0, 0, {}, lambda m: m, key=key))
        assert [trial.number for trial in again] == self.keys[key]

    def tell(self):
        chosen, result = self.some_attempt(), self.result()
        if chosen is None:
            return
        (number, token), attempt, trial = chosen, self.attempt(chosen), self.trials[chosen[0]]
        call = (self.store.tell, self.study, number, token, result)
        if attempt is None:
            refused(UnknownTrial, *call)
            return
        key = (result.state.value, result.value, result.reason)
        if attempt.result is not None and attempt.outcome != "duplicate":
            if attempt.result == key:
                self.check_trial(call[0](*call[1:]))
            else:
                refused(AlreadyTold, *call)
            return
        if not self.counts(trial, attempt, token, result):
            settled = trial.is_settled_for(attempt) and result.is_measured
            if not result.is_lost and attempt.result is None:
                attempt.outcome, attempt.result = "duplicate", key
            if settled:
                refused(AlreadyTold, *call)
            else:
                self.check_trial(call[0](*call[1:]))
            return
        if token != trial.token and trial.state == "running":
            trial.attempts[trial.token].outcome = "cancelled"
        failed = result.reason if result.reason in ("timeout", "lost") else "error"
        ended = failed if result.state is TrialState.FAILED else result.state.value
        attempt.outcome = "late" if attempt.outcome is not None else ended
        attempt.result = None if result.is_lost else key
        trial.state, trial.value, trial.reason, trial.token = *key, token
        self.touched.add(number)
        self.check_trial(call[0](*call[1:]))

    @staticmethod
    def counts(trial, attempt, token, result):
        if trial.state in FINAL:
            was_lost = trial.state == "failed" and trial.reason == "lost"
            return was_lost and result.is_measured and attempt.rung == trial.rung
        if trial.is_settled_for(attempt):
            return False
        return result.is_measured or (
            token == trial.token and not (attempt.outcome is not None and result.is_lost)
        )

    def lose(self):
        chosen = self.some_attempt()
        if chosen is None:
            return
        (number, token), attempt, trial = chosen, self.attempt(chosen), self.trials[chosen[0]]
        if attempt is None:
            refused(UnknownTrial, self.store.requeue, self.study, number, token, AttemptOutcome.LOST)
            return
        if attempt.outcome is None:
            attempt.outcome = "lost"
            if trial.state == "running" and trial.token == token:
                trial.state = "waiting"
                self.touched.add(number)
        self.check_trial(self.store.requeue(self.study, number, token, AttemptOutcome.LOST))

    def report(self):
        chosen = self.some_attempt()
        if chosen is None:
            return
        attempt, step, value = self.attempt(chosen), self.rng.randrange(5), self.rng.random()
        if attempt is None:
            refused(UnknownTrial, self.store.report, self.study, *chosen, step, value)
            return
        attempt.reports.setdefault(step, value)
        assert self.store.report(self.study, *chosen, step, value) == (attempt.outcome is None)

    def promote(self):
        paused = [number for number, trial in self.trials.items() if trial.state == "paused"]
        if not self.trials:
            return
        number = self.rng.choice(paused if paused and self.rng.random() < 0.9 else list(self.trials))
        trial, rung = self.trials[number], self.rng.choice([1, 2, 3])
        call = (self.store.promote, self.study, number, 3.0**rung, rung)
        if trial.state != "paused" and trial.rung == rung:
            self.check_trial(call[0](*call[1:]))
        elif trial.state != "paused" or (trial.rung is not None and rung <= trial.rung):
            refused(StoreError, *call)
        else:
            trial.state, trial.rung, trial.priority = "waiting", rung, rung
            self.touched.add(number)
            self.check_trial(call[0](*call[1:]))

    def prune(self):
        chosen = self.some_attempt()
        if chosen is None:
            return
        (number, token), attempt, trial = chosen, self.attempt(chosen), self.trials[chosen[0]]
        value = self.rng.choice([None, 4.0])
        if attempt is None:
            refused(UnknownTrial, self.store.prune, self.study, number, token, value)
            return
        if trial.state not in FINAL and trial.token == token:
            trial.state = "pruned"
            trial.value = trial.value if value is None else value
            attempt.outcome = attempt.outcome or "pruned"
            self.touched.add(number)
        self.check_trial(self.store.prune(self.study, number, token, value))

    def add(self):
        value, number = self.rng.choice([1.0, 2.0]), len(self.trials)
        result = Result(TrialState.COMPLETE, value=value)
        self.trials[number] = ModelTrial("complete", value=value, is_told=True)
        self.touched.add(number)
        self.check_trial(self.store.add(self.study, {"x": -number}, result, lambda m: m))
        assert self.store.tell(self.study, number, None, result).number == number
        refused(
            AlreadyTold, self.store.tell, self.study, number, None, Result(TrialState.COMPLETE, value=9.0)
        )

    def claim(self):
        chosen = self.some_attempt()
        if chosen is None:
            return
        attempt = self.attempt(chosen)
        if attempt is None:
            refused(UnknownTrial, self.store.claim, self.study, *chosen)
            return
        may = not attempt.is_claimed and attempt.outcome is None
        assert self.store.claim(self.study, *chosen) == may
        if may:
            attempt.is_claimed = True
            attempt.beat += 1

    def beat(self):
        chosen = [each for each in (self.some_attempt() for _ in range(3)) if each is not None]
        beats = {token: self.rng.choice([None, 3, 9]) for _, token in chosen}
        known = {token: each for t in self.trials.values() for token, each in t.attempts.items()}
        wanted = {}
        for token, beat in beats.items():
            attempt = known.get(token)
            if attempt is not None and attempt.outcome is None:
                attempt.beat = attempt.beat + 1 if beat is None else max(attempt.beat, beat)
                wanted[token] = attempt.beat
        assert self.store.beat_attempts(self.study, beats) == wanted

    def lead(self):
        name, over = self.rng.choice("abc"), self.rng.choice([None, self.epoch, self.epoch - 1])
        what = self.rng.random()
        if what < 0.3:
            self.drivers[name] = self.drivers.get(name, (0, True))[0] + 1, True
            assert self.store.register_driver(self.study, name, "host", 1, 2).epoch == self.drivers[name][0]
        elif what < 0.4 and name in self.drivers:
            self.store.end_driver(self.study, name)
            if self.drivers[name][1] and self.leader == name:
                self.leader = None
            self.drivers[name] = self.drivers[name][0], False
        else:
            is_there = name in self.drivers and self.drivers[name][1]
            if self.leader != name and is_there and (self.leader is None or over == self.epoch):
                self.leader, self.epoch = name, self.epoch + 1
            wanted = self.epoch if self.leader == name else None
            assert self.store.lead(self.study, name, over) == wanted
        assert self.store.leader(self.study) == (self.leader, self.epoch)

    def raise_budget(self):
        self.limit += self.rng.randrange(10)
        assert self.store.raise_budget(self.study, Budget(trials=self.limit)).trials == self.limit

    def restart(self):
        self.store.close()
        self.store = SqlStore(self.url)
        self.check_all()


def refused(kind, call, *arguments):
    try:
        call(*arguments)
    except kind:
        return
    raise AssertionError(f"{call.__name__}{arguments} was not refused with {kind.__name__}")


# --- what the walk must catch: one wrong line in the product each


def _late_failures_count(patch):
    real = telling._counts
    patch(
        telling,
        "_counts",
        lambda trial, attempt, result: trial.state != "complete" or real(trial, attempt, result),
    )


def _lower_rungs_count(patch):
    patch(telling, "_is_settled", lambda trial, attempt: TrialState(trial.state).is_final)


def _lost_trials_are_charged(patch):
    patch(log, "charge", lambda state, reason: (1, 0) if state != "failed" else (1, 1))


def _reports_take_no_event(patch):
    patch(rungs, "note", lambda connection, study, *more: log.take(connection, study, seqs=1).seq)


def _requeue_of_an_old_token(patch):
    real = telling.move_trial
    patch(telling, "move_trial", lambda at, trial, state, *more: real(at, trial, TrialState.RUNNING, *more)
          if state is TrialState.WAITING else real(at, trial, state, *more))  # fmt: skip


MUTANTS = {
    "late-failures-count": _late_failures_count,
    "lower-rungs-count": _lower_rungs_count,
    "lost-is-charged": _lost_trials_are_charged,
    "report-without-event": _reports_take_no_event,
    "requeue-keeps-running": _requeue_of_an_old_token,
}


def walk(url, steps, seed):
    """Take so many steps; raise AssertionError, with the step, where the store differs from the model."""
    walker = Walk(url, seed)
    try:
        for number in range(steps):
            try:
                walker.step()
            except AssertionError as error:
                raise AssertionError(f"step {number} of seed {seed}: {error}") from error
            if number % 10_000 == 9_999:
                print(f"{number + 1} steps, {walker.n_studies} studies", flush=True)
        walker.check_all()
    finally:
        walker.store.close()
    return walker


def walked(url, steps, seed, mutant=None):
    """Walk in a process of its own; return how many studies and moves it came to."""
    if mutant:
        MUTANTS[mutant](setattr)
    walker = walk(url, steps, seed)
    return walker.n_studies, Counter(walker.steps)


def walk_together(urls, steps, seed, mutant=None):
    """Share the steps among a walker for each store; return the sums."""
    shares = [steps // len(urls) + (place < steps % len(urls)) for place in range(len(urls))]
    with ProcessPoolExecutor(len(urls), multiprocessing.get_context("spawn")) as pool:
        seeds = range(seed, seed + len(urls))
        done = list(pool.map(walked, urls, shares, seeds, [mutant] * len(urls)))
    return sum(n for n, _ in done), sum((moves for _, moves in done), Counter())


@contextlib.contextmanager
def stores(given):
    """Give a URL for each walker."""
    if given.url:
        assert given.walkers == 1, "several walkers need a store each"
        yield [given.url]
    elif given.postgres:
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
        from private_postgres import PrivatePostgres, add_schema

        with PrivatePostgres(settings="-c fsync=off") as server:
            names = [f"walker{place}" for place in range(given.walkers)]
            for name in names:
                add_schema(server.url(), name)
            yield [server.url(name) for name in names]
    else:
        shared = "/dev/shm" if Path("/dev/shm").is_dir() else None
        with tempfile.TemporaryDirectory(dir=shared) as folder:
            yield [f"sqlite:///{folder}/walk-{place}.db" for place in range(given.walkers)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", default=None)
    parser.add_argument("--postgres", action="store_true", help="start a server for it")
    parser.add_argument("--walkers", type=int, default=1)
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    given = parser.parse_args()
    start = time.monotonic()
    with stores(given) as urls:
        n_studies, moves = walk_together(urls, given.steps, given.seed, given.mutant)
    counts = ", ".join(f"{n} {name}" for name, n in sorted(moves.items()))
    seconds = time.monotonic() - start
    print(f"{given.steps} steps, {n_studies} studies, 0 violations, {seconds:.0f} s")
    print(counts)


if __name__ == "__main__":
    main()
