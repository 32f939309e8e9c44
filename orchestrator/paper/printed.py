"""The printed numbers of EfficientNet (Tan and Le), each with its table.

Tables are numbered as in the fifth version of arXiv 1905.11946; the first one, of 2019, prints
other accuracies. Networks are named as jobs/networks/named.py does, or as PRINTED_PARAMS does.
"""

from typing import Literal, NamedTuple

PRINTED_PARAMS = {"AmoebaNet-B": 557e6, "NASNet-A": 85e6, "Inception-v4": 41e6, "GPipe": 556e6}
"""Networks that we do not build: AmoebaNet-B (18, 512) as printed by GPipe; the rest, without their
classifiers, as in Table 5."""


class Ratio(NamedTuple):
    """How many times as much the larger network has as the smaller one."""

    unit: Literal["params", "MACs"]
    larger: str
    smaller: str
    printed: float
    source: str
    note: str = ""


RATIOS = (
    Ratio(
        "params",
        "AmoebaNet-B",
        "efficientnet-b7",
        8.4,
        "Table 2",
        "AmoebaNet-B's 557M parameters are as printed in GPipe's paper, not counted here",
    ),
    Ratio("params", "resnet-152", "efficientnet-b1", 7.6, "Table 2"),
    Ratio("MACs", "resnet-152", "efficientnet-b1", 16, "Table 2"),
    Ratio("params", "resnet-50", "efficientnet-b0", 4.9, "Table 2"),
    Ratio("MACs", "resnet-50", "efficientnet-b0", 11, "Table 2"),
    Ratio(
        "MACs",
        "efficientnet-b4",
        "resnet-50",
        4.2 / 4.1,
        "Table 2",
        "the paper prints 4.2B and 4.1B, and says `similar`",
    ),
)


class Accuracies(NamedTuple):
    """Top-1 accuracies of two networks on ImageNet, in percent."""

    better: str
    worse: str
    percent: tuple[float, float]
    source: str
    note: str = ""


ACCURACIES = Accuracies(
    "efficientnet-b4",
    "resnet-50",
    (82.6, 76.3),
    "section 1",
    "82.6 against 76.3 % in the 2019 text; Table 2 of the last one has 82.9 against 76.0 %",
)


class Transfer(NamedTuple):
    """Parameters without classifiers of another network and of ours, on one data set."""

    data: str
    larger: str
    smaller: str
    printed: float


PUBLIC = (
    Transfer("CIFAR-10", "NASNet-A", "efficientnet-b0", 21),
    Transfer("CIFAR-100", "NASNet-A", "efficientnet-b0", 21),
    Transfer("Birdsnap", "Inception-v4", "efficientnet-b5", 1.5),
    Transfer("Stanford Cars", "Inception-v4", "efficientnet-b3", 4.1),
    Transfer("Flowers", "Inception-v4", "efficientnet-b5", 1.5),
    Transfer("FGVC Aircraft", "Inception-v4", "efficientnet-b3", 4.1),
    Transfer("Oxford-IIIT Pets", "resnet-152", "efficientnet-b4", 5.6),
    Transfer("Food-101", "Inception-v4", "efficientnet-b4", 2.4),
)
"""Table 5, against public models."""

BEST = (
    Transfer("CIFAR-10", "GPipe", "efficientnet-b7", 8.7),
    Transfer("CIFAR-100", "GPipe", "efficientnet-b7", 8.7),
    Transfer("Birdsnap", "GPipe", "efficientnet-b7", 8.7),
    Transfer("Oxford-IIIT Pets", "GPipe", "efficientnet-b6", 14),
    Transfer("Food-101", "GPipe", "efficientnet-b7", 8.7),
)
"""Table 5, against the best reported models whose size is printed."""

GEOMEANS = {
    "public": (4.7, "the paper prints 5.6x for Pets, where its own 58M over 17M are 3.4x"),
    "best": (9.6, ""),
}
"""Table 5, last row."""


class Timed(NamedTuple):
    """Seconds for one image on one core, the mean of 20 runs."""

    network: str
    printed: float


TIMED = (Timed("resnet-152", 0.554), Timed("efficientnet-b1", 0.098))
"""Table 4, on a Xeon E5-2690."""
TIMED_RATIO = 5.7
GPIPE_LATENCY = (
    6.1,
    "19.0 s over 3.1 s, as printed; not measured: AmoebaNet-B is not among the families",
)
"""Table 4."""


class Scaled(NamedTuple):
    """MACs of a baseline at multipliers of depth, width and resolution, in billions."""

    network: str
    depth: float
    width: float
    resolution: float
    printed: float
    source: str
    note: str = ""


_EXCHANGED = "the rows d=4 and w=2 seem to be swapped in the paper: each count is near the other's"
_UNEXPLAINED = "the print does not follow from the baseline of Table 1, its compound row does"
_PIXELS = "291 pixels here; 288 would give 2.24G"

SCALED = (
    Scaled("mobilenet-v1", 1, 2, 1, 2.2, "Table 3"),
    Scaled("mobilenet-v1", 1, 1, 2, 2.2, "Table 3"),
    Scaled("mobilenet-v1", 1.4, 1.2, 1.3, 2.3, "Table 3", _PIXELS),
    Scaled("mobilenet-v2", 4, 1, 1, 1.2, "Table 3"),
    Scaled("mobilenet-v2", 1, 2, 1, 1.1, "Table 3"),
    Scaled("mobilenet-v2", 1, 1, 2, 1.2, "Table 3"),
    Scaled("resnet-50", 4, 1, 1, 16.2, "Table 3", _EXCHANGED),
    Scaled("resnet-50", 1, 2, 1, 14.7, "Table 3", _EXCHANGED),
    Scaled("resnet-50", 1, 1, 2, 16.4, "Table 3"),
    Scaled("efficientnet-b0", 4, 1, 1, 1.8, "Table 7", _UNEXPLAINED),
    Scaled("efficientnet-b0", 1, 2, 1, 1.8, "Table 7", _UNEXPLAINED),
    Scaled("efficientnet-b0", 1, 1, 2, 1.9, "Table 7", _UNEXPLAINED),
    Scaled("efficientnet-b0", 1.4, 1.2, 1.3, 1.8, "Table 7"),
)
