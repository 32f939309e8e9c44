"""One line for each event: an accuracy of 0 is shown like any other."""

import pytest

from compound.orchestrator.run.progress import Phase, Progress
from compound.schemas.job import Event, JobResult
from compound.schemas.metrics import ACCURACY


@pytest.mark.parametrize(
    ("accuracies", "last"),
    [
        ([0.0], " accuracy  0.00%  best  0.00%"),
        ([0.0, 0.25], " accuracy 25.00%  best 25.00%"),
        ([0.25, 0.0], " accuracy  0.00%  best 25.00%"),
    ],
)
def test_every_accuracy_is_shown(accuracies: list[float], last: str) -> None:
    lines: list[str] = []
    progress = Progress(lines.append)
    progress.phase(Phase("search", jobs=len(accuracies), pending=len(accuracies)))
    for number, accuracy in enumerate(accuracies):
        metrics = {ACCURACY: accuracy}
        result = JobResult(job=str(number), status="done", attempt=1, epochs=1, metrics=metrics)
        progress.event(Event(kind="ended", job=str(number), label="b0", result=result))
    assert last in lines[-1]
