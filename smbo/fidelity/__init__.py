"""Multi-fidelity evaluations and early stopping: promotion of trials, pruning, values at one fidelity.

    fidelity             the range of a fidelity and its rungs
    asha                 ASHA and Hyperband: which trial is promoted
    median_stopping      the median stopping rule: which trial is pruned
    target_fidelity      results at several fidelities as values at one

Pure functions of the results at rungs; the caller keeps the results.
"""

from smbo.fidelity.asha import (
    Asha,
    ByModel,
    Hyperband,
    Promotion,
    PromotionRule,
    RungResults,
    last_promotion,
    promotion,
    ratio,
)
from smbo.fidelity.fidelity import Fidelity
from smbo.fidelity.median_stopping import MedianStopping
from smbo.fidelity.parsing import (
    EarlyStopping,
    as_early_stopping,
    early_stopping_from_json,
    early_stopping_to_json,
)
from smbo.fidelity.target_fidelity import at_target_fidelity

__all__ = [
    "Asha",
    "ByModel",
    "EarlyStopping",
    "Fidelity",
    "Hyperband",
    "MedianStopping",
    "Promotion",
    "PromotionRule",
    "RungResults",
    "as_early_stopping",
    "at_target_fidelity",
    "early_stopping_from_json",
    "early_stopping_to_json",
    "last_promotion",
    "promotion",
    "ratio",
]
