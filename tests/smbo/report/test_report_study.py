from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
import sys
import unicodedata
from html.parser import HTMLParser

import numpy as np
import pytest

from smbo.plots import save
from smbo.plots.style import new_figure
from smbo.problem import Figure, Outcome, Problem
from smbo.report.study import write_report
from smbo.space import Integer, Real, Space
from smbo.surrogates import GP
from smbo.training_data import TrainingData
from smbo.trial import Recommendation, Trial, TrialState

HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }} $\\frac{ ../../etc/passwd\n"
    "\u202e`rm -rf`\x1b[2J\x07\u2066\x85"
)


class Elements(HTMLParser):
    """Collects every element with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def bowl(units):
    return 1.0 + ((units - 0.4) ** 2).sum(axis=1)


@functools.cache
def study(names=("alpha", "beta"), n=20):
    """Return problem, trials, posterior and recommendation of a small finished study."""
    problem = Problem(
        Space({names[0]: Real(0.0, 2.0), names[1]: Real(1e-3, 1.0, log=True), "depth": Integer(1, 5)})
    )
    rng = np.random.default_rng(0)
    units = problem.space.sample_unit(n, rng)
    values = bowl(units) + 0.01 * rng.standard_normal(n)
    trials = [
        Trial(k, point, k, TrialState.COMPLETE, value=float(value), sem=0.01, feasible=True)
        for k, (point, value) in enumerate(zip(problem.space.from_unit(units), values))
    ]
    trials.append(
        Trial(n, trials[0].params, n, TrialState.FAILED, reason="generator aborted", error="<b>Traceback</b>")
    )
    nothing = np.empty((0, 3))
    data = TrainingData(
        problem.space.axes,
        np.arange(n),
        units,
        values,
        np.full(n, 1e-4),
        np.ones(n, dtype=bool),
        nothing,
        nothing,
    )
    best = problem.space.from_unit(problem.space.snap(np.full((1, 3), 0.4)))[0]
    return problem, trials, GP().fit(data), Recommendation(best, 1.0, 0.01)


def checks_of(recommendation, ours=(1.0, 1.01, 0.99), theirs=(1.5, 1.52, 1.49)):
    other = {**recommendation.params, "depth": 5}
    return {
        "recommended": [(recommendation.params, Outcome(value)) for value in ours],
        "default tune": [(other, Outcome(value)) for value in theirs],
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    problem, trials, posterior, recommendation = study()
    path = write_report(
        folder,
        name="a study",
        problem=problem,
        trials=trials,
        recommendation=recommendation,
        posterior=posterior,
        checks=checks_of(recommendation),
        settings={"seed": 1, "recipe": "gp"},
    )
    return folder, path.read_text(encoding="utf-8")


def test_the_folder_holds_page_figures_and_tables(written):
    folder, _ = written
    assert {p.name for p in folder.iterdir()} == {
        "index.html",
        "figures",
        "optimum.json",
        "trials.csv",
        "trials.json",
        "recommended.json",
    }
    stems = {"convergence", "slices", "evaluations"}
    assert {p.name for p in (folder / "figures").iterdir()} == {
        f"{s}.{e}" for s in stems for e in ("png", "pdf")
    }


def test_the_page_asks_for_nothing_from_anywhere(written):
    _, page = written
    elements = Elements(page)
    assert not {tag for tag, _ in elements.found} & {"script", "link", "iframe", "object", "embed", "base"}
    sources = [attributes["src"] for _, attributes in elements.found if "src" in attributes]
    assert len(sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in re.sub(r"base64,[^\"]*", "", page).replace("http-equiv", "")
    assert "url(" not in page
    links = {attributes["href"] for tag, attributes in elements.found if tag == "a"}
    assert links == {
        "trials.csv",
        "trials.json",
        *(f"figures/{stem}.pdf" for stem in ("convergence", "slices", "evaluations")),
    }


def test_the_content_policy_lets_only_the_pages_own_style_apply(written):
    _, page = written
    policy = next(
        attributes["content"]
        for tag, attributes in Elements(page).found
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    css = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert not [tag for tag, attributes in Elements(page).found if "style" in attributes]


def test_the_embedded_image_is_the_file_beside_the_page(written):
    folder, page = written
    embedded = base64.b64decode(page.partition("base64,")[2].partition('"')[0])
    assert embedded == (folder / "figures" / "convergence.png").read_bytes()


def test_the_page_says_which_point_is_better_and_by_how_much(written):
    _, page = written
    text = Elements(page).text
    assert "The recommended point is better than “default tune”." in text
    assert "recommended 1.0000 ± 0.0058 (3 evaluations), default tune 1.5033 ± 0.0088 (3 evaluations)" in text
    assert "standard errors" in text


def test_the_page_shows_failures_settings_and_versions(written):
    _, page = written
    text = Elements(page).text
    assert "generator aborted" in text
    assert "<b>Traceback</b>" in text  # as text, not as an element
    assert "b" not in {tag for tag, _ in Elements(page).found}
    assert f"numpy {np.__version__}" in text
    assert "recipe" in text


def test_the_recommended_point_can_be_read_back(written):
    folder, _ = written
    _, _, _, recommendation = study()
    assert json.loads((folder / "recommended.json").read_text()) == recommendation.params


def test_each_parameter_has_an_uncertainty_within_its_range(written):
    _, page = written
    rows = page.partition("<h2>Recommended parameters</h2>")[2].partition("</table>")[0].split("<tr>")[2:]
    assert len(rows) == 3
    for row in rows:
        cells = [re.sub("<[^>]*>", "", cell).strip() for cell in row.split("</td>")]
        low, high = (float(end) for end in cells[2].split(" – "))
        range_low, range_high = (float(end) for end in cells[4].split(" – "))
        assert range_low <= low <= high <= range_high


@pytest.mark.parametrize(
    ("theirs", "sentence"),
    [
        ((0.5, 0.51, 0.49), "“default tune” is better than the recommended point."),
        ((1.0, 1.02, 0.97), "No significant difference between the recommended point and “default tune”."),
        ((float("nan"),), "Re-evaluated with fresh seeds, the recommended point gives 1.0000 ± 0.0058."),
    ],
)
def test_the_headline_is_honest(tmp_path, theirs, sentence):
    problem, trials, _, recommendation = study()
    path = write_report(
        tmp_path,
        name="s",
        problem=problem,
        trials=trials,
        recommendation=recommendation,
        checks=checks_of(recommendation, theirs=theirs),
    )
    assert sentence in Elements(path.read_text()).text


def test_without_checks_the_page_says_that_nothing_was_re_evaluated(tmp_path):
    problem, trials, _, recommendation = study()
    path = write_report(tmp_path, name="s", problem=problem, trials=trials, recommendation=recommendation)
    assert "The recommended point was not re-evaluated." in Elements(path.read_text()).text


def test_a_parameter_on_its_bound_is_warned_about_and_no_other(tmp_path):
    problem, trials, posterior, recommendation = study()
    on_bound = Recommendation({**recommendation.params, "alpha": 2.0}, 1.0, 0.1)
    path = write_report(
        tmp_path, name="s", problem=problem, trials=trials, recommendation=on_bound, posterior=posterior
    )
    warned = re.findall(r"<li><strong>(.*?)</strong> ends on the (\w+) bound", path.read_text())
    assert warned == [("alpha", "upper")]


def test_hostile_names_and_values_stay_text(tmp_path):
    problem, trials, posterior, recommendation = study(names=(HOSTILE, "b" * 10_000))
    trials = [*trials, Trial(99, trials[0].params, 99, TrialState.FAILED, reason=HOSTILE, error=HOSTILE)]
    figure = new_figure(2, 2)
    (tmp_path / "figures").mkdir()
    save(figure, tmp_path / "figures" / "own")
    checks = checks_of(recommendation)
    checks[HOSTILE] = checks.pop("default tune")
    before = sorted(tmp_path.parent.iterdir())
    path = write_report(
        tmp_path,
        name=HOSTILE * 100,
        problem=problem,
        trials=trials,
        recommendation=recommendation,
        posterior=posterior,
        checks=checks,
        figures=[Figure(tmp_path / "figures" / "own", HOSTILE, HOSTILE)],
        settings={HOSTILE: HOSTILE},
        written=HOSTILE,
    )
    page = path.read_text(encoding="utf-8")
    assert not {letter for letter in page if unicodedata.category(letter)[0] == "C"} - {"\n"}
    elements = Elements(page)
    assert "script" not in {tag for tag, _ in elements.found}
    assert not [name for _, attributes in elements.found for name in attributes if name.startswith("on")]
    assert all(a["src"].startswith("data:") for _, a in elements.found if "src" in a)
    assert "{{ 7*7 }}" in elements.text
    assert sorted(tmp_path.parent.iterdir()) == before


def test_a_study_without_a_single_result_still_has_a_report(tmp_path):
    problem, trials, _, _ = study()
    failed = [trial for trial in trials if trial.state is TrialState.FAILED]
    path = write_report(tmp_path, name="s", problem=problem, trials=failed, recommendation=None)
    text = Elements(path.read_text()).text
    assert "Nothing can be recommended yet." in text
    assert "generator aborted" in text


def test_writing_twice_gives_the_same_bytes(tmp_path):
    problem, trials, posterior, recommendation = study()
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        write_report(
            folder,
            name="s",
            problem=problem,
            trials=trials,
            recommendation=recommendation,
            posterior=posterior,
        )
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in folders
    )
    assert first == second


def test_an_objectives_figure_is_embedded_and_a_missing_one_is_named(tmp_path):
    problem, trials, _, recommendation = study()
    (tmp_path / "figures").mkdir()
    save(new_figure(2, 2), tmp_path / "figures" / "x.p charged")
    figures = [
        Figure(tmp_path / "figures" / "x.p charged", "Momentum", "Of charged particles."),
        Figure(tmp_path / "figures" / "never-drawn", "Gone", "Nothing."),
    ]
    path = write_report(
        tmp_path, name="s", problem=problem, trials=trials, recommendation=recommendation, figures=figures
    )
    elements = Elements(path.read_text())
    assert "figures/x.p%20charged.pdf" in {a.get("href") for _, a in elements.found}
    assert "“never-drawn” but wrote no PNG file" in elements.text


def test_drawing_leaves_no_global_state_behind(written):
    import matplotlib as mpl

    assert mpl.rcParams["text.parse_math"] is True
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
