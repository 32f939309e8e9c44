"""A job's metrics by epoch: accuracy first, a view each."""

import json
from math import nan

from compound.orchestrator.live.charts.job_curves import job_curves
from compound.schemas.metrics import ACCURACY


def test_without_a_number_there_is_no_chart() -> None:
    assert job_curves({}) is None
    assert job_curves({"loss": []}) is None
    assert job_curves({"loss": [(1, nan), (2, None)]}) is None


def test_accuracy_comes_first_and_in_percent() -> None:
    made = job_curves({"a_loss": [(1, 2.0), (2, 1.5)], ACCURACY: [(1, 0.5), (2, 0.75)]})
    assert made is not None
    figure = made.figure.document()
    assert figure["data"][0]["y"] == [50, 75]
    assert [choice["label"] for choice in figure["choices"]] == [ACCURACY, "a_loss"]
    assert figure["choices"][1]["data"][0]["y"] == [2.0, 1.5]


def test_a_single_epoch_is_a_mark_and_what_is_no_number_is_counted() -> None:
    made = job_curves({"loss": [(1, 2.0), (2, nan), (3, None)]})
    assert made is not None
    json.dumps(made.figure.document(), allow_nan=False)
    assert made.figure.data[0]["mode"] == "lines+markers"
    assert made.note == "2 values without a number left out."


def test_ten_thousand_epochs_are_a_line() -> None:
    made = job_curves({"loss": [(n, 1 / (n + 1)) for n in range(10_000)]})
    assert made is not None and made.figure.data[0]["mode"] == "lines"
    assert made.note == ""
