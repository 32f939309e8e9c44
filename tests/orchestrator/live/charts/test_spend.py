"""The sum of the hours: in the order of time, thinned, against its limit."""

import json

import numpy as np
import pytest

from compound.orchestrator.live.charts.spend import spend_chart


def drawn(ends: list[float], hours: list[float], limit: float | None = None) -> tuple[list, str]:
    made = spend_chart(np.array(ends), np.array(hours), "GPU-hours", limit)
    assert made is not None
    figure = made.figure.document()
    json.dumps(figure, allow_nan=False)
    return figure["data"], made.note


def test_without_an_epoch_there_is_no_chart() -> None:
    empty = np.array([])
    assert spend_chart(empty, empty, "GPU-hours") is None
    assert spend_chart(np.array([np.nan]), np.array([1.0]), "GPU-hours") is None


def test_a_single_epoch_is_a_mark() -> None:
    (curve,), note = drawn([5.0], [2.0])
    assert (curve["mode"], curve["x"], curve["y"]) == ("markers", [0.0], [2.0])
    assert note == "1 epoch took 2 GPU-hours."


def test_hours_add_up_in_the_order_of_time() -> None:
    (curve, limit), _ = drawn([7200.0, 0.0, 3600.0], [4.0, 1.0, 2.0], limit=9.0)
    assert (curve["x"], curve["y"]) == ([0, 1, 2], [1, 3, 7])
    assert limit["y"] == [9.0, 9.0]


@pytest.mark.parametrize("count", [10_000, 1_000_000])
def test_many_epochs_are_thinned_and_the_sum_stays(count: int) -> None:
    (curve,), _ = drawn(list(range(count)), [0.5] * count)
    assert len(curve["x"]) == 400 and curve["y"][-1] == count / 2


def test_epochs_without_a_time_are_counted() -> None:
    (curve,), note = drawn([0.0, np.nan, 3600.0], [1.0, 1.0, np.inf])
    assert curve["y"] == [1.0]
    assert "2 epochs without a time left out." in note
