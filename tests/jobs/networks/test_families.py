"""Every named family: equal to published counts, to the built module, scaled by its own habits."""

import json
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from torch import nn

from compound.jobs.models.build import build
from compound.jobs.models.numerics import NUMERICS
from compound.jobs.networks.amoebanet import amoebanet_d
from compound.jobs.networks.block_counts import squeeze_channels
from compound.jobs.networks.exact_cost import count, count_stages
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.scaling import scale, stretch
from compound.schemas.architecture import Architecture, Coefficients
from tests.support.back_ends import examples
from tests.support.counted_calls import counted_calls
from tests.support.family_networks import MIXED, ONE_OF_EACH, SCALED, small
from tests.support.measured_cost import measured

ROWS = json.loads((Path(__file__).parents[2] / "golden" / "counts.json").read_text())


def of_row(row: dict[str, object]) -> Architecture:
    """Return the network of a published row."""
    name, depth, width = row["network"], row["depth"], row["width"]
    network = NETWORKS[name]
    if name == "amoebanet-d":
        network = amoebanet_d(depth, width)
    elif "wide" in row["source"]:
        network = widened(network)
    else:
        network = stretch(network, depth, width, row["resolution"])
    return network.model_copy(update={"num_classes": row["classes"]})


def widened(network: Architecture) -> Architecture:
    """Double the middle of every bottleneck and nothing else (Wide ResNet-50-2)."""
    update = [{"channels": 2 * stage.channels, "expand": 2} for stage in network.stages]
    stages = zip(network.stages, update, strict=True)
    return network.model_copy(update={"stages": tuple(s.model_copy(update=u) for s, u in stages)})


def biases(network: Architecture) -> int:
    """Return what counts that add a bias to its output's multiplications have on top."""
    total, cin = network.num_classes, network.stem.channels
    for stage in network.stages:
        for _ in range(stage.repeats):
            if getattr(stage, "se", 0):
                total += cin * stage.expand + squeeze_channels(cin, stage.se)
            cin = stage.out_channels
    return total


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['source']}-{row['resolution']}")
def test_counts_equal_published_ones(row: dict[str, object]) -> None:
    network = of_row(row)
    cost = count(network)
    if "params" in row:
        assert abs(cost.params - row["params"]) <= row["params_within"]
    if "macs" in row:
        macs = cost.macs + (0 if row["macs_within"] else biases(network))
        assert abs(macs - row["macs"]) <= row["macs_within"]


def test_heads_and_ends_that_stay_give_timm_s_other_variants() -> None:
    with_head = NETWORKS["mobilenet-v1"].model_copy(update={"head": 1024})
    assert count(with_head).params == pytest.approx(5_280_000, abs=5_000)
    for depth, width, params in ((1.2, 1.1, 4_520_000), (1.4, 1.2, 5_830_000)):
        base = NETWORKS["mobilenet-v2"]
        scaled = stretch(base, depth, width, 224)
        first, *middle, last = scaled.stages
        ends = (end.model_copy(update={"repeats": 1}) for end in (first, last))
        stages = (next(ends), *middle, next(ends))
        fixed = scaled.model_copy(update={"stem": base.stem, "stages": stages, "head": 1280})
        assert count(fixed).params == pytest.approx(params, abs=5_000)


@pytest.mark.parametrize(
    ("name", "depth", "width", "resolution", "gigas"),
    [
        ("mobilenet-v1", 1, 2, 224, 2.216),
        ("mobilenet-v1", 1, 1, 448, 2.272),
        ("mobilenet-v1", 1.4, 1.2, 291, 2.470),
        ("mobilenet-v1", 1.4, 1.2, 288, 2.243),
        ("mobilenet-v2", 4, 1, 224, 1.220),
        ("mobilenet-v2", 1, 2, 224, 1.137),
        ("mobilenet-v2", 1, 1, 448, 1.199),
        ("resnet-50", 4, 1, 224, 14.571),
        ("resnet-50", 1, 2, 224, 16.117),
        ("resnet-50", 1, 1, 448, 16.351),
    ],
)
def test_the_scalings_of_the_paper_s_table_3(
    name: str, depth: float, width: float, resolution: int, gigas: float
) -> None:
    cost = count(stretch(NETWORKS[name], depth, width, resolution))
    assert cost.macs / 1e9 == pytest.approx(gigas, abs=6e-4)


def test_gpipe_s_networks_are_scalings_of_the_first() -> None:
    base = NETWORKS["amoebanet-d"]
    assert stretch(base, 1, 2, 224) == amoebanet_d(18, 416)
    assert stretch(base, 2, 544 / 208, 224) == amoebanet_d(36, 544)
    assert stretch(base, 4, 512 / 208, 224) == amoebanet_d(72, 512)


