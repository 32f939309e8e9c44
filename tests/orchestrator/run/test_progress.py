<<<<<<< HEAD
"""One line for each event: an accuracy of 0 is shown like any other."""
=======
"""The lines of a running study."""
>>>>>>> w/ierr

import pytest

from compound.orchestrator.run.progress import Phase, Progress
<<<<<<< HEAD
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
=======
from compound.schemas.job import Event
from compound.schemas.metrics import ACCURACY
from tests.support.store_samples import JOB, result


@pytest.mark.parametrize("accuracies", [(0.0, 0.5), (0.5, 0.0), (0.0, 0.0)])
def test_an_accuracy_of_zero_is_shown(accuracies: tuple[float, ...]) -> None:
    lines: list[str] = []
    progress = Progress(lines.append)
    progress.phase(Phase("search", 2, 2, 0, {}))
    for accuracy in accuracies:
        ended = result(1).model_copy(update={"metrics": {ACCURACY: accuracy}})
        progress.event(Event(kind="ended", job=JOB.id, label="one", result=ended))
    shown = [line for line in lines if "accuracy" in line]
    assert f"accuracy {accuracies[0]:6.2%}  best {accuracies[0]:6.2%}" in shown[0]
    assert f"accuracy {accuracies[1]:6.2%}  best {max(accuracies):6.2%}" in shown[1]
>>>>>>> w/ierr
