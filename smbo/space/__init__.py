"""Where to search: named dimensions, conditions, known constraints, and the way to the unit cube."""

from smbo.space.categorical import Categorical, Constant
from smbo.space.constraints import Point, StoredCallable
from smbo.space.derived import Derived
from smbo.space.numeric import Integer, Real
from smbo.space.space import Space

__all__ = ["Categorical", "Constant", "Derived", "Integer", "Point", "Real", "Space", "StoredCallable"]
