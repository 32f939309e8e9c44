"""A whole network: stem, blocks, head, classifier. Every family is built by this one module."""

from torch import Tensor, nn

from compound.jobs.models.blocks import BlockInput, ConvNorm
from compound.jobs.models.builders import BUILDERS
from compound.jobs.models.numerics import Numerics, initialise
from compound.schemas.architecture import Architecture


class ConvNet(nn.Module):
    """A network of any family: (N, in_channels, R, R) to logits (N, num_classes)."""

    def __init__(
        self, architecture: Architecture, *, survival: float, dropout: float, numerics: Numerics
    ) -> None:
        super().__init__()
        stem, last = architecture.stem, architecture.stages[-1]
        self.stem = ConvNorm(
            architecture.in_channels, stem.channels, stem.kernel, stem.stride, numerics=numerics
        )
        self.pool = numerics.max_pool(3, 2) if stem.pool else nn.Identity()
        self.blocks = nn.Sequential(*_blocks(architecture, survival, numerics))
        stages = architecture.stages
        self._reads_two = [stage.reads_two for stage in stages for _ in range(stage.repeats)]
        self.head: nn.Module = nn.Identity()
        if architecture.head:
            self.head = ConvNorm(last.out_channels, architecture.head, 1, numerics=numerics)
        elif last.preactivated:
            self.head = numerics.activation()
        self.dropout = nn.Dropout(dropout)
        features = architecture.head or last.out_channels
        self.classifier = nn.Linear(features, architecture.num_classes)
        if numerics.drawn == "family":
            initialise(self, numerics)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, num_classes) of images (N, in_channels, R, R)."""
        before = x = self.pool(self.stem(x))
        for block, reads_two in zip(self.blocks, self._reads_two, strict=True):
            after = block(before, x) if reads_two else block(x)
            before, x = x, after
        features = self.head(x)
        logits: Tensor = self.classifier(self.dropout(features.mean((2, 3))))
        return logits


def _blocks(architecture: Architecture, survival: float, numerics: Numerics) -> list[nn.Module]:
    """Build every block; block i of n survives with 1 - (1 - survival) * i / n."""
    blocks: list[nn.Module] = []
    before = channels = architecture.stem.channels
    halved, total = False, architecture.depth
    for stage in architecture.stages:
        for repeat in range(stage.repeats):
            alive = 1 - (1 - survival) * len(blocks) / total
            stride = stage.stride if repeat == 0 else 1
            inputs = BlockInput(channels, before, halved, stride, alive, numerics)
            blocks.append(BUILDERS[stage.block](stage, inputs))
            before, channels, halved = channels, stage.out_channels, stride > 1
    return blocks
