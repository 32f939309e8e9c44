"""One self-contained HTML page: verdict, figures, tables, spec. It loads nothing."""

import hashlib
import json
from base64 import b64encode
from pathlib import Path
from statistics import fmean
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from compound.jobs.wording.printable import printable
from compound.orchestrator.analyse.after_failures import after_failures
from compound.orchestrator.answer.answer_text import scaling, ways_in
from compound.orchestrator.choose.choice_text import WHICH
from compound.orchestrator.choose.outcomes import next_step
from compound.orchestrator.choose.resolution_text import resolution
from compound.orchestrator.choose.tie_break import INDIFFERENT
from compound.orchestrator.report.figures.all_figures import MOST, figures
from compound.orchestrator.report.inputs import PHI, ReportInputs, member_scores, report_rows
from compound.orchestrator.report.sections import tables
from compound.orchestrator.report.sections.along_table import along_table
from compound.orchestrator.report.sections.answer_section import (
    answer_table,
    answer_tiles,
    recommended_way,
)
from compound.orchestrator.report.sections.final_report import final_table
from compound.orchestrator.report.sections.gate_table import contenders
from compound.orchestrator.report.sections.headline import tiles
from compound.orchestrator.report.sections.mistakes_report import confusion_tables, mistakes_text
from compound.orchestrator.report.sections.optimum_text import surface_text
from compound.orchestrator.report.sections.power_law_table import law_table
from compound.orchestrator.report.sections.rates_section import (
    rates_noise,
    rates_table,
    sensitivity_table,
)
from compound.orchestrator.report.sections.rungs_table import promotion_text, rung_table
from compound.orchestrator.report.sections.table_cells import Table
from compound.orchestrator.report.static_files import static_text
from compound.orchestrator.wording.class_warnings import class_warnings
from compound.orchestrator.wording.commands import command, commented, resuming
from compound.orchestrator.wording.final_texts import covers_text, final_text
from compound.orchestrator.wording.names import multipliers
from compound.orchestrator.wording.numbers import counted, percent, points
from compound.schemas.answer import Answer
from compound.schemas.architecture import AXES
from compound.schemas.design import COST_NAMES

TEMPLATES = Path(__file__).parent / "templates"
QUARANTINED_SHOWN = 20


def render(inputs: ReportInputs) -> str:
    """Return the page as one HTML text, to be written as UTF-8."""
    scripts = [get_plotlyjs(), static_text("report.js")]
    # plotly's encoder also writes numpy values, which json.dumps refuses.
    drawn = {key: _printable(json.loads(fig.to_json())) for key, fig in figures(inputs).items()}
    verdict = inputs.verdict
    recommended = recommended_way(inputs.answer, inputs.baseline.architecture.resolution)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            inputs=inputs,
            verdict=verdict,
            headline=_headline(inputs),
            advice=recommended.advice if recommended else _advice(inputs),
            recommended=recommended,
            triple=_triple(inputs),
            several=inputs.answer is not None and len(ways_in(inputs.answer.rows)) > 1,
            tiles=[*answer_tiles(inputs.answer), *tiles(inputs)],
            worded=_worded(inputs),
            cautions=[*class_warnings(inputs.data), *(verdict.warnings if verdict else ())],
            tested=final_text(inputs.test),
            covers=covers_text(inputs.test.networks) if inputs.test else "",
            drawn=drawn,
            tables=_tables(inputs),
            failures=tables.failures(inputs),
            data=tables.data(inputs),
            quarantined=inputs.data.quarantined[:QUARANTINED_SHOWN],
            chance=_chance(inputs),
            became=_became(inputs),
            rounds=inputs.rounds.rounds if inputs.rounds else (),
            cost_name=_cost_name(inputs),
            policy=_policy(scripts),
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - ours and plotly's
            figure_data=_embedded(drawn),
            style=Markup(static_text("report.css")),  # noqa: S704 - ours
            counted=counted,
            points=points,
            most=MOST,
            mistaken=mistakes_text(verdict, inputs.spec.data.source) if verdict else "",
            resolves=resolution(verdict.resolution) if verdict else "",
            surface_text=surface_text(verdict) if verdict else "",
            preferred=_preferred(inputs),
            indifferent=f"{INDIFFERENT:g}",
            promotion=_promotion(inputs),
            rates_noise=rates_noise(inputs),
            multipliers=multipliers,
        )
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
    """Return a value with the texts in it made printable: a browser obeys marks of direction."""
    if isinstance(value, Markup):  # ours
        return value
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return printable(value) if isinstance(value, str) else value


