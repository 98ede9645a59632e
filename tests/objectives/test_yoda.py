"""YODA's text blocks are read as they are written, and nothing that is cut short or twisted is."""

from __future__ import annotations

import numpy as np
import pytest

from smbo_objectives.histograms import Histogram
from smbo_objectives.yoda import read_yoda, without_options

HISTO_V2 = """BEGIN YODA_HISTO1D_V2 /A/d01-x01-y01
Path: /A/d01-x01-y01
ScaledBy: 0.01
Title: ~
Type: Histo1D
---
# Mean: 1.5
# Area: 3.0
# ID\tID\tsumw\tsumw2\tsumwx\tsumwx2\tnumEntries
Total\tTotal\t3.0\t1.0\t1.0\t1.0\t10
Underflow\tUnderflow\t0.5\t0.1\t0.1\t0.1\t1
Overflow\tOverflow\t0.5\t0.1\t0.1\t0.1\t1
# xlow\txhigh\tsumw\tsumw2\tsumwx\tsumwx2\tnumEntries
0.0e+00\t5.0e-01\t1.0e+00\t4.0e-02\t0.2\t0.1\t4
5.0e-01\t2.5e+00\t1.0e+00\t9.0e-02\t1.2\t1.1\t4
END YODA_HISTO1D_V2
"""
HISTO_V3 = """BEGIN YODA_HISTO1D_V3 /A/d01-x01-y01
Path: /A/d01-x01-y01
Title: ~
Type: Histo1D
---
# Mean: 1.5
# Integral: 3.0
Edges(A1): [0.000000e+00, 5.000000e-01, 2.500000e+00]
# sumW\tsumW2\tsumW(A1)\tsumW2(A1)\tnumEntries
0.5\t0.1\t0.0\t0.0\t1
1.0\t0.04\t0.2\t0.1\t4
1.0\t0.09\t1.2\t1.1\t4
0.5\t0.1\t0.0\t0.0\t1
END YODA_HISTO1D_V3
"""
ESTIMATE_V3 = """BEGIN YODA_ESTIMATE1D_V3 /REF/A/d01-x01-y01
Path: /REF/A/d01-x01-y01
Title: ~
Type: Estimate1D
---
Edges(A1): [0.000000e+00, 5.000000e-01, 2.500000e+00]
ErrorLabels: ["stat", "sys"]
# value\terrDn(1)\terrUp(1)\terrDn(2)\terrUp(2)
nan\t---\t---\t---\t---
2.0\t-3.0e-01\t3.0e-01\t-4.0e-01\t4.0e-01
0.5\t-1.0e-01\t2.0e-01\t---\t---
nan\t---\t---\t---\t---
END YODA_ESTIMATE1D_V3
"""
SCATTER_V2 = """BEGIN YODA_SCATTER2D_V2 /REF/A/d01-x01-y01
Variations: [""]
Path: /REF/A/d01-x01-y01
Type: Scatter2D
---
# xval\txerr-\txerr+\tyval\terr-\tyerr+
2.5e-01\t2.5e-01\t2.5e-01\t2.0\t0.5\t0.5
1.5e+00\t1.0e+00\t1.0e+00\t0.5\t0.1\t0.2
END YODA_SCATTER2D_V2
"""


@pytest.mark.parametrize(
    ("text", "variances"),
    [
        # sums of weights over widths of 0.5 and 2
        (HISTO_V2, [0.04 / 0.25, 0.09 / 4]),
        (HISTO_V3, [0.04 / 0.25, 0.09 / 4]),
        (ESTIMATE_V3, [0.3**2 + 0.4**2, 0.15**2]),
        (SCATTER_V2, [0.5**2, 0.15**2]),
    ],
    ids=["histo-v2", "histo-v3", "estimate-v3", "scatter-v2"],
)
def test_each_kind_of_block_gives_the_same_densities_with_its_own_errors(text, variances):
    found = read_yoda(text)
    assert list(found) == ["/A/d01-x01-y01"]
    histogram = found["/A/d01-x01-y01"]
    assert histogram.low.tolist() == [0.0, 0.5]
    assert histogram.high.tolist() == [0.5, 2.5]
    assert histogram.values.tolist() == [2.0, 0.5]
    assert np.allclose(histogram.variances, variances, rtol=1e-14)


