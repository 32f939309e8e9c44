"""All charts of a study: one filter for all of them."""

import json

from compound.orchestrator.live.charts.curves import Curve
from compound.orchestrator.live.charts.linked import faded
from compound.orchestrator.live.charts.networks import Network
from compound.orchestrator.live.charts.spans import Span
from compound.orchestrator.live.charts.study_charts import Drawn, charts
from compound.orchestrator.report.figures.figure import figure, scatter


def network(name: str, accuracy: float) -> Network:
    return Network(name, name, "mix", 1.1, 1.2, 1.3, 1e6, 1e4, 1e5, accuracy)


MARKS = scatter([1, 2], [3, 4], mode="markers", ids=["a", "b"])
LINE = scatter([1, 2], [3, 4], mode="lines", ids=["a", "b"])
DRAWN = Drawn(
    figures={"cost": figure([MARKS, LINE], 300, "cost"), "gate": figure([MARKS], 300, "gate")},
    networks=[network("b", 0.9), network("a", 0.8)],
    curves=[Curve("a", "a", "mix", [(1, 0.5)]), Curve("b", "b", "mix", [(1, 0.6)])],
    spans=[Span("host/1", "training", 0, 60, "job", "a job", workers=1)],
    marked=1,
)


def test_every_chart_is_there_without_a_filter() -> None:
    made = charts(DRAWN)
    json.dumps(made, allow_nan=False)
    assert [*made] == ["cost", "gate", "parallel", "curves", "timeline", "spend"]
    assert "selectedpoints" not in made["cost"]["figure"]["data"][0]
    assert made["cost"]["note"].endswith("1 of 2 networks shown, 1 hidden.")


def test_a_filter_fades_marks_and_leaves_lines_out() -> None:
    made = charts(DRAWN, {"b"})
    marks, line = made["cost"]["figure"]["data"]
    assert marks["selectedpoints"] == [1] and "selectedpoints" not in line
    assert [trace["name"] for trace in made["curves"]["figure"]["data"]] == ["b"]
    rows = [row for t in made["parallel"]["figure"]["data"] for row in t.get("customdata", ())]
    assert [row[0] for row in rows] == ["b"]
    assert made["timeline"] == charts(DRAWN)["timeline"]


def test_a_filter_that_nothing_matches_fades_all() -> None:
    made = charts(DRAWN, frozenset())
    assert made["cost"]["figure"]["data"][0]["selectedpoints"] == []
    assert "parallel" not in made and "curves" not in made


def test_a_study_without_anything_has_no_chart() -> None:
    assert charts(Drawn({}, [], [], [])) == {}
    assert faded(DRAWN.figures["cost"], None) is DRAWN.figures["cost"]


def test_dragging_selects_but_not_on_a_telephone() -> None:
    made = charts(DRAWN)["cost"]["figure"]
    assert made["layout"]["dragmode"] == "select"
    assert made["narrow"]["dragmode"] is False
