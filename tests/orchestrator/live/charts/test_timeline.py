"""The timeline: lanes of workers, joined spans, and what is hidden."""

import json
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.live.charts.spans import Span, lane_uses, lanes, spans, together
from compound.orchestrator.live.charts.timeline import MOST_BARS, timeline_chart
from compound.orchestrator.timeline.intervals import Interval


def span(
    lane: str, begin: float, end: float, doing: str = "training", label: str = "a job"
) -> Span:
    return Span(lane, doing, begin, end, label, label)


def drawn(of: list[Span]) -> tuple[dict, str]:
    made = timeline_chart(of)
    assert made is not None
    figure = made.figure.document()
    json.dumps(figure, allow_nan=False)
    return figure, made.note


def test_without_a_span_there_is_no_chart() -> None:
    assert timeline_chart([]) is None
    assert timeline_chart([span("host/1", nan, nan)]) is None


def test_a_single_moment_is_drawn() -> None:
    figure, note = drawn([span("host/1", 100.0, 100.0)])
    assert figure["data"][1]["x"] == [0, 0, 0, None]
    assert note == ""


def test_a_worker_has_a_lane_and_idles_between_jobs() -> None:
    of = [span("host/2", 0, 60), span("host/10", 0, 30), span("host/2", 90, 120)]
    figure, _ = drawn(of)
    assert figure["layout"]["yaxis"]["ticktext"] == ["host/2", "host/10"]
    idle, training = figure["data"]
    assert idle["x"] == [0, 1, 2, None, 0, 0.25, 0.5, None]
    assert training["y"] == [0, 0, 0, None, 0, 0, 0, None, 1, 1, 1, None]
    first, second = lane_uses(of)
    assert (first.jobs, first.training, first.idle) == (1, 90, 30)
    assert (second.training, second.idle) == (30, 0)


def test_a_pause_lies_where_the_job_was_last() -> None:
    def interval(doing: str, begin: float, end: float, worker: str = "") -> Interval:
        return Interval("job", 1, doing, begin, end, "why", "host", worker)

    of = [
        interval("waiting", 0, 5),
        interval("training", 5, 9, "host/1"),
        interval("retrying", 9, 12),
        interval("training", 12, 20, "host/2"),
    ]
    made = spans(of, {"job": "the job"}, {"job"}, now=25)
    assert [(s.lane, s.doing, s.end) for s in made] == [
        ("", "waiting", 5),
        ("host/1", "training", 9),
        ("host/1", "retrying", 12),
        ("host/2", "training", 25),
    ]
    figure, _ = drawn(made)
    assert figure["layout"]["yaxis"]["ticktext"] == ["no worker yet", "host/1", "host/2"]


def test_ten_thousand_jobs_are_joined_and_the_least_busy_workers_counted() -> None:
    of = [span(f"host/{n % 50}", n // 50, n // 50 + 0.9 + n % 50 / 1000) for n in range(10_000)]
    figure, note = drawn(of)
    training = figure["data"][1]
    assert training["x"].count(None) <= 2 * MOST_BARS
    assert "The busiest 40 of 50 workers shown, 10 hidden." in note
    assert "drawn together" in note
    assert any("jobs" in (text or "") for text in training["text"])


def test_a_span_without_a_time_is_counted() -> None:
    _, note = drawn([span("host/1", 0, 100), span("host/1", nan, 100)])
    assert note == "1 span without a time left out."


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e5)), max_size=60), st.floats(1, 1e4))
def test_joined_spans_reach_as_far_as_their_parts(parts, least: float) -> None:
    of = sorted((span("host/1", b, b + length) for b, length in parts), key=lambda s: s.begin)
    joined = together(of, least)
    assert len(joined) <= len(of)
    assert max((s.end for s in joined), default=0) == max((s.end for s in of), default=0)
    assert sum(s.seconds for s in joined) >= max((s.seconds for s in of), default=0)


@pytest.mark.parametrize("lane", ["", "host/1"])
def test_lanes_keep_every_span(lane: str) -> None:
    of = [span(lane, 0, 1), span("host/2", 0, 1)]
    assert sum(map(len, lanes(of).values())) == 2
