"""The last step of a study: the test part is read once, by nobody first."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.cluster.runner import OnEvent, Take, in_order
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.documents import FINAL_TEST, VERDICT, Documents, documents
from compound.orchestrator.records.needed_checkpoints import Policy, needed_checkpoints
from compound.schemas.final_evaluation import FinalTest
from compound.schemas.job import JobRequest, JobResult
from compound.schemas.verdict import Verdict
from tests.support.command import compound
from tests.support.images_on_disk import folder_of, jpeg
from tests.support.small_study import SPEC, carry_out

IMAGES = "data.test_images=50"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the spec of a study that has ended, and its store."""
    folder = tmp_path_factory.mktemp("finished")
    path = folder / "small.yaml"
    path.write_text(SPEC.format(store=folder / "runs", epochs=1))
    carry_out(path, IMAGES)
    return folder


@pytest.fixture
def spec(finished: Path, tmp_path: Path) -> Path:
    """The spec of a copy of that study."""
    shutil.copytree(finished / "runs", tmp_path / "runs")
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=1))
    return path


class Recorded(LocalRunner):
    """Counts evaluations, and can be told to stop at the first."""

    def __init__(self, *, stops: bool = False) -> None:
        super().__init__()
        self.evaluated: list[str] = []
        self._stops = stops

    def run(
        self, requests: Sequence[JobRequest], store: str, on_event: OnEvent, take: Take = in_order
    ) -> list[JobResult]:
        evaluations = [request.job.id for request in requests if request.evaluates]
        self.evaluated += evaluations
        results = super().run(requests, store, on_event, take)
        if not self._stops or not evaluations:
            return results
        stopped = results[-1].model_copy(update={"status": "stopped"})
        return [*results[:-1], stopped]


def stored(spec: Path) -> tuple[ArtifactStore, Documents, FinalTest]:
    store = ArtifactStore.open(str(spec.parent / "runs"))
    study_documents = documents(store.study("small"))
    assert study_documents is not None
    assert study_documents.test is not None
    return store, study_documents, study_documents.test


def test_it_has_every_seed_of_the_chosen_networks_beside_validation(finished: Path) -> None:
    store, study_documents, final = stored(finished / "small.yaml")
    roles = [network.role for network in final.networks]
    assert roles == ["baseline", "best single axis", "choice", "family", "family"]
    assert study_documents.verdict is not None
    assert final.networks[2].network == study_documents.verdict.chosen
    assert [len(network.seeds) for network in final.networks] == [2, 2, 2, 1, 1]
    for network in final.networks:
        for score in network.seeds:
            result = store.result(score.job)
            assert result is not None
            assert (score.images, score.validation) == (50, result.metrics["validation_accuracy"])
            assert score.low <= score.accuracy == score.correct / 50 <= score.high
        assert (network.spread is None) == (len(network.seeds) < 2)
    assert [reading.evaluated for reading in final.readings] == [len(final.scores)]
    assert not final.outdated
    assert not any("read" in warning for warning in final.warnings)


def test_the_choice_is_compared_image_by_image(finished: Path) -> None:
    store, _, final = stored(finished / "small.yaml")
    networks = {network.role: network for network in final.networks}
    choice = networks["choice"]
    overs = [difference.over for difference in final.differences]
    same = choice.network == networks["best single axis"].network
    assert overs == ["baseline"] if same else ["baseline", "best single axis"]
    for difference in final.differences:
        rival = networks[difference.over]
        assert difference.estimate == pytest.approx(choice.accuracy - rival.accuracy)
        assert difference.low is not None and difference.high is not None
        assert difference.low <= difference.estimate <= difference.high
        assert difference.p is not None and (difference.seeds, difference.covers) == (
            2,
            "seeds and images",
        )
        assert "McNemar's p" in difference.sentence
    assert [network.covers for network in final.networks][-2:] == ["images", "images"]
    assert "one seed: new images only" in final.sentence
    score = choice.seeds[0]
    answers = store.test_predictions(score.job).read(score.content, score.weights)
    assert answers is not None and int(answers.right.sum()) == score.correct


def test_without_stored_answers_the_differences_have_no_interval_and_say_why(spec: Path) -> None:
    store, _, first = stored(spec)
    for file in Path(store.uri).rglob("test-*.parquet"):
        file.unlink()
    runner = Recorded()
    carry_out(spec, IMAGES, runner=runner)
    final = stored(spec)[2]
    assert not runner.evaluated, "the test part is not read again for them"
    for difference, before in zip(final.differences, first.differences, strict=True):
        assert (difference.low, difference.p) == (None, None)
        assert difference.estimate == before.estimate
        assert "This has no interval" in difference.sentence


