"""The result of tuning a simulator on its bins: parameters with errors, eigentunes, what was described."""

from smbo.tuning.bins import BinModel
from smbo.tuning.fit import fit_tune, refit, tune_of
from smbo.tuning.statistic import Statistic, TuneSettings
from smbo.tuning.tune import Eigentune, ObservableFit, Tune, TunedParameter

__all__ = [
    "BinModel",
    "Eigentune",
    "ObservableFit",
    "Statistic",
    "Tune",
    "TuneSettings",
    "TunedParameter",
    "fit_tune",
    "refit",
    "tune_of",
]
