"""Job files as plain values, with the line of every key: .yaml, .toml and .json.

YAML means what YAML 1.2 says: ``no`` is a string, ``1e-4`` a number, ``010`` is ten, times and
dates are strings.  A file can neither run anything nor grow when it is read: tags are refused, and
size, depth and what aliases expand to are limited.
"""

from __future__ import annotations

import json
import math
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smbo.cli.job.hints import KeyPath, yaml_hint
from smbo.errors import JobFileError

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
# what a file may hold once its aliases are written out; nine levels of them reach 4e8 otherwise
MAX_VALUES = 100_000


@dataclass(frozen=True)
class Document:
    """The contents of a job file.

    Attributes:
        name: of the file, for messages.
        data: its top mapping, plain values.
        lines: line number (from 1) by path of keys; empty where the parser knows none.
    """

    name: str
    data: Mapping[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def place(self, path: KeyPath) -> str:
        """Return "file:line: key" for a path, with the line of its nearest known ancestor."""
        key = ".".join(str(part) for part in path)
        return f"{self.line_of(path)}: {key}" if key else self.line_of(path)

    def error(self, path: KeyPath, said: object) -> JobFileError:
        """Return an error in the entry at ``path``, of which the key is named once."""
        text = str(said)
        for key in (*reversed(path), *(("ask",) if path[:1] == ("fixed",) else ())):
            text = text.removeprefix(f"{key}: ")
        return JobFileError(f"{self.place(path)}: {text}")

    def line_of(self, path: KeyPath) -> str:
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return f"{self.name}:{self.lines[path[:length]]}"
        return self.name


def read_document(path: Path) -> Document:
    """Return the contents of the file at ``path``.

    Raises:
        JobFileError: it cannot be read, is too large or too deep, or is not of its format.
    """
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        raise JobFileError(f"{path}: a job file's name ends in .yaml, .yml, .toml or .json")
    document = parse(str(path), _text(path))
    if _depth(document.data) > MAX_DEPTH:
        raise JobFileError(f"{path}: nested deeper than {MAX_DEPTH} levels")
    return document


def _text(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise JobFileError(f"{path}: not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise JobFileError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # a NUL in the name
        raise JobFileError(f"{str(path)!r}: cannot be read: {error}") from None
    if len(content) > MAX_BYTES:
        raise JobFileError(f"{path}: larger than {MAX_BYTES >> 10} KiB, which no job file is")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JobFileError(f"{path}: not UTF-8 text (byte {error.start})") from None


def _depth(value: object) -> int:
    """Return how deep mappings and lists are nested, without recursion."""
    deepest, stack = 0, [(value, 0)]
    while stack:
        item, depth = stack.pop()
        deepest = max(deepest, depth)
        if depth > MAX_DEPTH:
            break
        if isinstance(item, dict):
            stack += [(child, depth + 1) for child in item.values()]
        elif isinstance(item, list):
            stack += [(child, depth + 1) for child in item]
    return deepest


def _top(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        said = "nothing" if value is None else f"a {type(value).__name__}"
        raise JobFileError(f"{name}: holds {said} where a mapping of keys such as `study:` is needed")
    return value


# --- YAML ------------------------------------------------------------------------------------

_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_TRUE = re.compile(r"(?:true|True|TRUE)\Z")
_FALSE = re.compile(r"(?:false|False|FALSE)\Z")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_INFINITY = re.compile(r"([-+]?)\.(?:inf|Inf|INF)\Z")
_NAN = re.compile(r"\.(?:nan|NaN|NAN)\Z")
MAX_DIGITS = 400  # of an integer: beyond float64's range anyway


def _plain_scalar(text: str) -> Any:
    """Return what an unquoted scalar means by the core schema of YAML 1.2 (its section 10.3.2)."""
    if _NULL.match(text):
        return None
    if _TRUE.match(text):
        return True
    if _FALSE.match(text):
        return False
    if _INTEGER.match(text) and len(text) <= MAX_DIGITS:
        return int(text)
    if _OCTAL.match(text) and len(text) <= MAX_DIGITS:
        return int(text[2:], 8)
    if _HEXADECIMAL.match(text) and len(text) <= MAX_DIGITS:
        return int(text[2:], 16)
    if _FLOAT.match(text):
        return float(text)
    if match := _INFINITY.match(text):
        return -math.inf if match[1] == "-" else math.inf
    if _NAN.match(text):
        return math.nan
    return text


class _YamlBuilder:
    """Builds plain values out of the parser's events, counting as it goes."""

    def __init__(self, name: str, events: Iterator[Any]) -> None:
        self.name = name
        self.events = events
        self.lines: dict[KeyPath, int] = {}
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.count = 0

    def error(self, event: Any, message: str) -> JobFileError:
        return JobFileError(f"{self.name}:{event.start_mark.line + 1}: {message}")

    def document(self) -> Any:
        """Return the value of the one document in the stream."""
        from ruamel.yaml import events as kinds

        value, seen = None, False
        for event in self.events:
            if isinstance(event, kinds.DocumentStartEvent):
                if seen:
                    raise self.error(event, "a second document; a job file holds one")
                seen = True
                value = self.value(next(self.events), ())
        return value

    def value(self, event: Any, path: KeyPath) -> Any:
        from ruamel.yaml import events as kinds

        before = self.count
        self._count(event, 1)
        if len(path) > MAX_DEPTH:
            raise self.error(event, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, kinds.AliasEvent):
            return self._alias(event)
        # the parser hands tags over as objects in some versions and as text in others
        if getattr(event, "tag", None) not in (None, "!") and str(event.tag) != "!":
            raise self.error(event, f"the tag {event.tag!s} is not supported; write a plain value")
        if isinstance(event, kinds.MappingStartEvent):
            value: Any = self._mapping(path)
        elif isinstance(event, kinds.SequenceStartEvent):
            value = self._sequence(path)
        else:
            value = event.value if event.style else _plain_scalar(event.value)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.count - before)
        return value

    def _count(self, event: Any, n: int) -> None:
        self.count += n
        if self.count > MAX_VALUES:
            raise self.error(event, f"more than {MAX_VALUES} values once its aliases are written out")

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            raise self.error(event, f"the alias *{event.anchor} stands before or inside its anchor")
        value, size = self.anchors[event.anchor]
        self._count(event, size)
        return value

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        from ruamel.yaml import events as kinds

        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self.events), kinds.MappingEndEvent):
            if not isinstance(event, kinds.ScalarEvent):
                raise self.error(event, "a key must be plain text")
            self._count(event, 1)
            key = str(event.value)
            if key in mapping:
                first = self.lines[(*path, key)]
                raise self.error(event, f"the key {key!r} stands here and in line {first}; keep one of them")
            self.lines[(*path, key)] = event.start_mark.line + 1
            mapping[key] = self.value(next(self.events), (*path, key))
        return mapping

    def _sequence(self, path: KeyPath) -> list[Any]:
        from ruamel.yaml import events as kinds

        values: list[Any] = []
        while not isinstance(event := next(self.events), kinds.SequenceEndEvent):
            self.lines[(*path, len(values))] = event.start_mark.line + 1
            values.append(self.value(event, (*path, len(values))))
        return values


def _read_yaml(name: str, text: str) -> Document:
    data, lines = _yaml_value(name, text)
    return Document(name, _top(name, data), lines)


def _yaml_value(name: str, text: str) -> tuple[Any, dict[KeyPath, int]]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    try:
        builder = _YamlBuilder(name, iter(YAML(typ="safe", pure=True).parse(text)))
        value = builder.document()
    except JobFileError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark is not None else name
        problem = str(error.problem or error.context)
        lines = text.splitlines()
        line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
        raise JobFileError(f"{where}: not YAML: {problem}{yaml_hint(problem, line)}") from None
    except ReaderError as error:
        raise JobFileError(f"{name}: not YAML: {error.reason} (character {error.position})") from None
    except (YAMLError, RecursionError, ValueError) as error:
        raise JobFileError(f"{name}: not YAML: {error}") from None
    return value, builder.lines


def plain_value(name: str, text: str) -> Any:
    """Return the value of a text on the command line, read as YAML like a value in a job file.

    Raises:
        JobFileError: it is no value; the message begins with ``name``.
    """
    return _yaml_value(name, text)[0]


# --- JSON ------------------------------------------------------------------------------------


def _read_json(name: str, text: str) -> Document:
    def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        mapping = dict(pairs)
        if len(mapping) < len(pairs):
            keys = [key for key, _ in pairs]
            repeated = next(key for key in keys if keys.count(key) > 1)
            raise JobFileError(f"{name}: the key {repeated!r} stands there twice; keep one of them")
        return mapping

    def no_constant(constant: str) -> float:
        raise JobFileError(f"{name}: {constant} is no JSON number")

    try:
        data = json.loads(text, object_pairs_hook=without_repeats, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        raise JobFileError(f"{name}:{error.lineno}: not JSON: {error.msg}") from None
    except JobFileError:
        raise
    except (RecursionError, ValueError) as error:  # ValueError: an integer of thousands of digits
        reason = "nested too deeply" if isinstance(error, RecursionError) else "a number with too many digits"
        raise JobFileError(f"{name}: not a job file: {reason}") from None
    return Document(name, _top(name, data), _json_lines(name, text))


def _json_lines(name: str, text: str) -> Mapping[KeyPath, int]:
    try:
        return _yaml_value(name, text)[1]  # JSON is YAML 1.2, whose parser knows the lines
    except JobFileError:  # but for a few corners, such as tabs: then the messages go without lines
        return {}


# --- TOML ------------------------------------------------------------------------------------

_TABLE = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?\Z")
_ASSIGNMENT = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")


def _read_toml(name: str, text: str) -> Document:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, at = str(error), ""
        if match := re.search(r" \(at line (\d+), column \d+\)\Z", message):
            message, at = message[: match.start()], f":{match[1]}"
        raise JobFileError(f"{name}{at}: not TOML: {message}") from None
    except (RecursionError, ValueError) as error:
        raise JobFileError(f"{name}: not TOML: {error}") from None
    return Document(name, data, dict(_toml_lines(text)))


def _toml_lines(text: str) -> Iterator[tuple[KeyPath, int]]:
    """Yield (path, line) of keys that start a line; the parser itself does not tell."""
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _TABLE.match(line):
            table = _toml_keys(match[1])
            yield table, number
        elif match := _ASSIGNMENT.match(line):
            yield (*table, *_toml_keys(match[1])), number


def _toml_keys(text: str) -> KeyPath:
    return tuple(part.strip().strip("\"'") for part in text.split("."))


_PARSERS = {
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
    ".toml": _read_toml,
    ".json": _read_json,
}
