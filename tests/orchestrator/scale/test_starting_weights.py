"""Training from weights that a spec names: what loads, what is refused, and what decides the id."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from compound.cluster.local_runner import LocalRunner
from compound.jobs.data.source import summarise
from compound.jobs.models.build import build
from compound.jobs.models.foreign_names import namings
from compound.jobs.models.weight_file import below, evaluated, read
from compound.jobs.models.weights import load_weights, rename
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.orchestrator.__main__ import main
from compound.orchestrator.scale.family import plan_train
from compound.orchestrator.spec.load import load
from compound.schemas.architecture import Architecture
from compound.schemas.errors import ArchitectureError
from compound.schemas.job import JobRequest, Resources, TrainJob
from compound.schemas.weights import Weights, WeightsRef
from tests.support.family_networks import small
from tests.support.forked import run_forked
from tests.support.reference_networks import torchvision_mnasnet
from tests.support.small_jobs import small_job

BASELINES = {
    "resnet": """
  family: resnet
  resolution: 8
  stem: {channels: 8, stride: 1}
  stages: [{block: basic, channels: 8}, {block: bottleneck, channels: 4, stride: 2, repeats: 2}]
  head: 0""",
    "mobilenet-v2": """
  family: mobilenet-v2
  resolution: 8
  stem: {channels: 8, stride: 1}
  stages: [{channels: 8, expand: 1, se: 0}, {channels: 12, expand: 2, stride: 2, se: 0}]
  head: 16""",
    "mbconv": """
  resolution: 8
  stem: {channels: 8, stride: 1}
  stages: [{channels: 8, expand: 1}, {channels: 12, expand: 2, stride: 2, repeats: 2}]
  head: 16""",
}
SPEC = """\
kind: train
name: tuned
store: {folder}/runs
data: {{source: synthetic, images: 96, validation_images: 32, size: 8}}
baseline:{baseline}
weights:
  path: {folder}/given.pth
train: {{epochs: 1, batch: 32, learning_rate: 1.0e-9, warmup_epochs: 0, ema: 0.5}}
resources: {{gpus: 0}}
"""
"""The rate leaves the weights where they start, so that the checkpoint shows where that was."""


def completed(words: list[str]) -> None:
    """Run a command that ends with 0."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0


@pytest.fixture
def spec(tmp_path: Path):
    """Write a spec around one of the baselines; its weights go to given.pth beside it."""

    def write(family: str = "resnet") -> Path:
        path = tmp_path / "tuned.yaml"
        path.write_text(SPEC.format(folder=tmp_path, baseline=BASELINES[family]))
        return path

    return write


def job_of(spec: Path, *overrides: str) -> TrainJob:
    file = load(spec, overrides)
    family = plan_train(file.spec, summarise(file.spec.data)).family
    return family.members[0].jobs[0].request.job


def given(spec: Path, source: str, classes: int = 4) -> dict[str, torch.Tensor]:
    """Return weights for a spec's network, named as a source names them."""
    network = job_of(spec, "weights=null").architecture
    network = network.model_copy(update={"num_classes": classes})
    if source == "compound":
        return build(network).state_dict()
    return rename(build(network), next(n for n in namings(network) if n.source == source))


def refused(spec: Path, *overrides: str) -> str:
    """Return what `compound plan` says about a spec that it refuses."""
    with pytest.raises(ArchitectureError) as raised:
        job_of(spec, *overrides)
    assert raised.value.where == "weights.path"
    return str(raised.value)


def trained(job: TrainJob, store: str) -> dict[str, torch.Tensor]:
    """Train a job; return the tensors of its last checkpoint."""
    request = JobRequest(job=job, resources=Resources(gpus=0))
    (result,) = LocalRunner().run([request], store, lambda event: None)
    assert result.status == "done", result.cause
    checkpoint = ArtifactStore.open(store).checkpoint(job.id)
    return checkpoint.model()


@pytest.mark.parametrize(
    ("family", "source", "suffix"),
    [
        ("resnet", "torchvision", ".pth"),
        ("mobilenet-v2", "torchvision", ".safetensors"),
        ("mobilenet-v2", "timm", ".pth"),
        ("mbconv", "timm", ".safetensors"),
        ("mbconv", "compound", ".pth"),
    ],
)
def test_training_starts_where_the_weights_are(
    family: str, source: str, suffix: str, spec, store: str, tmp_path: Path
) -> None:
    path, save = tmp_path / f"given{suffix}", torch.save if suffix == ".pth" else save_file
    tensors = given(spec(family), source)
    save(tensors, path)
    job = job_of(spec(family), f"weights.path={path}")
    after = trained(job, store)
    network = build(job.architecture)
    names = dict(zip(tensors, network.state_dict(), strict=True))
    stated = Path(store).glob("jobs/*/attempt-0001-*/epoch-0001-*/model.safetensors")
    assert {read(path).norm_epsilon for path in stated} == {job.architecture.norm_epsilon}
    assert (job.architecture.norm_epsilon == 1e-5) == ((family, source) == ("mbconv", "timm"))
    for name in (name for name in tensors if name.endswith(("weight", "bias"))):
        for kept in ("model.", "ema."):
            torch.testing.assert_close(after[kept + names[name]], tensors[name], rtol=0, atol=1e-6)


