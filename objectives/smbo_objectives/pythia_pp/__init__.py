"""Tuning of Pythia 8 on minimum-bias pp collisions at the LHC: the objective ``pythia-pp``."""

from smbo_objectives.pythia_pp.objective import PythiaPP

__all__ = ["PythiaPP"]
