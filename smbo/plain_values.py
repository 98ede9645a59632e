"""Values from users as plain Python ones: numpy's scalars, 0-d arrays, and whatever else is one number."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from smbo.training_data import Array

_SHOWN = 80  # characters of a value in a message

# numpy's scalars that have no counterpart of the same meaning (``item`` makes an int of nanoseconds)
_WITHOUT_COUNTERPART = (np.datetime64, np.timedelta64, np.void)


def shown(value: object) -> str:
    """Return a value as messages show it: its repr, cut where it is long.

    >>> shown("x" * 200)[-3:]
    'xx…'
    """
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python prints
        text = f"a {type(value).__name__} of very many digits"
    text = re.sub(r"\s*\n\s*", " ", text)  # tables and arrays go over several lines
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def plain(value: Any) -> Any:
    """Return numpy's scalars and 0-d arrays (of torch and JAX, too) as Python's own; all else as it is.

    >>> plain(np.int64(3)), plain(np.array("a")), plain(np.True_)
    (3, 'a', True)
    """
    if isinstance(value, np.generic):
        if isinstance(value, _WITHOUT_COUNTERPART):
            return value
        if isinstance(value, np.floating):  # item() of a long double is a long double
            return float(value)
        return complex(value) if isinstance(value, np.complexfloating) else value.item()
    if isinstance(value, np.ndarray):
        return plain(value[()]) if value.ndim == 0 and not _is_masked(value) else value
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        return plain(value.item())
    return value


def as_number(value: Any) -> float:
    """Return a number as a float: of Python, numpy, torch or JAX, a Decimal or a Fraction, a single element.

    A masked value is NaN.

    Raises:
        ValueError: it is none; True, complex numbers, text and dates are none.  The message is the reason
            alone: who calls names the thing and shows the value.

    >>> as_number(np.float32(0.5)), as_number(np.array([2]))
    (0.5, 2.0)
    """
    if type(value) is float:
        return value
    if isinstance(value, np.ndarray) and _is_masked(value):
        return math.nan
    number = plain(value)
    if callable(getattr(number, "item", None)) and not isinstance(number, np.generic):
        number = plain(_only_element(number))
    if isinstance(number, bool | complex | str | bytes | np.generic) or not hasattr(number, "__float__"):
        raise ValueError("a number is needed")
    try:
        return float(number)
    except OverflowError:
        raise ValueError("a number is needed, and it is too large for double precision") from None
    except Exception as error:  # whatever a stranger's __float__ raises
        raise ValueError(f"a number is needed ({error})") from None


def finite_number(value: Any) -> float | None:
    """Return a finite number as a float; None for anything else, text and True among it.

    >>> finite_number(np.int64(3)), finite_number(math.inf), finite_number(10**400), finite_number("3")
    (3.0, None, None, None)
    """
    try:
        number = as_number(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def make_fields_plain(part: Any, *names: str) -> None:
    """Replace numpy's scalars in fields of a frozen dataclass by Python's, to be checked and stored."""
    for name in names:
        object.__setattr__(part, name, plain(getattr(part, name)))


def as_whole_number(value: Any) -> int | None:
    """Return a whole number (of numpy, too) as an int; None for anything else, True and 3.0 among it."""
    number = plain(value)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def as_flag(value: Any) -> bool | None:
    """Return True or False (of numpy, too) as a bool; None for anything else.

    >>> as_flag(np.True_), as_flag("no"), as_flag(1)
    (True, None, None)
    """
    flag = plain(value)
    return flag if isinstance(flag, bool) else None


def as_numbers(values: Any) -> Array:
    """Return an array of numbers as a float64 array of its own.

    Raises:
        ValueError: an element is no number (text, True, None, complex), or rows differ in length.
    """
    try:
        array = np.asarray(values)
    except Exception as error:  # rows of different lengths; a tensor on another device, or with a gradient
        raise ValueError(f"numbers are needed ({str(error)[:200]})") from None
    if array.dtype.kind == "O":
        # Decimals, Fractions and ints beyond 64 bits; None and text are refused there
        return np.array([as_number(each) for each in array.ravel()], dtype=np.float64).reshape(array.shape)
    is_list_with_flags = isinstance(values, list | tuple) and any(
        as_flag(each) is not None for each in values
    )
    if (array.dtype.kind not in "iuf" and array.size) or is_list_with_flags:
        raise ValueError("numbers are needed")
    numbers = np.array(array, dtype=np.float64)
    if isinstance(values, np.ma.MaskedArray):
        numbers[np.ma.getmaskarray(values)] = np.nan
    return numbers


def _is_masked(value: Any) -> bool:
    return isinstance(value, np.ma.MaskedArray) and value.size == 1 and bool(np.ma.is_masked(value))


def _only_element(value: Any) -> Any:
    """Return the element of an array that has but one; ValueError for any other."""
    try:
        return value.item()
    except Exception:  # each library has its own
        shape = getattr(value, "shape", None)
        raise ValueError(f"a single number is needed, and its shape is {shape}") from None
