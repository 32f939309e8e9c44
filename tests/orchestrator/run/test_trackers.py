"""Trackers get the store's rows, once each; and a study does not mind what becomes of them."""

import threading
import time
from collections.abc import Callable, Sequence
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.run import trackers
from compound.orchestrator.run.tracker_clients import opens
from compound.orchestrator.run.trackers import Client, Run, Trackers, check
from compound.orchestrator.spec.load import load
from compound.schemas.errors import SpecError
from compound.schemas.job import EpochRow, Event
from compound.schemas.study import Tracker
from tests.support.store_samples import JOB, job, result, row, save

METRICS = {"train_loss", "validation_accuracy"}


class Kept:
    """A client that keeps what it gets, and does something before."""

    def __init__(self, before: Callable[[], None] = lambda: None, last_epoch: int = 0) -> None:
        self.epochs: dict[str, list[int]] = {}
        self.ended: list[str] = []
        self._before, self._known = before, last_epoch

    def run(self, job: str, label: str) -> Run:
        client = self

        class One:
            def last_epoch(self) -> int:
                return client._known

            def add(self, rows: Sequence[EpochRow]) -> None:
                client._before()
                client.epochs.setdefault(label, []).extend(point.epoch for point in rows)

            def close(self, status: str) -> None:
                client.ended.append(f"{label} {status}")

        return One()


def following(artifacts: ArtifactStore, client: Client, warnings: list[str]) -> Trackers:
    return Trackers("s", artifacts, {"mlflow": lambda study: client}, warnings.append)


def epoch(number: int) -> Event:
    return Event(kind="epoch", job=JOB.id, label="b0", row=row(number))


def ended(status: str = "done") -> Event:
    return Event(kind="ended", job=JOB.id, label="b0", result=result(3, status=status))


@pytest.fixture
def artifacts(store: str) -> ArtifactStore:
    """A store with a job of three epochs."""
    stored = ArtifactStore.open(store)
    with stored.writer(JOB) as writer:
        for number in (1, 2, 3):
            writer.log(row(number))
        writer.finish(result(3))
    return stored


def test_rows_are_handed_over_once_and_gaps_filled(artifacts: ArtifactStore) -> None:
    client, warnings = Kept(), []
    followed = following(artifacts, client, warnings)
    for event in (epoch(1), epoch(1), epoch(3), epoch(2), ended()):
        followed.event(event)
    followed.close()
    assert client.epochs == {"b0": [1, 2, 3]} and client.ended == ["b0 done"] and not warnings


def test_a_second_run_goes_on_where_the_first_has_ended(artifacts: ArtifactStore) -> None:
    client, warnings = Kept(last_epoch=2), []
    followed = following(artifacts, client, warnings)
    for event in (epoch(2), epoch(3)):
        followed.event(event)
    followed.close()
    assert client.epochs == {"b0": [3]} and client.ended == ["b0 stopped"]


def test_one_that_fails_is_a_warning_once(artifacts: ArtifactStore) -> None:
    def fails() -> None:
        raise ConnectionError("no route to host\nand more")

    warnings: list[str] = []
    followed = following(artifacts, Kept(fails), warnings)
    for _ in range(3):
        followed.event(epoch(1))
        time.sleep(0.05)
    followed.close()
    (line,) = warnings
    assert "mlflow has failed (ConnectionError: no route to host)" in line and "store" in line


def test_one_that_cannot_begin_is_a_warning(artifacts: ArtifactStore) -> None:
    def begin(study: str) -> Client:
        raise ImportError("protobuf")

    warnings: list[str] = []
    Trackers("s", artifacts, {"tensorboard": begin}, warnings.append).close()
    assert len(warnings) == 1 and "tensorboard has failed (ImportError" in warnings[0]


def test_one_that_hangs_holds_nothing_up(
    artifacts: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "_MOST", 5)
    for most, why in ((2, "does not answer"), (50, "does not keep up")):
        hangs, warnings = threading.Event(), []
        followed = following(artifacts, Kept(lambda hangs=hangs: hangs.wait(20)), warnings)
        began = time.monotonic()
        for _ in range(most):
            followed.event(epoch(1))
        followed.close(0.2)
        assert time.monotonic() - began < 5 and len(warnings) == 1 and why in warnings[0]
        hangs.set()


def test_a_client_that_is_not_installed_is_told_before_the_first_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load(written(tmp_path, "[tensorboard, mlflow]")).spec
    assert spec.trackers == ("tensorboard", "mlflow")
    (tmp_path / "mlflow").mkdir()
    real = find_spec("json")
    folder = PathFinder.find_spec("mlflow", [str(tmp_path)])
    monkeypatch.setattr(trackers, "find_spec", lambda name: folder if name == "mlflow" else real)
    with pytest.raises(SpecError) as caught:
        check(spec)
    assert "mlflow is not installed" in str(caught.value)
    assert 'pip install "compound-scaling[mlflow]"' in str(caught.value)
    for wrong in ("[wandb]", "[mlflow, mlflow]"):
        with pytest.raises(SpecError, match="trackers"):
            load(written(tmp_path, wrong))


def written(folder: Path, named: str) -> Path:
    path = folder / "spec.yaml"
    text = "kind: train\nname: x\ndata: {source: digits}\nbaseline: {name: resnet-18}\n"
    path.write_text(f"{text}trackers: {named}\n")
    return path


def resumed(artifacts: ArtifactStore, name: Tracker) -> None:
    """Train a job to its third epoch, lose the third, and train it to its fourth."""
    warnings: list[str] = []
    second_job = job(7)
    for first, last in ((1, 3), (3, 4)):
        followed = Trackers("s", artifacts, opens([name]), warnings.append)
        with artifacts.writer(second_job) as writer:
            writer.resume()
            for number in range(first, last + 1):
                stored = row(number, writer.attempt, of=second_job)
                writer.log(stored.model_copy(update={"wall_time": time.time()}))
                if number == 2:
                    save(writer, 2)
                followed.event(Event(kind="epoch", job=second_job.id, label="b0 / 1", row=stored))
        followed.close(60)
    assert not warnings


def test_tensorboard_shows_each_epoch_once(
    artifacts: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("COMPOUND_TENSORBOARD", str(tmp_path / "events"))
    resumed(artifacts, "tensorboard")
    (run,) = (tmp_path / "events/s").iterdir()
    assert run.name == f"b0_1-{job(7).id}" and len([*run.iterdir()]) == 2
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    assert {*events.Tags()["scalars"]} == METRICS
    for name in METRICS:
        points = [(point.step, point.value) for point in events.Scalars(name)]
        expected = [(point.epoch, point.metrics[name]) for point in artifacts.rows(job(7).id)]
        assert [step for step, _ in points] == [1, 2, 3, 4]
        assert points == [(step, pytest.approx(value)) for step, value in expected]


def test_mlflow_has_each_epoch_once(
    artifacts: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    resumed(artifacts, "mlflow")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("s").experiment_id
    (run,) = client.search_runs([experiment])
    assert run.info.run_name == f"b0 / 1 {job(7).id}" and run.info.status == "KILLED"
    for name in METRICS:
        history = client.get_metric_history(run.info.run_id, name)
        assert [point.step for point in history] == [1, 2, 3, 4]
        assert [point.value for point in history] == [
            r.metrics[name] for r in artifacts.rows(job(7).id)
        ]
