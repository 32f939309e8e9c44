"""Two studies in a chart: a line each, intervals, what cannot be drawn."""

import json
from math import nan

from compound.orchestrator.live.charts.compared_families import Trained, compared_families


def test_without_an_accuracy_there_is_no_chart() -> None:
    assert compared_families([]) is None
    assert compared_families([("a", []), ("b", [Trained(1e6, None), Trained(None, 0.5)])]) is None


def test_each_study_is_a_line_in_the_order_of_cost() -> None:
    sides = [
        ("a", [Trained(2e6, 0.7, 0.68, 0.71), Trained(1e6, 0.6)]),
        ("<b>", [Trained(1e6, 0.5), Trained(4e6, nan)]),
    ]
    made = compared_families(sides)
    assert made is not None
    first, second = made.figure.document()["data"]
    assert (first["x"], first["y"]) == ([1e6, 2e6], [60, 70])
    assert first["error_y"]["array"] == [0, 1] and first["error_y"]["arrayminus"] == [0, 2]
    assert second["name"] == "&lt;b&gt;"
    assert made.note == "1 network without an accuracy left out."


def test_ten_thousand_networks_are_drawn() -> None:
    made = compared_families([("a", [Trained(n + 1.0, 0.5) for n in range(10_000)])])
    assert made is not None
    json.dumps(made.figure.document(), allow_nan=False)
    assert len(made.figure.data[0]["x"]) == 10_000
