"""Categories as JSON values: an equal value of the same type comes back, or the value is refused."""

import json
import math

import pytest

from smbo.errors import SpaceError
from smbo.space.json_values import from_plain, frozen_lists, to_plain


@pytest.mark.parametrize(
    "value", [None, True, 1, 1.0, "a", (1, (2, "b")), [1, 2], math.inf, -math.inf], ids=repr
)
def test_a_value_survives_json(value):
    again = from_plain(json.loads(json.dumps(to_plain(value), allow_nan=False)))
    assert again == value
    assert type(again) is type(value)


def test_nan_survives_json():
    assert math.isnan(from_plain(json.loads(json.dumps(to_plain(math.nan), allow_nan=False))))


def test_a_plain_list_of_yaml_becomes_a_tuple():
    assert from_plain([1, [2, 3]]) == frozen_lists([1, [2, 3]]) == (1, (2, 3))


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(SpaceError, match="cannot be stored"):
        to_plain(object())
    with pytest.raises(SpaceError, match="is a mapping"):
        from_plain({"a": 1, "b": 2})
