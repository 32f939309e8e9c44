"""Learning curves: which have a name, and what is left out is counted."""

import json
from math import nan

from compound.orchestrator.live.charts.curves import Curve, curves_chart


def curve(number: int, last: float, kind: str = "mix", chosen: bool = False) -> Curve:
    return Curve(str(number), f"network {number}", kind, [(1, last / 2), (2, last)], chosen)


def drawn(curves: list[Curve]) -> tuple[list[dict], str]:
    made = curves_chart(curves)
    assert made is not None
    figure = made.figure.document()
    json.dumps(figure, allow_nan=False)
    return figure["data"], made.note


def test_without_an_epoch_there_is_no_chart() -> None:
    assert curves_chart([]) is None
    assert curves_chart([Curve("a", "a", "mix", [])]) is None
    assert curves_chart([Curve("a", "a", "mix", [(1, nan)])]) is None


def test_a_single_point_is_a_mark() -> None:
    (line,), note = drawn([Curve("a", "a", "mix", [(1, 0.5)])])
    assert (line["mode"], line["x"], line["y"]) == ("markers", [1], [50.0])
    assert note == ""


def test_the_best_the_controls_and_the_choice_have_names() -> None:
    curves = [curve(n, 0.9 - n / 1000) for n in range(50)]
    curves += [curve(100, 0.1, "depth"), curve(101, 0.2, "mix", chosen=True)]
    lines, note = drawn(curves)
    assert len(lines) == 11 and lines[0]["name"] == "other networks"
    assert {"network 0", "network 7", "depth alone", "network 101 (chosen)"} <= {
        line["name"] for line in lines
    }
    assert "The 10 with a name" in note and "hidden" not in note


def test_of_ten_thousand_some_are_drawn_and_the_rest_is_counted() -> None:
    lines, note = drawn([curve(n, n / 10_000) for n in range(10_000)])
    assert len(lines) == 9
    assert lines[0]["x"].count(None) == 192
    assert "The best 200 of 10,000 networks shown, 9,800 hidden." in note


def test_what_is_not_finite_is_left_out_and_counted() -> None:
    curves = [curve(1, 0.5), Curve("b", "b", "mix", [(1, 0.25), (2, nan)]), curve(3, nan)]
    curves[2] = curves[2]._replace(points=[(1, nan)])
    lines, note = drawn(curves)
    assert sorted(line["y"][-1] for line in lines) == [25.0, 50.0]
    assert note == "1 network without a finished epoch left out."


def test_names_are_text() -> None:
    (line,), _ = drawn([Curve("a", "<b>x</b>\u202e", "mix", [(1, 0.5), (2, 0.6)])])
    assert "<b>x" not in line["name"] and "\u202e" not in line["name"]
