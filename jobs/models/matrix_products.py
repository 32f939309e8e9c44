"""The multiplications of one operation below autograd: matrix products and convolutions.

The same as torch.utils.flop_counter over two. That leaves out products with a vector (mv), which
are counted here, and some of the fused attention of CPUs, which never runs on the meta device.
"""

import math
from typing import Any

from torch import Tensor


def _matrices(left: Tensor, right: Tensor) -> int:
    """Count (..., m, k) times (..., k, n), or times a vector (k)."""
    return left.numel() * (right.shape[-1] if right.ndim > 1 else 1)


def _attention(query: Tensor, key: Tensor, value: Tensor) -> int:
    """Count query times key, and their weights times value; heads may share keys."""
    scores = math.prod(query.shape[:-1]) * key.shape[-2]
    return scores * (query.shape[-1] + value.shape[-1])


_FIRST = {
    "aten::mm": 0,
    "aten::bmm": 0,
    "aten::mv": 0,
    "aten::addmm": 1,
    "aten::addbmm": 1,
    "aten::baddbmm": 1,
    "aten::addmv": 1,
}
"""Products of two factors, by the index of the first among the arguments."""
_FUSED = "aten::_scaled_dot_product_"


def factors(name: str, args: tuple[Any, ...]) -> tuple[tuple[Tensor, ...], int] | None:
    """Return the factors of an operation, and its multiplications; None: it is no product."""
    if name in _FIRST:
        left, right = args[_FIRST[name] :][:2]
        return (left, right), _matrices(left, right)
    if name.startswith(_FUSED) and not name.endswith("_backward"):
        query, key, value = args[:3]
        return (query, key, value), _attention(query, key, value)
    return None
