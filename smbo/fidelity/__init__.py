"""Cheaper approximations: which trials go on to a higher fidelity, which end early, what a model is told.

    levels     a fidelity and the results that a trial has at its lower values
    halving    ASHA and Hyperband: who is promoted
    median     the median stopping rule: who ends early
    likeness   results at several fidelities as values at one

Pure functions of the results of rungs; whoever calls them keeps the results.
"""

from smbo.fidelity.fidelity import Fidelity
from smbo.fidelity.median_stopping import MedianStopping
from smbo.fidelity.parsing import (
    EarlyStopping,
    as_early_stopping,
    early_stopping_from_json,
    early_stopping_to_json,
)
from smbo.fidelity.successive_halving import (
    Asha,
    ByModel,
    Hyperband,
    Promotion,
    PromotionRule,
    Standing,
    last_promotion,
    promotion,
)
from smbo.fidelity.target_fidelity import alike

__all__ = [
    "Asha",
    "ByModel",
    "EarlyStopping",
    "Fidelity",
    "Hyperband",
    "MedianStopping",
    "Promotion",
    "PromotionRule",
    "Standing",
    "alike",
    "as_early_stopping",
    "early_stopping_from_json",
    "early_stopping_to_json",
    "last_promotion",
    "promotion",
]