def _policy(scripts: list[str]) -> str:
    """Return a content security policy that allows these scripts only, and no requests."""
    # An inline script is allowed by the hash of its exact text, so no `unsafe-inline` is needed.
    hashes = [b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _embedded(value: object) -> Markup:
    """Return JSON that cannot end the script element around it."""
    text = json.dumps(value, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - all HTML metacharacters are escaped above


def _tables(inputs: ReportInputs) -> dict[str, Table]:
    named = {
        "answer": answer_table(inputs),
        "rates": rates_table(inputs),
        "sensitivity": sensitivity_table(inputs),
        "standings": tables.standings(inputs),
        "networks": tables.networks(inputs),
        "rungs": rung_table(inputs),
        "gate": contenders(inputs),
        "family": tables.family(inputs),
        "law": law_table(inputs),
        "along": along_table(inputs),
        "tested": final_table(inputs),
        "dropped": tables.dropped(inputs),
        **confusion_tables(inputs.verdict, inputs.data),
        "jobs": tables.jobs(inputs),
    }
    return tables.filled(named.items())


def _headline(inputs: ReportInputs) -> str:
    if inputs.answer and inputs.answer.rows:
        return inputs.answer.marked(_parted(inputs.answer)[0])
    if inputs.verdict:
        return inputs.verdict.sentence
    if inputs.spec.search:
        return "The search has no verdict yet."
    reached = [s for member in inputs.family for s in member_scores(inputs, member)]
    at = f"at {PHI} {inputs.spec.phis[0]:g}"
    if not reached:
        return f"The network {at} has no score yet."
    return f"The network {at} reaches {percent(fmean(reached))} validation accuracy."


def _worded(inputs: ReportInputs) -> str:
    """Return what the head says after its first sentence."""
    if inputs.answer is None or not inputs.answer.rows:
        return ""
    # A stored answer may be older than what is known of its verdict now.
    search = inputs.spec.search
    multiple = search.budget.multiple if search else 1
    brought = scaling(inputs.verdict, inputs.along, multiple) or inputs.answer.scaling
    return " ".join(filter(None, (_parted(inputs.answer)[1], brought)))


def _parted(answer: Answer) -> tuple[str, str]:
    """Return the first sentence of an answer, and the others."""
    first, stop, rest = answer.sentence.partition(". ")
    return first + stop.rstrip(), rest


def _triple(inputs: ReportInputs) -> list[tuple[str, str]]:
    """Return the names and values of the coefficients."""
    coefficients = inputs.verdict.coefficients if inputs.verdict else None
    values = coefficients.model_dump() if coefficients else {}
    pairs = zip(values.items(), AXES, strict=False)
    return [(f"{name}, {axis}", f"{value:.3f}") for (name, value), axis in pairs]


def _advice(inputs: ReportInputs) -> str:
    if inputs.answer and inputs.answer.so_far:
        return f"{commented(resuming(inputs.resume), 'goes on')}."
    if inputs.verdict and inputs.verdict.coefficients is None:
        return " ".join((next_step(inputs.verdict), *_helping(inputs)))
    if inputs.gate and inputs.gate.outcome == "does not carry over":
        return "Look at the gate before you scale by these: the search's order does not carry over."
    text = next_step(inputs.verdict) if inputs.verdict else ""
    if inputs.along and inputs.along.first is not None:
        text = text.replace("If you scale, scale by", "Scale by", 1)
    enough = inputs.answer is not None and inputs.answer.phi == 0
    return text.replace("Scale by", "If you scale, scale by", 1) if enough else text


def _helping(inputs: ReportInputs) -> list[str]:
    """Return the commands that help a study whose jobs have failed."""
    groups, retry = tables.failures(inputs), command("retry", (inputs.spec.name,))
    typed = resuming(inputs.resume)
    return after_failures(groups, inputs.spec, typed, retry, inputs.rates.check)


def _became(inputs: ReportInputs) -> str:
    plan = inputs.plan
    if plan is None:
        return ""
    lost = len(plan.dropped)
    became = (
        f"The design has {counted(plan.points, 'point')}: {plan.points - lost} became "
        f"{counted(len(plan.candidates), 'distinct network')}, controls included"
    )
    return f"{became}, and {lost} had no network within the budget." if lost else f"{became}."


def _cost_name(inputs: ReportInputs) -> str:
    search = inputs.spec.search
    return COST_NAMES[search.budget.cost] if search else ""


def _promotion(inputs: ReportInputs) -> str:
    search = inputs.spec.search
    return promotion_text(search.promotion) if search else ""


def _preferred(inputs: ReportInputs) -> str:
    search = inputs.spec.search
    return WHICH[search.tie_break] if search else ""


def _chance(inputs: ReportInputs) -> str:
    """Return the standard error, in points, due to the choice of validation images."""
    means = [row.standing.mean for row in report_rows(inputs) if row.standing.mean is not None]
    if not means:
        return ""
    return points((means[0] * (1 - means[0]) / inputs.data.validation) ** 0.5)