def test_a_checkpoint_of_the_store_starts_the_next_job_from_its_average(
    spec, store: str, tmp_path: Path
) -> None:
    first = trained(small_job(ema=0.9, epochs=2), store)
    (path,) = Path(store).glob("jobs/*/attempt-0001-*/epoch-0002-*/model.safetensors")
    shutil.copy(path, tmp_path / "own.safetensors")
    spec_of = Weights(path=str(tmp_path / "own.safetensors"))
    reference = WeightsRef(spec=spec_of, sha256=read(path).sha256)
    job = small_job(seed=1, epochs=1, learning_rate=1e-9, warmup_epochs=0)
    after = trained(job.model_copy(update={"weights": reference}), store)
    average = below("ema.", first)
    for name in (name for name in average if not name.endswith(("mean", "var"))):
        torch.testing.assert_close(after["model." + name], average[name], rtol=0, atol=1e-6)
    assert not torch.equal(first["model.classifier.weight"], first["ema.classifier.weight"])


def test_the_identity_has_the_content_and_not_the_path(spec, tmp_path: Path) -> None:
    tensors = given(spec(), "torchvision")
    torch.save(tensors, tmp_path / "given.pth")
    shutil.copy(tmp_path / "given.pth", tmp_path / "same.pth")
    first, same = job_of(spec()), job_of(spec(), f"weights.path={tmp_path}/same.pth")
    assert first.id == same.id
    assert first.weights.spec.path != same.weights.spec.path
    ids = {first.id, job_of(spec(), "weights=null").id}
    ids |= {job_of(spec(), f"weights.{change}").id for change in CHANGES}
    torch.save({name: tensor + 1 for name, tensor in tensors.items()}, tmp_path / "given.pth")
    assert len(ids | {job_of(spec()).id}) == 5
    assert TrainJob.model_validate_json(first.model_dump_json()) == first


CHANGES = ("classifier=new", "norm_epsilon=0.001")


def test_jobs_without_weights_keep_the_ids_that_they_had_before_weights_existed() -> None:
    former = {"learning_rate": 0.1, "nesterov": False, "initialisation": "family", "warmup": None}
    assert small_job(**former).id == "552f69c44b6666de"
    assert small_job(seed=3, recipe="paper").id == "75962fadc60931ba"


def test_a_checkpoint_wins_over_the_weights(spec, store: str, tmp_path: Path) -> None:
    torch.save(given(spec(), "torchvision"), tmp_path / "given.pth")
    job = job_of(spec(), "train.epochs=2", "train.learning_rate=0.1")
    uninterrupted = trained(job, str(tmp_path / "other"))
    ledger = ArtifactStore.open(store)
    epochs = run(job, ledger, Process.single(), DataCache())
    next(epochs)
    epochs.close()
    (tmp_path / "given.pth").unlink()
    resumed = trained(job, store)
    assert ledger.result(job.id).attempt == 2
    assert all(torch.equal(resumed[name], tensor) for name, tensor in uninterrupted.items())


def test_a_file_that_changed_after_the_plan_is_not_loaded(spec, store: str, tmp_path: Path) -> None:
    torch.save(given(spec(), "torchvision"), tmp_path / "given.pth")
    job = job_of(spec())
    torch.save(given(spec(), "torchvision"), tmp_path / "given.pth")
    (result,) = LocalRunner().run([request_of(job)], store, lambda event: None)
    assert (result.status, result.epochs, result.cause.kind) == ("failed", 0, "data")
    assert "not the file that was planned" in result.cause.message


def request_of(job: TrainJob) -> JobRequest:
    return JobRequest(job=job, resources=Resources(gpus=0))


def test_other_classes_ask_for_a_new_classifier(spec, store: str, tmp_path: Path) -> None:
    tensors = given(spec(), "torchvision", classes=10)
    headless = {name: tensor for name, tensor in tensors.items() if not name.startswith("fc.")}
    torch.save(headless, tmp_path / "given.pth")
    assert "2 missing: fc.weight, fc.bias" in refused(spec())
    assert "next: `classifier: new`" in refused(spec())
    torch.save(tensors, tmp_path / "given.pth")
    assert "fc.weight is 10x16, not 4x16" in refused(spec())
    assert "next: `classifier: new`" in refused(spec())
    after = trained(job_of(spec(), "weights.classifier=new"), store)
    assert after["model.classifier.weight"].shape == (4, 16)
    torch.testing.assert_close(after["model.stem.0.weight"], tensors["conv1.weight"])


