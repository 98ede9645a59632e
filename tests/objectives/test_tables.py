"""Histograms in CSV, JSON and YODA are read alike; a file of another form says what is missing."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from smbo_objectives.tables import read_histograms

CSV = "observable,bin_lo,bin_hi,value,err_lo,err_hi\nn,0,1,5,-1,3\nn,1,2,6,2,2\n"
JSON = '{"n": {"edges": [0, 1, 2], "values": [5, 6], "errors": [2, 2]}}'


@pytest.mark.parametrize(("name", "text"), [("a.csv", CSV), ("a.json", JSON)])
def test_the_same_histogram_is_read_from_both_forms(name, text):
    found = read_histograms(text.encode(), name)["n"]
    np.testing.assert_array_equal(found.low, [0.0, 1.0])
    np.testing.assert_array_equal(found.high, [1.0, 2.0])
    np.testing.assert_array_equal(found.values, [5.0, 6.0])
    np.testing.assert_array_equal(found.variances, [4.0, 4.0])  # the mean of both errors, squared


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "", "known are .yoda, .csv, .json"),
        ("a.csv", "observable,bin_lo\n", "no histogram"),
        ("a.csv", "name\nx\n", "column 'observable' is missing"),
        ("a.json", "[1]", "a JSON object"),
        ("a.json", '{"n": {"values": [1], "errors": [1]}}', "n: it has no 'low'"),
        ("a.json", '{"n": {"edges": [0, 1], "values": ["1"], "errors": [1]}}', "not a number"),
    ],
)
def test_a_file_of_another_form_is_refused(name, text, said):
    with pytest.raises(ValueError, match=said):
        read_histograms(text.encode(), name)


DIALECTS = {
    "byte-order mark": ("\ufeff" + CSV).encode(),
    "UTF-16, as Excel's Unicode text": CSV.replace(",", "\t").encode("utf-16"),
    "semicolons": CSV.replace(",", ";").encode(),
    "semicolons and decimal commas": CSV.replace(",", ";").replace(";5;", ";5,0;").encode(),
    "tabs": CSV.replace(",", "\t").encode(),
    "blanks": CSV.replace(",", "   ").encode(),
    "blanks after commas": CSV.replace(",", ", ").encode(),
    "CRLF": CSV.replace("\n", "\r\n").encode(),
    "comment lines": ("# made by hand\n% 5\n\n" + CSV.replace("\nn,1", "\n! half\nn,1")).encode(),
    "the header in a comment": ("# two bins\n# " + CSV).encode(),
    "quotes": CSV.replace("n,", '"n",').replace("observable", '"observable"').encode(),
    "capitals and units": CSV.replace("bin_lo,bin_hi", "Bin_Lo [GeV],BIN_HI (GeV)").encode(),
    "columns in another order, and one of text": (
        b"note,value,observable,err_hi,err_lo,bin_hi,bin_lo\nfine,5,n,3,-1,1,0\n,6,n,2,2,2,1\n"
    ),
    "exponents of Fortran and signs": CSV.replace(",5,", ",+5.D+00,").replace(",6,", ",.6d1,").encode(),
    "gzip": gzip.compress(CSV.encode()),
    "delimiters at the ends": CSV.replace("\n", ",\n").encode(),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_table_is_read_in_any_usual_dialect(dialect):
    found = read_histograms(DIALECTS[dialect], "a.csv")["n"]
    np.testing.assert_array_equal([found.low, found.high], [[0.0, 1.0], [1.0, 2.0]])
    np.testing.assert_array_equal([found.values, found.variances], [[5.0, 6.0], [4.0, 4.0]])


@pytest.mark.parametrize(("name", "text"), [("a.csv", CSV.replace("\nn", "\n/REF/A/n")), ("a.json", JSON)])
def test_measured_histograms_have_the_names_of_predicted_ones_in_every_format(name, text):
    found = read_histograms(text.replace('"n"', '"/REF/A/n"').encode(), name)
    assert list(found) == ["/A/n"]
    other = read_histograms(
        text.replace("/REF/A/", "/REFERENCE/").replace('"n"', '"/REFERENCE/n"').encode(), name
    )
    assert list(other) == ["/REFERENCE/n"]


@pytest.mark.parametrize("name", ["a.csv.gz", "a.tsv", "a.dat", "A.CSV"])
def test_the_format_is_told_by_the_ending_before_gz_in_any_case(name):
    assert list(read_histograms(CSV.encode(), name)) == ["n"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CSV.replace("err_hi", "err_high"), "'err_hi' is missing; did you mean 'err_high'"),
        (CSV.replace("bin_lo", "low"), "'bin_lo' is missing.*there are observable, low, bin_hi"),
        ("observable,bin_lo,bin_hi,value\nn,0,1,5\n", "it has no errors"),
        (CSV.replace("value", "content"), "'value' is missing"),
        ("observable,bin_lo,bin_hi,value,value,error\nn,0,1,5,5,1\n", "'value' is there twice"),
        ("observable,bin_lo,bin_hi,value,error\nn,0,1,5,-1\n", "error of bin 0 is -1"),
        (CSV.replace(",3", ",-3"), "err_hi of bin 0 is -3"),
        (CSV.replace("err_lo,err_hi", "variance,x").replace("-1,3", "-1,0"), "variance -1"),
        ('{"n": {"edges": [0, 1], "values": [5], "errors": [-1]}}', "errors of bin 0 is -1"),
        (CSV.replace(",5,", ",5_0,"), "'5_0' is not a number"),
        (CSV.replace(",5,", ",5 %,"), "line 2, value: '5 %' is not a number"),
        (CSV.replace(",5,", ",1,5,"), "line 2 has 7 cells for 6 columns"),
        (CSV.replace(",", ";").replace(";5;", ";1.000,5;"), "not a number"),
    ],
)
def test_what_would_be_taken_for_another_number_is_refused_with_the_columns_that_are_there(text, said):
    with pytest.raises(ValueError, match=said):
        read_histograms(text.encode(), "a.json" if text.startswith("{") else "a.csv")


def test_a_cell_without_a_number_is_a_bin_without_information():
    rows = "".join(f"n,{k},{k + 1},{value},1\n" for k, value in enumerate(["", "-", "NaN", "n/a", "7"]))
    found = read_histograms(f"observable,bin_lo,bin_hi,value,error\n{rows}".encode(), "a.csv")["n"]
    assert found.known.tolist() == [False] * 4 + [True]
    null = read_histograms(b'{"n": {"edges": [0, 1, 2], "values": [null, 1], "errors": [1, 1]}}', "a.json")[
        "n"
    ]
    assert null.known.tolist() == [False, True]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", CSV + "broken,0,1,many,1,1\n"),
        ("a.csv", CSV + "broken,1,0,1,1,1\n"),
        ("a.csv", CSV + "broken,0,1\n"),
        ("a.json", JSON[:-1] + ', "broken": {"edges": 3}}'),
        ("a.json", JSON[:-1] + ', "broken": "made by hand"}'),
    ],
)
def test_a_broken_histogram_that_nobody_asks_for_does_not_matter(name, text):
    found = read_histograms(text.encode(), name)
    assert found.named("n").values.tolist() == [5.0, 6.0]
    with pytest.raises(ValueError, match="broken cannot be read"):
        found.named("broken")


def test_what_is_missing_is_said_with_names_that_are_near():
    found = read_histograms(CSV.replace("\nn", "\nthrust").encode(), "a.csv")
    with pytest.raises(ValueError, match=r"has no Trust; did you mean 'thrust'\? there are thrust"):
        found.named("Trust")


@pytest.mark.parametrize(
    "content", [b"\x1f\x8b", gzip.compress(CSV.encode())[:-9], b"\x1f\x8bnothing packed"]
)
def test_a_gzip_file_that_is_cut_short_is_refused(content):
    with pytest.raises(ValueError, match="cannot be unpacked"):
        read_histograms(content, "a.csv.gz")


@pytest.mark.parametrize(
    "text", ["9" * 200_000 + "x", "[" * 200_000, "observable," + "(" * 200_000, "y" * 200_000]
)
def test_a_file_of_one_endless_cell_is_refused_at_once(text):
    row = f"observable,bin_lo,bin_hi,value,error\nn,0,1,{text},1\n"
    for content in (text, row, row.replace("value", text)):
        with pytest.raises(
            ValueError, match=r"no number|not a number|missing|no histogram|is no table|cannot be read"
        ):
            read_histograms(content.encode(), "a.csv")


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(monkeypatch):
    monkeypatch.setattr("smbo_objectives.tables._LIMIT_BYTES", 1_000)
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        read_histograms(gzip.compress(b" " * 10_000), "a.csv")
