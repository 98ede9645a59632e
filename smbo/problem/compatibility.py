"""Which kinds of problem go together: the one table that ``Problem`` asks and docs/compatibility.md prints.

A pair that the table does not refuse is supported; which recipes serve a problem is decided by
``check_recipe`` of ``smbo.proposal.compatibility``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations
from typing import NamedTuple

from smbo.errors import ProblemError

# Kinds by the name that docs and messages have for them, and how each is written.
KINDS: Mapping[str, str] = {
    "known constraints": "Space(..., constraints=[...])",
    "conditional dimensions": "active_when=...",
    "prior": "prior=...",
    "maximisation": "maximize=True, or 'max' in objectives",
    "named objective": "objectives={name: direction}",
    "several objectives": "objectives={name: direction, ...}",
    "outcome constraints": "Problem(..., constraints=[...])",
    "vector outputs": "loss=...",
    "level set": "level_set=...",
    "fidelity": "fidelity=...",
    "asha": "early_stopping='asha'",
    "hyperband": "early_stopping='hyperband'",
    "model": "early_stopping='model'",
    "median": "early_stopping='median'",
    "plateau": "termination={'plateau': ...}",
    "left": "termination={'left': ...}",
    "transfer": "transfer=[...]",
    "points to try first": "try_first=[...]",
    "context": "Problem(..., context=[...])",
    "step limits": "Problem(..., step_limits={...})",
    "replication": "recipe={'auto': {'replication': True}}",
    "costs": "Outcome(cost=...)",
    "failures": "EvaluationFailed, NaN",
    "fixed values": "ask(fixed={...})",
}

# Kinds of which a problem has one at most, since one argument sets them.
ALTERNATIVES = (("asha", "hyperband", "model", "median"), ("named objective", "several objectives"))


class Refusal(NamedTuple):
    """Why two kinds do not go together, and what to write instead.

    Attributes:
        reason: names the arguments; {objectives} stands for the names of the several objectives.
    """

    reason: str


_NO_OPTIMUM = "a level_set has nothing to optimise; leave {} out"
_ONE_VALUE = Refusal(
    "early_stopping='median' compares trials by one reported number, and none says which of two trials is "
    "worse in several objectives: {objectives}; use early_stopping='asha', which compares fronts, or "
    "optimise one objective with constraints on the others"
)
_NO_BEST = Refusal(
    "early_stopping='median' prunes trials whose reports are worse than others', and of a level_set no trial "
    "is worse; leave early_stopping out, or give a fidelity and early_stopping='asha' or 'model'"
)
_TOLERANCE = Refusal(
    "termination is about the best value; a level_set has a tolerance of its own instead: "
    "LevelSet(tolerance=...)"
)


_CONTEXT_ENDS = Refusal(
    "termination is about one best value, which depends on the context; leave termination or context out"
)
_STEPS_AT_FIDELITIES = Refusal(
    "a promotion goes back to an earlier point, however far step_limits are from it: leave fidelity and "
    "early_stopping out, or step_limits"
)
_CONTEXT_AT_FIDELITIES = Refusal(
    "a promotion evaluates a trial again, in another context than its first evaluation had: leave fidelity "
    "and early_stopping out, or context"
)


# In this order: the first pair that applies gives the message.
REFUSED: Mapping[tuple[str, str], Refusal] = {
    ("vector outputs", "maximisation"): Refusal("a loss is minimised; leave maximize and 'max' out"),
    ("level set", "maximisation"): Refusal(_NO_OPTIMUM.format("maximize and 'max'")),
    ("level set", "named objective"): Refusal(_NO_OPTIMUM.format("objectives")),
    ("level set", "several objectives"): Refusal(_NO_OPTIMUM.format("objectives")),
    ("level set", "vector outputs"): Refusal(_NO_OPTIMUM.format("loss")),
    ("level set", "prior"): Refusal(
        "a level_set has no optimum that a prior could be about; leave prior out of the space"
    ),
    ("level set", "median"): _NO_BEST,
    ("level set", "plateau"): _TOLERANCE,
    ("level set", "left"): _TOLERANCE,
    ("several objectives", "vector outputs"): Refusal(
        "a loss on vector outputs is one objective, and there are several objectives: {objectives}; "
        "leave one of the two out"
    ),
    ("several objectives", "median"): _ONE_VALUE,
    **{("context", kind): _CONTEXT_AT_FIDELITIES for kind in ("fidelity", "asha", "hyperband", "model")},
    **{("step limits", kind): _STEPS_AT_FIDELITIES for kind in ("fidelity", "asha", "hyperband", "model")},
    ("context", "median"): Refusal(
        "early_stopping='median' compares trials by their values, and values in different contexts are not "
        "comparable; leave early_stopping or context out"
    ),
    ("context", "plateau"): _CONTEXT_ENDS,
    ("context", "left"): _CONTEXT_ENDS,
    ("context", "several objectives"): Refusal(
        "with a context there is a Pareto set for each, and there are several objectives: {objectives}; "
        "optimise one with constraints on the others, or leave context out"
    ),
}


def refuse_incompatible(kinds: Collection[str], objectives: Collection[str] = ()) -> None:
    """Refuse kinds of a problem that do not go together.

    Args:
        kinds: of ``KINDS``.
        objectives: names of the objectives, for messages.

    Raises:
        ProblemError: with the reason of the first refused pair.
    """
    for pair, refusal in REFUSED.items():
        if set(pair) <= set(kinds):
            raise ProblemError(refusal.reason.format(objectives=", ".join(objectives)))


def pairs() -> list[tuple[str, str]]:
    """Return every pair of kinds that a problem can have both of, in the order of ``KINDS``."""
    return [
        pair
        for pair in combinations(KINDS, 2)
        if not any(set(pair) <= set(alternatives) for alternatives in ALTERNATIVES)
    ]


def refusal(one: str, other: str) -> Refusal | None:
    """Return why two kinds do not go together, in either order; None where they do."""
    return REFUSED.get((one, other)) or REFUSED.get((other, one))
