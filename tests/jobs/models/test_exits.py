"""Networks whose code would end the program: their job fails, and the process goes on."""

from pathlib import Path

import pytest

from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.job import JobResult
from tests.support.failing_networks import hungry_request


def ended(folder: Path, store: str, fails: str) -> JobResult:
    """Run a job to its end whose network runs a statement at its first images of training."""
    request = hungry_request(folder, folder.name, 0, fails=fails)
    rows = run(
        request.job, ArtifactStore.open(store), Process.single(imports=(str(folder),)), DataCache()
    )
    with pytest.raises(StopIteration) as end:
        while True:
            next(rows)
    result: JobResult = end.value.value
    assert ArtifactStore.open(store).result(request.job.id) == result
    return result


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("import sys; sys.exit('no licence')", "SystemExit: no licence"),
        ("raise SystemExit", "SystemExit"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise StopIteration", "StopIteration"),
    ],
)
def test_code_that_would_end_the_program_fails_its_job(tmp_path, store, fails, words):
    result = ended(tmp_path, store, fails)
    assert result.status == "failed"
    assert result.cause.kind == "error"
    assert words in result.cause.message
    assert "in forward" in result.cause.traceback


def test_the_message_names_the_line(tmp_path, store):
    message = ended(tmp_path, store, "import sys; sys.exit(3)").cause.message
    assert "the network's own code ended the program" in message
    assert ".py:13, in forward: import sys; sys.exit(3)" in message


def test_an_interrupt_stays_one(tmp_path, store):
    request = hungry_request(tmp_path, "interrupted", 0, fails="raise KeyboardInterrupt")
    process = Process.single(imports=(str(tmp_path),))
    with pytest.raises(KeyboardInterrupt):
        next(run(request.job, ArtifactStore.open(store), process, DataCache()))