def test_raw_and_temporary_objects_variations_and_other_kinds_are_passed_over():
    texts = [HISTO_V2.replace("/A/", f"{prefix}/A/") for prefix in ("/RAW", "/TMP")]
    texts.append(HISTO_V2.replace("y01", "y01[MUR0.5]"))
    texts.append(HISTO_V2.replace("HISTO1D", "HISTO2D").replace("y01", "y02"))
    found = read_yoda("".join([*texts, HISTO_V3]))
    assert list(found) == ["/A/d01-x01-y02", "/A/d01-x01-y01"]
    assert "YODA_HISTO2D_V2" in found["/A/d01-x01-y02"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HISTO_V2.replace("END YODA_HISTO1D_V2\n", ""), "cut short"),
        (HISTO_V2 + HISTO_V3, "twice"),
        (HISTO_V2.replace("5.0e-01\t2.5e+00", "5.0e-01\t2.5e-01"), "upside down"),
        (HISTO_V2.replace("0.0e+00\t5.0e-01", "0.0e+00\t1.5e+00"), "overlap"),
        (HISTO_V2.replace("9.0e-02\t1.2\t1.1\t4", ""), "fewer than 4 columns"),
        (HISTO_V2.replace("4.0e-02", "-4.0e-02"), "bin 0 holds"),
        (HISTO_V2.replace("4.0e-02", "many"), "many"),
        (HISTO_V3.replace(", 2.500000e+00]", "]"), "2 edges need 3 lines"),
        (HISTO_V3.replace("Edges(A1)", "Edges(A2)"), "no line Edges"),
        (ESTIMATE_V3.replace("\t4.0e-01\n", "\n"), "without its up error"),
        (SCATTER_V2.replace("0.5\t0.5", "0.5\t-0.5"), "an upper error is -0.5"),
    ],
)
def test_a_block_that_is_not_of_its_form_is_kept_with_the_reason_and_spoils_no_other(text, said):
    other = HISTO_V3.replace("y01", "y09")
    found = read_yoda(other.replace("x01", "x00") + text + other)
    assert said in found["/A/d01-x01-y01"]
    assert all(isinstance(found[name], Histogram) for name in ("/A/d01-x00-y09", "/A/d01-x01-y09"))


HISTO_V1 = """# BEGIN YODA_HISTO1D /A/d01-x01-y01
Path=/A/d01-x01-y01
Title=made by Rivet 2
Type=Histo1D
# Area: 3.0
# ID\tID\tsumw\tsumw2\tsumwx\tsumwx2\tnumEntries
Total   \tTotal   \t3.0\t1.0\t1.0\t1.0\t10
Underflow\tUnderflow\t0.5\t0.1\t0.1\t0.1\t1
Overflow\tOverflow\t0.5\t0.1\t0.1\t0.1\t1
# xlow\txhigh\tsumw\tsumw2\tsumwx\tsumwx2\tnumEntries
0.0e+00\t5.0e-01\t1.0e+00\t4.0e-02\t0.2\t0.1\t4
5.0e-01\t2.5e+00\t1.0e+00\t9.0e-02\t1.2\t1.1\t4
# END YODA_HISTO1D
"""
SCATTER_V1 = """BEGIN YODA_SCATTER2D /REF/A/d01-x01-y01
IsRef=1
Path=/REF/A/d01-x01-y01
Type=Scatter2D
# xval\t xerr-\t xerr+\t yval\t yerr-\t yerr+
2.5e-01\t2.5e-01\t2.5e-01\t2.0\t0.2\t0.2
1.5e+00\t1.0e+00\t1.0e+00\t0.5\t0.3\t0.3
END YODA_SCATTER2D
"""


@pytest.mark.parametrize("text", [HISTO_V1, HISTO_V1.replace("# BEGIN", "BEGIN"), SCATTER_V1])
def test_blocks_of_the_first_version_are_read(text):
    (found,) = read_yoda(text).values()
    np.testing.assert_array_equal([found.low, found.high], [[0.0, 0.5], [0.5, 2.5]])
    assert found.values.tolist() == [2.0, 0.5]


