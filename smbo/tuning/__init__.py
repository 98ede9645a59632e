"""The result of tuning a simulator on its bins: parameters with errors, eigentunes, what was described."""

from smbo.tuning.against_slopes import SlopeCheck, against_slopes
from smbo.tuning.automatic import AutomaticWeights, automatic_weights
from smbo.tuning.bins import BinModel
from smbo.tuning.fit import fit_tune, refit, tune_of
from smbo.tuning.statistic import Statistic, TuneSettings
from smbo.tuning.tune import Eigentune, ObservableFit, Tune, TunedParameter

__all__ = [
    "AutomaticWeights",
    "BinModel",
    "Eigentune",
    "ObservableFit",
    "SlopeCheck",
    "Statistic",
    "Tune",
    "TuneSettings",
    "TunedParameter",
    "against_slopes",
    "automatic_weights",
    "fit_tune",
    "refit",
    "tune_of",
]
