"""The events of a log, and what follows them."""

from __future__ import annotations

from smbo.history.events import Asked, Event, Promoted, Reported, Told, Tracker
from smbo.optimizer import Optimizer


def test_a_log_is_events_that_make_the_same_optimizer_again():
    optimizer = Optimizer({"x": (0.0, 1.0)}, recipe="random", seed=3)
    trial = optimizer.ask()
    optimizer.report(trial, 1, 0.5)
    told = optimizer.tell(trial, 0.25)
    assert optimizer.log == (Asked(1), Reported(0, 1.0, 0.5), Told(told))
    assert Optimizer.replay({"x": (0.0, 1.0)}, optimizer.log, "random", 3).trials == optimizer.trials


def test_events_are_plain_values():
    assert Promoted(3) == Promoted(3)
    assert len({Promoted(3), Reported(0, 1.0, 2.0), Promoted(3)}) == 2


def test_whatever_takes_events_is_a_tracker():
    class Counter:
        def __init__(self) -> None:
            self.n = 0

        def on_event(self, event: Event) -> None:
            self.n += 1

    counter = Counter()
    tracker: Tracker = counter
    tracker.on_event(Promoted(0))
    assert counter.n == 1
