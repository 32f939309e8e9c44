"""Weights by name: torchvision's and timm's namings, and every way in which a file may not fit."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from compound.jobs.models.build import build
from compound.jobs.models.foreign_names import namings
from compound.jobs.models.weight_file import read
from compound.jobs.models.weights import exported, load_weights, rename, starting
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.scaling import stretch
from compound.jobs.store.format.checkpoint import NORM_EPSILON
from compound.schemas.architecture import Architecture
from compound.schemas.errors import ArchitectureError
from tests.support.family_networks import ONE_OF_EACH, small
from tests.support.reference_networks import (
    timm_efficientnet,
    torchvision_efficientnet,
    torchvision_mnasnet,
    torchvision_mobilenet_v2,
    torchvision_resnet,
)

REFERENCES: list[tuple[str, str, Callable[[Architecture], nn.Module]]] = [
    ("torchvision", "efficientnet-b0", torchvision_efficientnet),
    ("torchvision", "mobilenet-v2", torchvision_mobilenet_v2),
    ("torchvision", "mnasnet-b1", torchvision_mnasnet),
    ("torchvision", "resnet-18", torchvision_resnet),
    ("torchvision", "resnet-50", torchvision_resnet),
    ("timm", "efficientnet-b0", lambda network: timm_efficientnet(network, nn.SiLU)),
    ("timm", "mobilenet-v1", lambda network: timm_efficientnet(network, nn.ReLU6)),
    ("timm", "mobilenet-v2", lambda network: timm_efficientnet(network, nn.ReLU6)),
    ("timm", "mnasnet-a1", lambda network: timm_efficientnet(network, nn.ReLU)),
    ("timm", "mnasnet-b1", lambda network: timm_efficientnet(network, nn.ReLU)),
]


def scrambled(module: nn.Module) -> nn.Module:
    """Draw weights, and norm statistics that all differ, so that a swapped tensor shows."""
    generator = torch.Generator().manual_seed(1)
    for weight in module.parameters():
        if weight.ndim > 1:
            weight.data.normal_(0, weight[0].numel() ** -0.5, generator=generator)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.weight.data.uniform_(0.5, 1.5, generator=generator)
            norm.bias.data.uniform_(-0.3, 0.3, generator=generator)
            norm.running_mean.uniform_(-0.2, 0.2, generator=generator)
            norm.running_var.uniform_(0.01, 1.5, generator=generator)
    return module.eval()


def images() -> torch.Tensor:
    return torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def assert_agree(one: nn.Module, other: nn.Module) -> None:
    """Compare logits in units of the largest one."""
    logits, expected = one(images()), other(images())
    unit = expected.abs().max()
    torch.testing.assert_close(logits / unit, expected / unit, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("source", "name", "reference"), REFERENCES)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_logits_agree_with_the_network_that_the_weights_come_from(
    source: str,
    name: str,
    reference: Callable[[Architecture], nn.Module],
    suffix: str,
    tmp_path: Path,
) -> None:
    network = small(name)
    theirs, path = scrambled(reference(network)), tmp_path / f"weights{suffix}"
    save = torch.save if suffix == ".pth" else save_file
    save(theirs.state_dict(), path)
    ours = build(network).eval()
    load_weights(ours, network, path)
    assert_agree(ours, theirs)


@pytest.mark.parametrize(("source", "name", "reference"), REFERENCES)
def test_a_round_trip_has_their_names_and_our_values(
    source: str, name: str, reference: Callable[[Architecture], nn.Module]
) -> None:
    network = small(name)
    naming = next(n for n in namings(network) if n.source == source)
    ours = rename(build(network), naming)
    theirs = reference(network).state_dict()
    assert {n: t.shape for n, t in ours.items()} == {n: t.shape for n, t in theirs.items()}


@pytest.mark.parametrize(("source", "name", "reference"), REFERENCES)
def test_exported_weights_have_the_same_logits_in_their_network(
    source: str, name: str, reference: Callable[[Architecture], nn.Module]
) -> None:
    network = small(name)
    ours, theirs = scrambled(build(network)), reference(network).eval()
    theirs.load_state_dict(exported(ours.state_dict(), network, source))
    assert_agree(ours, theirs)


def test_only_sources_that_have_the_network_are_exported_to() -> None:
    network = small("amoebanet-d")
    with pytest.raises(ArchitectureError, match="timm has no names") as raised:
        exported(build(network).state_dict(), network, "timm")
    assert raised.value.allowed == "compound"


@pytest.mark.parametrize(
    ("name", "source", "known"),
    [
        ("efficientnet-b0", "torchvision", "features.6.3.block.2.fc1.bias"),
        ("efficientnet-b0", "timm", "blocks.6.0.bn3.running_var"),
        ("mobilenet-v2", "torchvision", "features.18.1.weight"),
        ("mobilenet-v2", "timm", "blocks.0.0.conv_pw.weight"),
        ("mobilenet-v1", "timm", "blocks.4.1.bn2.weight"),
        ("mnasnet-b1", "torchvision", "layers.12.3.layers.7.running_mean"),
        ("mnasnet-b1", "torchvision", "layers.15.bias"),
        ("mnasnet-a1", "timm", "blocks.2.0.se.conv_expand.bias"),
        ("resnet-50", "torchvision", "layer4.0.downsample.1.running_mean"),
        ("resnet-200", "torchvision", "layer2.23.bn3.weight"),
    ],
)
def test_documented_names_occur(name: str, source: str, known: str) -> None:
    network = NETWORKS[name]
    naming = next(n for n in namings(network) if n.source == source)
    with torch.device("meta"):
        assert known in rename(build(network), naming)


def test_torchvision_trained_from_b5_on_with_the_paper_s_epsilon(tmp_path: Path) -> None:
    network = stretch(NETWORKS["efficientnet-b0"], 2.2, 0.25, 64)
    theirs = scrambled(torchvision_efficientnet(network, eps=1e-3))
    torch.save(theirs.state_dict(), tmp_path / "b5.pth")
    ours = build(network).eval()
    load_weights(ours, network, tmp_path / "b5.pth")
    assert_agree(ours, theirs)
    assert torch.equal(ours.stem[1].running_var, theirs.features[0][1].running_var)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_our_own_weights_load_as_they_are(name: str, tmp_path: Path) -> None:
    network = small(name)
    first, second = scrambled(build(network)), build(network).eval()
    save_file(first.state_dict(), tmp_path / "own.safetensors")
    load_weights(second, network, tmp_path / "own.safetensors")
    for tensor, again in zip(
        first.state_dict().values(), second.state_dict().values(), strict=True
    ):
        assert torch.equal(tensor, again)


def test_other_classes_keep_their_own_classifier_when_asked(tmp_path: Path) -> None:
    network = small("resnet-18")
    theirs = scrambled(torchvision_resnet(network))
    torch.save(theirs.state_dict(), tmp_path / "ten.pth")
    other = network.model_copy(update={"num_classes": 3})
    ours = build(other)
    before = ours.classifier.weight.clone()
    with pytest.raises(ArchitectureError, match=r"fc.weight is 10x\d+, not 3x\d+"):
        load_weights(ours, other, tmp_path / "ten.pth")
    load_weights(ours, other, tmp_path / "ten.pth", classifier=False)
    assert torch.equal(ours.classifier.weight, before)
    assert torch.equal(ours.stem[0].weight, theirs.conv1.weight)


def test_what_differs_is_listed_and_nothing_is_loaded(tmp_path: Path) -> None:
    network = small("mobilenet-v2")
    tensors = scrambled(torchvision_mobilenet_v2(network)).state_dict()
    del tensors["features.3.conv.1.1.bias"]
    tensors["features.99.extra"] = tensors["classifier.bias"] = torch.zeros(10)
    tensors["features.0.0.weight"] = torch.zeros(4, 3, 3, 3)
    torch.save(tensors, tmp_path / "odd.pth")
    ours = build(network)
    before = ours.stem[0].weight.clone()
    with pytest.raises(ArchitectureError) as raised:
        load_weights(ours, network, tmp_path / "odd.pth")
    text = str(raised.value)
    assert "2 unknown: features.99.extra, classifier.bias" in text
    assert "1 missing: features.3.conv.1.1.bias" in text
    assert "features.0.0.weight is 4x3x3x3, not 8x3x3x3" in text
    assert torch.equal(ours.stem[0].weight, before)


def test_a_name_with_control_characters_stays_on_the_line_of_the_error(tmp_path: Path) -> None:
    network = small("mobilenet-v2")
    tensors = {**build(network).state_dict(), "x\x1b[31my\n": torch.zeros(1)}
    torch.save(tensors, tmp_path / "odd.pth")
    with pytest.raises(ArchitectureError, match=r"1 unknown: x\\x1b\[31my\\n\)"):
        load_weights(build(network), network, tmp_path / "odd.pth")


def test_files_of_before_norms_counted_batches_load(tmp_path: Path) -> None:
    network = small("resnet-18")
    theirs = scrambled(torchvision_resnet(network))
    old = {n: t for n, t in theirs.state_dict().items() if not n.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "old.pth")
    ours = build(network).eval()
    load_weights(ours, network, tmp_path / "old.pth")
    assert_agree(ours, theirs)


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str):
        self.command = command

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self.command,)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    mark, path = tmp_path / "ran", tmp_path / "evil.pth"
    torch.save({"stem.0.weight": Malicious(f"touch {mark}")}, path)
    with pytest.raises(ArchitectureError, match="no code of it was run"):
        load_weights(build(small("resnet-18")), small("resnet-18"), path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"state_dict": {"fc.weight": torch.zeros(1)}, "epoch": 3}, "contains state_dict, epoch"),
        ([torch.zeros(1)], "contains list"),
    ],
)
def test_what_is_no_state_dict_is_named(content: object, said: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ArchitectureError, match=re.escape(said)):
        load_weights(build(small("resnet-18")), small("resnet-18"), tmp_path / "x.pth")


@pytest.mark.parametrize("name", ["gone.pth", "gone.safetensors", "torn.pth", "torn.safetensors"])
def test_unreadable_files_say_so(name: str, tmp_path: Path) -> None:
    if name.startswith("torn"):
        (tmp_path / name).write_bytes(b"\x80\x02torn")
    with pytest.raises(ArchitectureError):
        load_weights(build(small("resnet-18")), small("resnet-18"), tmp_path / name)


def training_step(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return logits of a training pass, and the first gradients and statistics after it."""
    module.train()
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 0.1
        elif isinstance(norm, nn.Dropout):
            norm.p = 0.0
    torch.manual_seed(0)
    # Little contrast: variances are as small as the epsilons that are told apart.
    logits = module(0.02 * images())
    logits.square().sum().backward()
    grads = [weight.grad for weight in module.parameters()]
    buffers = [b for b in module.buffers() if b.is_floating_point()]
    return {"logits": logits, "gradients": grads, "statistics": buffers}


