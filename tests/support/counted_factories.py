"""Small networks of different kinds, whose matrix products torch counts too."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize


class Patches(nn.Module):
    """Images (N, 3, 8, 8) to tokens (N, 4, 8), with what the token mixer makes of them."""

    def __init__(self, mixer: nn.Module) -> None:
        super().__init__()
        self.embed, self.mixer, self.out = nn.Conv2d(3, 8, 4, 4), mixer, nn.Linear(8, 4)
        self.position = nn.Parameter(torch.zeros(1, 4, 8))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x).flatten(2).transpose(1, 2) + self.position
        return self.out(self.mixer(tokens).mean(1))


class Attention(nn.Module):
    """Attention by matmul with a relative-position table, by torch's function, or by einsum."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.qkv, self.project = kind, nn.Linear(8, 24), nn.Linear(8, 8)
        self.table = nn.Parameter(torch.zeros(2, 4, 4))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        if self.kind == "fused":
            mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=self.table)
        elif self.kind == "einsum":
            scores = torch.einsum("bhid,bhjd->bhij", q, k) + self.table
            mixed = torch.einsum("bhij,bhjd->bhid", scores.softmax(-1), v)
        else:
            mixed = (q @ k.transpose(-1, -2) + self.table).softmax(-1) @ v
        return self.project(mixed.transpose(1, 2).flatten(2))


class SelfAttention(nn.MultiheadAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x, x, need_weights=False)[0]


class Einsum(nn.Module):
    """A linear layer by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(8, 8) / 8)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bnd,de->bne", x, self.kernel)


class OwnLinear(nn.Module):
    """A linear layer by hand, whose weight is a gain times a direction."""

    def __init__(self) -> None:
        super().__init__()
        self.direction, self.gain = (
            nn.Parameter(torch.ones(8, 8)),
            nn.Parameter(torch.ones(8, 1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.gain * self.direction)


class Bilinear(nn.Bilinear):
    """Pairs of all features of a token, (8 x 8) to 8."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x)


class Prototypes(nn.Module):
    """The distances of tokens to eight points."""

    def __init__(self) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.zeros(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        euclidean = "use_mm_for_euclid_dist"
        return torch.cdist(x, self.points.expand(len(x), 8, 8), compute_mode=euclidean)


class Tied(nn.Module):
    """One weight in two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 8)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x).relu())


class LowRank(nn.Module):
    """Adds a product of two small matrices to a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Parameter(torch.ones(8, 2)), nn.Parameter(torch.ones(2, 8))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.up @ self.down


class RepVgg(nn.Module):
    """A 3x3, a 1x1 and an identity branch, folded into one convolution in every forward."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1)
        self.register_buffer("unit", torch.eye(3)[:, :, None, None])
        self.out = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        point = functional.pad(self.narrow.weight + self.unit, (1, 1, 1, 1))
        y = functional.conv2d(x, self.wide.weight + point, self.wide.bias, padding=1)
        return self.out((y + self.narrow.bias[:, None, None]).mean((2, 3)))


class FoldedPair(nn.Module):
    """Two convolutions multiplied into one by a convolution of their weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 1, bias=False), nn.Conv2d(6, 4, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = functional.conv2d(self.second.weight, self.first.weight.transpose(0, 1))
        return functional.conv2d(x, weight, padding=1).mean((2, 3))


class Experts(nn.Module):
    """A convolution whose kernel every image mixes for itself, from three."""

    def __init__(self) -> None:
        super().__init__()
        self.route = nn.Linear(3, 3)
        self.kernels = nn.Parameter(torch.ones(3, 4 * 3 * 3 * 3))

    def forward(self, x: Tensor) -> Tensor:
        kernels = self.route(x.mean((2, 3))).softmax(1) @ self.kernels
        folded, count = x.flatten(0, 1)[None], len(x)
        y = functional.conv2d(folded, kernels.view(-1, 3, 3, 3), padding=1, groups=count)
        return y.view(count, 4, -1).mean(2)


class Latents(nn.Module):
    """Attention of learned queries, which are projected for every image, or once a batch."""

    def __init__(self, *, expanded: bool) -> None:
        super().__init__()
        self.expanded, self.latent = expanded, nn.Parameter(torch.zeros(1, 3, 8))
        self.query, self.key, self.value = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        if self.expanded:
            query = self.query(self.latent.expand(len(x), -1, -1))
        else:
            query = self.query(self.latent).expand(len(x), -1, -1)
        return functional.scaled_dot_product_attention(query, self.key(x), self.value(x))


class Recurrent(nn.Module):
    """A recurrent layer over the tokens, which starts from zeros for every image."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


class Zeros(nn.Module):
    """Adds what two linear layers make of as many zeros as there are images."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(self.up(torch.zeros(len(x), 4, 8, device=x.device)))


class OfTheBatch(nn.Module):
    """Adds what a linear layer makes of the mean of all images."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mean(x.mean((0, 1)))


def _low_rank() -> nn.Module:
    layer = nn.Linear(8, 8)
    parametrize.register_parametrization(layer, "weight", LowRank())
    return layer


def _hybrid() -> nn.Module:
    stem = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, groups=3), nn.ConvTranspose2d(3, 3, 1))
    return nn.Sequential(stem, nn.BatchNorm2d(3), Patches(Attention("matmul")))


COUNTED = {
    "attention": lambda: Patches(Attention("matmul")),
    "fused attention": lambda: Patches(Attention("fused")),
    "multi-head": lambda: Patches(SelfAttention(8, 2, batch_first=True)),
    "einsum attention": lambda: Patches(Attention("einsum")),
    "einsum": lambda: Patches(Einsum()),
    "weight norm": lambda: Patches(parametrizations.weight_norm(nn.Linear(8, 8))),
    "own linear": lambda: Patches(OwnLinear()),
    "low rank": lambda: Patches(_low_rank()),
    "tied": lambda: Patches(Tied()),
    "repvgg": RepVgg,
    "folded": FoldedPair,
    "experts": Experts,
    "hybrid": _hybrid,
    "latents of an image": lambda: Patches(Latents(expanded=True)),
    "latents of a batch": lambda: Patches(Latents(expanded=False)),
    "lstm": lambda: Patches(Recurrent(nn.LSTM(8, 8, batch_first=True))),
    "two-way gru": lambda: Patches(
        Recurrent(nn.GRU(8, 4, 2, batch_first=True, bidirectional=True))
    ),
    "zeros": lambda: Patches(Zeros()),
    "of the batch": lambda: Patches(OfTheBatch()),
}
LEFT_OUT_BY_TORCH = {
    "bilinear": lambda: Patches(Bilinear(8, 8, 8)),
    "prototypes": lambda: Patches(Prototypes()),
}
"""What torch's counter leaves out."""