def profile(version, weights=2.0):
    """Return a profile of 20 entries with y of 1 and 3 in turn, of one entry, and of none."""
    sums = [[weights * 20, weights**2 * 20, 0, 0, weights * 40, weights * 100, 20]]
    sums += [[weights, weights**2, 0, 0, weights * 5, weights * 25, 1], [0] * 7]
    rows = ["\t".join(map(str, row)) for row in sums]
    if version == 3:
        nothing = "\t".join(["0"] * 7)
        body = "\n".join(["---", "Edges(A1): [0.0, 1.0, 3.0, 4.0]", nothing, *rows, nothing])
    else:
        body = "\n".join(f"{low}\t{high}\t{row}" for low, high, row in zip((0, 1, 3), (1, 3, 4), rows))
    kind = "YODA_PROFILE1D" + (f"_V{version}" if version > 1 else "")
    return f"BEGIN {kind} /A/p\n{body}\nEND {kind}\n"


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_profile_gives_means_with_their_standard_errors(version):
    found = read_yoda(profile(version))["/A/p"]
    assert found.values[:2].tolist() == [2.0, 5.0]
    entries = np.tile([1.0, 3.0], 10)
    assert found.variances[0] == pytest.approx(entries.var(ddof=1) / 20)
    # the spread of a single entry is taken from all of them
    assert found.variances[1] == pytest.approx(20 / 21)
    assert found.known.tolist() == [True, True, False]


def test_an_asymmetric_error_is_the_mean_of_both_and_a_total_is_not_added_to_its_parts():
    found = read_yoda(ESTIMATE_V3.replace('"sys"', '"total"'))["/A/d01-x01-y01"]
    assert np.allclose(found.variances, [0.4**2, 0.0])


@pytest.mark.parametrize("in_rows", [True, False])
def test_masked_bins_after_the_edges_are_left_out(in_rows):
    text = HISTO_V3.replace("2.500000e+00]", "2.500000e+00, 3.0]\nMaskedBins: [1]")
    if in_rows:
        text = text.replace("1.0\t0.04", "9.0\t9.9\t0\t0\t1\n1.0\t0.04")
    found = read_yoda(text)["/A/d01-x01-y01"]
    np.testing.assert_array_equal([found.low, found.high], [[0.5, 2.5], [2.5, 3.0]])
    assert found.values.tolist() == [0.5, 2.0]


BINNED = """BEGIN YODA_BINNED{kind}<S>_V3 /REF/A/d01-x01-y01
Path: /REF/A/d01-x01-y01
Type: Binned{kind}<s>
---
Edges(A1): ["K+", "pi, all"]
{labels}nan\t{nothing}
2.0\t{first}
0.5\t{second}
END YODA_BINNED{kind}<S>_V3
"""


@pytest.mark.parametrize(
    "text",
    [
        BINNED.format(
            kind="ESTIMATE",
            labels='ErrorLabels: ["stat"]\n',
            nothing="---\t---",
            first="-1\t1",
            second="-2\t2",
        ),
        BINNED.format(kind="HISTO", labels="", nothing="0\t0", first="1\t7", second="4\t7"),
    ],
)
def test_a_discrete_axis_gives_bins_with_labels(text):
    found = read_yoda(text)["/A/d01-x01-y01"]
    assert found.labels == ("K+", "pi, all")
    assert (found.values.tolist(), found.variances.tolist()) == ([2.0, 0.5], [1.0, 4.0])


def test_a_discrete_axis_of_whole_numbers_has_a_bin_each():
    text = BINNED.format(kind="ESTIMATE", labels="", nothing="---\t---", first="-1\t1", second="-2\t2")
    text = text.replace("<S>", "<I>").replace('["K+", "pi, all"]', "[91, 133]")
    assert read_yoda(text)["/A/d01-x01-y01"].labels == ("91", "133")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("YODA_COUNTER", "# sumW\tsumW2\tnumEntries\n4.0\t0.25\t9"),
        ("YODA_COUNTER_V3", "---\n# sumW\tsumW2\tnumEntries\n4.0\t0.25\t9"),
        ("YODA_SCATTER1D_V2", "---\n4.0\t0.4\t0.6"),
        ("YODA_ESTIMATE0D_V3", '---\nErrorLabels: ["stat"]\n4.0\t-0.4\t0.6'),
    ],
)
def test_a_single_number_is_a_histogram_of_one_bin(kind, body):
    found = read_yoda(f"BEGIN {kind} /A/n\n{body}\nEND {kind}\n")["/A/n"]
    assert (found.values.tolist(), found.variances.tolist()) == ([4.0], [0.25])


def test_a_block_that_breaks_off_where_another_begins_leaves_the_other_whole():
    cut = HISTO_V2.replace("y01", "y02")[: HISTO_V2.index("# xlow")]
    found = read_yoda(cut + HISTO_V3)
    assert "cut short" in found["/A/d01-x01-y02"]
    assert isinstance(found["/A/d01-x01-y01"], Histogram)


def test_options_of_an_analysis_are_no_part_of_a_reference_name():
    assert without_options("/ATLAS_2010:CUT=1:LEVEL=2/d01-x01-y01") == "/ATLAS_2010/d01-x01-y01"
