"""The figure and the table of the ways of scaling."""

from dataclasses import replace

import pytest

from compound.orchestrator.report.figures.along_figure import along_figure
from compound.orchestrator.report.sections.along_table import along_table
from tests.support.report_studies import inputs_with_ways as inputs


def test_every_way_is_a_curve_from_the_baseline_on():
    drawn = along_figure(inputs())
    assert drawn is not None
    curves = {trace["name"]: trace for trace in drawn.data}
    assert {*curves} == {"the choice", "depth alone", "width alone", "baseline"}
    for name in ("the choice", "depth alone"):
        curve = curves[name]
        assert curve["x"][0] == 1.0
        assert curve["y"][0] == curves["baseline"]["y"][0]
        assert curve["x"] == sorted(curve["x"])
        assert all(up > 0 for up in curve["error_y"]["array"][1:])
    assert {trace["line"]["width"] for trace in drawn.data[2:3]} == {3}


def test_one_seed_has_no_bars_and_one_way_no_figure():
    drawn = along_figure(inputs(seeds=1))
    assert drawn is not None
    assert all(
        not any(trace["error_y"]["array"]) for trace in drawn.data if trace["name"] != "baseline"
    )
    compared = inputs().along
    assert compared is not None
    points = tuple(point for point in compared.points if point.along == "choice")
    alone = compared.model_copy(update={"points": points})
    assert along_figure(replace(inputs(), along=alone)) is None
    assert along_figure(replace(inputs(), along=None)) is None


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_table_has_a_row_for_every_network_and_its_lead(seeds: int):
    compared = inputs(seeds).along
    assert compared is not None
    rows = along_table(inputs(seeds)).rows
    assert len(rows) == len(compared.points)
    leads = [row[4] for row in rows if row[1].text != "the choice"]
    assert all(cell.text != "–" for cell in leads)
    assert all((row[5].text == "–") == (seeds == 1) for row in rows if row[1].text != "the choice")
