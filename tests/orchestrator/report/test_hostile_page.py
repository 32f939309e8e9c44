"""The page shows what strangers named with escapes: a browser obeys marks of direction as well."""

import pytest
from markupsafe import Markup

from compound.orchestrator.report.figures.figure import figure, figure_element, scatter
from compound.orchestrator.report.page import _environment
from tests.support.hostile_strings import HOSTILE, obeyed
from tests.support.report_pages import Page, figures_in


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_text_is_shown_with_its_escapes(text: str) -> None:
    page = _environment().from_string("<p title='{{ text }}'>{{ text }}</p>").render(text=text)
    assert not obeyed(page) and "<script" not in page and "<b " not in page


def test_texts_of_figures_are_shown_with_their_escapes() -> None:
    traces = [scatter([1.5, None, text], [1, 2, float("nan")], name=text) for text in HOSTILE]
    element = figure_element("all", figure(traces, 300, "".join(HOSTILE), title=HOSTILE))
    (drawn,) = figures_in(Page(element)).values()
    assert drawn["data"][0]["x"][:2] == [1.5, None] and drawn["data"][0]["y"] == [1, 2, None]
    texts = [drawn["alt"], *drawn["layout"]["title"]]
    texts += [text for row in drawn["data"] for text in (row["name"], row["x"][2])]
    assert len(texts) == 3 * len(HOSTILE) + 1
    assert not [text for text in (element, *texts) if obeyed(text)]
    assert "<b " not in element and element.count("<script") == 1


def test_our_own_markup_stays() -> None:
    page = _environment().from_string("{{ own }}{{ 1.5 }}").render(own=Markup("<b>\t</b>"))
    assert page == "<b>\t</b>1.5"
