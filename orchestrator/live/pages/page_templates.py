"""Templates of the pages, and how values are written on them."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from compound.jobs.wording.printable import printable
from compound.orchestrator.report.figures.figure import figure_element
from compound.orchestrator.report.static_files import STATIC as REPORT_STATIC
from compound.orchestrator.wording.names import WAYS
from compound.orchestrator.wording.numbers import counted, duration, percent, points, short

_LIVE = Path(__file__).parents[1]
TEMPLATES = _LIVE / "templates"
STATIC = {"live": _LIVE / "static", "report": REPORT_STATIC}
"""Folders of static files, by the last part of their URLs: those of the report are shared."""


def environment() -> Environment:
    """Return the templates; everything in them is escaped and printable."""
    loaded = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    loaded.globals |= {
        "version": static_version(),
        "counted": counted,
        "parted": parted,
        "figure_element": figure_element,
        "ways": WAYS,
        "here": "",
    }
    loaded.filters |= {
        "percent": percent,
        "points": points,
        "short": short,
        "duration": duration,
        "moment": moment,
    }
    return loaded


def page(
    templates: Environment, template: str, values: Mapping[str, Any], code: int = 200
) -> HTMLResponse:
    """Return a template with values."""
    return HTMLResponse(templates.get_template(template).render(values), code)


@cache
def static_version() -> str:
    """Return a hash of all static files and templates: a part of URLs and ETags."""
    digest = hashlib.sha256()
    for path in sorted(
        path for folder in (*STATIC.values(), TEMPLATES) for path in folder.rglob("*")
    ):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def parted(text: str) -> tuple[str, str]:
    """Return the first sentence of a text, and the others."""
    first, stop, rest = text.partition(". ")
    return first + stop.rstrip(), rest


def moment(seconds: float | None) -> Markup:
    """Write a moment as a `time` element, in UTC; a script of the page writes it as time ago."""
    if seconds is None:
        return Markup("")
    written = datetime.fromtimestamp(seconds, UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        written.isoformat(timespec="seconds"), f"{written:%Y-%m-%d %H:%M:%S} UTC"
    )


def _printable(value: Any) -> Any:
    """Return a text with what a browser would obey written out: marks of direction."""
    if isinstance(value, Markup):
        return value
    return printable(value) if isinstance(value, str) else value
