"""Studies of many jobs; `python -m benchmarks.scale` has the times."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from compound.cluster.runner import OnEvent, Take, in_order
from compound.jobs.networks.exact_cost import count
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.output import print_table
from compound.orchestrator.cli.study.status import status
from compound.orchestrator.study import Study
from compound.schemas.architecture import Architecture
from compound.schemas.job import EpochRow, JobRequest, JobResult, TrainJob
from compound.schemas.stages import Stage
from tests.support.back_ends import LONG
from tests.support.many_jobs import Scene
from tests.support.simulated_studies import Silent

STEP, JOBS = (0.03, 1000) if LONG else (0.06, 200)
"""Of the grid, and more jobs than this are planned on it."""


class Rows:
    """A runner that logs one row a job, and ends it."""

    def run(
        self, requests: Sequence[JobRequest], store: str, on_event: OnEvent, take: Take = in_order
    ) -> list[JobResult]:
        ledger = ArtifactStore.open(store)
        return [self._one(request.job, ledger) for request in requests]

    def _one(self, job: TrainJob, store: ArtifactStore) -> JobResult:
        metrics = {"validation_accuracy": 0.5 + job.seed / 100}
        with store.writer(job) as writer:
            told = {"job": job.id, "attempt": writer.attempt, "metrics": metrics}
            writer.resume()
            writer.log(EpochRow(epoch=1, step=1, wall_time=0.0, **told))
            result = JobResult(status="done", epochs=1, **told)
            writer.finish(result)
        return result

    def request_stop(self) -> None:
        """Everything has ended."""

    @property
    def stopping(self) -> bool:
        return False


@pytest.mark.slow
def test_status_of_many_jobs_reads_no_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = Scene.of(("name=many", f"search.design.step={STEP}"), str(tmp_path))
    plan = scene.prepared()
    assert len(plan.jobs) > JOBS
    Study(scene.spec, "", scene.store, Rows(), Silent()).run(plan)
    parts = [*tmp_path.rglob("rows-*.parquet")]
    assert len(parts) == len(plan.jobs)
    for part in parts:
        part.write_bytes(b"not a row")
    status(scene.spec.name, scene.spec.store, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert Counter("done" in line.split() for line in lines)[True] == len(plan.jobs) + 1


def test_a_long_table_keeps_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[f"name-{'x' * (i % 40)}", str(i)] for i in range(2000)]
    print_table("many", ("name", ">number"), iter(rows))
    title, head, *lines = capsys.readouterr().out.splitlines()
    assert (title, head.split()) == ("many", ["name", "number"])
    assert [line.split() for line in lines] == rows
    assert len({len(line) for line in lines}) == 1, "numbers are set to the right"


def test_a_copy_with_other_content_has_another_identity() -> None:
    network = Architecture(resolution=32, stages=(Stage(channels=8),))
    known = network.id
    assert network.model_copy().id == known
    assert network.model_copy(update={"resolution": 32}).id == known
    for deep in (False, True):
        other = network.model_copy(update={"resolution": 64}, deep=deep)
        assert other.id == Architecture(resolution=64, stages=(Stage(channels=8),)).id != known
        assert count(other) != count(network)


def test_an_identity_that_was_asked_for_is_no_content() -> None:
    one, other = (Architecture(resolution=32, stages=(Stage(channels=8),)) for _ in range(2))
    assert one.id
    assert one == other
    assert hash(one) == hash(other)
    assert one.model_dump() == other.model_dump()
