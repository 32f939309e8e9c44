"""The sum of the hours: workers that overlap add up, many moments are thinned."""

import json
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.live.charts.spans import Span
from compound.orchestrator.live.charts.spend import held_hours, spend_chart


def span(begin: float, end: float, workers: int = 1, doing: str = "training") -> Span:
    return Span("host/1", doing, begin, end, "job", "job", workers=workers)


def drawn(of: list[Span]) -> tuple[dict, str]:
    made = spend_chart(of)
    assert made is not None
    figure = made.figure.document()
    json.dumps(figure, allow_nan=False)
    (curve,) = figure["data"]
    return curve, made.note


def test_without_training_there_is_no_chart() -> None:
    assert spend_chart([]) is None
    assert spend_chart([span(nan, 1)]) is None
    assert spend_chart([span(0, 5, doing="waiting")]) is None


def test_a_single_moment_costs_nothing() -> None:
    curve, note = drawn([span(7, 7)])
    assert curve["y"] == [0, 0]
    assert note.startswith("1 attempt held 0 worker-hours")


def test_workers_that_overlap_add_up() -> None:
    curve, _ = drawn([span(0, 7200), span(3600, 7200, workers=4)])
    assert (curve["x"], curve["y"]) == ([0, 1, 2, 2], [0, 1, 6, 6])


@pytest.mark.parametrize("count", [10_000, 100_000])
def test_many_are_thinned_and_the_sum_stays(count: int) -> None:
    curve, _ = drawn([span(n, n + 1800) for n in range(count)])
    assert len(curve["x"]) == 400
    assert curve["y"][-1] == pytest.approx(count / 2)


def test_what_has_no_time_is_counted() -> None:
    curve, note = drawn([span(0, 3600), span(nan, 3600)])
    assert curve["y"][-1] == 1
    assert "1 attempt without a time left out." in note


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e5), st.integers(1, 64)), min_size=1))
def test_the_sum_never_falls_and_is_that_of_the_spans(parts) -> None:
    of = [span(begin, begin + length, workers) for begin, length, workers in parts]
    _, hours = held_hours(of)
    assert (hours[1:] >= hours[:-1] - 1e-6).all()
    assert hours[-1] == pytest.approx(sum(s.seconds * s.workers for s in of) / 3600, abs=1e-6)
