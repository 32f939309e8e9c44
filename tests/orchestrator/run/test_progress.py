"""The lines of a running study."""

import pytest

from compound.orchestrator.run.progress import Phase, Progress
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
