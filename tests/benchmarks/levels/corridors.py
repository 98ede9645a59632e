"""Level sets of functions with structure that a stationary process does not expect, and of smooth ones.

Each is a function of a random generator, by name, so that a seed moves it; half of them (``HELD_OUT``) were
never looked at while choosing.  Masses are in TeV over a plane of a heavy and a light
particle, as in searches for new particles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtr


class Drawn(NamedTuple):
    """A problem: of so many axes, {name: (function of (m, d) units, level)}, and its noise.

    ``noise`` maps true values (m,) to standard deviations (m,); None without.  ``is_told``: whether they
    are told.  ``kind``: "smooth", "corridor" or "edge", by which results are pooled.
    """

    d: int
    functions: dict
    kind: str
    noise: object = None
    is_told: bool = False
    transform: str = "auto"


# --- a counting experiment ------------------------------------------------------------------------------


def masses(u):
    return 0.3 + 1.7 * u[:, 0], 1.2 * u[:, 1]


def q(observed, signal, background):
    total = signal + background
    short = 2 * (total - observed + observed * np.log(observed / total))
    return np.sqrt(np.where(observed < total, np.maximum(short, 0.0), 0.0))


def cls_expected(signal, background):
    return 2 * ndtr(-q(background, signal, background))


def cls_observed(signal, background, excess):
    seen = background + excess * np.sqrt(background)
    root, asimov = q(seen, signal, background), q(background, signal, background)
    return np.minimum(ndtr(-root) / np.maximum(ndtr(asimov - root), 1e-300), 1.0)


def plane(rng, efficiency=None, reach=(8.0, 25.0)):
    """Return signal and background yields of units, with an efficiency of the masses as a factor."""
    scale, soft = 140.0 * rng.uniform(*reach), rng.uniform(0.05, 0.09)
    floor = rng.uniform(0.05, 0.2)

    def yields(u):
        heavy, light = masses(u)
        gap = heavy - light
        signal = scale * 1.8 * (heavy / 0.3) ** -5.0 * np.exp(-heavy / 1.5) * 6.0
        signal *= expit((gap - floor) / soft) * (1 - np.exp(-heavy / 0.4))
        if efficiency is not None:
            signal *= efficiency(heavy, light)
        return signal, 8 + 100 * np.exp(-np.abs(gap) / 0.3)

    return yields


def limit(yields):
    return {"cls": (lambda u: cls_expected(*yields(u)), 0.05)}


def dip(depth, width, centre, along):
    """An efficiency that falls by ``depth`` in a corridor where ``along(heavy, light)`` is ``centre``."""
    return lambda heavy, light: 1 - depth * np.exp(-(((along(heavy, light) - centre) / width) ** 2))


def corridor(rng):
    found = dip(
        rng.uniform(0.7, 0.85),
        rng.uniform(0.06, 0.085),
        rng.uniform(0.3, 0.5),
        lambda heavy, light: heavy - light,
    )
    return Drawn(2, limit(plane(rng, found)), "corridor")


def corridor_narrow(rng):
    found = dip(
        rng.uniform(0.7, 0.85),
        rng.uniform(0.035, 0.05),
        rng.uniform(0.3, 0.5),
        lambda heavy, light: heavy - light,
    )
    return Drawn(2, limit(plane(rng, found)), "corridor")


def corridor_wide(rng):
    found = dip(
        rng.uniform(0.75, 0.9),
        rng.uniform(0.1, 0.15),
        rng.uniform(0.35, 0.55),
        lambda heavy, light: heavy - light,
    )
    return Drawn(2, limit(plane(rng, found)), "corridor")


def corridor_steep(rng):
    slope = rng.uniform(0.3, 0.6)
    found = dip(
        rng.uniform(0.7, 0.85), 0.07, rng.uniform(0.4, 0.6), lambda heavy, light: heavy - slope * light
    )
    return Drawn(2, limit(plane(rng, found)), "corridor")


def corridor_across(rng):
    """Along the light mass: where one decay channel closes for every heavy mass."""
    found = dip(
        rng.uniform(0.75, 0.9), rng.uniform(0.06, 0.09), rng.uniform(0.25, 0.45), lambda heavy, light: light
    )
    return Drawn(2, limit(plane(rng, found)), "corridor")


def corridor_curved(rng):
    power = rng.uniform(1.5, 2.0)
    found = dip(
        rng.uniform(0.7, 0.85),
        0.08,
        rng.uniform(0.25, 0.4),
        lambda heavy, light: heavy - light - 0.25 * light**power,
    )
    return Drawn(2, limit(plane(rng, found)), "corridor")


def corridor_noisy(rng):
    """CLs from toys, whose error is told."""
    found = dip(0.8, rng.uniform(0.06, 0.09), rng.uniform(0.3, 0.5), lambda heavy, light: heavy - light)
    return Drawn(
        2,
        limit(plane(rng, found)),
        "corridor",
        lambda p: np.sqrt((p * (1 - p) + 1e-3) / 2000.0),
        is_told=True,
    )


def corridor_two(rng):
    """Expected and observed limits, with a corridor."""
    found = dip(0.8, rng.uniform(0.06, 0.09), rng.uniform(0.3, 0.5), lambda heavy, light: heavy - light)
    yields, phase = plane(rng, found), rng.uniform(0, 6)

    def observed(u):
        heavy, light = masses(u)
        return cls_observed(*yields(u), 1.2 * np.sin(4 * (heavy - light) + phase))

    return Drawn(2, {**limit(yields), "observed": (observed, 0.05)}, "corridor")


def corridor_3d(rng):
    """A slab of a lower response between two planes, in three parameters."""
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    middle = normal @ rng.uniform(0.35, 0.65, 3)
    centre, width = rng.uniform(0.2, 0.8, 3), rng.uniform(0.06, 0.09)

    def response(u):
        bowl = 1.2 - 1.6 * ((u - centre) ** 2).sum(axis=1)
        return bowl - 0.7 * np.exp(-(((u @ normal - middle) / width) ** 2))

    return Drawn(3, {"f": (response, 0.6)}, "corridor")


def hole(rng):
    """A place within the excluded region where the signal looks like background."""
    x, y, width = rng.uniform(0.8, 1.0), rng.uniform(0.2, 0.35), rng.uniform(0.09, 0.13)

    def efficiency(heavy, light):
        return 1 - 0.97 * np.exp(-(((heavy - x) / width) ** 2) - (((light - y) / width) ** 2))

    return Drawn(2, limit(plane(rng, efficiency)), "corridor")


def kinked(rng):
    """The stronger of two searches: the limit has a kink where they are equally strong."""
    first, second = plane(rng), plane(rng)
    turn = rng.uniform(1.0, 2.5)

    def function(u):
        turned = np.stack([np.clip(u[:, 0] + 0.1, 0, 1), u[:, 1] ** turn], axis=1)
        return np.minimum(cls_expected(*first(u)), cls_expected(*second(turned)))

    return Drawn(2, {"cls": (function, 0.05)}, "edge")


def two_regions(rng):
    """Two excluded regions that do not touch."""
    centres = np.array([[0.25, 0.3], [0.75, 0.7]]) + rng.uniform(-0.08, 0.08, (2, 2))
    widths, heights = rng.uniform(0.1, 0.16, 2), rng.uniform(8, 16, 2)

    def signal(u):
        gaps = ((u[:, None] - centres) / widths[:, None]) ** 2
        return np.exp(-0.5 * gaps.sum(axis=2)) @ heights + 0.05

    return Drawn(2, {"cls": (lambda u: np.exp(-signal(u)), 0.05)}, "edge")


def step(rng):
    """A trigger threshold: the efficiency is three times lower below it."""
    where, factor = rng.uniform(0.35, 0.55), rng.uniform(0.25, 0.4)

    def efficiency(heavy, light):
        return np.where(heavy - light > where, 1.0, factor)

    return Drawn(2, limit(plane(rng, efficiency)), "edge")


def smooth_limit(rng):
    return Drawn(2, limit(plane(rng)), "smooth")


def smooth_process(rng):
    frequencies, phases = (
        rng.standard_normal((2, 300)) / rng.uniform(0.3, 0.45),
        rng.uniform(0, 2 * np.pi, 300),
    )
    return Drawn(
        2, {"f": (lambda u: np.sqrt(2 / 300) * np.cos(u @ frequencies + phases).sum(axis=1), 0.2)}, "smooth"
    )


def smooth_noisy(rng):
    """A smooth function with a noise that is not told."""
    a, b, c = rng.uniform(0.5, 1.5, 3)

    def function(u):
        return a * np.sin(3 * u[:, 0] + c) + b * u[:, 1] ** 2 + 0.5 * u[:, 0] * u[:, 1]

    return Drawn(2, {"f": (function, 0.9)}, "smooth", lambda values: np.full_like(values, 0.06))


def smooth_3d(rng):
    centre, scales = rng.uniform(0.3, 0.7, 3), rng.uniform(0.8, 1.6, 3)
    return Drawn(
        3, {"f": (lambda u: np.sqrt((((u - centre) * scales) ** 2).sum(axis=1) + 0.02), 0.5)}, "smooth"
    )


CHOSEN_ON = {
    "corridor": corridor,
    "corridor-narrow": corridor_narrow,
    "corridor-wide": corridor_wide,
    "corridor-steep": corridor_steep,
    "corridor-across": corridor_across,
    "corridor-curved": corridor_curved,
    "corridor-noisy": corridor_noisy,
    "corridor-two": corridor_two,
    "corridor-3d": corridor_3d,
    "hole": hole,
    "kinked": kinked,
    "two-regions": two_regions,
    "step": step,
    "smooth-limit": smooth_limit,
    "smooth-process": smooth_process,
    "smooth-noisy": smooth_noisy,
    "smooth-3d": smooth_3d,
}


def problem(name, seed):
    """Return the problem of a name, moved by a seed."""
    return BY_NAME[name](np.random.default_rng([seed, *name.encode()]))


# --- held out: never looked at while choosing -----------------------------------------------------------


def strength(rng, dips=()):
    """The excluded signal strength of a resonance over mass and width: its level is 1, over decades."""
    slope, rise = rng.uniform(2.0, 3.0), rng.uniform(1.0, 2.0)

    def function(u):
        logs = slope * (u[:, 0] - 0.55) + rise * (u[:, 1] - 0.4) ** 2 - 0.4 * (u[:, 1] - 0.4)
        for where, width, height in dips:
            logs += height * np.exp(-(np.abs((where(u)) / width) ** 2.5))
        return np.exp(2.3 * logs)

    return {"mu": (function, 1.0)}


def veto(rng):
    """A vetoed mass window, at any width: flat-bottomed, along one axis."""
    x = rng.uniform(0.2, 0.35)
    return Drawn(2, strength(rng, [(lambda u: u[:, 0] - x, rng.uniform(0.03, 0.05), 1.0)]), "corridor")


def turned_veto(rng):
    angle, place = rng.uniform(0.3, 1.2), rng.uniform(0.25, 0.4)
    way = np.array([np.cos(angle), np.sin(angle)])
    middle = way @ np.array([place, 0.5])
    return Drawn(2, strength(rng, [(lambda u: u @ way - middle, rng.uniform(0.04, 0.07), 0.9)]), "corridor")


def two_vetoes(rng):
    first, second = rng.uniform(0.1, 0.2), rng.uniform(0.35, 0.45)
    dips = [(lambda u: u[:, 0] + 0.3 * u[:, 1] - first, 0.04, 0.9), (lambda u: u[:, 0] - second, 0.05, 0.8)]
    return Drawn(2, strength(rng, dips), "corridor")


def channel(rng):
    """A stable channel between two unstable regions: a valley below the level."""
    bend, width, floor = rng.uniform(-0.4, 0.4), rng.uniform(0.09, 0.14), rng.uniform(0.1, 0.3)

    def growth(u):
        off = u[:, 1] - 0.5 - bend * (u[:, 0] - 0.5) - 0.6 * bend * (u[:, 0] - 0.5) ** 2
        return np.tanh((off / width) ** 2 - 1.0) + floor * (u[:, 0] - 0.5)

    return Drawn(2, {"growth": (growth, -0.1)}, "corridor")


def crossing_dips(rng):
    """Two dips that cross, within the region below the level."""
    x, gap = rng.uniform(0.3, 0.5), rng.uniform(0.25, 0.45)

    def function(u):
        dips = np.exp(-(((u[:, 0] - x) / 0.06) ** 2)) + np.exp(
            -(((u[:, 0] - u[:, 1] - gap + 0.2) / 0.06) ** 2)
        )
        return 1.5 - 2.2 * ((u - [0.5, 0.45]) ** 2).sum(axis=1) - 0.6 * np.minimum(dips, 1.0)

    return Drawn(2, {"f": (function, 0.95)}, "corridor")


def moat(rng):
    """A ring of lower response around a working point."""
    centre, radius, width = rng.uniform(0.4, 0.6, 2), rng.uniform(0.2, 0.26), rng.uniform(0.05, 0.07)

    def function(u):
        r = np.linalg.norm(u - centre, axis=1)
        return 1.0 - 0.5 * r - 0.6 * np.exp(-(((r - radius) / width) ** 2))

    return Drawn(2, {"gain": (function, 0.55)}, "corridor")


def veto_noisy(rng):
    """A relative error of 5 % that is told, on a limit with a vetoed window."""
    x = rng.uniform(0.2, 0.35)
    functions = strength(rng, [(lambda u: u[:, 0] - 0.2 * u[:, 1] - x, 0.05, 1.0)])
    return Drawn(2, functions, "corridor", lambda values: 0.05 * values, is_told=True)


def veto_two(rng):
    x = rng.uniform(0.2, 0.3)
    a = strength(rng, [(lambda u: u[:, 0] - x, 0.05, 0.9)])
    b = strength(rng, [(lambda u: u[:, 0] - x, 0.05, 0.9)])
    return Drawn(2, {"strong": a["mu"], "weak": (b["mu"][0], 2.0)}, "corridor")


def valley_3d(rng):
    """A bent valley in three parameters."""
    a, b, width = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), rng.uniform(0.1, 0.14)

    def function(u):
        off = u[:, 0] - 0.5 - a * (u[:, 1] - 0.5) - b * (u[:, 2] - 0.5) ** 2
        return 0.6 * u[:, 1] + 0.3 * u[:, 2] - 0.8 * np.exp(-((off / width) ** 2))

    return Drawn(3, {"f": (function, 0.1)}, "corridor")


def island(rng):
    centre, width = rng.uniform(0.15, 0.35, 2), rng.uniform(0.06, 0.09)

    def function(u):
        return u[:, 0] + 0.5 * u[:, 1] ** 2 + 0.9 * np.exp(-(((u - centre) / width) ** 2).sum(axis=1))

    return Drawn(2, {"f": (function, 0.8)}, "corridor")


def notch(rng):
    """The larger of two planes and a fold: kinks along three lines."""
    turn, place = rng.uniform(0.5, 1.5), rng.uniform(0.35, 0.6)

    def function(u):
        fold = 0.4 - 1.5 * np.abs(u[:, 0] - u[:, 1] * turn - place + 0.4)
        return np.maximum(u[:, 0] + 0.3 * u[:, 1] - 0.8, fold)

    return Drawn(2, {"f": (function, 0.05)}, "edge")


def shelf(rng):
    """Two plateaus and a ramp between: a threshold of finite width."""
    angle, width = rng.uniform(0.2, 1.3), rng.uniform(0.01, 0.03)
    way = np.array([np.cos(angle), np.sin(angle)])

    def function(u):
        return expit((u @ way - 0.6) / width) + 0.8 * u[:, 0] - 0.5 * (u[:, 1] - 0.5) ** 2

    return Drawn(2, {"f": (function, 0.9)}, "edge")


def smooth_strength(rng):
    return Drawn(2, strength(rng), "smooth")


def smooth_waves(rng):
    a, b, c = rng.uniform(2.0, 4.0), rng.uniform(2.0, 4.0), rng.uniform(0, 3)
    return Drawn(
        2, {"f": (lambda u: np.sin(a * u[:, 0] + c) + np.cos(b * u[:, 1]) + u[:, 0] * u[:, 1], 0.4)}, "smooth"
    )


def smooth_logistic(rng):
    slope, bend = rng.uniform(4, 8), rng.uniform(-1, 1)

    def function(u):
        return expit(slope * (u[:, 0] - 0.5 + 0.4 * np.sin(3 * u[:, 1] + bend)))

    return Drawn(2, {"p": (function, 0.5)}, "smooth", lambda values: np.full_like(values, 0.03))


def smooth_ratio_3d(rng):
    a, b = rng.uniform(0.5, 1.5, 2)
    return Drawn(
        3,
        {"f": (lambda u: (1 + a * u[:, 0] ** 2) / (0.7 + b * u[:, 1]) + 0.5 * np.sin(2 * u[:, 2]), 1.3)},
        "smooth",
    )


HELD_OUT = {
    "veto": veto,
    "turned-veto": turned_veto,
    "two-vetoes": two_vetoes,
    "channel": channel,
    "crossing-dips": crossing_dips,
    "moat": moat,
    "veto-noisy": veto_noisy,
    "veto-two": veto_two,
    "valley-3d": valley_3d,
    "island": island,
    "notch": notch,
    "shelf": shelf,
    "smooth-strength": smooth_strength,
    "smooth-waves": smooth_waves,
    "smooth-logistic": smooth_logistic,
    "smooth-ratio-3d": smooth_ratio_3d,
}
BY_NAME = CHOSEN_ON | HELD_OUT
