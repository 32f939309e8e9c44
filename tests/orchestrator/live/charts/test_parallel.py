"""Parallel coordinates: one trace for many lines, ends of axes, what is hidden."""

import json
from math import inf, nan

from compound.orchestrator.live.charts.networks import Network, selected
from compound.orchestrator.live.charts.parallel import parallel_chart


def network(number: int, accuracy: float | None, kind: str = "mix", macs: float = 1e6) -> Network:
    triple = (1 + number / 1e4, 1.1, 1.2)
    return Network(str(number), f"network {number}", kind, *triple, macs, 1e4, 1e5, accuracy)


def drawn(networks: list[Network]) -> tuple[dict, str]:
    made = parallel_chart(networks)
    assert made is not None
    figure = made.figure.document()
    json.dumps(figure, allow_nan=False)
    return figure, made.note


def lines_of(figure: dict) -> int:
    return sum(line["x"].count(None) for line in figure["data"] if "ids" in line)


def test_without_a_score_there_is_no_chart() -> None:
    assert parallel_chart([]) is None
    assert parallel_chart([network(1, None), network(2, nan)]) is None


def test_a_single_network_lies_in_the_middle() -> None:
    figure, note = drawn([network(1, 0.5)])
    (line,) = [line for line in figure["data"] if "ids" in line]
    assert line["y"] == [0.5] * 6 + [None]
    assert note == ""


def test_axes_begin_and_end_at_the_least_and_the_largest() -> None:
    figure, _ = drawn([network(0, 0.5, macs=1e6), network(1, 0.7, macs=2e6)])
    heights = {line["ids"][0]: line["y"] for line in figure["data"] if "ids" in line}
    assert heights == {"0": [0, 0.5, 0.5, 0, 0.5, 0, None], "1": [1, 0.5, 0.5, 1, 0.5, 1, None]}
    texts = [note["text"] for note in figure["layout"]["annotations"]]
    assert "2.00 M" in texts and "70.0 %" in texts and "50.0 %" in texts


def test_a_wide_axis_is_logarithmic() -> None:
    figure, _ = drawn([network(n, 0.5 + n / 10, macs=10.0**n) for n in range(4, 7)])
    heights = [line["y"][3] for line in figure["data"] if "ids" in line]
    assert sorted(heights) == [0, 0.5, 1]


def test_of_ten_thousand_the_best_and_a_sample_are_drawn() -> None:
    many = [network(n, n / 10_000) for n in range(10_000)]
    many[5] = many[5]._replace(kind="depth")
    many[6] = many[6]._replace(chosen=True)
    figure, note = drawn(many)
    assert lines_of(figure) == 300
    assert {"depth alone", "chosen"} <= {line.get("name") for line in figure["data"]}
    assert "300 of 10,000 networks shown, 9,700 hidden" in note
    assert selected(many, 10_000) == many


def test_what_cannot_be_drawn_is_counted() -> None:
    figure, note = drawn([network(1, 0.5), network(2, nan), network(3, 0.5, macs=inf)])
    assert lines_of(figure) == 1
    assert note == "2 networks without a score left out."
