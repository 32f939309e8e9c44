"""Another way of scaling that beats the choice: recommended where shown, else named in a note."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.answer import advice_text
from compound.orchestrator.answer.advice_limits import amount_of, parsed
from compound.orchestrator.answer.advise import Choice, beyond_choice, choose
from compound.orchestrator.answer.answer import answer_of
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.notes import better_ways
from compound.orchestrator.answer.options import Options
from compound.orchestrator.answer.recommended import recommended, way_at
from compound.orchestrator.cli.printing.phi_table import show_phis, unsaid
from compound.orchestrator.report.page import render
from compound.orchestrator.scale.along_text import tell
from compound.schemas.answer import Answer, Timing
from compound.schemas.architecture import Candidate, Way
from compound.schemas.errors import SpecError
from tests.support.answers import FAMILY, FLAT, page_of, searched, study_spec, with_family
from tests.support.report_pages import Page
from tests.support.terminal import on_terminal

ALONG = {"along": ["choice", "depth", "width", "resolution", "published"], "seeds": 3}
LEVEL: Mapping[Way, Mapping[float, float]] = {
    way: {1.0: -0.02, 2.0: -0.03, 3.0: -0.03} for way in ("depth", "width", "resolution")
}
AHEAD = {**LEVEL, "published": {1.0: -0.001, 2.0: 0.0, 3.0: 0.03}}
"""The published split is three points ahead at phi 3."""


@cache
def base() -> AnswerInputs:
    return searched(FLAT, study_spec(family={"phi": [1, 2, 3], **ALONG}))


def study(ways: Mapping[Way, Mapping[float, float]] = AHEAD) -> AnswerInputs:
    return with_family(base(), FAMILY, ways=ways)


def with_leads(inputs: AnswerInputs, behind: Mapping[float, Way]) -> AnswerInputs:
    """Return the study where just these ways are shown to be ahead of the choice, by phi."""
    along = inputs.stored.along
    leads = tuple(
        lead.model_copy(
            update={"estimate": -0.03, "low": -0.05, "high": -0.01}
            if behind.get(lead.phi) == lead.over
            else {"low": min(lead.estimate, 0) - 0.05, "high": max(lead.estimate, 0) + 0.05}
        )
        for lead in along.leads
    )
    moved = along.model_copy(update={"leads": leads})
    return replace(inputs, stored=replace(inputs.stored, along=moved))


SHOWN = with_leads(study(), {3.0: "published"})
UNSHOWN = with_leads(study(), {})


def seconds(network: Candidate) -> Timing:
    time = 1e-9 * network.cost.macs
    return Timing(median=time, low=time, high=time)


def chosen(inputs: AnswerInputs, **limits: str) -> Choice:
    texts = [parsed(name, text) for name, text in limits.items()]
    return choose(inputs, answer_of(inputs), texts, seconds)


def ratio_of(answer: Answer, way: Way, phi: float) -> float:
    return next(row.ratio for row in answer.rows if (row.way, row.phi) == (way, phi))


def test_a_way_that_is_shown_ahead_is_the_answer() -> None:
    answer = answer_of(SHOWN)
    assert (answer.way, answer.phi, answer.compared) == ("published", 3, True)
    assert answer.row is not None and answer.row.way == "published"
    assert "x the compute (MACs): the published split, phi 3, 346 k" in answer.sentence
    assert "A doubling beyond it is expected to bring" in answer.sentence
    assert "At phi 3 the choice (alpha " in answer.sentence
    assert not any("not shown to be better" in note for note in answer.notes)


def test_a_way_that_is_not_shown_ahead_is_named_in_a_note() -> None:
    answer = answer_of(UNSHOWN)
    assert (answer.way, answer.phi) == ("choice", 3)
    assert {row.way for row in answer.rows} == {"choice"}
    (note,) = [note for note in answer.notes if "not shown to be better" in note]
    assert note.startswith("phi 3, on validation images: the published split scored 94.0 %")
    assert "published" not in answer.sentence


def test_the_statistics_of_leads_decide_what_is_shown() -> None:
    far = {**LEVEL, "published": {1.0: 0.0, 2.0: 0.02, 3.0: 0.06}}
    assert answer_of(study(far)).way == "published"
    near = {**LEVEL, "published": {1.0: 0.0, 2.0: 0.0, 3.0: 0.0002}}
    assert answer_of(study(near)).way == "choice"


def test_the_line_of_the_way_is_in_the_table_with_its_own_law() -> None:
    answer = answer_of(SHOWN)
    line = [row for row in answer.rows if row.way == "published"]
    assert [row.phi for row in line] == [1, 2, 3, 4]
    assert [row.trained for row in line] == [True, True, True, False]
    assert line[-1].accuracy is not None and line[-1].accuracy.part == "law"
    own = next(row for row in answer.rows if (row.way, row.phi) == ("choice", 4))
    assert own.accuracy is not None and line[-1].accuracy.value > own.accuracy.value
    assert sum(row.phi == 0 for row in answer.rows) == 1, "the baseline is on every line"
    costs = [row.ratio for row in answer.rows]
    assert costs == sorted(costs)


def test_the_tables_of_phi_fit_80_columns() -> None:
    printed = on_terminal(lambda: show_phis(answer_of(SHOWN)), 80)
    printed = re.sub(r"\x1b\[\dm", "", printed).replace("\r", "")
    assert all(len(line.rstrip()) <= 80 for line in printed.splitlines()), printed
    assert "\nfamily, along the choice" in printed
    assert "\nfamily, along the published split" in printed


def test_ways_that_scored_higher_are_named_in_one_note() -> None:
    higher = {way: {3.0: 0.001} for way in ("depth", "width", "resolution", "published")}
    inputs = with_leads(study(higher), {})
    (note,) = better_ways(inputs.stored.along)
    named = [text[:5] for text in better_ways(UNSHOWN.stored.along, 1.5)]
    assert named == ["phi 1", "phi 3"]
    assert [text[:5] for text in better_ways(UNSHOWN.stored.along, 3.5)] == ["phi 3"]
    assert note.count(" scored ") == 5 and note.endswith("higher, but not shown to be better")
    assert not [*better_ways(None)]


def test_a_way_that_is_ahead_where_the_answer_is_not_is_named() -> None:
    (note,) = [n for n in answer_of(with_leads(study(LEVEL), {1.0: "width"})).notes if "ahead" in n]
    assert note == "phi 1: width alone is shown to be ahead of the choice at equal cost"


def test_what_the_answer_has_said_is_not_said_again() -> None:
    answer = answer_of(SHOWN)
    along = SHOWN.stored.along
    more = f"{tell(along)} Depth alone is left out at phi 2: too dear."
    assert unsaid(more, answer) == "Depth alone is left out at phi 2: too dear."
    assert unsaid(more, None) == more and unsaid(None, answer) == ""


def test_a_page_recommends_what_its_headline_does() -> None:
    page = page_of(SHOWN)
    shown = " ".join(Page(render(page)).shown)
    assert page.answer is not None
    first, _, rest = page.answer.sentence.partition(". ")
    assert first in shown and rest in shown
    assert "published split ahead at φ 3" in shown
    assert "Scale along the published split: at φ 3 it is ahead" in shown
    assert "Scale by alpha" not in shown and "alpha, depth" not in shown
    plain = " ".join(Page(render(page_of(UNSHOWN))).shown)
    assert "ahead at φ" not in plain and "cale by alpha" in plain and "alpha, depth" in plain


def test_a_way_that_is_ahead_below_the_largest_phi_is_recommended_there_alone() -> None:
    inputs = with_leads(study(), {2.0: "published"})
    assert recommended(inputs.stored.along) == {1: "choice", 2: "published", 3: "choice"}
    answer = answer_of(inputs)
    assert (answer.way, answer.phi) == ("choice", 3)
    limit = 0.5 * (ratio_of(answer, "published", 2) + ratio_of(answer, "choice", 3))
    assert chosen(inputs, multiple=f"{limit:.3f}").option.row.way == "published"


def test_between_two_phi_the_smaller_ones_way_is_recommended() -> None:
    ways: dict[float, Way] = {-1.0: "width", 1.0: "choice", 2.0: "published"}
    at = [way_at(ways, phi) for phi in (-1, -0.5, 0, 0.5, 1.75, 2, 9)]
    assert at == ["width", *4 * ["choice"], "published", "published"]


def test_the_recommended_line_goes_on_beyond_what_is_trained() -> None:
    for option in [step[0] for step in Options.of(SHOWN, answer_of(SHOWN)).steps()]:
        way: Way = "published" if option.row.phi >= 3 else "choice"
        assert option.row.way == way
        assert option.row.trained == (option.row.phi in (0, 1, 2, 3))


def test_advice_says_which_way_its_network_belongs_to() -> None:
    answer = answer_of(SHOWN)
    choice = chosen(SHOWN, multiple="30")
    beyond = beyond_choice(SHOWN, answer, choice.option.row)
    text = advice_text.sentence(answer, choice, *beyond)
    assert choice.option.row.phi > 3 and "the published split, phi " in text
    limits = [parsed("multiple", "30")]
    assert "of the published split, the next larger, takes" in advice_text.why(limits, choice)


def test_a_trained_network_beats_a_forecast_that_expects_no_more() -> None:
    answer = answer_of(UNSHOWN)
    points = {(p.along, p.phi): p for p in UNSHOWN.stored.along.points}
    between = points["published", 3.0].ratio
    if between < ratio_of(answer, "choice", 3):
        choice = chosen(UNSHOWN, multiple=f"{between + 0.001:.4f}")
        assert choice.option.row.way == "published" and choice.passed is not None
        limits = [parsed("multiple", "7")]
        assert "of the choice, " in advice_text.why(limits, choice)
    cheap = chosen(UNSHOWN, accuracy="0.935")
    assert cheap.option.row.way == "published" and cheap.option.row.trained
    assert "decides: it scored 94.0 % on validation images; phi " in advice_text.why(
        [parsed("accuracy", "0.935")], cheap
    )


def test_the_best_trained_network_of_any_way_is_advised() -> None:
    for inputs in (SHOWN, UNSHOWN, study(LEVEL)):
        rows = Options.of(inputs, answer_of(inputs)).rows
        best = max((r for line in rows.values() for r in line if r.trained), key=lambda r: r.score)
        row = chosen(inputs, multiple=f"{best.ratio + 0.001:.4f}").option.row
        assert row.trained and row.score == best.score


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_advice_is_beaten_by_a_trained_network_of_any_way(data) -> None:
    others = ("choice", "depth", "width", "resolution", "published")
    behind = {phi: data.draw(st.sampled_from(others)) for phi in (1.0, 2.0, 3.0)}
    inputs = with_leads(study(), {phi: way for phi, way in behind.items() if way != "choice"})
    answer = answer_of(inputs)
    options = Options.of(inputs, answer)
    trained = [row for rows in options.rows.values() for row in rows if row.trained]
    name = data.draw(st.sampled_from(["params", "macs", "multiple", "gpu_hours", "accuracy"]))
    amounts = sorted(amount_of(name, row) for row in trained)
    value = data.draw(st.sampled_from(amounts)) * data.draw(st.sampled_from([0.995, 1.0, 1.005]))
    limit = parsed("multiple", "1").model_copy(update={"name": name, "value": value})
    try:
        row = choose(inputs, answer, [limit], seconds).option.row
    except SpecError:
        assert name == "accuracy" or value < amounts[0]
        return
    for rival in trained:
        fits = name != "accuracy" and amount_of(name, rival) <= value
        assert not fits or rival.score < row.score + 0.001, (row, rival)
        assert not fits or rival.ratio > row.ratio or rival.score <= row.score, (row, rival)
        if name == "accuracy" and amount_of(name, rival) >= value:
            assert row.ratio <= rival.ratio


def test_a_family_of_an_earlier_choice_is_not_compared() -> None:
    moved = SHOWN.stored.family.model_copy(
        update={"coefficients": SHOWN.stored.plan.candidates[0].coefficients}
    )
    answer = answer_of(replace(SHOWN, stored=replace(SHOWN.stored, family=moved)))
    assert answer.way == "choice" and not answer.compared