@pytest.mark.parametrize(("source", "name", "reference"), REFERENCES)
def test_training_starts_as_it_would_where_the_weights_come_from(
    source: str, name: str, reference: Callable[[Architecture], nn.Module], tmp_path: Path
) -> None:
    network, path = small(name), tmp_path / "weights.pth"
    theirs = scrambled(reference(network))
    torch.save(theirs.state_dict(), path)
    start = starting(read(path), network)
    ours = build(start)
    load_weights(ours, start, path)
    order = [*rename(build(start), next(n for n in namings(start) if n.source == source))]
    made, expected = training_step(ours), training_step(theirs)
    unit = expected["logits"].abs().max()
    torch.testing.assert_close(made["logits"] / unit, expected["logits"] / unit, rtol=0, atol=1e-5)
    for kind in ("gradients", "statistics"):
        named = dict(zip(_names(theirs, kind), expected[kind], strict=True))
        wanted = [named[name] for name in order if name in named]
        for tensor, other in zip(made[kind], wanted, strict=True):
            unit = other.abs().max().clamp(min=1e-6)
            torch.testing.assert_close(tensor / unit, other / unit, rtol=0, atol=1e-5)


def _names(module: nn.Module, kind: str) -> list[str]:
    if kind == "gradients":
        return [name for name, _ in module.named_parameters()]
    return [name for name, b in module.named_buffers() if b.is_floating_point()]


