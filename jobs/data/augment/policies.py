"""The operations on an image and their strength: AutoAugment's policy v0, and RandAugment.

Policy, levels and probabilities are those of EfficientNet's published code (autoaugment.py in
tensorflow/tpu). Lengths, which it has in pixels of a 224-pixel image, are fractions of the side.
That code draws a probability for each operation of RandAugment too, but does not use it: every
drawn operation is made. Jobs of revision 0 used it, and do so to their end.
"""

from enum import IntEnum

import torch
from torch import Generator, Tensor

from compound.schemas.recipe import Augment


class Op(IntEnum):
    """One operation on an image. Neighbours in this order are computed in the same way."""

    IDENTITY = 0
    AUTOCONTRAST = 1
    EQUALIZE = 2
    INVERT = 3
    POSTERIZE = 4
    SOLARIZE = 5
    SOLARIZE_ADD = 6
    BRIGHTNESS = 7
    CONTRAST = 8
    COLOR = 9
    SHARPNESS = 10
    ROTATE = 11
    SHEAR_X = 12
    SHEAR_Y = 13
    TRANSLATE_X = 14
    TRANSLATE_Y = 15
    CUTOUT = 16


TABLED = (Op.AUTOCONTRAST, Op.CONTRAST)
"""The first and last of the operations that look up every value in a table per image."""
WARPING = (Op.ROTATE, Op.TRANSLATE_Y)
"""The first and last of the operations that move pixels; each has two directions."""
KINDS = (TABLED, (Op.COLOR, Op.COLOR), (Op.SHARPNESS, Op.SHARPNESS), WARPING, (Op.CUTOUT,) * 2)
"""The first and last of each kind of operation that is computed in the same way, ascending."""
NEWEST = 1
"""The newest revision of a policy's draws."""
_LEAST, _MOST = 0.2, 0.8
"""Bounds of the probability that RandAugment of revision 0 makes an operation, drawn for each."""
HIGHEST = 10.0
"""The level that AutoAugment's strengths are given for."""
_SPAN = {
    Op.ROTATE: 30.0,
    Op.SHEAR_X: 0.3,
    Op.SHEAR_Y: 0.3,
    Op.TRANSLATE_X: 0.45,
    Op.TRANSLATE_Y: 0.45,
    Op.CUTOUT: 40 / 224,
}
_INTEGER = {Op.POSTERIZE: 4, Op.SOLARIZE: 256, Op.SOLARIZE_ADD: 110}
_BLENDING = (Op.BRIGHTNESS, Op.CONTRAST, Op.COLOR, Op.SHARPNESS)

_A, _C, _E, _I = Op.AUTOCONTRAST, Op.COLOR, Op.EQUALIZE, Op.INVERT
_P, _R, _S, _SA = Op.POSTERIZE, Op.ROTATE, Op.SOLARIZE, Op.SOLARIZE_ADD
_X, _Y, _TY = Op.SHEAR_X, Op.SHEAR_Y, Op.TRANSLATE_Y

Step = tuple[Op, float, int]
V0: tuple[tuple[Step, Step], ...] = (
    ((_E, 0.8, 1), (_Y, 0.8, 4)),
    ((_C, 0.4, 9), (_E, 0.6, 3)),
    ((_C, 0.4, 1), (_R, 0.6, 8)),
    ((_S, 0.8, 3), (_E, 0.4, 7)),
    ((_S, 0.4, 2), (_S, 0.6, 2)),
    ((_C, 0.2, 0), (_E, 0.8, 8)),
    ((_E, 0.4, 8), (_SA, 0.8, 3)),
    ((_X, 0.2, 9), (_R, 0.6, 8)),
    ((_C, 0.6, 1), (_E, 1.0, 2)),
    ((_I, 0.4, 9), (_R, 0.6, 0)),
    ((_E, 1.0, 9), (_Y, 0.6, 3)),
    ((_C, 0.4, 7), (_E, 0.6, 0)),
    ((_P, 0.4, 6), (_A, 0.4, 7)),
    ((_S, 0.6, 8), (_C, 0.6, 9)),
    ((_S, 0.2, 4), (_R, 0.8, 9)),
    ((_R, 1.0, 7), (_TY, 0.8, 9)),
    ((_X, 0.0, 0), (_S, 0.8, 4)),
    ((_Y, 0.8, 0), (_C, 0.6, 4)),
    ((_C, 1.0, 0), (_R, 0.6, 2)),
    ((_E, 0.8, 4), (_E, 0.0, 8)),
    ((_E, 1.0, 4), (_A, 0.6, 2)),
    ((_Y, 0.4, 7), (_SA, 0.6, 7)),
    ((_P, 0.8, 2), (_S, 0.6, 10)),
    ((_S, 0.6, 8), (_E, 0.6, 1)),
    ((_C, 0.8, 6), (_R, 0.4, 5)),
)
"""Sub-policies of AutoAugment for ImageNet: two operations with their probability and level."""


def amount(op: Op, level: float) -> float:
    """Return the strength of a level: degrees, a ratio, bits, a threshold or a blending factor."""
    part = level / HIGHEST
    if op in _INTEGER:
        return float(int(part * _INTEGER[op]))
    return 0.1 + 1.8 * part if op in _BLENDING else part * _SPAN.get(op, 0.0)


def draw_policy(
    augment: Augment, count: int, generator: Generator, revision: int = NEWEST
) -> tuple[Tensor, Tensor]:
    """Draw for `count` images: codes of Op, uint8 (N, L), and signed amounts, float32 (N, L).

    `revision`: the job's, see schemas/job.py.
    """
    if augment.policy == "autoaugment":
        codes, amounts = _from_v0(count, generator)
    elif revision == 0:
        codes, amounts = _from_some(augment, count, generator)
    else:
        codes, amounts = _from_all(augment, count, generator)
    backwards = torch.rand(codes.shape, generator=generator) < 0.5
    moving = (codes >= WARPING[0]) & (codes <= WARPING[1])
    return codes.to(torch.uint8), torch.where(backwards & moving, -amounts, amounts)


def _from_v0(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    chosen = torch.randint(len(V0), (count,), generator=generator)
    codes = torch.tensor([[int(op) for op, _, _ in pair] for pair in V0])[chosen]
    chance = torch.tensor([[chance for _, chance, _ in pair] for pair in V0])[chosen]
    amounts = torch.tensor([[amount(op, level) for op, _, level in pair] for pair in V0])[chosen]
    return codes * (torch.rand(codes.shape, generator=generator) < chance), amounts


def _from_all(augment: Augment, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw one of all operations for every layer, each with the same probability."""
    codes = torch.randint(1, len(Op), (count, augment.layers), generator=generator)
    return codes, torch.tensor([amount(op, augment.magnitude) for op in Op])[codes]


def _from_some(augment: Augment, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw as `_from_all` does, and leave out about half: revision 0."""
    shape = (count, augment.layers)
    codes = torch.randint(1, len(Op), shape, generator=generator)
    chance = _LEAST + (_MOST - _LEAST) * torch.rand(shape, generator=generator)
    amounts = torch.tensor([amount(op, augment.magnitude) for op in Op])[codes]
    return codes * (torch.rand(shape, generator=generator) < chance), amounts
