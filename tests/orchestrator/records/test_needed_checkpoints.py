"""`compound gc` on a small study: a dry run first, then what stays and why."""

import json
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.__main__ import main
from compound.orchestrator.records.documents import documents
from compound.orchestrator.records.needed_checkpoints import Policy, needed_checkpoints
from compound.schemas.plan import PlannedJob
from compound.schemas.weights import Weights, WeightsRef
from tests.support.small_study import SPEC, carry_out

KEEP = "train.keep={last: 3, best: 0}"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=3).replace("seeds: 2", "seeds: 1"))
    return path


@pytest.fixture
def store(spec: Path) -> ArtifactStore:
    return carry_out(spec, KEEP)[1]


def gc(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = ended("gc", *words)
    out = capsys.readouterr()
    return code, out.out + out.err


def fsck(store: ArtifactStore) -> int:
    return ended("fsck", store.uri, "--older-than", "0")


def ended(*words: str) -> int:
    """Run a command; return its exit code."""
    try:
        main([*words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def planned(store: ArtifactStore) -> list[PlannedJob]:
    study_documents = documents(store.study("small"))
    assert study_documents
    return study_documents.jobs


def checkpoints(store: ArtifactStore) -> int:
    return len([*Path(store.uri).rglob("model.safetensors")])


def test_a_dry_run_comes_first(
    spec: Path, store: ArtifactStore, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs, before = len(planned(store)), checkpoints(store)
    assert before == 3 * jobs
    code, out = gc(capsys, str(spec), "--keep-best", "0")
    assert code == 0 and "nothing is removed yet" in out and "--yes" in out
    assert f"{2 * jobs} checkpoints of {jobs} jobs" in out and checkpoints(store) == before
    code, out = gc(capsys, "small", "--store", store.uri, "--keep-best", "0", "--yes", "--json")
    report = json.loads(out)
    assert (
        code == 0 and not report["dry_run"] and report["bytes"] > 0 and len(report["jobs"]) == jobs
    )
    assert checkpoints(store) == jobs and fsck(store) == 0
    code, out = gc(capsys, str(spec), "--yes")
    assert "0 checkpoints" in out and checkpoints(store) == jobs
    again, _ = carry_out(spec, KEEP)
    assert all(pending == 0 for _, _, pending in again.phases), "results are what they were"


def test_only_the_best_jobs_keep_any(
    spec: Path, store: ArtifactStore, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = gc(capsys, str(spec), "--best-jobs", "1", "--keep-best", "0", "--yes")
    left = {job for job in store.jobs() if store.checkpoint(job)}
    family = {job.request.job.id for job in planned(store) if job.phase == "family"}
    results = store.results(store.jobs())
    search = [job.request.job.id for job in planned(store) if job.phase == "search"]
    best = max(search, key=lambda job: results[job].metrics["validation_accuracy"])
    assert code == 0 and left == family | {best} and fsck(store) == 0
    assert len(results) == len(store.jobs()), "results stay, whatever happens to checkpoints"


def test_a_study_that_is_run_is_left_alone(
    spec: Path, store: ArtifactStore, capsys: pytest.CaptureFixture[str]
) -> None:
    before = checkpoints(store)
    with store.study("small").lease({}):
        code, out = gc(capsys, str(spec), "--yes")
    assert code == 2 and "is being run by process" in out and checkpoints(store) == before


def test_what_a_longer_schedule_will_go_on_from_stays(spec: Path, store: ArtifactStore) -> None:
    study, policy = store.study("small"), Policy(last=1, best=0, jobs=0)
    chosen = {"small": documents(study)}
    none = needed_checkpoints(store, chosen, policy)
    search = [job.request.job.id for job in planned(store) if job.phase == "search"]
    assert all(none[job].keep is None for job in search)
    plan = chosen["small"].plan
    longer = tuple(_longer(job) for job in plan.jobs)
    study.write("plan.json", plan.model_copy(update={"jobs": (*plan.jobs, *longer)}))
    needed = needed_checkpoints(store, {"small": documents(study)}, policy)
    assert all(needed[job].keep for job in search)


def _longer(planned: PlannedJob) -> PlannedJob:
    job = planned.request.job
    recipe = job.recipe.model_copy(update={"epochs": 9})
    request = planned.request.model_copy(update={"job": job.model_copy(update={"recipe": recipe})})
    return planned.model_copy(update={"request": request})


def test_what_another_study_shares_or_names_as_weights_stays(
    store: ArtifactStore, tmp_path: Path
) -> None:
    study_documents, policy = documents(store.study("small")), Policy(last=1, best=0, jobs=0)
    path = next(Path(store.uri).rglob("epoch-0002-*/model.safetensors"))
    owner = path.parts[-4]
    second_study = store.study("other")
    second_study.write("spec.json", study_documents.record)
    shared = study_documents.plan.jobs[0]
    reference = WeightsRef(spec=Weights(path=str(path)), sha256="0" * 64)
    job = shared.request.job.model_copy(update={"weights": reference, "seed": 77})
    using = shared.model_copy(update={"request": shared.request.model_copy(update={"job": job})})
    second_study.write(
        "plan.json", study_documents.plan.model_copy(update={"jobs": (shared, using)})
    )
    plan = needed_checkpoints(store, {"small": study_documents}, policy)
    assert plan[shared.request.job.id].keep
    folder = str(path.parent.relative_to(store.uri))
    assert plan[owner].needed == {folder}
    for job, stay in plan.items():
        store.prune(job, stay, dry=False)
    assert path.exists() and fsck(store) == 0
