"""Job files mean what they say, and a file can neither run anything nor grow when it is read."""

import json
import math

import pytest

from smbo.cli.job.document import MAX_BYTES, read_document
from smbo.errors import JobFileError


@pytest.fixture
def read(tmp_path):
    def read(text, suffix=".yaml"):
        path = tmp_path / f"job{suffix}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_document(path)

    return read


MEANINGS = [
    ("no", "no"),
    ("yes", "yes"),
    ("on", "on"),
    ("Off", "Off"),
    ("y", "y"),
    ("true", True),
    ("False", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("1e-4", 1e-4),
    ("1.e-4", 1e-4),
    ("1E5", 1e5),
    (".5", 0.5),
    ("-3.", -3.0),
    ("010", 10),
    ("0o17", 15),
    ("0x1F", 31),
    ("-7", -7),
    ("+7", 7),
    ("1_000", "1_000"),
    (".inf", math.inf),
    ("-.Inf", -math.inf),
    ("12:30:45", "12:30:45"),
    ("2026-01-31", "2026-01-31"),
    ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z"),
    ("1.2.3", "1.2.3"),
    ("0b11", "0b11"),
    ("=", "="),
    ("'1'", "1"),
    ('"true"', "true"),
    ("[a, 1, 2.5]", ["a", 1, 2.5]),
    ("{a: {b: no}}", {"a": {"b": "no"}}),
    ("|\n  two\n  lines\n", "two\nlines\n"),
    ("sqlite:///runs.db", "sqlite:///runs.db"),
]


@pytest.mark.parametrize(("text", "meaning"), MEANINGS, ids=[repr(text) for text, _ in MEANINGS])
def test_a_scalar_means_what_yaml_1_2_says(read, text, meaning):
    value = read(f"key: {text}\n").data["key"]
    assert value == meaning
    assert type(value) is type(meaning)


def test_nan_is_read_as_nan(read):
    assert math.isnan(read("key: .nan").data["key"])


def test_an_alias_stands_for_its_anchor(read):
    assert read("a: &x [1, 2]\nb: *x\n").data == {"a": [1, 2], "b": [1, 2]}


def _bomb(levels):
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(rows)


REFUSED_YAML = {
    "duplicate key": ("a: 1\na: 2\n", "the key 'a' stands here and in line 1"),
    "duplicate key below": ("a:\n  b: 1\n  b: 2\n", "the key 'b' stands here and in line 2"),
    "alias bomb": (_bomb(9), "aliases"),
    "endless alias": ("a: &a [*a]\n", "before or inside its anchor"),
    "unknown alias": ("a: *b\n", "before or inside its anchor"),
    "object tag": ("a: !!python/object/apply:os.system [ls]\n", "tag"),
    "local tag": ("a: !env HOME\n", "tag"),
    "open bracket": ("a: [1, 2\n", "not YAML"),
    "tab": ("a:\n\tb: 1\n", "not YAML"),
    "two documents": ("a: 1\n---\nb: 2\n", "second document"),
    "a list": ("- 1\n", "mapping"),
    "nothing": ("", "nothing"),
    "only a comment": ("# a job\n", "nothing"),
    "text": ("hello\n", "mapping"),
    "list as key": ("? [a, b]\n: 1\n", "a key must be plain text"),
    "control character": ("a: \x07\n", "not YAML"),
    "deep": ("[" * 5000, "nested deeper than 64"),
    "deep block": ("".join(" " * i + "a:\n" for i in range(100)), "nested deeper than 64"),
    "not UTF-8": (b"a: \xff\xfe\n", "not UTF-8"),
    "too large": ("# " + "x" * MAX_BYTES, "larger than"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED_YAML.values(), ids=REFUSED_YAML.keys())
def test_yaml_that_is_no_plain_mapping_is_refused(read, text, message):
    with pytest.raises(JobFileError, match=r"job\.yaml") as caught:
        read(text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_line_of_a_key_is_known_in_every_format(read):
    yaml = read("a: 1\nb:\n  c: 2\n")
    toml = read("a = 1\n[b]\n# comment\nc = 2\n", ".toml")
    inline = read('{"a": 1,\n "b": {\n  "c": 2}}', ".json")
    assert yaml.place(("b", "c")).endswith("job.yaml:3: b.c")
    assert toml.place(("b", "c")).endswith("job.toml:4: b.c")
    assert inline.place(("b", "c")).endswith("job.json:3: b.c")


def test_a_key_without_a_line_of_its_own_is_placed_at_its_parent(read):
    assert read("a = 1\nb = {c = 2}\n", ".toml").place(("b", "c")).endswith("job.toml:2: b.c")


def test_the_three_formats_say_the_same(read):
    data = {"study": "x", "budget": {"trials": 4}, "n": [1, 2.5, "a", True]}
    yaml = read("study: x\nbudget: {trials: 4}\nn: [1, 2.5, a, true]\n")
    toml = read('study = "x"\nn = [1, 2.5, "a", true]\n[budget]\ntrials = 4\n', ".toml")
    assert yaml.data == toml.data == read(json.dumps(data), ".json").data == data


REFUSED_OTHERS = {
    "json nan": ('{"a": NaN}', ".json", "NaN is no JSON number"),
    "json infinity": ('{"a": -Infinity}', ".json", "no JSON number"),
    "json duplicate": ('{"a": 1, "a": 2}', ".json", "twice"),
    "json deep": ('{"a": ' + "[" * 100_000, ".json", "nested too deeply"),
    "json deep but closed": ('{"a": ' + "[" * 100 + "]" * 100 + "}", ".json", "nested deeper"),
    "json long number": ('{"a": ' + "9" * 5000 + "}", ".json", "too many digits"),
    "json list": ("[]", ".json", "mapping"),
    "json text": ("study: x", ".json", "not JSON"),
    "toml duplicate": ("a = 1\na = 2\n", ".toml", "not TOML"),
    "toml text": ("study: x", ".toml", "not TOML"),
    "toml deep": ("a = " + "[" * 5000, ".toml", "not TOML"),
    "other suffix": ("study: x", ".txt", "ends in .yaml"),
    "no suffix": ("study: x", "", "ends in .yaml"),
}


@pytest.mark.parametrize(("text", "suffix", "message"), REFUSED_OTHERS.values(), ids=REFUSED_OTHERS.keys())
def test_json_and_toml_that_say_nothing_clear_are_refused(read, text, suffix, message):
    with pytest.raises(JobFileError) as caught:
        read(text, suffix)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_folder_and_a_missing_file_are_refused_by_name(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(JobFileError, match=r"folder\.yaml: not a regular file"):
        read_document(tmp_path / "folder.yaml")
    with pytest.raises(JobFileError, match=r"none\.yaml: cannot be read: No such file"):
        read_document(tmp_path / "none.yaml")


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(JobFileError, match="not a regular file"):
        read_document(tmp_path / "pipe.yaml")
