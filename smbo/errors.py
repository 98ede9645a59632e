"""Every error that smbo raises on purpose.

    SmboError
    ├── SpaceError          a space, dimension, condition or known constraint that makes no sense
    │   ├── PointError          a point that is not in the space
    │   └── SpaceExhausted      a finite space has no point left to propose
    ├── ExpressionError     a formula that does not parse, or uses a name that is not allowed
    ├── ProblemError        objectives, constraints or outputs that do not fit together
    ├── RecipeError         an unknown recipe, or settings it does not take
    ├── NumericalError      a computation that found no finite answer
    ├── AskError            a number of trials, or fixed values, that cannot be asked for
    ├── TellError           a result that cannot be recorded
    │   ├── UnknownTrial        it names a trial or an attempt that was never asked for
    │   └── AlreadyTold         its trial has another result already
    ├── StoreError          a store that cannot be opened, read or written
    │   ├── UnknownStudy        no study of that name
    │   ├── StudyMismatch       the stored study is of another problem, recipe or seed
    │   ├── BudgetExhausted     the study's budget is used up
    │   ├── DamagedStore        a store that holds what smbo does not write
    │   └── StoreUnavailable    a store that is full, locked or unreachable at present
    ├── JobFileError        a job file with a missing, unknown or invalid entry
    ├── ObjectiveError      an objective that is unknown or wrongly configured
    ├── EvaluationFailed    raised by an objective: this evaluation failed, for this reason
    └── Pruned              raised by context.report: the trial is pruned

The caller can correct all but the last two; the message says how.
"""


class SmboError(Exception):
    """Base of every error that smbo raises on purpose."""


class SpaceError(SmboError, ValueError):
    """A space, dimension, condition or known constraint that makes no sense."""


class PointError(SpaceError):
    """A point that is not in the space."""


class SpaceExhausted(SpaceError):
    """A finite space has no point left to propose."""


class ExpressionError(SmboError, ValueError):
    """A formula that does not parse, or uses a name that is not allowed."""


class ProblemError(SmboError, ValueError):
    """Objectives, constraints or outputs that do not fit together."""


class RecipeError(SmboError, ValueError):
    """An unknown recipe, or settings that it does not take."""


class NumericalError(SmboError, ArithmeticError):
    """A computation that found no finite answer."""


class AskError(SmboError, ValueError):
    """A number of trials, or fixed values, that cannot be asked for."""


class TellError(SmboError, ValueError):
    """A result that cannot be recorded."""


class UnknownTrial(TellError):
    """A result for a trial or an attempt that was never asked for."""


class AlreadyTold(TellError):
    """A second, different result for a trial."""


class StoreError(SmboError):
    """A store that cannot be opened, read or written."""


class UnknownStudy(StoreError, LookupError):
    """No study of that name in the store."""


class StudyMismatch(StoreError, ValueError):
    """The stored study is of another problem, recipe or seed."""


class BudgetExhausted(StoreError):
    """The study's budget is used up."""


class DamagedStore(StoreError):
    """A store that holds what smbo does not write; ``smbo db check`` lists all of it."""


class StoreUnavailable(StoreError):
    """A store that cannot be used at present: its disk is full, or others hold its lock for too long.

    The failed call changed nothing and may be repeated.
    """


class JobFileError(SmboError, ValueError):
    """A job file with a missing, unknown or invalid entry; the message shows file, line and key."""


class ObjectiveError(SmboError, ValueError):
    """An objective that is unknown or wrongly configured."""


class EvaluationFailed(SmboError):
    """Raised by an objective: this evaluation failed, for this reason.

    The trial becomes FAILED with the reason; the study continues.

    >>> EvaluationFailed("no solution after 300 iterations", reason="no convergence").reason
    'no convergence'

    Args:
        message: what went wrong.
        reason: a word for it ("timeout"); the message itself if None.
    """

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = message if reason is None else reason


class Pruned(SmboError):
    """Raised by ``context.report``: the trial is pruned, and the evaluation should end.

    An objective does not catch it; cleaning up belongs in a ``finally``.  The trial becomes PRUNED.
    """
