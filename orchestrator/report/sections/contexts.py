"""The sections of a page in their order, and what each template shows beside the common parts."""

from collections.abc import Callable
from typing import Any

from compound.orchestrator.answer.answer_text import ways_in
from compound.orchestrator.choose.choice_text import WHICH
from compound.orchestrator.choose.resolution_text import resolution
from compound.orchestrator.choose.tie_break import INDIFFERENT
from compound.orchestrator.report.figures.figure import embedded
from compound.orchestrator.report.inputs import MOST_DRAWN, ReportInputs, report_rows
from compound.orchestrator.report.sections import tables
from compound.orchestrator.report.sections.answer_section import answer_tiles, recommended_way
from compound.orchestrator.report.sections.downloads import packed_rows
from compound.orchestrator.report.sections.head_text import (
    advice,
    coefficients_of,
    headline,
    worded,
)
from compound.orchestrator.report.sections.headline import tiles
from compound.orchestrator.report.sections.mistakes_report import mistakes_text
from compound.orchestrator.report.sections.optimum_text import surface_text
from compound.orchestrator.report.sections.rates_section import rates_noise
from compound.orchestrator.report.sections.rungs_table import promotion_text
from compound.orchestrator.wording.class_warnings import class_warnings
from compound.orchestrator.wording.final_texts import covers_text, final_text
from compound.orchestrator.wording.numbers import counted, points
from compound.schemas.design import COST_NAMES

QUARANTINED_SHOWN = 20
Context = dict[str, Any]


def head(inputs: ReportInputs) -> Context:
    """Return what opens the page."""
    verdict = inputs.verdict
    recommended = recommended_way(inputs.answer, inputs.baseline.architecture.resolution)
    return {
        "headline": headline(inputs),
        "worded": worded(inputs),
        "recommended": recommended,
        "advice": recommended.advice if recommended else advice(inputs),
        "triple": coefficients_of(inputs),
        "tiles": [*answer_tiles(inputs.answer), *tiles(inputs)],
        "cautions": [*class_warnings(inputs.data), *(verdict.warnings if verdict else ())],
    }


def _answer(inputs: ReportInputs) -> Context:
    search, rows = inputs.spec.search, inputs.answer.rows if inputs.answer else ()
    multiple = f"{search.budget.multiple:g}" if search else "2"
    return {"several": len(ways_in(rows)) > 1, "multiple": multiple}


def _search(inputs: ReportInputs) -> Context:
    verdict = inputs.verdict
    surface = surface_text(verdict) if verdict else ""
    return {"surface_text": surface, "cost_name": _cost_name(inputs), "most": MOST_DRAWN}


def _rates(inputs: ReportInputs) -> Context:
    return {"rates_noise": rates_noise(inputs)}


def _rungs(inputs: ReportInputs) -> Context:
    rounds = inputs.rounds.rounds if inputs.rounds else ()
    return {"promotion": _promotion(inputs), "rounds": rounds}


def _test(inputs: ReportInputs) -> Context:
    covers = covers_text(inputs.test.networks) if inputs.test else ""
    return {"tested": final_text(inputs.test), "covers": covers}


def _mistakes(inputs: ReportInputs) -> Context:
    verdict = inputs.verdict
    return {"mistaken": mistakes_text(verdict, inputs.spec.data.source) if verdict else ""}


def _candidates(inputs: ReportInputs) -> Context:
    lost = len(inputs.plan.dropped) if inputs.plan else 0
    return {"became": _became(inputs), "lost": lost}


def _jobs(inputs: ReportInputs) -> Context:
    return {"failures": tables.failures(inputs)}


def _data(inputs: ReportInputs) -> Context:
    return {
        "facts": tables.data(inputs),
        "quarantined": inputs.data.quarantined[:QUARANTINED_SHOWN],
    }


def _method(inputs: ReportInputs) -> Context:
    verdict = inputs.verdict
    return {
        "resolves": resolution(verdict.resolution) if verdict else "",
        "indifferent": f"{INDIFFERENT:g}",
        "preferred": _preferred(inputs),
        "chance": _chance(inputs),
    }


def _downloads(inputs: ReportInputs) -> Context:
    return {"rows": packed_rows(inputs), "spec": embedded(inputs.spec_text)}


def _nothing(_: ReportInputs) -> Context:
    return {}


SECTIONS: dict[str, Callable[[ReportInputs], Context]] = {
    "answer": _answer,
    "search": _search,
    "rates": _rates,
    "rungs": _rungs,
    "gate": _nothing,
    "family": _nothing,
    "along": _nothing,
    "test": _test,
    "mistakes": _mistakes,
    "curves": _nothing,
    "candidates": _candidates,
    "jobs": _jobs,
    "data": _data,
    "method": _method,
    "downloads": _downloads,
    "spec": _nothing,
}


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
