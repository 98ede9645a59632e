"""Categorical dimensions: choices are told apart by type and come back as the very objects."""

import numpy as np
import pytest

from smbo.errors import SpaceError
from smbo.space import Space


def test_choices_come_back_as_the_very_objects():
    class Thing:
        __hash__ = None

        def __eq__(self, other):
            return isinstance(other, Thing)

    things = [Thing(), [1, 2], (1, 2), True, 1, 1.0, None, {"a": 1}]
    with pytest.raises(SpaceError, match="twice"):
        Space({"x": [Thing(), Thing()]})
    space = Space({"x": things})
    units = space.grid()
    for thing, point, unit in zip(things, space.from_unit(units), units):
        if isinstance(thing, list | dict):  # as equal ones that cannot be changed
            assert point["x"] == thing
            assert isinstance(point["x"], type(thing))
        else:
            assert point["x"] is thing
        np.testing.assert_array_equal(space.to_unit([{"x": thing}]), [unit])
