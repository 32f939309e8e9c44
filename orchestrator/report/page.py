"""One self-contained HTML page: answer, figures, tables, spec. It loads nothing."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from compound.jobs.wording.printable import printable
from compound.orchestrator.report.figures.all_figures import FIGURES
from compound.orchestrator.report.figures.figure import Figure, figure_element
from compound.orchestrator.report.guarded import PartFailure, guarded
from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.report.sections.all_tables import TABLES
from compound.orchestrator.report.sections.contexts import SECTIONS, Context, head
from compound.orchestrator.report.sections.table_cells import Table
from compound.orchestrator.report.static_files import EMPTY_STYLE, PLOTLY, static_text
from compound.orchestrator.wording.numbers import counted

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = (PLOTLY, "figures.js", "report.js")
T = TypeVar("T")
STYLES = ("tokens.css", "figures.css", "report.css")


@dataclass(frozen=True)
class DrawnPage:
    """A page as HTML, and which parts of it could not be drawn."""

    text: str
    failures: tuple[PartFailure, ...] = ()


@dataclass(frozen=True)
class _Section:
    name: str
    title: str
    html: Markup


def render(inputs: ReportInputs) -> str:
    """Return the page as one HTML text, to be written as UTF-8."""
    return drawn_page(inputs).text


def drawn_page(inputs: ReportInputs) -> DrawnPage:
    """Draw a page. A part that fails is a sentence in it, and among the failures."""
    environment = _environment()
    figures = _figures(inputs)
    tables = _made("table", inputs, TABLES)
    common = {
        "inputs": inputs,
        "verdict": inputs.verdict,
        "counted": counted,
        "drawn": {name: _element(name, drawn) for name, drawn in figures.items()},
        "tables": {name: table for name, table in tables.items() if _has_rows(table)},
    }
    render_part = partial(_rendered, environment, inputs, common)
    top = guarded("head", lambda: render_part("head", head))
    made = {
        name: guarded(f"section {name}", partial(render_part, name, context))
        for name, context in SECTIONS.items()
    }
    parts = (*figures.values(), *tables.values(), top, *made.values())
    failures = tuple(part for part in parts if isinstance(part, PartFailure))
    sections = [_section(environment, name, part) for name, part in made.items() if part]
    return DrawnPage(_whole(environment, inputs.spec.name, top, sections, failures), failures)


def _made(
    kind: str, inputs: ReportInputs, makers: Mapping[str, Callable[[ReportInputs], T]]
) -> dict[str, T | PartFailure]:
    return {name: guarded(f"{kind} {name}", partial(make, inputs)) for name, make in makers.items()}


def _figures(inputs: ReportInputs) -> dict[str, Figure | PartFailure]:
    made = _made("figure", inputs, FIGURES)
    return {name: drawn for name, drawn in made.items() if drawn is not None}


def _element(name: str, drawn: Figure | PartFailure) -> Markup:
    if isinstance(drawn, Figure):
        return figure_element(name, drawn)
    return _failed(drawn)


def _failed(failure: PartFailure) -> Markup:
    text = escape(printable(failure.sentence))
    return Markup(f'<p class="failure">{text}</p>')  # noqa: S704 - escaped


def _has_rows(table: Table | PartFailure) -> bool:
    return isinstance(table, PartFailure) or bool(table.rows)


def _rendered(
    environment: Environment,
    inputs: ReportInputs,
    common: Mapping[str, Any],
    name: str,
    context: Callable[[ReportInputs], Context],
) -> str:
    """Return the HTML of a section; "" where there is nothing to show."""
    template = environment.get_template(f"{name}.html.j2")
    return template.render(**common, **context(inputs)).strip()


def _section(environment: Environment, name: str, part: str | PartFailure) -> _Section:
    if isinstance(part, PartFailure):
        title = name.capitalize()
        template = environment.get_template("failed.html.j2")
        html = template.render(name=name, title=title, failure=part)
        return _Section(name, title, Markup(html))  # noqa: S704 - of a template that escapes
    # The contents name a section as its heading does; both are escaped.
    heading = re.search("<h2[^>]*>(.*?)</h2>", part, re.DOTALL)
    title = Markup(heading[1]) if heading else Markup(name)  # noqa: S704
    return _Section(name, title, Markup(part))  # noqa: S704


def _whole(
    environment: Environment,
    name: str,
    top: str | PartFailure,
    sections: list[_Section],
    failures: tuple[PartFailure, ...],
) -> str:
    # A `</script>` in them would end their element; ours and plotly's have none.
    scripts = [Markup(static_text(file)) for file in SCRIPTS]  # noqa: S704
    style = Markup("".join(static_text(file) for file in STYLES))  # noqa: S704
    opening = f"<h1>{escape(printable(name))}</h1>" if isinstance(top, PartFailure) else top
    return environment.get_template("page.html.j2").render(
        name=name,
        policy=policy(scripts, [style]),
        style=style,
        head=Markup(opening),  # noqa: S704 - of a template that escapes
        sections=sections,
        failures=failures,
        scripts=scripts,
    )


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _printable(value: Any) -> Any:
    """Return a text made printable: a browser obeys marks of direction."""
    if isinstance(value, Markup):  # ours
        return value
    return printable(value) if isinstance(value, str) else value


def policy(scripts: list[Markup], styles: list[Markup]) -> str:
    """Return a content security policy that allows these scripts and styles, and no requests."""
    return (
        f"default-src 'none'; script-src {_hashes(scripts)}; "
        f"style-src-elem {_hashes(styles)} {EMPTY_STYLE}; "
        # plotly.js sets attributes of elements that it draws.
        "style-src-attr 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _hashes(texts: list[Markup]) -> str:
    """Allow inline elements by the hash of their exact text, instead of by `unsafe-inline`."""
    digests = (b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
