"""The multiplications of one operation below autograd: matrix products and convolutions.

The same as torch.utils.flop_counter over two. That leaves out products with a vector (mv, dot), of
three factors (bilinear) and distances, which are counted here, and some of the fused attention of
CPUs, which never runs on the meta device. Other operations that multiply, such as Fourier
transforms, are named, not counted.
"""

import math
import re
from typing import Any

from torch import Tensor


def _matrices(left: Tensor, right: Tensor) -> int:
    """Count (..., m, k) times (..., k, n), or times a vector (k)."""
    return left.numel() * (right.shape[-1] if right.ndim > 1 else 1)


def _attention(query: Tensor, key: Tensor, value: Tensor) -> int:
    """Count query times key, and their weights times value; heads may share keys."""
    scores = math.prod(query.shape[:-1]) * key.shape[-2]
    return scores * (query.shape[-1] + value.shape[-1])


def _three(terms: tuple[Tensor, ...], settings: tuple[list[int], ...]) -> int:
    """Count a product of three factors, summed: the first two by each other, then by the third.

    `settings`: for each factor the dimensions that it is expanded in, and those summed over.
    F.bilinear of (N, I), (O, I, J) and (N, J) is N O I J, and N O J more.
    """
    *expanded, summed = settings
    shapes: list[tuple[int, ...]] = []
    for term, dimensions in zip(terms, expanded, strict=True):
        for dimension in sorted(dimensions):
            term = term.unsqueeze(dimension)
        shapes.append(tuple(term.shape))
    whole: list[int] = [max(sizes) for sizes in zip(*shapes, strict=True)]
    contracted = math.prod(whole[d] for d in summed if d in expanded[2])
    return math.prod(whole) + math.prod(whole) // max(1, contracted)


def _distances(left: Tensor, right: Tensor) -> int:
    """Count the product behind the distances of (..., m, k) and (..., n, k)."""
    return left.numel() * right.shape[-2]


def _over_time(images: Tensor, weight: Tensor, padding: int) -> int:
    """Count conv_tbc of (time, N, channels) with (kernel, channels, out channels)."""
    steps = images.shape[0] + 2 * padding - weight.shape[0] + 1
    return steps * images.shape[1] * weight.numel()


_FIRST = {
    "aten::mm": 0,
    "aten::bmm": 0,
    "aten::mv": 0,
    "aten::dot": 0,
    "aten::vdot": 0,
    "aten::addmm": 1,
    "aten::addbmm": 1,
    "aten::baddbmm": 1,
    "aten::addmv": 1,
    "aten::_addmm_activation": 1,
}
"""Products of two factors, by the index of the first among the arguments."""
_DISTANCES = ("aten::_euclidean_dist", "aten::_cdist_forward")
_FUSED = "aten::_scaled_dot_product_"
_MULTIPLIES = re.compile(
    r"(^|_)(\w*mm|mv|dot|matmul|conv\w*|linear|trilinear|\w*dist|attention|lstm|gru|rnn|fft"
    r"|linalg|cholesky|solve|inverse|lu|qr|svd|eigh?|matrix)(_|$)"
)
"""In the names of operations that multiply matrices, as far as `factors` does not know them."""
_NO_PRODUCTS = re.compile(r"check_errors|vector_norm|linalg_cross|linalg_diagonal|_backward$")
_OF_TORCH = ("aten", "prim", "prims", "profiler")


def factors(name: str, args: tuple[Any, ...]) -> tuple[tuple[Tensor, ...], int] | None:
    """Return the factors of an operation, and its multiplications; None: it is no product."""
    name = name.removesuffix("_")  # of those that write to their first argument
    if name in _FIRST:
        left, right = args[_FIRST[name] :][:2]
        return (left, right), _matrices(left, right)
    if name.startswith(_FUSED) and not name.endswith("_backward"):
        query, key, value = args[:3]
        return (query, key, value), _attention(query, key, value)
    if name == "aten::_trilinear":
        return args[:3], _three(args[:3], args[3:7])
    if name in _DISTANCES:
        return args[:2], _distances(*args[:2])
    if name == "aten::conv_tbc":
        return args[:2], _over_time(args[0], args[1], args[3] if len(args) > 3 else 0)
    return None


def multiplies(name: str) -> bool:
    """Whether an operation that has no `factors` multiplies, or may do so: it is not torch's."""
    owner, _, operation = name.partition("::")
    if owner not in _OF_TORCH:
        return True
    return bool(_MULTIPLIES.search(operation)) and not _NO_PRODUCTS.search(operation)
