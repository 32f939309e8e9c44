"""One name for one network: the label of its jobs without phase, seed and schedule."""

import re
from collections import Counter
from collections.abc import Iterable

from compound.schemas.architecture import Candidate

_LABEL = re.compile(r"d\d+\.\d+-w\d+\.\d+-r\d+")
_DIGITS = 4
"""Of the hash of the architecture, where two networks share a label."""


def network_label(candidate: Candidate) -> str:
    """Return a network's label: depth, width, resolution in pixels, as in `d1.00-w1.40-r8`."""
    triple = candidate.coefficients
    return label_of(triple.alpha, triple.beta, candidate.architecture.resolution)


def label_of(depth: float, width: float, pixels: int | None) -> str:
    """Return the label of a network by its multipliers and resolution; "" where it has none."""
    return "" if pixels is None else f"d{depth:.2f}-w{width:.2f}-r{pixels}"


def label_in(job_label: str) -> str:
    """Return the network's label in that of a job: `phi2-d1.00-w1.40-r8-s0` is `d1.00-w1.40-r8`.

    The label as it is where it holds none.
    """
    match = _LABEL.search(job_label)
    return match[0] if match else job_label


def network_names(labelled: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the name of each network of a study, by the hash of its architecture.

    `labelled`: hash and label, of the network or of a job of it, in the order in which they were
    planned: a network that two steps have named keeps its first label. Networks that share a label
    have the first digits of their hash behind it.
    """
    labels: dict[str, str] = {}
    for network, label in labelled:
        if network not in labels:
            labels[network] = label_in(label)
    shared = Counter(labels.values())
    return {
        network: f"{label}-{network[:_DIGITS]}" if shared[label] > 1 else label
        for network, label in labels.items()
    }
