"""Tell mistakes in an objective's code or command from evaluations that fail for their point.  Pure.

A misspelt name, a missing module, a program that is not found fail everywhere alike: to go on would cost
the whole budget.  What is known of a failure is its reason and the text of its error: a traceback, of an
objective in Python or on the standard error of a program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# never the fault of a point
_CERTAIN = frozenset(
    {
        "ImportError",
        "ModuleNotFoundError",
        "NameError",
        "SyntaxError",
        "IndentationError",
        "TabError",
        "ObjectiveError",
    }
)
# hardly ever the fault of all points; ProblemError is what a result that is none raises, as without `return`
_LIKELY = frozenset(
    {"TypeError", "AttributeError", "UnboundLocalError", "KeyError", "NotImplementedError", "ProblemError"}
)
# the fault of all points where they name the same file
_FILES = frozenset({"FileNotFoundError", "PermissionError", "NotADirectoryError", "IsADirectoryError"})
# of a program: it could not be run, it was not found, or a shell did not find what it calls
_REASONS = frozenset({"cannot-start", "exit 126", "exit 127"})

_PLACE = re.compile(r'^\s*File "([^"\n]*)", line (\d+)', re.MULTILINE)
_EXCEPTION = re.compile(r"^([A-Za-z_][\w.]*)(?::[ ]?(.*))?$", re.MULTILINE)
# of a program about its arguments: usage, or a script that is not there (Python, Perl, R)
_USAGE = re.compile(
    r"^\s*usage: .*|(?:can't|cannot) open (?:file|perl script) .*", re.MULTILINE | re.IGNORECASE
)


# how an evaluation reaches the objective's own code: nothing for its author to look at
_OURS = re.compile(
    r"/(?:smbo_scheduler/.*|smbo_objectives/.*|smbo/study/evaluator|smbo/problem/calling)\.py$"
)


@dataclass(frozen=True)
class Cause:
    """A programming error.

    Attributes:
        text: its kind and place; equal for equal causes.
        is_certain: whether no point could be to blame.
    """

    text: str
    is_certain: bool


def cause_of(reason: str | None, error: str | None) -> Cause | None:
    """Return the programming error that a failure is due to; None if the point may be to blame.

    Args:
        reason, error: of the failed evaluation (see ``Trial``).

    >>> text = '''Traceback (most recent call last):
    ...   File "model.py", line 7, in evaluate
    ...     return mass(params)
    ... NameError: name 'mass' is not defined'''
    >>> cause_of("objective-error", text)
    Cause(text='NameError at model.py:7', is_certain=True)
    """
    text = error or ""
    if reason in _REASONS:
        return Cause(str(reason), is_certain=True)
    found = _exception(text)
    if reason in (None, "objective-error"):
        return found
    if reason is not None and reason.startswith("exit "):
        # a program: the traceback of its own, or its complaint about the arguments, on standard error
        stderr = text.partition("stderr ends:")[2]
        usage = _USAGE.search(stderr)
        if reason == "exit 2" and usage is not None:
            return Cause(f"{reason}: {usage[0].strip()}", is_certain=True)
        return _exception(stderr)
    return None


def _exception(text: str) -> Cause | None:
    """Return the cause that the last traceback in a text names; None without one of these kinds."""
    places = list(_PLACE.finditer(text))
    if not places:
        return None
    match = _EXCEPTION.search(text, places[-1].end())
    if match is None:
        return None
    kind, message = match[1].rpartition(".")[2], match[2] or ""
    file, line = places[-1].groups()
    where = f"{kind} at {file}:{line}"
    if kind in _FILES:
        return Cause(f"{where}: {message}", is_certain=False)
    return Cause(where, kind in _CERTAIN) if kind in _CERTAIN | _LIKELY else None


def without_our_frames(error: str) -> str:
    """Return a traceback without the frames that lead to the objective's own code; else the text as it is."""
    lines = error.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith('  File "')]
    if not lines or not lines[0].startswith("Traceback") or not starts:
        return error
    for start in starts:
        if not _OURS.search(lines[start].split('"')[1]):
            return "\n".join([lines[0], *lines[start:]])
    # none of it is the objective's own: what is raised says it all
    return "\n".join(line for line in lines[starts[-1] + 1 :] if not line.startswith("  "))
