"""Tuning of a simulator to binned data: best parameters, covariance, eigentunes, fit of each observable."""

from smbo.tuning.automatic import AutomaticWeights, automatic_weights
from smbo.tuning.bins import BinModel
from smbo.tuning.fit import fit_tune, refit, tune_of
from smbo.tuning.slope_check import SlopeCheck, check_slopes
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
    "automatic_weights",
    "check_slopes",
    "fit_tune",
    "refit",
    "tune_of",
]
