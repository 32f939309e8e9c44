"""Adding up what layers cost: parameters, work, and what autograd saves for backward.

torch's rules: a convolution saves its input, batch norm the same, ReLU its result, any other
activation its input (a copy, where it works in place), a gate both factors, a max pool its input
and the indices of the maxima, an average pool its input. A sum, a mean and a concatenation save
nothing. Weights and the statistics of batch norm do not count.
"""

from typing import TYPE_CHECKING

from compound.jobs.networks.block_counts import Map
from compound.jobs.networks.families import FAMILIES
from compound.jobs.networks.padding import same_edges
from compound.schemas.machine.device import Workload

if TYPE_CHECKING:
    from compound.schemas.architecture import BlockFamily

_INDEX = 2
"""Elements that the index of a maximum takes: torch stores it in 64 bits."""


class CostTally:
    """Counts of one part of a network. What is added while `times` is n counts n times."""

    __slots__ = (
        "_same",
        "activations",
        "cramped",
        "dense",
        "depthwise",
        "keeps_result",
        "largest",
        "layers",
        "params",
        "pointwise",
        "products",
        "saved",
        "spatial",
        "times",
    )

    def __init__(self, family: "BlockFamily", padding: str = "half") -> None:
        self._same = padding == "same"
        self.keeps_result, self.times = FAMILIES[family].keeps_result, 1
        self.params = self.dense = self.pointwise = self.depthwise = 0
        self.activations = self.saved = self.largest = self.layers = 0
        self.spatial = self.cramped = self.products = 0

    def conv(self, cin: int, cout: int, area: int, size: int, groups: int = 1) -> None:
        """Count a bias-free convolution and its norm; area is the kernel's, size the output's."""
        times, pixels = self.times, size * size
        weights, elements = area * (cin // groups) * cout, cout * pixels
        self.params += times * (weights + 2 * cout)
        if groups > 1:
            self.depthwise += times * weights * pixels
            if area > pixels:
                self.cramped += times * weights
        elif area > 1:
            self.dense += times * weights * pixels
            self.spatial += times * weights
        else:
            self.pointwise += times * weights * pixels
        self.activations += times * elements
        self.saved += times * elements
        self.layers += times
        if elements > self.largest:
            self.largest = elements

    def squeeze(self, channels: int, squeezed: int) -> None:
        """Count squeeze-excitation on one pixel: two biased 1x1 convolutions and the sigmoid."""
        weights, outputs = 2 * channels * squeezed, channels + squeezed
        self.params += self.times * (weights + outputs)
        self.pointwise += self.times * weights
        self.activations += self.times * outputs
        self.layers += self.times * 2
        self.keep(channels, 2)
        self.activate(squeezed)

    def linear(self, features: int, classes: int) -> None:
        """Count a linear layer with biases; its outputs are no activations of convolutions."""
        self.params += features * classes + classes
        self.dense += features * classes
        self.products += features * classes
        self.layers += 1
        self.keep(features)

    def keep(self, elements: int, copies: int = 1) -> None:
        """Count a map that autograd saves, other than the input of a norm."""
        self.saved += self.times * copies * elements
        if elements > self.largest:
            self.largest = elements

    def pad(self, channels: int, side: int, kernel: int, stride: int, *, spare: bool) -> None:
        """Count the padded copy that a layer saves where it pads unevenly.

        `spare`: whether nothing else saves the map that is copied, which is counted already.
        """
        edges = same_edges(side, kernel, stride)
        if self._same and not edges.even:
            self.keep(channels * (side + sum(edges)) ** 2)
            self.saved -= self.times * channels * side**2 if spare else 0

    def touch(self, source: Map) -> None:
        """Count a map that a layer saves as its input, unless another layer has saved it."""
        if not source.saved:
            source.saved = True
            self.keep(source.elements)

    def activate(self, elements: int) -> None:
        """Count an activation in place whose result the next layer saves."""
        self.keep(elements, 1 if self.keeps_result else 2)

    def activate_apart(self, source: Map) -> None:
        """Count an activation that does not change its input, and whose result is saved."""
        if not self.keeps_result:
            self.touch(source)
        self.keep(source.elements)

    def pool(self, source: Map, outputs: int) -> None:
        """Count a max pool of so many output elements."""
        self.touch(source)
        self.saved += self.times * _INDEX * outputs

    def add(self, part: "CostTally") -> None:
        """Add the counts of another part."""
        self.params += part.params
        self.dense += part.dense
        self.pointwise += part.pointwise
        self.depthwise += part.depthwise
        self.activations += part.activations
        self.saved += part.saved
        self.layers += part.layers
        self.cramped += part.cramped
        self.spatial += part.spatial
        self.products += part.products
        self.largest = max(self.largest, part.largest)

    @property
    def macs(self) -> int:
        """All multiplications."""
        return self.dense + self.pointwise + self.depthwise

    def workload(self) -> Workload:
        """Return the counts so far."""
        return Workload(
            params=self.params,
            dense=self.dense,
            pointwise=self.pointwise,
            depthwise=self.depthwise,
            activations=self.activations,
            saved=self.saved,
            largest=self.largest,
            layers=self.layers,
            cramped=self.cramped,
            spatial=self.spatial,
            linear=self.products,
        )
