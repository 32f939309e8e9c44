"""Readers of a store that has lost something say so, with numbers, and do not end with 0."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pyarrow.parquet as pq
import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.done_jobs import DoneJobs
from compound.orchestrator.records.documents import Documents, documents
from tests.support.command import compound
from tests.support.small_study import SPEC

ALL = "select study, count(*) n from {table} group by 1"
BOTH = "select (select count(*) from metrics) m, (select count(*) from jobs) n"
READERS = ("metrics", "query", "export", "status", "report", "advise")
OVERRIDES = ("search.seeds=1", "search.controls=[]", "search.recipe_check=true", "family.phi=[1]")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a study with a recipe check and a test part, and of a second one like it."""
    folder = tmp_path_factory.mktemp("study")
    spec = folder / "small.yaml"
    spec.write_text(SPEC.format(store=folder / "runs", epochs=8))
    sets = [word for text in (*OVERRIDES, "data.test_images=40") for word in ("--set", text)]
    for name in ("small", "other"):
        ran = compound("run", str(spec), "--runner", "local", *sets, "--set", f"name={name}")
        assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole / "runs", tmp_path / "runs"))


def stored(root: Path, study: str = "small") -> Documents:
    study_documents = documents(ArtifactStore.open(str(root)).study(study))
    assert study_documents is not None
    return study_documents


def read(command: str, root: Path, study: str = "small") -> CompletedProcess[str]:
    words = {
        "metrics": (study,),
        "query": (BOTH, "--study", study, "--json"),
        "export": (study, str(root / "../out"), "--format", "parquet"),
        "status": (study,),
        "report": (study,),
        "advise": (study, "--params", "1G"),
    }
    return compound(command, *words[command], "--store", str(root))


def phases(root: Path) -> dict[str, str]:
    """Return a job of each phase."""
    return {job.phase: job.request.job.id for job in stored(root).jobs_of_phases}


@pytest.mark.parametrize("command", READERS)
def test_a_reader_of_a_whole_store_warns_of_nothing(root: Path, command: str) -> None:
    ran = read(command, root)
    assert ran.returncode == 0 and "missing" not in ran.stderr + ran.stdout, ran.stderr


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("name", ["plan.json", "family.json", "test.json", "contents.json"])
def test_a_deleted_document_is_said(root: Path, command: str, name: str) -> None:
    (root / "studies/small" / name).unlink()
    ran = read(command, root)
    assert ran.returncode != 0
    assert f"warning: {name} of the study is missing" in (ran.stderr + ran.stdout).replace(
        "study small: ", ""
    )
    assert "internal error" not in ran.stderr


def test_rows_of_a_deleted_plan_are_counted(root: Path) -> None:
    lines = len(compound("metrics", "small", "--store", str(root)).stdout.splitlines()) - 1
    (root / "studies/small/plan.json").unlink()
    ran = compound("metrics", "small", "--store", str(root))
    left = len(ran.stdout.splitlines()) - 1
    assert ran.returncode == 1 and f"{lines - left} rows are missing" in ran.stderr


@pytest.mark.parametrize("table", ["predictions", "checkpoints", "jobs", "events", "candidates"])
def test_every_table_says_that_the_plan_is_gone(root: Path, table: str) -> None:
    (root / "studies/small/plan.json").unlink()
    ran = compound("query", ALL.format(table=table), "--store", str(root), "--json")
    assert ran.returncode == 1 and "study small: plan.json of the study is missing" in ran.stderr
    # The second study has trained nothing itself, so it has no events.
    expected = "small" if table == "events" else "other"
    assert expected in {line["study"] for line in json.loads(ran.stdout)}


@pytest.mark.parametrize("phase", ["recipe", "search", "family"])
@pytest.mark.parametrize("command", ["metrics", "query", "status", "verify", "fsck"])
def test_a_deleted_job_of_any_phase_is_said(root: Path, phase: str, command: str) -> None:
    shutil.rmtree(root / "jobs" / phases(root)[phase])
    words = ("verify", "small") if command == "verify" else ("fsck", "small")
    ran = read(command, root) if command in READERS else compound(*words, "--store", str(root))
    assert ran.returncode == 1 and "rows are missing" in ran.stderr + ran.stdout


@pytest.mark.parametrize(
    ("pattern", "table"),
    [
        ("attempt-*/rows-*.parquet", "metrics"),
        ("attempt-*/rows-*.parquet", "jobs"),
        ("attempt-*/predictions-*.parquet", "predictions"),
        ("test-*.parquet", "predictions"),
        ("attempt-*/epoch-*/model.safetensors", "checkpoints"),
    ],
)
def test_a_deleted_file_of_a_job_is_said(root: Path, pattern: str, table: str) -> None:
    tested = stored(root).test
    assert tested is not None
    *_, path = sorted((root / "jobs" / tested.scores[0].job).glob(pattern))
    path.unlink()
    ran = compound("query", ALL.format(table=table), "--store", str(root))
    assert ran.returncode == 1 and tested.scores[0].job in ran.stderr, ran.stderr


