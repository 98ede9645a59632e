"""YODA's text blocks are read as they are written, and nothing that is cut short or twisted is."""

from __future__ import annotations

import numpy as np
import pytest

from smbo_objectives.yoda import read_yoda

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
    texts.append(HISTO_V2.replace("HISTO1D", "PROFILE1D"))
    assert list(read_yoda("".join([*texts, HISTO_V3]))) == ["/A/d01-x01-y01"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HISTO_V2.replace("END YODA_HISTO1D_V2\n", ""), "cut short"),
        (HISTO_V2 + HISTO_V3, "twice"),
        (HISTO_V2.replace("5.0e-01\t2.5e+00", "5.0e-01\t2.5e-01"), "upside down"),
        (HISTO_V2.replace("0.0e+00\t5.0e-01", "0.0e+00\t1.5e+00"), "overlap"),
        (HISTO_V2.replace("9.0e-02\t1.2\t1.1\t4", ""), "fewer than 4 columns"),
        (HISTO_V2.replace("4.0e-02", "nan"), "bin 0 holds"),
        (HISTO_V2.replace("4.0e-02", "many"), "many"),
        (HISTO_V3.replace(", 2.500000e+00]", "]"), "2 edges need 3 lines"),
        (HISTO_V3.replace("Edges(A1)", "Edges(A2)"), "no line Edges"),
        (ESTIMATE_V3.replace("\t4.0e-01\n", "\n"), "without its up error"),
    ],
)
def test_a_block_that_is_not_of_its_form_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        read_yoda(text)
