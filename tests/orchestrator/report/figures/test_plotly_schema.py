"""Every figure is one that plotly draws: of its attributes, and drawn by the version we ship."""

import hashlib

import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs_version

from compound.orchestrator.report.figures.all_figures import FIGURES
from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.report.static_files import (
    PLOTLY,
    PLOTLY_SHA256,
    PLOTLY_VERSION,
    STATIC,
    static_text,
)
from tests.support.report_pages import study, with_family
from tests.support.report_studies import complete
from tests.support.report_studies import inputs_with_ways as ways

STUDIES = {
    "whole": complete,
    "ways": ways,
    "failures": lambda: with_family(study(break_every=9)),
    "surface": lambda: study(seeds=3),
}


@pytest.mark.parametrize("name", STUDIES)
def test_figures_are_of_the_kinds_and_attributes_that_plotly_has(name: str) -> None:
    inputs: ReportInputs = STUDIES[name]()
    drawn = {key: made for key, draw in FIGURES.items() if (made := draw(inputs)) is not None}
    assert len(drawn) >= 3
    for made in drawn.values():
        document = made.document()
        assert {trace["type"] for trace in document["data"]} <= {"scatter", "bar"}
        assert document["alt"].endswith(".")
        layouts = [document["layout"], document.get("narrow", {})]
        layouts += [choice["layout"] for choice in document.get("choices", ())]
        for layout in layouts:
            go.Figure(document["data"], layout)  # ValueError: no such attribute, or no such value


def test_the_bundle_is_the_one_that_was_vendored() -> None:
    assert hashlib.sha256((STATIC / PLOTLY).read_bytes()).hexdigest() == PLOTLY_SHA256
    assert f"plotly.js (basic - minified) v{PLOTLY_VERSION}" in static_text(PLOTLY)[:200]
    assert "MIT License" in static_text("plotly-LICENSE.txt")
    # The schema of the package is the one of the bundle.
    assert get_plotlyjs_version() == PLOTLY_VERSION


@pytest.mark.parametrize("name", ["figures.js", "report.js", PLOTLY])
def test_scripts_can_stand_in_a_page_and_evaluate_no_text(name: str) -> None:
    text = static_text(name)
    for refused in ("</script", "<!--", "new Function(", "eval(", "\r"):
        assert refused not in text
