"""The report of a study: a folder with one self-contained HTML page, figures and tables."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from smbo.analysis import summary
from smbo.analysis.contours import Contour
from smbo.analysis.explain import LeaveOneOut
from smbo.analysis.outliers import SuspectedOutlier
from smbo.analysis.parameters import is_outside
from smbo.analysis.pareto import ParetoSet
from smbo.analysis.summary import RECOMMENDED, Checks, Comparison, Drawn, Parameter
from smbo.history import table
from smbo.plots import convergence_figure, pairs_figure, save, shorten, slices_figure
from smbo.plots.observables import Curve
from smbo.plots.style import COLOURS, NO_MATPLOTLIB, has_matplotlib
from smbo.problem import ChiSquare, Figure, Problem
from smbo.report import wording
from smbo.report.contours import contour_cards, contour_headline, contour_json, draw_contours, level_set_text
from smbo.report.feasibility import feasibility_cards
from smbo.report.page import embedded, rendered
from smbo.report.pareto import draw_pareto, pareto_cards, pareto_headline, pareto_rows
from smbo.report.tune import Baseline, evaluated_figures, tune_content
from smbo.surrogates.base import Posterior
from smbo.trial import Recommendation, Trial, TrialState
from smbo.tuning import Tune

# distributions whose versions a result depends on; listed where they are installed
VERSIONED = (
    *("smbo", "numpy", "scipy", "scikit-learn", "dask", "distributed", "sqlalchemy"),
    *("torch", "pythia8mc", "fastjet", "matplotlib"),
)
MAX_TRIALS_SHOWN = 2000

CONVERGENCE_CAPTION = (
    "Every evaluation in the order of its trial number. The best value observed is flattered by luck where "
    "evaluations are noisy; the band is the model's prediction at the recommended point, mean ± 2 standard "
    "deviations, without the noise of an evaluation."
)
CONTEXT_CAPTION = (
    "Every evaluation in the order of its trial number, each in the context that it met: values under "
    "different contexts are not comparable, so that there is no best so far."
)
SLICES_CAPTION = (
    "Mean and two standard deviations of the surrogate through the recommended point, one parameter "
    "varied at a time. Evaluations are drawn at their own value of that parameter; they lie off the "
    "slice in all others, and those far above it are cut off."
)
PAIRS_CAPTION = (
    "Every evaluation in each pair of parameters, the darker the better by rank of its value; the star is "
    "the recommended point, crosses are failed evaluations, empty circles violate a constraint."
)


def write_report(
    folder: Path,
    *,
    name: str,
    problem: Problem,
    trials: Sequence[Trial],
    recommendation: Recommendation | None,
    contour: Contour | None = None,
    posterior: Posterior | None = None,
    checks: Checks | None = None,
    figures: Sequence[Figure] = (),
    settings: Mapping[str, object] | None = None,
    written: str | None = None,
    seed: int = 0,
    tune: Tune | None = None,
    objective: object = None,
    pareto: ParetoSet | None = None,
    well: Drawn | None = None,
    outliers: Sequence[SuspectedOutlier] = (),
    parameters: Sequence[Parameter] | None = None,
    left_out: LeaveOneOut | None = None,
) -> Path:
    """Write the report of a study and return the path of its page.

    The folder holds ``index.html`` (images inside it, nothing loaded from anywhere),
    ``figures/*.png`` and ``.pdf``, ``trials.csv``, ``trials.json``, ``recommended.json`` (the point) and
    ``optimum.json`` (its parameters, each with its one error).
    Files of an earlier report are replaced; nothing else in the folder is touched.

    Args:
        folder: made if it is missing.
        name: of the study; any text.
        recommendation: None when nothing could be recommended (no evaluation finished).
        contour: of a problem with a level set; None with too few evaluations.
        posterior: of the study's surrogate; without a posterior there are no slices and no uncertainty
            of the parameters.
        checks: re-evaluations of "recommended" and of the baseline, by name.
        figures: the objective's own, already drawn (``smbo.problem.HasFigures.figures``).
        settings: everything needed to run the study again, listed in a table.
        written: date and time, as text for the reader.
        seed: of the posterior draws behind the parameters' uncertainty.
        tune: of a study of vector outputs (``Study.tune``); its files are written beside the page.  At the
            recommended point its errors are those of the parameters, whatever ``parameters`` say.
        objective: of the study; a ``Plottable`` one gives the axes of its outputs, and files of its own.
        pareto: of several objectives; its figures and table replace those of a single objective.
        well: draws of where evaluations succeed and meet the constraints (``summary.optimum_samples``).
        outliers: suspected ones, which the posterior leaves out.
        parameters: of the recommended point, with the optimum's intervals (``analysis.optimum``); None for
            intervals by the posterior alone.
        left_out: how the model predicts values left out one at a time, for one line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures").mkdir(exist_ok=True)
    comparison = summary.compare_points(problem, checks)
    baseline = _baseline(checks)
    baseline_params = None if baseline is None else baseline.params
    own: list[Figure] = []
    shown = [replace(each, baseline=(baseline_params or {}).get(each.name)) for each in parameters or ()]
    if recommendation is not None:
        params = recommendation.params
        if tune is not None and tune.params == params:
            shown = summary.of_tune(problem.space, tune, baseline_params)
        elif parameters is None:
            optima = None
            if posterior is not None and problem.multi_objective is None:
                rng = np.random.default_rng(seed)
                optima = summary.optimum_samples(problem.space, posterior, params, rng, well=well)
            shown = summary.parameters(problem.space, params, optima, baseline_params)
        point = {key: table.plain(value) for key, value in recommendation.params.items()}
        _write(folder / "recommended.json", json.dumps(point, indent=1) + "\n")
        _write(folder / "optimum.json", json.dumps(summary.parameters_json(shown), indent=1) + "\n")
    can_draw = has_matplotlib()
    if problem.level_set is not None:
        own = draw_contours(folder / "figures", contour, trials) if can_draw else []
        if contour is not None:
            _write(folder / "contour.json", contour_json(contour))
    elif problem.multi_objective is not None:
        own = draw_pareto(folder / "figures", pareto, trials) if can_draw else []
    elif can_draw:
        own = _draw(
            folder / "figures",
            problem,
            trials,
            recommendation,
            posterior,
            comparison,
            baseline,
        )
    _write(folder / "trials.csv", table.to_csv(problem, trials))
    _write(folder / "trials.json", table.to_json(problem, trials))
    headline, explanation, cards = _summary(
        problem, trials, recommendation, comparison, contour, pareto, checks
    )
    tuned: dict[str, Any] | None = None
    curves = _evaluated(problem, checks)
    if tune is not None:
        tuned = tune_content(
            folder,
            problem=problem,
            tune=tune,
            objective=objective,
            baseline=baseline,
            evaluated=curves,
            recommended=None if recommendation is None else recommendation.params,
        )
    elif curves and isinstance(problem.loss, ChiSquare):
        own = [*evaluated_figures(folder / "figures", problem.loss, objective, curves), *own]
    columns = _columns_with_values(problem, trials)
    page = rendered(
        "report.html.j2",
        tuned=tuned,
        colours=COLOURS,
        name=name,
        written=written,
        counts=_counts(trials),
        headline=headline,
        explanation=explanation,
        tone=_tone(comparison),
        cards=cards,
        outliers=outliers,
        pareto=pareto_rows(problem, pareto),
        parameters=shown,
        left_out=None if left_out is None else str(left_out),
        elsewhere=[p.name for p in shown if is_outside(p)],
        interval_of=next((p.interval_of for p in shown if p.interval_of), None),
        has_baseline=bool(baseline_params),
        baseline_name=None if baseline is None else baseline.name,
        on_bound=[p for p in shown if p.bound],
        bars={p.name: _bar(p, problem, baseline_params) for p in shown},
        figures=[embedded(figure, folder) for figure in (*figures, *own)],
        no_figures=None if can_draw else NO_MATPLOTLIB,
        failures=summary.failures(trials),
        settings=_settings(name, problem, settings or {}),
        versions=versions(),
        recommended_json=json.dumps(point, indent=1) if recommendation is not None else None,
        columns=list(columns),
        rows=list(zip(*(column[:MAX_TRIALS_SHOWN] for column in columns.values()))),
        n_trials=len(trials),
    )
    path = folder / "index.html"
    _write(path, page)
    return path


def _summary(
    problem: Problem,
    trials: Sequence[Trial],
    recommendation: Recommendation | None,
    comparison: Comparison | None,
    contour: Contour | None,
    pareto: ParetoSet | None,
    checks: Checks | None,
) -> tuple[str, str, list[tuple[str, str, str]]]:
    """Return the headline, a sentence on the data behind it, and key figures as (label, figure, remark)."""
    if problem.level_set is not None:
        return *contour_headline(problem.level_set, contour), contour_cards(contour)
    several = problem.multi_objective is not None
    cards = pareto_cards(pareto) if several else _cards(problem, trials, recommendation, comparison)
    if recommendation is None:
        n = sum(trial.state is TrialState.COMPLETE for trial in trials)
        why = "No evaluation is complete; failed evaluations and their reasons are listed below."
        limits = " and ".join(problem.constraints)
        reason = f"None of {n} complete evaluations met {limits}." if n and limits else why
        return "Nothing can be recommended yet.", reason, cards
    cards += feasibility_cards(problem, trials, recommendation, checks)
    if pareto is not None:
        return *pareto_headline(problem, pareto), cards
    return wording.headline(comparison), wording.explanation(comparison), cards


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _baseline(checks: Checks | None) -> Baseline | None:
    """Return the point that the recommended one is compared with, if any."""
    others = ((name, pairs) for name, pairs in (checks or {}).items() if name != RECOMMENDED and pairs)
    return next((Baseline(name, pairs[0][0]) for name, pairs in others), None)


def _evaluated(problem: Problem, checks: Checks | None) -> list[Curve]:
    """Return the predictions of a χ²'s bins by re-evaluations: the recommended point, then the baseline."""
    if not isinstance(problem.loss, ChiSquare):
        return []
    baseline = _baseline(checks)
    names = {"recommended": RECOMMENDED} | ({} if baseline is None else {"baseline": baseline.name})
    curves = []
    for role, name in names.items():
        outcomes = [outcome for _, outcome in (checks or {}).get(name, ())]
        curves.append(Curve.of_outcomes(role, name, outcomes, problem.loss.n_outputs))
    return [curve for curve in curves if curve is not None]


def _draw(
    folder: Path,
    problem: Problem,
    trials: Sequence[Trial],
    recommendation: Recommendation | None,
    posterior: Posterior | None,
    comparison: Comparison | None,
    baseline: Baseline | None,
) -> list[Figure]:
    """Draw the figures of a study of one objective, those that have content."""
    drawn = []

    def add(stem: str, title: str, caption: str, figure: Any) -> None:
        save(figure, folder / stem)
        drawn.append(Figure(folder / stem, title, caption))

    history = summary.convergence(problem, trials)
    if len(history.numbers):
        add(
            "convergence",
            "Convergence",
            CONTEXT_CAPTION if problem.context else CONVERGENCE_CAPTION,
            convergence_figure(problem, history, None if problem.context else recommendation, comparison),
        )
    if recommendation is not None and posterior is not None:
        found = summary.slices(problem, posterior, recommendation.params)
        if found:
            params, name = (None, None) if baseline is None else (baseline.params, baseline.name)
            add(
                "slices",
                "The model along each parameter",
                SLICES_CAPTION,
                slices_figure(problem, found, recommendation, trials, params, name),
            )
    if recommendation is not None and not problem.context:  # its colours are ranks of values
        pairs = pairs_figure(problem, trials, recommendation)
        if pairs is not None:
            add(
                "evaluations",
                "Evaluations by pairs of parameters",
                PAIRS_CAPTION,
                pairs,
            )
    return drawn


def _counts(trials: Sequence[Trial]) -> str:
    counts = Counter(trial.state for trial in trials)
    words = [f"{counts[TrialState.COMPLETE]} evaluations complete"]
    words += [f"{counts[s]} {s}" for s in TrialState if s is not TrialState.COMPLETE and counts[s]]
    return ", ".join(words)


def _tone(comparison: Comparison | None) -> str:
    if comparison is None or comparison.baseline is None:
        return "neutral"
    return {RECOMMENDED: "better", "baseline": "worse"}.get(comparison.winner or "", "neutral")


def _cards(
    problem: Problem,
    trials: Sequence[Trial],
    recommendation: Recommendation | None,
    comparison: Comparison | None,
) -> list[tuple[str, str, str]]:
    """Return (label, figure, remark) for the row of key figures."""
    cards = []
    if comparison is not None:
        cards.append(
            (
                "Recommended, re-evaluated",
                wording.measurement(comparison.recommended),
                f"mean ± standard error of {wording.times(comparison.recommended.n, 'fresh evaluation')}",
            )
        )
        if comparison.baseline is not None:
            cards.append(
                (
                    f"{shorten(comparison.baseline_name or 'baseline', 24).capitalize()}, re-evaluated",
                    wording.measurement(comparison.baseline),
                    f"mean ± standard error of {wording.times(comparison.baseline.n, 'fresh evaluation')}",
                )
            )
    if recommendation is not None:
        cards.append(
            (
                "Recommended, by the model",
                wording.plus_minus(recommendation.mean, recommendation.std),
                "posterior mean ± standard deviation, "
                + wording.noise_remark(problem)
                + _for_context(problem, recommendation),
            )
        )
    best = None if problem.context else table.best_trial(problem, trials)
    if best is not None:
        cards.append(
            (
                "Best single evaluation",
                wording.plus_minus(best.value or 0.0, best.sem if best.sem is not None else float("nan")),
                f"trial {best.number}; selected for being the best, so biased by luck",
            )
        )
    return cards


def _for_context(problem: Problem, recommendation: Recommendation) -> str:
    """Return the context that a point is recommended for; nothing without contextual variables."""
    values = ", ".join(f"{name} {table.plain(recommendation.params[name])}" for name in problem.context)
    return f"; best for {values} (the last observed context), another point for another" if values else ""


# the range bar of a parameter, in units of its SVG view box
BAR_WIDTH, BAR_MARGIN = 160.0, 6.0


def _bar(
    parameter: Parameter, problem: Problem, baseline: Mapping[str, Any] | None
) -> dict[str, float | None] | None:
    """Return the horizontal positions of a range bar's marks; None for a parameter without a range."""
    if parameter.position is None:
        return None

    def position(coordinate: float) -> float:
        return round(BAR_MARGIN + coordinate * (BAR_WIDTH - 2 * BAR_MARGIN), 2)

    low, high = parameter.interval_positions or (None, None)
    baseline_position = None
    if baseline and parameter.name in baseline and problem.space.contains(dict(baseline)):
        column = [axis.name for axis in problem.space.axes].index(parameter.name)
        baseline_position = position(float(problem.space.to_unit([baseline])[0][column]))
    return {
        "value": position(parameter.position),
        "low": None if low is None else position(low),
        "width": None if low is None or high is None else max(2.0, position(high) - position(low)),
        "baseline": baseline_position,
    }


def _settings(name: str, problem: Problem, settings: Mapping[str, object]) -> dict[str, str]:
    rows = {"study": name}
    rows.update({str(key): str(value) for key, value in settings.items()})
    if problem.level_set is not None:
        rows["goal"] = level_set_text(problem.level_set)
    else:
        goals = problem.objectives or {problem.value_name: "min" if problem.sign > 0 else "max"}
        rows["goal"] = ", ".join(f"{way}imise {name}" for name, way in goals.items())
    for word, given in (("reference", problem.reference), ("weights", problem.weights)):
        if given:
            rows[word] = ", ".join(f"{name} {value:g}" for name, value in given.items())
    if problem.context:
        rows["context"] = ", ".join(problem.context)
    if problem.termination is not None:
        rows["termination"] = str(problem.termination)
    if problem.try_first:
        rows["try first"] = "\n".join(str(dict(point)) for point in problem.try_first)
    if problem.transfer:
        rows["transfer from"] = ", ".join(f"{e.name} ({len(e.points)} rows)" for e in problem.transfer)
    if problem.constraints:
        rows["outcome constraints"] = "\n".join(problem.constraints)
    rows["space"] = _space_lines(problem)
    return rows


def _space_lines(problem: Problem) -> str:
    """Return the space as JSON, one dimension and one constraint a line."""
    stored = problem.space.to_json()
    lines = [
        json.dumps(entry, ensure_ascii=False, default=str)
        for part in (stored["dimensions"], stored["constraints"])
        for entry in (part.items() if isinstance(part, dict) else part)
    ]
    return "\n".join(lines) + "\n"


def versions() -> dict[str, str]:
    """Return the versions of Python, the system and every installed library that results depend on."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for distribution in VERSIONED:
        try:
            found[distribution] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return found


def _columns_with_values(problem: Problem, trials: Sequence[Trial]) -> dict[str, list[Any]]:
    """Return the table of trials without empty columns, seeds, and a feasibility that is always true."""
    columns = table.columns(problem, trials)
    kept = {k: v for k, v in columns.items() if k == "state" or any(value is not None for value in v)}
    kept.pop("seed", None)
    if all(value is not False for value in kept.get("feasible", [])):
        kept.pop("feasible", None)
    return {key.removeprefix("params."): values for key, values in kept.items()}