@settings(max_examples=examples(commit=8, full=20), deadline=None)
@given(SCALED)
def test_scalings_of_named_networks_equal_the_built_module(network: Architecture) -> None:
    cost = count(network)
    assert (cost.params, cost.macs, cost.activations) == measured(network)


@settings(max_examples=examples(commit=15, full=50), deadline=None)
@given(MIXED)
def test_any_mix_of_blocks_equals_the_built_module(network: Architecture) -> None:
    cost = count(network)
    assert (cost.params, cost.macs, cost.activations) == measured(network)
    stages = count_stages(network)
    assert len(stages) == len(network.stages) + 2
    for unit in ("params", "macs", "activations"):
        assert sum(getattr(stage, unit) for stage in stages) == getattr(cost, unit)


@settings(max_examples=40, deadline=None)
@given(MIXED)
def test_the_identity_of_any_mix_is_its_content(network: Architecture) -> None:
    again = Architecture.model_validate_json(network.model_dump_json())
    assert (again, again.id) == (network, network.id)
    assert scale(network, Coefficients()) == network


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_family_trains(name: str) -> None:
    network = small(name)
    module = build(network, survival=0.5, dropout=0.2).train()
    logits = module(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, 10)
    logits.square().mean().backward()
    missing = [n for n, p in module.named_parameters() if p.grad is None]
    assert not missing


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_numerics_are_the_family_s_unless_a_recipe_says_otherwise(name: str) -> None:
    network = small(name)
    numerics = NUMERICS[network.family]
    with torch.device("meta"):
        modules = list(build(network).modules())
        recipe = list(build(network, norm_momentum=0.3).modules())
    norms = [m for m in modules if isinstance(m, nn.BatchNorm2d)]
    assert {(n.eps, n.momentum) for n in norms} == {(numerics.epsilon, numerics.momentum)}
    assert {n.momentum for n in recipe if isinstance(n, nn.BatchNorm2d)} == {0.3}
    activations = {type(m) for m in modules if isinstance(m, nn.SiLU | nn.ReLU | nn.ReLU6)}
    assert activations == {numerics.activation}


@pytest.mark.parametrize(
    ("name", "grouped"), [("mobilenet-v1", True), ("mobilenet-v2", False), ("mnasnet-b1", True)]
)
def test_depthwise_weights_start_as_in_the_reference(name: str, grouped: bool) -> None:
    torch.manual_seed(0)
    depthwise = build(stretch(NETWORKS[name], 1, 1, 32)).blocks[-1].layers[-2][0]
    channels, area = depthwise.groups, depthwise.kernel_size[0] ** 2
    expected = (2 / (area if grouped else area * channels)) ** 0.5
    assert depthwise.weight.std().item() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_survival_falls_block_by_block(name: str) -> None:
    module = build(small(name), survival=0.5)
    rates = [block.drop.survival for block in module.blocks if hasattr(block, "drop")]
    kept = [rate for rate in rates if rate < 1]
    assert kept == sorted(kept, reverse=True)
    assert all(0.5 < rate <= 1 for rate in rates)


def test_which_ends_scale() -> None:
    def ends(name: str, width: float) -> tuple[int, int]:
        scaled = stretch(NETWORKS[name], 1, width, 224)
        return scaled.stem.channels, scaled.head

    assert ends("efficientnet-b0", 0.5) == (16, 640)
    assert (ends("mobilenet-v2", 0.5), ends("mobilenet-v2", 2)) == ((16, 1280), (64, 2560))
    assert (ends("mnasnet-b1", 0.5), ends("mnasnet-a1", 2)) == ((16, 1280), (64, 1280))
    assert (ends("mobilenet-v1", 2), ends("resnet-50", 2)) == ((64, 0), (128, 0))
    assert ends("amoebanet-d", 2) == (32, 0)


def test_a_bottleneck_s_output_stays_four_times_its_middle() -> None:
    scaled = stretch(NETWORKS["resnet-50"], 1, 1.3, 224)
    assert [stage.out_channels for stage in scaled.stages] == [
        4 * stage.channels for stage in scaled.stages
    ]


def test_the_largest_network_is_counted_at_once_and_b7_built_within_a_second() -> None:
    with counted_calls() as calls:
        assert count(NETWORKS["efficientnet-l2"]).macs == 475_703_653_280
    assert len(calls) < 100_000
    with torch.device("meta"):
        build(NETWORKS["mobilenet-v2"])  # the first use of the device loads its operators
        started = time.process_time()
        build(NETWORKS["efficientnet-b7"])
    assert time.process_time() - started < 1