def test_a_damaged_file_of_rows_is_counted(root: Path) -> None:
    (path,) = (root / "jobs" / phases(root)["search"]).glob("attempt-*/rows-*.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    for command in ("metrics", "query", "export"):
        ran = read(command, root)
        assert ran.returncode == 1 and "rows are missing" in ran.stderr


@pytest.mark.parametrize("command", [*READERS, "fsck", "verify"])
def test_a_study_without_its_spec_is_damaged_not_unknown(root: Path, command: str) -> None:
    (root / "studies/small/spec.json").unlink()
    ran = (
        read(command, root)
        if command in READERS
        else compound(command, "small", "--store", str(root))
    )
    said = ran.stderr + ran.stdout
    assert ran.returncode != 0 and "spec.json" in said and "missing" in said
    assert "did you mean" not in said


def test_a_study_whose_folder_is_gone_is_named(root: Path) -> None:
    shutil.rmtree(root / "studies/small")
    for ran in (read("status", root), compound("query", "from jobs", "--store", str(root))):
        assert ran.returncode != 0 and "begun here" in ran.stderr


@pytest.fixture(params=["misplaced", "flipped", "cut"])
def damaged(root: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The store with one document of `small` that is not what was written there."""
    path = root / "studies/small/spending.json"
    data = path.read_bytes()
    other = (root / "studies/other/spending.json").read_bytes()
    changed = {"misplaced": other, "flipped": data[:-9] + b"x" + data[-8:], "cut": data[:-9]}
    path.write_bytes(changed[request.param])
    yield root


def test_a_damaged_study_keeps_no_other_from_answering(damaged: Path) -> None:
    ran = compound("query", ALL.format(table="jobs"), "--store", str(damaged), "--json")
    assert ran.returncode == 1 and [line["study"] for line in json.loads(ran.stdout)] == ["other"]
    assert "study small: it is left out: " in ran.stderr
    assert f"next: compound fsck small --store {damaged}" in ran.stderr


def test_a_link_or_a_file_among_the_studies_is_no_study(root: Path) -> None:
    os.symlink("small", root / "studies/alias")
    os.symlink("/", root / "studies/top")
    (root / "studies/file").write_text("x")
    ran = compound("query", ALL.format(table="jobs"), "--store", str(root), "--json")
    assert ran.returncode == 0 and len(json.loads(ran.stdout)) == 2
    ran = compound("status", "alias", "--store", str(root))
    assert ran.returncode == 2 and "allowed: other, small\n" in ran.stderr
    for command in ("fsck", "verify"):
        assert compound(command, "--store", str(root)).returncode == 0


def indexed(root: Path) -> set[str]:
    (path,) = root.glob("studies/small/jobs-*.parquet")
    return {*pq.read_table(path)["job"].to_pylist()}


def again(whole: Path, root: Path, *more: str) -> CompletedProcess[str]:
    texts = (*OVERRIDES, "data.test_images=40", f"store={root}", *more)
    sets = [word for text in texts for word in ("--set", text)]
    ran = compound("run", str(whole / "small.yaml"), "--runner", "local", *sets)
    assert ran.returncode == 0, ran.stderr
    return ran


def test_the_index_keeps_every_job_over_restarts_and_extensions(whole: Path, root: Path) -> None:
    before = indexed(root)
    assert before == {job.request.job.id for job in stored(root).jobs}
    again(whole, root)
    assert indexed(root) == before
    again(whole, root, "family.phi=[2]")
    assert indexed(root) > before


def test_an_index_that_lacks_jobs_of_the_recipe_check_gets_them_again(
    whole: Path, root: Path
) -> None:
    folder = ArtifactStore.open(str(root)).study("small")
    rates = {job.request.job.id for job in stored(root).jobs if job.phase == "recipe"}
    fewer = DoneJobs(folder._files, "studies/small")
    ended = [done for job, done in folder.done_jobs.read().items() if job not in rates]
    folder.done_jobs.forget()
    fewer.add(ended)
    fewer.write()
    assert rates and not indexed(root) & rates
    again(whole, root)
    assert indexed(root) > rates


def test_a_lost_job_of_the_recipe_check_is_trained_again(whole: Path, root: Path) -> None:
    job = phases(root)["recipe"]
    before = stored(root).recipe_check
    shutil.rmtree(root / "jobs" / job)
    again(whole, root)
    assert (root / "jobs" / job).is_dir() and stored(root).recipe_check == before
    assert read("metrics", root).returncode == 0
