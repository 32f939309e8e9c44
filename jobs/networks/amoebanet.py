"""AmoebaNet-D as data: the (L, F) networks of GPipe; amoebanet_cells.py has the cells."""

from compound.schemas.architecture import Architecture
from compound.schemas.stages import AnyStage, NormalCellStage, ReductionCellStage, Stem


def amoebanet_d(cells: int, filters: int) -> Architecture:
    """Return (L, F): L normal cells in three stacks, of F, 2F and 4F channels a state.

    GPipe's Table 1 scales L by depth and F by width; it prints 82M, 318M, 542M, 1.05B and 1.8B
    parameters, these have 81.1M, 317.5M, 540.2M, 1.053B and 1.843B. The auxiliary classifier of
    training, left out here, would add 0.6M to 0.8M.
    """
    third, two_thirds = cells // 3, 2 * cells // 3
    stacks = (third, two_thirds - third, cells - two_thirds)
    stages: list[AnyStage] = [_reduction(filters // 4), _reduction(filters // 2)]
    for index, repeats in enumerate(stacks):
        channels = filters * 2**index
        stages += [_reduction(channels)] if index else []
        stages.append(NormalCellStage(block="normal-cell", repeats=repeats, channels=channels))
    return Architecture(
        family="amoebanet",
        resolution=224,
        stem=Stem(channels=32, kernel=3, stride=2),
        stages=tuple(stages),
        head=0,
    )


def _reduction(channels: int) -> ReductionCellStage:
    return ReductionCellStage(block="reduction-cell", channels=channels)


D = amoebanet_d(18, 208)
"""The smallest network of GPipe's Table 1."""
