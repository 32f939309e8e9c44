"""timm's tf_ networks: their weights go in and out with the same logits."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

from compound.cluster.local_runner import LocalRunner
from compound.jobs.models.build import build
from compound.jobs.models.weight_file import evaluated, read
from compound.jobs.models.weights import exported, load_weights, other_padding, starting
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.store import export_weights
from compound.orchestrator.cli.store.job_to_export import JobToExport
from compound.schemas.architecture import Architecture
from compound.schemas.job import JobRequest, Resources, TrainJob
from tests.support.family_networks import small
from tests.support.reference_networks import as_tf, timm_efficientnet
from tests.support.small_jobs import small_job


def tf_network(network: Architecture, eps: float = 1e-3) -> nn.Module:
    return as_tf(timm_efficientnet(network, nn.SiLU), eps).eval()


def padded(name: str) -> Architecture:
    """Return a small network that pads as TensorFlow does."""
    return small(name).model_copy(update={"padding": "same"})


def with_small_variances(module: nn.Module) -> nn.Module:
    """Draw weights, and variances as small as the epsilons that are told apart."""
    generator = torch.Generator().manual_seed(3)
    for weight in module.parameters():
        if weight.ndim > 1:
            weight.data.normal_(0, weight[0].numel() ** -0.5, generator=generator)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.uniform_(-0.1, 0.1, generator=generator)
            norm.running_var.uniform_(1e-4, 1e-2, generator=generator)
            # Gains that undo such variances: otherwise the numbers grow out of float32.
            norm.weight.data.uniform_(0.02, 0.06, generator=generator)
    return module.eval()


@torch.no_grad()
def assert_agree(first: nn.Module, second: nn.Module, side: int = 63) -> None:
    """Compare logits in units of the largest one; an odd side is padded unevenly."""
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    logits, expected = first(images), second(images)
    unit = expected.abs().max()
    torch.testing.assert_close(logits / unit, expected / unit, rtol=0, atol=1e-4)


@pytest.mark.parametrize("stated", [None, 1e-3])
def test_a_tf_network_goes_in_and_out_with_the_same_logits(
    tmp_path: Path, stated: float | None
) -> None:
    network, path = padded("efficientnet-b0"), tmp_path / "tf.pth"
    theirs = with_small_variances(tf_network(network))
    torch.save(theirs.state_dict(), path)
    start = starting(read(path), network, stated)
    assert start is network, "the epsilon is the family's own"
    ours = build(start).eval()
    load_weights(ours, start, path, norm_epsilon=stated)
    assert_agree(ours, theirs)
    again = tf_network(network)
    tensors = exported(ours.state_dict(), start, "timm")
    again.load_state_dict(tensors)
    assert_agree(again, theirs)
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(tensors[name], tensor), name


@pytest.mark.parametrize("epsilon", [1e-5, 0.002])
def test_a_network_of_another_epsilon_keeps_it(epsilon: float) -> None:
    network = padded("efficientnet-b0").model_copy(update={"norm_epsilon": epsilon})
    ours, theirs = with_small_variances(build(network)), tf_network(network, epsilon)
    tensors = exported(ours.state_dict(), network, "timm")
    assert min(t.min() for n, t in tensors.items() if n.endswith("running_var")) > 0
    theirs.load_state_dict(tensors)
    assert_agree(theirs, ours)
    assert f"bn_eps={epsilon:g}" in other_padding(network, "timm")


@pytest.mark.parametrize("name", ["mobilenet-v2", "mnasnet-a1"])
def test_other_families_have_the_logits_that_the_note_promises(name: str) -> None:
    network = padded(name)
    act = nn.ReLU6 if name == "mobilenet-v2" else nn.ReLU
    assert "pad_type='same' and bn_eps=1e-05" in other_padding(network, "timm")
    ours = with_small_variances(build(network))
    theirs = as_tf(timm_efficientnet(network, act), 1e-5).eval()
    theirs.load_state_dict(exported(ours.state_dict(), network, "timm"))
    assert_agree(theirs, ours)


def test_only_other_padding_is_told() -> None:
    assert other_padding(small("efficientnet-b0"), "timm") == ""
    assert other_padding(padded("efficientnet-b0"), "compound") == ""
    assert "other logits" in other_padding(padded("efficientnet-b0"), "torchvision")
    assert "other logits" in other_padding(padded("resnet-18"), "timm")


@pytest.mark.parametrize(
    ("naming", "epsilon", "words"),
    [
        ("timm", "0.001", "pad_type='same' and bn_eps=0.001"),
        ("torchvision", "1e-05", "other logits"),
        ("compound", "0.001", ""),
    ],
)
def test_the_file_says_its_epsilon_and_the_command_how_to_build(
    naming: str,
    epsilon: str,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job, store, file = trained(tmp_path), str(tmp_path / "runs"), tmp_path / "out.safetensors"
    meant = JobToExport(ArtifactStore.open(store), job.id, file)
    export_weights.export(meant, None, naming, best=False, as_json=False)
    told = capsys.readouterr().err
    assert words in told and ("padding" in told) == bool(words)
    with safe_open(file, "pt") as stored:
        assert stored.metadata()["compound.norm_epsilon"] == epsilon
    again = build(job.architecture).eval()
    load_weights(again, job.architecture, file)
    module = build(job.architecture).eval()
    module.load_state_dict(evaluated(ArtifactStore.open(store).checkpoint(job.id).model()))
    assert_agree(again, module, side=8)


def trained(folder: Path) -> TrainJob:
    """Train a small network with `padding: same` for an epoch; return its job."""
    job = small_job(epochs=1)
    network = job.architecture.model_copy(update={"padding": "same"})
    job = job.model_copy(update={"architecture": network})
    request = JobRequest(job=job, resources=Resources(gpus=0))
    (result,) = LocalRunner().run([request], str(folder / "runs"), lambda event: None)
    assert result.status == "done", result.cause
    return job
