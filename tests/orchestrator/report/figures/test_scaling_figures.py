"""The report on what a search spent, on the gate and on the power law."""

from dataclasses import replace
from functools import cache
from typing import get_args

import pytest

from compound.orchestrator.choose.choice_text import WHICH
from compound.orchestrator.report.figures.cost_figure import FIRST_UNIT, UNITS
from compound.orchestrator.report.figures.figure_style import COLOURS, LABELS, SYMBOLS
from compound.orchestrator.report.figures.ternary_figure import GROUPS
from compound.orchestrator.report.inputs import all_jobs
from compound.orchestrator.report.page import render
from compound.orchestrator.report.sections.gate_table import contenders
from compound.orchestrator.report.sections.power_law_table import law_table
from compound.orchestrator.report.sections.rungs_table import PROMOTIONS, rung_table
from compound.orchestrator.scale.gate import judge
from compound.schemas.architecture import CONTROLS
from compound.schemas.base import STORED
from compound.schemas.design import CostUnit
from compound.schemas.promotion import Asha, Rungs
from compound.schemas.study import SPEC, Search
from compound.schemas.verdict import Promoted
from tests.support.report_pages import Page, figures_in
from tests.support.report_studies import complete


@cache
def page() -> Page:
    return Page(render(complete()))


def test_page_shows_gate_rungs_rounds_and_law():
    text_, inputs = " ".join(page().shown), complete()
    assert {"gate", "rungs", "family"} <= set(figures_in(page()))
    assert inputs.gate and inputs.law and inputs.rounds
    for text in (inputs.gate.sentence, inputs.law.sentence, inputs.rounds.rounds[0].reason):
        assert text in text_
    assert "Predicted and measured" in text_
    assert f"gate at {inputs.gate.scale}" in text_
    assert {job for job, _ in all_jobs(inputs)} >= {
        planned.request.job.id for planned in inputs.gate_plan.jobs
    }


@pytest.mark.parametrize(
    ("part", "absent"),
    [
        ({"gate": None, "gate_plan": None}, "does the order carry over"),
        ({"law": None}, "Predicted and measured"),
        ({"rounds": None}, ">Rounds<"),
    ],
    ids=["gate", "law", "rounds"],
)
def test_what_a_study_lacks_is_left_out(part, absent):
    assert absent in render(complete())
    assert absent not in render(replace(complete(), **part))


def test_a_study_without_any_of_them_is_as_before():
    verdict = complete().verdict.model_copy(update={"rungs": ()})
    plain = tuple(standing.model_copy(update={"screened": ()}) for standing in verdict.standings)
    verdict = verdict.model_copy(update={"standings": plain})
    nothing = dict.fromkeys(("rounds", "gate", "gate_plan", "law"))
    text = render(replace(complete(), verdict=verdict, **nothing))
    names = set(figures_in(Page(text)))
    assert "family" in names and not names & {"gate", "rungs"}
    assert "How the search spent" not in text
    assert "not tested here" in text


def test_tables_have_a_cell_for_every_column():
    for make in (contenders, law_table, rung_table):
        table = make(complete())
        assert table.rows
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_family_figure_draws_the_law_and_what_it_foretells():
    traces = {item.get("name"): item for item in figures_in(page())["family"]["data"]}
    assert {"expected", "trained", "predicted"} <= set(traces)
    untrained = [item for item in complete().law.points if not item.errors]
    assert len(traces["predicted"]["x"]) == len(untrained)


def test_halving_is_told_in_its_own_words():
    inputs = complete()
    asha = {"search": {"promotion": {"kind": "asha"}, "budget": {"tolerance": 0.1}}}
    spec = SPEC.validate_python({**inputs.spec.model_dump(), **asha}, context=STORED)
    rungs = {"search": {"promotion": {"kind": "rungs"}}}
    short = SPEC.validate_python({**inputs.spec.model_dump(), **rungs})
    assert "A row counts networks" in render(replace(inputs, spec=short))
    assert "A row counts jobs" in render(replace(inputs, spec=spec))


def test_candidates_left_behind_are_shown_as_not_promoted():
    inputs = complete()
    first, *rest = inputs.verdict.standings
    behind = first.model_copy(update={"mean": None, "scores": (), "low": None, "high": None})
    promoted = Promoted(networks=10, promoted=9, rate=0.9, close=0.01)
    update = {"standings": (*rest, behind), "promoted": promoted}
    verdict = inputs.verdict.model_copy(update=update)
    text_ = render(replace(inputs, verdict=verdict))
    assert "not promoted" in text_ and "not promoted" not in render(inputs)
    assert "best candidate of those promoted" in text_
    assert "promoted candidates" in text_


def test_every_kind_of_a_spec_has_its_place_on_the_page():
    kinds = {get_args(kind.model_fields["kind"].annotation)[0] for kind in (Rungs, Asha)}
    assert set(PROMOTIONS) == kinds
    assert set(FIRST_UNIT) == set(get_args(CostUnit)) and {*FIRST_UNIT.values()} <= set(UNITS)
    assert set(WHICH) == set(get_args(Search.model_fields["tie_break"].annotation))


def test_every_kind_of_candidate_has_its_mark():
    assert {*CONTROLS, "mix", "baseline"} == set(LABELS) == set(COLOURS) == set(SYMBOLS)
    assert {kind for _, kinds in GROUPS for kind in kinds} == set(LABELS) - {"baseline"}


def test_a_stop_is_told_at_the_head():
    inputs = complete()
    stopped = inputs.gate.model_copy(
        update={"outcome": "does not carry over", "sentence": "It does <b>not</b> carry over."}
    )
    text = render(replace(inputs, gate=stopped))
    assert text.count("It does &lt;b&gt;not&lt;/b&gt; carry over.") == 2


def test_gates_with_failed_contenders_make_a_page():
    inputs = complete()
    spec, plan, verdict, gate = inputs.spec, inputs.plan, inputs.verdict, inputs.gate_plan
    for count in (0, 1, 2):
        networks = {entry.network.id for entry in gate.entrants[:count]}
        jobs = [entry for entry in gate.jobs if entry.candidate in networks]
        results = {entry.request.job.id: inputs.results[entry.request.job.id] for entry in jobs}
        gate_result = judge(spec, plan, verdict, gate, results)
        gate_page = Page(render(replace(inputs, gate=gate_result)))
        assert ("gate" in figures_in(gate_page)) == (count == 2)
        assert gate_result.sentence in " ".join(gate_page.shown)
