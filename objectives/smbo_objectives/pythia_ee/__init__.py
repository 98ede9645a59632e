"""Tuning of Pythia 8 on e+e- -> Z -> hadrons at 91.2 GeV: the objective ``pythia-ee``."""

from smbo_objectives.pythia_ee.objective import PythiaEE

__all__ = ["PythiaEE"]
