"""A study run again with a changed spec: what is new trains, what cannot extend is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from compound.jobs.data.source import inspect
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.optimiser.schedule import steps
from compound.orchestrator.prepare import prepare
from compound.orchestrator.records.documents import Documents, Record, documents
from compound.orchestrator.records.history import History
from compound.orchestrator.run.extend import require_extension
from compound.orchestrator.spec.load import load
from compound.schemas.data import Undecodable
from compound.schemas.errors import PlanError
from compound.schemas.job import JobRequest
from compound.schemas.plan import AnyPlan
from tests.support.command import compound
from tests.support.small_jobs import small_job
from tests.support.small_study import SPEC, carry_out

EXPONENTIAL = (
    "train.schedule=exponential",
    "train.norm_momentum=0.1",
    "train.decay_epochs=1",
)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=2))
    return path


def planned(spec: Path, *overrides: str) -> AnyPlan:
    file = load(spec, overrides)
    return prepare(file.spec, inspect(file.spec.data), None).plan


@pytest.fixture
def begun(spec: Path) -> Documents:
    """The documents of a study that was begun, and has trained nothing yet."""
    file, plan = load(spec), planned(spec)
    folder = ArtifactStore.open(file.spec.store).study("small")
    folder.write("spec.json", Record(spec=file.spec, text=file.source.text))
    folder.write("plan.json", plan)
    stored = documents(folder)
    assert stored is not None
    return stored


@pytest.mark.parametrize(
    "overrides",
    [
        ("search.seeds=3",),
        ("train.epochs=5",),
        ("search.design.degree=2",),
        ("family.phi=[1,2,3]",),
        ("search.budget.multiple=1.5",),
        ("train.learning_rate=0.2",),
        ("retries=0", "budget.cpu_hours=10"),
    ],
)
def test_all_else_may_change(begun: Documents, spec: Path, overrides: tuple[str, ...]) -> None:
    require_extension(None, planned(spec, *overrides))
    require_extension(begun, planned(spec, *overrides))


def test_images_whose_pixels_are_read_otherwise_today_are_refused_with_the_reason(
    begun: Documents, spec: Path
) -> None:
    plan = planned(spec)
    data = plan.data.model_copy(update={"fingerprint": "0" * 16, "pixels": 2})
    with pytest.raises(PlanError, match="was begun when some of these images were read with other"):
        require_extension(begun, plan.model_copy(update={"data": data}))


def test_other_images_that_cannot_be_decoded_are_other_data(begun: Documents, spec: Path) -> None:
    plan = planned(spec)
    bad, other = ("a.heic: HEIC, which needs a package",), {"fingerprint": "0" * 16}
    now = plan.data.model_copy(update={**other, "quarantined": bad, "undecodable": Undecodable()})
    with pytest.raises(PlanError, match="images that cannot be decoded: 0 -> 1, fingerprint"):
        require_extension(begun, plan.model_copy(update={"data": now}))
    assert begun.plan is not None
    was = begun.plan.data.model_copy(update={"quarantined": bad})
    older = replace(begun, plan=begun.plan.model_copy(update={"data": was}))
    with pytest.raises(PlanError, match="of which an older version kept no list"):
        require_extension(older, plan.model_copy(update={"data": now}))


@pytest.mark.parametrize(
    ("override", "where", "message"),
    [
        ("data.images=160", "data", "train: 128 -> 160"),
        ("baseline.resolution=12", "baseline", "resolution: 10 -> 12"),
        ("baseline.stages.1.channels=12", "baseline", "stages[1].channels: 8 -> 12"),
    ],
)
def test_other_data_or_another_baseline_is_refused(
    begun: Documents, spec: Path, override: str, where: str, message: str
) -> None:
    with pytest.raises(PlanError) as refused:
        require_extension(begun, planned(spec, override))
    assert refused.value.where == where
    assert message in refused.value.message
    assert "--set name=small-2    # another study" in refused.value.next_step


def test_the_command_refuses_before_it_writes(spec: Path, tmp_path: Path) -> None:
    carry_out(spec)
    folder = tmp_path / "runs" / "studies" / "small"
    before = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    ran = compound("run", str(spec), "--runner", "local", "--set", "data.images=160")
    assert ran.returncode == 2
    assert "was started with other data: train: 128 -> 160" in ran.stderr
    assert "Traceback" not in ran.stderr
    after = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    before.pop("lease.json", None), after.pop("lease.json", None)
    assert after == before


def test_a_refused_first_run_leaves_no_study(spec: Path, tmp_path: Path) -> None:
    ran = compound("run", str(spec), "--runner", "local", "--set", "budget.cpu_hours=0.0000001")
    assert ran.returncode == 2, ran.stderr
    assert ArtifactStore.open(str(tmp_path / "runs")).studies() == []
    assert not (tmp_path / "runs" / "studies").exists()


def test_jobs_of_another_study_are_reused_and_said_to_be(spec: Path) -> None:
    carry_out(spec)
    changes = ("name=other", "search.seeds=3", "family.phi=[1]")
    log, store = carry_out(spec, *changes)
    assert log.phases[0] == ("search", 12, 4)
    assert log.reused[0] == {"small": 8}
    assert log.reused[1] == {}, "the winner at phi = 1 is of this study's own search"
    again, _ = carry_out(spec, *changes)
    assert again.reused == [{}, {}], "of this study by now"
    assert store.studies() == ["other", "small"]


def test_a_longer_schedule_that_can_continue_does(spec: Path) -> None:
    _, store = carry_out(spec, *EXPONENTIAL)
    log, _ = carry_out(spec, *EXPONENTIAL, "train.epochs=4")
    stored = documents(store.study("small"))
    assert stored is not None and stored.plan is not None
    search = {job.request.job.id for job in stored.plan.jobs}
    assert log.phases[0] == ("search", 8, 8)
    trained = [event.row.epoch for event in log.events if event.row and event.job in search]
    assert trained == [3, 4] * 8
    for job in stored.jobs:
        assert [row.epoch for row in store.rows(job.request.job.id)] == [1, 2, 3, 4]


def test_a_cosine_schedule_begins_anew(spec: Path) -> None:
    carry_out(spec)
    log, _ = carry_out(spec, "train.epochs=3")
    assert {event.row.epoch for event in log.events if event.row} == {1, 2, 3}


def test_only_a_job_that_is_done_is_continued(begun: Documents, tmp_path: Path) -> None:
    store = ArtifactStore.open(str(tmp_path / "runs"))
    history = History(store, "small")
    recipe = {"schedule": "exponential", "norm_momentum": 0.1}
    short, long = (JobRequest(job=small_job(epochs=epochs, **recipe)) for epochs in (2, 6))
    history.learn([short])
    plan = steps(long.job.recipe, 100, 1)
    assert history.continued(long, plan) == long
    with store.writer(short.job) as writer:
        writer.resume()
    assert history.continued(long, plan) == long
