"""The text of a formula and its tree: parsed within bounds of depth, and shown without recursion."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property

from smbo.errors import ExpressionError
from smbo.plain_values import shown
from smbo.space.formula_names import about_syntax

MAX_DEPTH = 40  # nested nodes, where a sum counts once; far below the recursion limit of the walk

# signs before an operand, which a parser would read by recursion
_SIGNS = re.compile(rf"(?:[-+~]\s*|\bnot\b\s*){{{MAX_DEPTH + 1}}}")
_BRACKETS = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`|([(\[{])|([)\]}])""")
# where Python's parser warns: of escapes without meaning, and numbers that end in a word
_WARNED_OF = re.compile(r"\\|\d[A-Za-z_]")


def refuse_nesting(text: str) -> None:
    """Refuse brackets and signs that are nested too deep, before a parser sees them.

    The time of Python's may grow as 2^depth.

    Raises:
        ExpressionError: they are.
    """
    depth = 0
    for opening, closing in _BRACKETS.findall(text):
        depth += bool(opening) - bool(closing)
        if depth < 0:
            raise ExpressionError(f"{shown(text)}: a bracket closes that was never opened")
        if depth > MAX_DEPTH:
            raise too_deep(text)
    if _SIGNS.search(text):
        raise too_deep(text)


def too_deep(text: str) -> ExpressionError:
    return ExpressionError(f"{shown(text)}: it is nested more than {MAX_DEPTH} deep")


def parsed(text: str, plain: str) -> ast.expr:
    """Return the tree of a formula with stand-ins; it is not checked yet."""
    try:
        with warnings.catch_warnings() if _WARNED_OF.search(plain) else nullcontext():
            if _WARNED_OF.search(plain):
                warnings.simplefilter("ignore")
            return ast.parse(plain, mode="eval").body
    except SyntaxError as error:
        reason = error.msg + (_meant(text) or about_syntax(text))
    except (ValueError, OverflowError) as error:
        reason = str(error)
    except (RecursionError, MemoryError):
        raise too_deep(text) from None
    raise ExpressionError(f"{shown(text)} is no formula: {reason}")


def _is_chained(node: ast.AST, child: ast.AST) -> bool:
    """Return whether a child continues a sum or a product, which is evaluated in a loop."""
    return isinstance(node, ast.BinOp) and isinstance(child, ast.BinOp) and child is node.left


def depth_of(tree: ast.AST, *, counts_terms: bool) -> int:
    """Return how deep a tree is nested, without recursion; a sum of any length counts once, or each term."""
    deepest = 0
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, _NOT_NESTED):
                waiting.append((child, depth + (counts_terms or not _is_chained(node, child))))
    return deepest


_NOT_NESTED = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)


@dataclass(frozen=True)
class Source:
    """The text that was parsed, by which parts of a formula are shown: printing a long sum would recurse.

    Attributes:
        plain: with a stand-in for each name in backticks.
        names: the names that the stand-ins stand for.
        is_flat: whether the tree is flat enough to be printed.
    """

    plain: str
    names: Mapping[str, str]
    is_flat: bool

    @cached_property
    def _lines(self) -> list[bytes]:
        """The lines as the parser counts them, whose columns are bytes."""
        return re.split(rb"(?<=\n)|(?<=\r)(?!\n)", self.plain.encode())

    def name_nodes(self, tree: ast.expr) -> set[int]:
        """Give the names in a tree their own names back; return the ids of these nodes."""
        found = set()
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in self.names and id(node) not in called:
                node.id = self.names[node.id]
                found.add(id(node))
        return found

    def written(self, node: ast.expr) -> str:
        """Return a node as text, names in their backticks."""
        if self.is_flat and not self.names:
            return ast.unparse(node)
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        lines = self._lines[first : last + 1]
        lines[-1] = lines[-1][: node.end_col_offset]
        text = b"".join([lines[0][node.col_offset :], *lines[1:]]).decode()
        for stand_in, name in self.names.items():
            text = text.replace(stand_in, f"`{name}`")
        return text


def _meant(text: str) -> str:
    """Return what to write instead of an operator that other languages have."""
    meant = {"=>": ">=", "=<": "<=", "&&": "and", "||": "or", "≥": ">=", "≤": "<=", "≠": "!="}
    found = [f"{right!r} for {wrong!r}" for wrong, right in meant.items() if wrong in text]
    if not found and re.search(r"(?<![<>=!])=(?!=)", text):
        found = ["'==' for '='"]
    return f"; write {' and '.join(found)}" if found else ""