def test_weights_of_another_network_say_what_differs(spec, tmp_path: Path) -> None:
    torch.save(given(spec(), "torchvision"), tmp_path / "given.pth")
    scaled = refused(spec(), "coefficients={alpha: 2, beta: 2, gamma: 1}")
    assert "of another shape: conv1.weight is 8x3x3x3, not 16x3x3x3" in scaled
    assert "leave both out to train the baseline itself" in scaled
    other = refused(spec("mbconv"))
    assert "unknown: conv1.weight" in other
    assert "next:" not in other
    assert job_of(spec(), "coefficients={gamma: 1.5}").architecture.resolution == 12


class Malicious:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_pickle_with_code_is_refused_where_the_spec_names_it(
    command: str, spec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"conv1.weight": Malicious(tmp_path / "ran")}, tmp_path / "given.pth")
    words = [command, str(spec()), *(["--runner", "local"] if command == "run" else [])]
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "tuned.yaml:12:9: " in said
    assert "no code of it was run" in said
    assert not (tmp_path / "ran").exists()
    assert not list(tmp_path.glob("runs/jobs/*"))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(suffix: str, share: float, spec, tmp_path: Path) -> None:
    path, save = tmp_path / f"given{suffix}", torch.save if suffix == ".pth" else save_file
    save(given(spec(), "torchvision"), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert "not a file of weights" in refused(spec(), f"weights.path={path}")


def test_a_missing_file_is_named(spec, tmp_path: Path) -> None:
    assert f"{tmp_path}/given.pth: cannot read: No such file" in refused(spec())


def test_the_plan_says_what_training_starts_from(
    spec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(given(spec(), "torchvision"), tmp_path / "given.pth")
    completed(["plan", str(spec()), "--json"])
    digest = read(tmp_path / "given.pth").sha256
    assert json.loads(capsys.readouterr().out)["jobs"][0]["weights"]["sha256"] == digest
    completed(["plan", str(spec())])
    assert f"given.pth (sha256 {digest[:12]})" in capsys.readouterr().out


def test_the_plan_says_what_is_cast_and_refuses_what_cannot_be(
    spec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors = given(spec(), "torchvision")
    floats = {name: t for name, t in tensors.items() if t.is_floating_point()}
    half = {name: tensor.half() for name, tensor in floats.items()}
    torch.save({**tensors, **half}, tmp_path / "given.pth")
    completed(["plan", str(spec())])
    cast = f"cast to float32: {len(floats)} tensors of the weights, which are float16 in the file"
    assert cast in capsys.readouterr().out
    torch.save({**tensors, "conv1.weight": floats["conv1.weight"] / 0}, tmp_path / "given.pth")
    assert f"{tmp_path}/given.pth: numbers that are NaN" in refused(spec())
    torch.save({**tensors, "conv1.weight": floats["conv1.weight"].int()}, tmp_path / "given.pth")
    assert "conv1.weight is int32" in refused(spec())


@pytest.mark.slow
def test_every_rank_starts_from_the_weights(spec, store: str, tmp_path: Path) -> None:
    tensors = given(spec(), "torchvision")
    torch.save(tensors, tmp_path / "given.pth")
    request = JobRequest(job=job_of(spec()), resources=Resources(workers=2, gpus=0))
    (tmp_path / "job.json").write_text(request.model_dump_json())
    run_forked("compound.jobs", str(tmp_path / "job.json"), "--store", store, ranks=2)
    after = ArtifactStore.open(store).checkpoint(request.job.id).model()
    torch.testing.assert_close(after["model.stem.0.weight"], tensors["conv1.weight"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            "phi=20;coefficients={alpha: 2}",
            "depth by 1.05e+06, outside of 0.01 to 100\n  allowed: phi 6.64",
        ),
        ("phi=-20;coefficients={beta: 2}", "multiplies width by 9.54e-07"),
        ("phi=1e6", "phi: 1e+06 is too large\n  allowed: a number from -20 up to 20"),
        ("phi=.nan", "phi: nan is no finite number\n  allowed: a number from -20 up to 20"),
        ("coefficients.alpha=0", "alpha: 0 is too small\n  allowed: a number above 0"),
        ("coefficients.beta=-1.1", "beta: -1.1 is too small\n  allowed: a number above 0"),
        (
            "coefficients.gamma=1e6",
            "gamma: 1e+06 is too large\n  allowed: a number above 0 up to 1,000",
        ),
    ],
)
def test_a_spec_with_bad_multipliers_is_refused(
    settings: str, said: str, spec, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = [w for text in settings.split(";") for w in ("--set", text)]
    with pytest.raises(SystemExit) as ended:
        main(["plan", str(spec()), "--set", "weights=null", *changes])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("efficientnet-b0 --depth 0", "--depth: 0 is out of range\n  allowed: 0.01 to 100"),
        ("efficientnet-b0 --width -1", "--width: -1 is out of range"),
        ("efficientnet-b0 --width 1e6", "--width: 1e+06 is out of range"),
        ("efficientnet-b0 --depth nan", "--depth: nan is out of range"),
        ("efficientnet-b0 --resolution 0", "--resolution: 0 is out of range"),
        ("efficientnet-b0 --phi 1e6", "--phi: 1e+06 is out of range\n  allowed: -20 to 20"),
        ("efficientnet-b0 --phi 1 --depth 2", "--depth: --phi sets"),
        ("efficientnet-b0 --channels 0", "--channels: 0 is out of range"),
    ],
)
def test_the_command_line_refuses_bad_multipliers(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["count", *words.split(" ")])
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out) == (2, "")
    assert said in captured.err


