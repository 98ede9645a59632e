"""What a text in a formula says of a choice that is no text: an estimator, a class, a function."""

from __future__ import annotations

import ast
from typing import Any

_PLAIN = (str, bytes, bool, int, float, complex, tuple, list, dict, set, frozenset, type(None))


def equal(left: Any, right: Any) -> Any:
    """Return whether two operands of ``==`` in a formula are the same.

    A text is the same as an object that it names: ``"SVC"`` any instance of a class of that name, or the
    class or function itself; ``"SVC(kernel='linear')"`` the instances whose parameters are those of the
    class with the ones given, however they are printed.

    >>> equal("log10", __import__("math").log10), equal("log10", __import__("math").log)
    (True, False)
    """
    if isinstance(left, str) and _has_name(right):
        return _is_named(right, left)
    if isinstance(right, str) and _has_name(left):
        return _is_named(left, right)
    return left == right


def differ(left: Any, right: Any) -> Any:
    """Return the opposite of ``equal``."""
    is_named = (isinstance(left, str) and _has_name(right)) or (isinstance(right, str) and _has_name(left))
    return not equal(left, right) if is_named else left != right


def name_of(choice: Any) -> str:
    """Return how a formula names a choice."""
    return repr(_name(choice) if _has_name(choice) else choice)


def _has_name(choice: Any) -> bool:
    # numpy's scalars and arrays, and whatever else has a type of elements, are compared by value
    return not isinstance(choice, _PLAIN) and not hasattr(choice, "dtype")


def _name(choice: Any) -> str:
    return str(getattr(choice, "__name__", type(choice).__name__))


def _is_named(choice: Any, text: str) -> bool:
    if text.strip() == _name(choice):
        return True
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not isinstance(call.func, ast.Name):
            return False
        given = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return False
    if call.func.id != _name(choice) or not hasattr(choice, "get_params") or isinstance(choice, type):
        return False
    try:
        meant = type(choice)(**given).get_params(deep=False)
    except Exception:  # parameters that the class has not, or cannot do without
        return False
    return repr(meant) == repr(choice.get_params(deep=False))
