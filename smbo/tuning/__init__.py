"""The result of tuning a simulator on its bins: parameters with errors, eigentunes, what was described."""

from smbo.tuning.bins import BinModel
from smbo.tuning.fit import Eigentune, ObservableFit, Tune, TunedParameter, fit_tune, refit
from smbo.tuning.statistic import Statistic, TuneSettings

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
]
