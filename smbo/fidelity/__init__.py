"""Cheaper approximations: which trials go on to a higher fidelity, which end early, what a model is told.

    levels     a fidelity and the results that a trial has at its lower values
    halving    ASHA and Hyperband: who is promoted
    median     the median stopping rule: who ends early
    likeness   results at several fidelities as values at one

Pure functions of the results of rungs; whoever calls them keeps the results.
"""

from smbo.fidelity.fidelity import Fidelity
from smbo.fidelity.median_stopping import MedianStopping
from smbo.fidelity.parsing import Stopping, as_stopping, stopping_from_json, stopping_to_json
from smbo.fidelity.successive_halving import (
    Asha,
    ByModel,
    Climbing,
    Hyperband,
    Promotion,
    Standing,
    last_promotion,
    promotion,
)
from smbo.fidelity.target_fidelity import alike

__all__ = [
    "Asha",
    "ByModel",
    "Climbing",
    "Fidelity",
    "Hyperband",
    "MedianStopping",
    "Promotion",
    "Standing",
    "Stopping",
    "alike",
    "as_stopping",
    "last_promotion",
    "promotion",
    "stopping_from_json",
    "stopping_to_json",
]