def test_the_epsilon_is_the_specs_then_the_files_then_that_of_the_names(tmp_path: Path) -> None:
    network = small("efficientnet-b0")
    tensors = torchvision_efficientnet(network).state_dict()
    torch.save(tensors, tmp_path / "plain.pth")
    metadata = {"format": "pt", NORM_EPSILON: "0.002"}
    save_file(tensors, tmp_path / "stated.safetensors", metadata)
    plain, stated = read(tmp_path / "plain.pth"), read(tmp_path / "stated.safetensors")
    assert starting(plain, network).norm_epsilon == 1e-5
    assert starting(stated, network).norm_epsilon == 0.002
    assert starting(stated, network, 0.003).norm_epsilon == 0.003
    assert starting(plain, network, 1e-3) is network
    assert starting(plain, starting(plain, network)).norm_epsilon == 1e-5


def test_half_precision_is_shifted_in_float32(tmp_path: Path) -> None:
    network = small("efficientnet-b0")
    theirs = scrambled(torchvision_efficientnet(network))
    torch.save({n: t.half() for n, t in theirs.state_dict().items()}, tmp_path / "half.pth")
    ours = build(network)
    load_weights(ours, network, tmp_path / "half.pth")
    half = theirs.features[0][1].running_var.half().float()
    assert torch.equal(ours.stem[1].running_var, half + (1e-5 - 1e-3))