@pytest.mark.parametrize("naming", ["compound", "timm", "torchvision"])
def test_exported_weights_have_their_names_and_the_same_logits(
    naming: str, spec, store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = job_of(spec("mbconv"), "weights=null", "train.learning_rate=0.1")
    module = build(job.architecture).eval()
    module.load_state_dict(evaluated(trained(job, store)))
    words = ["export", job.id, str(tmp_path / "out.safetensors"), "--naming", naming]
    completed([*words, "--store", store])
    assert read(tmp_path / "out.safetensors").tensors.keys() == given(spec("mbconv"), naming).keys()
    again = build(job.architecture).eval()
    load_weights(again, job.architecture, tmp_path / "out.safetensors")
    images = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(again(images), module(images), rtol=1e-5, atol=1e-6)
    with pytest.raises(SystemExit):
        main([*words, "--store", store])
    assert "the file exists" in capsys.readouterr().err


def test_an_exported_file_says_how_to_use_it(spec, store: str, tmp_path: Path) -> None:
    path = spec("mbconv")
    sets = [("--set", s) for s in (f"store={store}", "weights=null")]
    completed(["run", str(path), "--runner", "local", *(word for pair in sets for word in pair)])
    job = job_of(path, "weights=null")
    file = str(tmp_path / "out.safetensors")
    completed(["export", job.id, file, "--naming", "timm", "--store", store])
    with safe_open(tmp_path / "out.safetensors", "pt") as file:
        about = file.metadata()
    classes, mean, deviation = (
        json.loads(about[f"compound.{name}"]) for name in ("classes", "mean", "deviation")
    )
    assert classes == list(summarise(load(path).spec.data).classes)
    assert len(mean) == len(deviation) == 3 and all(0 < value < 1 for value in (*mean, *deviation))
    assert about["compound.resolution"] == "8"
    network = Architecture.model_validate_json(about["compound.network"])
    assert network == job.architecture
    assert about["compound.norm_epsilon"] == "1e-05"


def test_mnasnet_is_exported_with_the_version_that_torchvision_asks_for(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = small("mnasnet-b1").model_copy(update={"resolution": 8, "num_classes": 4})
    job = small_job(epochs=1).model_copy(update={"architecture": network})
    trained(job, store)
    words = ["--naming", "torchvision", "--store", store]
    completed(["export", job.id, str(tmp_path / "out.pth"), *words])
    theirs = torchvision_mnasnet(network)
    theirs.load_state_dict(torch.load(tmp_path / "out.pth", weights_only=True))
    about = json.loads((tmp_path / "out.json").read_text())
    assert about["compound.resolution"] == "8" and "compound.classes" not in about
    assert "the store has no classes of this job" in capsys.readouterr().err
    completed(["export", job.id, str(tmp_path / "out.safetensors"), *words])
    assert f"export to {tmp_path}/out.pth" in capsys.readouterr().err


def test_what_cannot_be_exported_says_so(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = small_job(epochs=1)
    trained(job, store)
    for words, said in (
        ([job.id[:-1] + "x", "a.safetensors"], f"did you mean '{job.id}'?"),
        (["../..", "a.safetensors"], "no study, job or network is called '../..'"),
        ([job.id, "a.pth"], "allowed: NAME.safetensors"),
        ([job.id, f"{tmp_path}/gone/a.safetensors"], "cannot write: no such file"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["export", *words, "--store", store])
        assert ended.value.code == 2
        assert said in capsys.readouterr().err
