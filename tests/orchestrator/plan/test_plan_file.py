"""A plan in a file: run exactly so, or refused with what has changed."""

import shutil
from contextlib import chdir
from pathlib import Path

import pytest
from PIL import Image

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.specs import plan as planning
from compound.orchestrator.cli.study import run as running
from compound.orchestrator.plan import plan_file
from compound.orchestrator.plan.plan_file import differences
from compound.orchestrator.records.documents import documents
from compound.schemas.errors import PlanError, SpecError
from tests.support.forked import run_forked

DIGITS = Path(__file__).parents[3] / "examples" / "digits.yaml"
SMALL = ("search.seeds=1", "train.epochs=1", "family.phi=[1]", "search.design.degree=1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec and its plan, made once."""
    folder = tmp_path_factory.mktemp("planned")
    shutil.copy(DIGITS, folder / "spec.yaml")
    planning.plan(folder / "spec.yaml", list(SMALL), planning.Options(output=folder / "plan.json"))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to work in."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path / "work"))
    return tmp_path / "work"


def refusal(path: Path | None = None, *overrides: str, plan: str = "plan.json") -> PlanError:
    """Return why `compound run` does not begin."""
    options = running.Options("local", None, False, False, Path(plan) if plan else None)
    with pytest.raises((PlanError, SpecError)) as caught:
        running.run(path, list(overrides), options)
    assert not Path("runs/studies/digits/plan.json").exists()
    return caught.value


def rewrite(folder: Path, **update: object) -> None:
    """Change a plan as no user could: with its seal made anew."""
    given = plan_file.read(folder / "plan.json")
    plan_file.write(folder / "plan.json", given.model_copy(update=update))


@pytest.mark.slow
def test_a_plan_runs_exactly_as_planned(folder: Path) -> None:
    planned = [j.request.job.id for j in plan_file.read(folder / "plan.json").plan.jobs]
    with chdir(folder):
        run_forked("compound", "run", "--plan", "plan.json", "--runner", "local")
    found = documents(ArtifactStore.open("runs").study("digits"))
    assert found and found.plan
    assert [job.request.job.id for job in found.plan.jobs] == planned


def test_a_changed_spec_is_named_with_old_and_new(folder: Path) -> None:
    spec = folder / "spec.yaml"
    spec.write_text(spec.read_text().replace("batch: 64", "batch: 128"))
    error = refusal()
    assert "search.train.batch: 64 -> 128" in error.message
    assert error.next_step.startswith("compound plan spec.yaml --set search.seeds=1")


def test_a_changed_comment_changes_nothing(folder: Path) -> None:
    spec = folder / "spec.yaml"
    spec.write_text("# another comment\n" + spec.read_text())
    found = plan_file.check(plan_file.read(folder / "plan.json"), folder / "plan.json")
    assert found.spec == plan_file.read(folder / "plan.json").spec


def test_without_its_spec_a_plan_stands_alone(folder: Path) -> None:
    (folder / "spec.yaml").unlink()
    given = plan_file.read(folder / "plan.json")
    assert plan_file.check(given, folder / "plan.json").spec == given.spec


def test_spec_and_plan_may_move_together(folder: Path) -> None:
    moved = folder.rename(folder.parent / "elsewhere")
    given = plan_file.read(moved / "plan.json")
    assert plan_file.check(given, moved / "plan.json").source.text == DIGITS.read_text()


def test_another_program_is_refused(folder: Path) -> None:
    rewrite(folder, program="0" * 64)
    assert "the program has changed since this was planned" in refusal().message


def test_an_edit_by_hand_is_refused(folder: Path) -> None:
    path = folder / "plan.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1', 1))
    error = refusal()
    assert "this is no plan, or it was changed" in error.message
    assert error.next_step == "compound plan SPEC --output plan.json"


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00" * 100, b"name: x\n"])
def test_what_is_no_plan_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(PlanError):
        plan_file.read(tmp_path / "plan.json")


def test_a_missing_plan_and_two_sources_are_refused(folder: Path) -> None:
    assert "cannot read: no such file" in refusal(plan="absent.json").message
    for error in (refusal(Path("spec.yaml")), refusal(None, "seed=1"), refusal(plan="")):
        assert "`run` takes either a spec" in error.message
        assert error.next_step.startswith("compound run ")


def test_a_plan_that_cannot_be_written_is_told(folder: Path) -> None:
    options = planning.Options(output=Path("no/such/plan.json"))
    with pytest.raises(PlanError) as caught:
        planning.plan(Path("spec.yaml"), list(SMALL), options)
    assert "cannot write: no such file" in caught.value.message


def test_changed_data_are_refused(folder: Path) -> None:
    for split in ("train", "val"):
        for name, shade in (("cat", 0), ("dog", 200)):
            images = folder / "images" / split / name
            images.mkdir(parents=True)
            for index in range(8):
                Image.new("RGB", (12, 12), (shade, index, 0)).save(images / f"{index}.png")
    overrides = [*SMALL, "data={source: image_folder, path: images}", "train.batch=8"]
    planning.plan(Path("spec.yaml"), overrides, planning.Options(output=Path("plan.json")))
    Image.new("RGB", (12, 12), (9, 9, 9)).save(images / "0.png")
    assert "the data have changed since this was planned" in refusal().message


def test_a_plan_for_gpus_is_not_run_on_cpus(folder: Path) -> None:
    spec = folder / "spec.yaml"
    (folder / "gpus.yaml").write_text(f"{spec.read_text()}\ncluster: {{cpus: 8, gpus: 2}}\n")
    (folder / "gpus.yaml").rename(spec)
    overrides = [*SMALL, "resources={search: {gpus: auto}, family: {gpus: auto}}"]
    planning.plan(Path("spec.yaml"), overrides, planning.Options(output=Path("plan.json")))
    error = refusal()
    assert (
        "search jobs were planned for GPUs (1 a worker), and would train on CPUs" in error.message
    )
    assert "there is no NVIDIA driver" in error.message
    assert "compound plan spec.yaml --set search.seeds=1" in error.next_step


def test_every_phase_has_the_kind_of_device_that_was_planned(folder: Path) -> None:
    given = plan_file.read(folder / "plan.json")
    planned = given.forecast.resources
    plan_file.check_devices(given, planned, folder / "plan.json")
    changed = [one.model_copy(update={"gpus": 0.5}) for one in planned[-1:]]
    with pytest.raises(PlanError, match="family jobs were planned for CPUs, and would train on GP"):
        plan_file.check_devices(given, [*planned[:-1], *changed], folder / "plan.json")
    fewer = given.forecast.model_copy(update={"resources": ()})
    older = given.model_copy(update={"forecast": fewer})
    plan_file.check_devices(older, changed, folder / "plan.json")


def test_differences_name_the_key_and_both_values() -> None:
    was = {"a": {"b": 1, "c": [1, 2]}, "d": 3}
    now = {"a": {"b": 2, "c": [1, 2]}, "e": 4}
    assert list(differences(was, now)) == ["a.b: 1 -> 2", "d: 3 -> None", "e: None -> 4"]
