"""Which weights decay: by the kind of the layer that owns them."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, spectral_norm

from compound.jobs.models.build import build
from compound.jobs.models.decayed_weights import decayed, mark
from compound.jobs.networks.named import NETWORKS


class Block(nn.Module):
    """A layer of every kind that has weights of several dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.up = nn.ConvTranspose1d(4, 2, 3)
        self.norm, self.layer_norm = nn.BatchNorm2d(4), nn.LayerNorm((4, 4))
        self.attention = nn.MultiheadAttention(8, 2)
        self.embedding = nn.Embedding(5, 8)
        self.narrow = nn.Linear(1, 8)
        self.position = nn.Parameter(torch.zeros(1, 5, 8))
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.scale = nn.Parameter(torch.ones(8, 1, 1))
        self.table = nn.Parameter(torch.zeros(9, 2))


WEIGHTS = {
    "conv.weight",
    "up.weight",
    "attention.in_proj_weight",
    "attention.out_proj.weight",
    "narrow.weight",
}


def test_only_weights_of_convolutions_and_linear_layers_decay() -> None:
    assert set(decayed(Block())) == WEIGHTS


def test_a_weight_that_is_not_trained_does_not_decay() -> None:
    block = Block()
    block.conv.weight.requires_grad = False
    assert set(decayed(block)) == WEIGHTS - {"conv.weight"}


def test_a_tied_weight_is_there_once_and_decays_where_a_layer_owns_it() -> None:
    net = nn.ModuleDict({"embedding": nn.Embedding(4, 8), "out": nn.Linear(8, 4)})
    net["out"].weight = net["embedding"].weight
    assert set(decayed(net)) == {"embedding.weight"}


def test_a_parametrised_weight_decays_and_its_gain_does_not() -> None:
    net = nn.Sequential(
        parametrizations.weight_norm(nn.Conv2d(3, 4, 3)),
        parametrizations.orthogonal(nn.Linear(4, 4)),
        spectral_norm(nn.Linear(4, 4)),
    )
    names = {name.replace("parametrizations.", "") for name in decayed(net)}
    assert names == {"0.weight.original1", "1.weight.original", "2.weight_orig"}


class Halved(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight / 2


def test_a_bias_that_is_parametrised_does_not_decay() -> None:
    layer = nn.Linear(3, 4)
    parametrize.register_parametrization(layer, "bias", Halved())
    assert set(decayed(layer)) == {"weight"}


def test_a_weight_that_is_known_by_its_use_decays() -> None:
    block = Block()
    mark(block, ["table"])
    mark(block, ["position"])
    assert set(decayed(block)) == WEIGHTS | {"table", "position"}


def test_our_own_networks_decay_what_has_several_dimensions() -> None:
    for name in ("efficientnet-b0", "resnet-18", "amoebanet-d"):
        with torch.device("meta"):
            module = build(NETWORKS[name])
        wide = [name for name, weight in module.named_parameters() if weight.ndim > 1]
        assert list(decayed(module)) == wide