def test_no_decision_changes_with_a_test_part(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "runs", tmp_path / "runs")
    path = tmp_path / "plain.yaml"
    text = SPEC.format(store=tmp_path / "runs", epochs=1)
    path.write_text(text.replace("name: small", "name: plain"))
    log, store = carry_out(path)
    assert [pending for _, _, pending in log.phases] == [0, 0], "the same jobs, none trained again"
    small, plain = (store.study(name) for name in ("small", "plain"))
    assert small.read(VERDICT, Verdict) == plain.read(VERDICT, Verdict)
    assert FINAL_TEST not in plain.sizes()


def test_a_resumed_study_reads_it_no_second_time(spec: Path) -> None:
    first, runner = stored(spec)[2], Recorded()
    log, _ = carry_out(spec, IMAGES, runner=runner)
    assert stored(spec)[2] == first
    assert not runner.evaluated
    assert not log.notes


def test_an_extended_study_tells_how_often_it_was_read(spec: Path) -> None:
    first, runner = stored(spec)[2], Recorded()
    carry_out(spec, IMAGES, "family.phi=[1,2,1.5]", runner=runner)
    final = stored(spec)[2]
    assert len(runner.evaluated) == 1, "weights that were evaluated are not evaluated again"
    assert [reading.evaluated for reading in final.readings] == [first.readings[0].evaluated, 1]
    assert any("was read 2 times" in warning for warning in final.warnings)
    assert {score.job for score in first.scores} < {score.job for score in final.scores}


def test_an_interrupted_reading_is_continued_and_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=1).replace("seeds: 2", "seeds: 1"))
    carry_out(path, IMAGES, runner=Recorded(stops=True), ending="stopped")
    half, runner = stored(path)[2], Recorded()
    assert sum(bool(network.unread) for network in half.networks) >= 1
    carry_out(path, IMAGES, runner=runner)
    final = stored(path)[2]
    assert len(runner.evaluated) == 1
    assert [reading.evaluated for reading in final.readings] == [len(final.scores)]
    assert not any(network.unread for network in final.networks)


def test_changed_test_images_are_told_before_training_and_never_read(spec: Path) -> None:
    first, runner = stored(spec)[2], Recorded()
    log, _ = carry_out(spec, "data.test_images=60", "family.phi=[1,2,1.5]", runner=runner)
    final = stored(spec)[2]
    assert not runner.evaluated
    assert final.networks == first.networks
    assert "has changed since it was read: 50 images then" in final.outdated
    assert final.changed is not None and final.changed.images == 60
    assert log.notes[0] == f"warning: {final.outdated}", "told before anything trains"
    printed = compound("status", str(spec)).stdout
    assert f"warning: {final.outdated}" in printed
    carry_out(spec, IMAGES, "family.phi=[1,2]")
    assert not stored(spec)[2].outdated, "the old images are back"
    assert stored(spec)[2].complete


def test_a_study_whose_test_images_changed_ends_with_1_and_names_what_reads_them(
    spec: Path,
) -> None:
    options = ("--runner", "local", "--no-report", "--set", "data.test_images=60")
    again = compound("run", str(spec), *options)
    assert again.returncode == 1, "its test accuracies are not of these data"
    assert "compound run SPEC --set name=small-2" in again.stderr
    renamed = compound("run", str(spec), *options, "--set", "name=small-2")
    assert renamed.returncode == 0
    store = ArtifactStore.open(str(spec.parent / "runs"))
    final = store.study("small-2").read(FINAL_TEST, FinalTest)
    assert final is not None and final.images == 60 and final.complete
    assert {score.job for score in final.scores} == {s.job for s in stored(spec)[2].scores}


def test_a_test_part_that_is_taken_away_is_told(spec: Path) -> None:
    carry_out(spec)
    final = stored(spec)[2]
    assert "no test part any more" in final.outdated
    assert final.networks


def test_weights_that_are_gone_are_named_and_nothing_else_fails(spec: Path) -> None:
    store, _, final = stored(spec)
    store.study("small").write(FINAL_TEST, _unread(final))
    gone = final.networks[0].seeds[0].job
    for file in Path(store.uri, "jobs", gone).rglob("model.safetensors"):
        file.write_bytes(file.read_bytes()[:-1])
    carry_out(spec, IMAGES)
    (line,) = stored(spec)[2].networks[0].unread
    assert "are not stored" in line
    assert len(stored(spec)[2].networks[0].seeds) == 1
    result = store.result(gone)
    assert result is not None
    assert result.status == "done"
    again = compound("run", str(spec), "--runner", "local", "--no-report", "--set", IMAGES)
    assert again.returncode == 1, "a test accuracy is missing"
    assert "not evaluated on the test part: " in again.stderr


