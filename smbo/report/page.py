"""Render the HTML pages: all text is escaped, the page loads nothing and runs no script."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from smbo.plots import shorten
from smbo.problem import Figure
from smbo.report import wording
from smbo.report.visible_text import visible


def rendered(template: str, **content: Any) -> str:
    """Return a template of ``smbo/report/templates``, filled in."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    templates = resources.files("smbo.report") / "templates"
    environment = Environment(
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(lambda name: (templates / name).read_text(encoding="utf-8")),
    )
    environment.filters["number"] = wording.number
    environment.filters["interval"] = wording.interval
    environment.filters["plus_minus"] = wording.plus_minus
    environment.filters["line"] = shorten
    css = (templates / "report.css").read_text(encoding="utf-8")
    # the content security policy names the digest of this style sheet: whatever text is in the page, no
    # other style applies and no script runs
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode("ascii")
    return environment.get_template(template).render(css=Markup(css), css_digest=digest, **content)


def _shown(value: Any) -> Any:
    """Return what a template writes, with control and format characters as escapes."""
    return visible(value) if type(value) is str else value


def embedded(figure: Figure, folder: Any) -> dict[str, str | None]:
    """Return a figure with its image as a data URI; image None where there is no PNG file."""
    png = figure.stem.parent / f"{figure.stem.name}.png"
    pdf = figure.stem.parent / f"{figure.stem.name}.pdf"
    image = None
    if png.is_file():
        image = "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode("ascii")
    inside = pdf.is_file() and pdf.resolve().is_relative_to(folder.resolve())
    link = pdf.resolve().relative_to(folder.resolve()).as_posix() if inside else None
    return {
        "title": figure.title,
        "caption": figure.caption,
        "image": image,
        "pdf": link,
        "missing": figure.stem.name,
    }
