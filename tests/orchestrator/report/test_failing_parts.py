"""A part that fails becomes a sentence in its place; all others are drawn."""

from dataclasses import replace

import pytest

from compound.orchestrator.report.figures.figure import figure
from compound.orchestrator.report.guarded import PartFailure, guarded
from compound.orchestrator.report.page import drawn_page
from compound.orchestrator.report.sections.contexts import SECTIONS
from tests.support.hostile_strings import HOSTILE, obeyed
from tests.support.report_pages import EVIL, Page, figures_in, study, with_family


def test_a_study_without_its_data_loses_what_is_of_them_and_nothing_else() -> None:
    whole = with_family(study())
    drawn = drawn_page(replace(whole, data=None))
    parts = {failure.part for failure in drawn.failures}
    assert {"head", "section data"} <= parts
    assert parts <= {"head", *(f"section {name}" for name in SECTIONS)}
    page, before = Page(drawn.text), Page(drawn_page(whole).text)
    assert set(figures_in(page)) == set(figures_in(before))
    shown = " ".join(page.shown)
    assert "This page is not whole." in shown and "photographs" in shown
    for failure in drawn.failures:
        assert failure.sentence in shown
    assert {target for _, target in page.loads} == {target for _, target in before.loads}


def test_a_whole_study_has_no_failure() -> None:
    drawn = drawn_page(with_family(study(break_every=9)))
    assert drawn.failures == () and "This page is not whole." not in drawn.text


@pytest.mark.parametrize("text", [EVIL, *HOSTILE[::20]], ids=ascii)
def test_the_message_of_an_error_is_text(text: str) -> None:
    def fail() -> None:
        raise ValueError(text)

    failure = guarded("figure cost", fail)
    assert isinstance(failure, PartFailure) and text in failure.sentence
    broken = replace(study(), spec_text=text)
    drawn = drawn_page(replace(broken, data=_Broken(text)))
    assert EVIL not in drawn.text and not obeyed(
        drawn.text.partition("<body>")[2].partition("<script>")[0]
    )


def test_what_is_made_is_returned() -> None:
    assert guarded("table jobs", lambda: 3) == 3
    assert figure([None], 300, "Nothing.").data == ()


class _Broken:
    """Data whose every value is refused with a message."""

    def __init__(self, message: str) -> None:
        self._message = message

    def __getattr__(self, name: str) -> object:
        raise KeyError(f"{name}: {self._message}")
