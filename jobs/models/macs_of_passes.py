"""The multiplications of a network for one image, from passes over two numbers of images.

A pass over N images multiplies N times what an image costs, and once what the batch does not
change, such as a product of weights. Two passes tell the two apart, whatever the operations are.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple


class PassMacs(NamedTuple):
    """What the passes over some and over twice as many images multiplied, by kind.

    Kinds: `dense`, `pointwise`, `depthwise` (convolutions that depend on the images), `linear` and
    `attention` (products of which one factor depends on them, or all), and `alone` (none does).
    """

    images: int
    once: Counter[str]
    twice: Counter[str]

    @property
    def uneven(self) -> bool:
        """Whether the passes do not fit: an image costs more, or less, among more of them."""
        return min((*self._per_image().values(), *self._fixed().values()), default=0) < 0

    def fields(self) -> dict[str, int]:
        """Return the MACs of a Workload, which add up to a pass over one image."""
        image, fixed = self._per_image(), sum(self._fixed().values())
        linear = image["linear"] + image["alone"]
        return {
            "dense": image["dense"] + linear + image["attention"] + fixed,
            "pointwise": image["pointwise"],
            "depthwise": image["depthwise"],
            "linear": linear,
            "attention": image["attention"],
            "folded": fixed,
        }

    def _per_image(self) -> Counter[str]:
        return self._by_kind({kind: self.twice[kind] - self.once[kind] for kind in self._kinds()})

    def _fixed(self) -> dict[str, int]:
        return {kind: 2 * self.once[kind] - self.twice[kind] for kind in self._kinds()}

    def _by_kind(self, growth: Mapping[str, int]) -> Counter[str]:
        return Counter({kind: macs // self.images for kind, macs in growth.items()})

    def _kinds(self) -> set[str]:
        return {*self.once, *self.twice}