def _unread(final: FinalTest) -> FinalTest:
    return final.model_copy(update={"readings": (), "networks": (), "earlier": (), "part": None})


def test_weights_are_kept_until_the_test_part_was_read(spec: Path) -> None:
    store, study_documents, final = stored(spec)
    policy = Policy(last=1, best=0, jobs=0)

    def kept_jobs() -> set[str]:
        stays = needed_checkpoints(store, {"small": stored(spec)[1]}, policy)
        return {job for job, retention in stays.items() if retention.keep}

    family = {job.request.job.id for job in study_documents.jobs if job.phase == "family"}
    assert kept_jobs() == family, "as ever: those of a family"
    store.study("small").write(FINAL_TEST, _unread(final))
    assert kept_jobs() == {score.job for score in final.scores}
    Path(store.study("small").path(VERDICT)).unlink()
    assert kept_jobs() == {job.request.job.id for job in study_documents.jobs}


def test_people_and_programs_see_it_everywhere(spec: Path) -> None:
    final = stored(spec)[2]
    ran = compound("run", str(spec), "--runner", "local", "--json", "--set", IMAGES)
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert FinalTest.model_validate(answer["test"]) == final
    printed = compound("run", str(spec), "--runner", "local", "--no-report", "--set", IMAGES).stdout
    assert "test part: 50 images used for no decision, 90 % intervals" in printed
    status = compound("status", "small", "--store", str(spec.parent / "runs"))
    assert final.sentence in status.stdout
    as_json = compound("status", "small", "--store", str(spec.parent / "runs"), "--json")
    assert json.loads(as_json.stdout)["test"] == answer["test"]
    page = Path(answer["report"]).read_text()
    assert "50 images that were used for no decision" in page
    plan = compound("plan", str(spec), "--set", IMAGES).stdout
    assert "test part: 50 images, read once at the end" in plan
    without = compound("plan", str(spec)).stdout
    assert "no test part: accuracies are of validation images" in without


def test_a_poor_test_part_is_told_before_anything_is_trained(spec: Path) -> None:
    printed = compound("plan", str(spec), "--set", "data.test_images=3").stderr
    assert "the test part has 3 images for 4 classes" in printed
    twenty = compound("plan", str(spec), "--set", "data.test_images=20").stderr
    assert "the test part has 20 images: an accuracy of 80.0 % on it may as well be 62." in twenty
    few = compound("plan", str(spec), "--set", "data.test_images=8", "--set", "data.limit=3").stderr
    assert "1 class with test images, but no training image: " in few


TRAIN = """\
kind: train
name: small
store: {store}
data: {{source: digits, test: 0.2, limit: 100, validation_limit: 50}}
baseline:
  resolution: 8
  stem: {{channels: 4, stride: 1}}
  stages: [{{channels: 4, expand: 1, se: 0}}]
  head: 8
seeds: 2
train: {{epochs: 1, batch: 32}}
resources: {{gpus: 0}}
"""


def test_one_variant_is_evaluated_as_well(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TRAIN.format(store=tmp_path / "runs"))
    carry_out(path)
    (network,) = stored(path)[2].networks
    assert (network.role, network.name, len(network.seeds)) == ("family", "phi 1", 2)
    assert network.seeds[0].images == 359
    printed = compound("status", str(path)).stdout
    assert "test accuracy on 359 images that were used for no decision" in printed


def test_a_study_without_a_test_part_says_so(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TRAIN.format(store=tmp_path / "runs").replace("test: 0.2, ", ""))
    _, store = carry_out(path)
    assert FINAL_TEST not in store.study("small").sizes()
    assert "no test part" in compound("status", str(path)).stdout
    assert json.loads(compound("status", str(path), "--json").stdout)["test"] is None


def test_a_folder_with_a_test_part_is_read_at_the_end_only(tmp_path: Path) -> None:
    images, path = tmp_path / "images", tmp_path / "small.yaml"
    folder_of(images, train=24, held=8, side=8)
    data = f"{{{{source: image_folder, path: {images}}}}}"
    text = TRAIN.replace(TRAIN[TRAIN.index("{{source: digits") : TRAIN.index("\nbaseline")], data)
    path.write_text(text.format(store=tmp_path / "runs").replace("batch: 32", "batch: 8"))
    without, _ = carry_out(path)
    for number in range(6):
        file = images / "test" / ("ant", "bee")[number % 2] / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg(20_000 + number, side=8))
    resumed, _ = carry_out(path)
    assert [pending for _, _, pending in (*without.phases, *resumed.phases)] == [2, 0]
    (network,) = stored(path)[2].networks
    assert [score.images for score in network.seeds] == [6, 6]
    file.write_bytes(jpeg(30_000, side=8))
    carry_out(path)
    assert "has changed since it was read" in stored(path)[2].outdated
