"""The page shows what strangers named with escapes: a browser obeys marks of direction as well."""

import json

import pytest
from markupsafe import Markup

from compound.orchestrator.report.page import _environment, _printable
from tests.support.hostile_strings import HOSTILE, obeyed


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_text_is_shown_with_its_escapes(text: str) -> None:
    page = _environment().from_string("<p title='{{ text }}'>{{ text }}</p>").render(text=text)
    assert not obeyed(page) and "<script" not in page and "<b " not in page


def test_texts_of_figures_are_shown_with_their_escapes() -> None:
    drawing = {"data": [{"name": text, "x": [1.5, None, text]} for text in HOSTILE], "n": 1}
    figure = json.loads(json.dumps(_printable(drawing)))
    assert figure["data"][0]["x"][:2] == [1.5, None] and figure["n"] == 1
    assert not [
        text for row in figure["data"] for text in (row["name"], row["x"][2]) if obeyed(text)
    ]


def test_our_own_markup_stays() -> None:
    page = _environment().from_string("{{ own }}{{ 1.5 }}").render(own=Markup("<b>\t</b>"))
    assert page == "<b>\t</b>1.5"
