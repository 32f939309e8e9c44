"""The claims of the EfficientNet paper beside our counts and measurements. Pure."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.scaling import round_resolution, stretch
from compound.jobs.probe.latency import Latency
from compound.orchestrator.paper import printed as paper
from compound.schemas.architecture import Architecture

Section = Literal["ImageNet", "transfer", "latency", "scaling"]
Origin = Literal["counted", "part printed", "measured here", "printed"]
"""`part printed`: a ratio of a number that only the paper has and our count."""
Unit = Literal["x", "G", "pts", "ms"]


@dataclass(frozen=True)
class Row:
    """One claim: its text, our number, the paper's, and the origin of each."""

    section: Section
    claim: str
    ours: float | None
    """None where we neither count nor measure it."""
    paper: float
    unit: Unit
    source: str
    origin: Origin
    note: str = ""
    low: float | None = None
    """The range over all timed runs, where ours was measured."""
    high: float | None = None


def compare(latencies: Sequence[Latency] | None) -> list[Row]:
    """Return every row; `latencies` are those of `timed_networks`, or None if not measured."""
    return [*_imagenet(), *_transfer(), *_latency(latencies), *_scaling()]


def timed_networks() -> list[Architecture]:
    """Return the networks whose latency the paper prints and this package can build."""
    return [NETWORKS[timed.network] for timed in paper.TIMED]


def _imagenet() -> Iterator[Row]:
    for ratio in paper.RATIOS:
        attribute = "params" if ratio.unit == "params" else "macs"
        ours = _size(ratio.larger, attribute) / _size(ratio.smaller, attribute)
        claim = f"{ratio.unit}: {ratio.larger} / {ratio.smaller}"
        origin = _origin(ratio.larger)
        yield Row("ImageNet", claim, ours, ratio.printed, "x", ratio.source, origin, ratio.note)
    better, worse, (high, low), source, note = paper.ACCURACIES
    claim = f"accuracy: {better} - {worse}"
    yield Row("ImageNet", claim, None, high - low, "pts", source, "printed", note)


def _size(name: str, attribute: str) -> float:
    """Return the count of a named network, or the params that are printed for another."""
    if name in paper.PRINTED_PARAMS:
        return paper.PRINTED_PARAMS[name]
    return float(getattr(count(NETWORKS[name]), attribute))


def _origin(name: str) -> Origin:
    return "part printed" if name in paper.PRINTED_PARAMS else "counted"


def _transfer() -> Iterator[Row]:
    for transfer in (paper.PUBLIC[0], paper.BEST[0]):
        claim = f"params: {transfer.larger} / {transfer.smaller}"
        note = f"{paper.PRINTED_PARAMS[transfer.larger] / 1e6:g}M as printed, on {transfer.data}"
        yield _transferred(claim, body_ratio(transfer), transfer.printed, note)
    for models, transfers in (("public", paper.PUBLIC), ("best", paper.BEST)):
        claim = f"geometric mean, {len(transfers)} sets, {models} models"
        mean = statistics.geometric_mean(body_ratio(transfer) for transfer in transfers)
        yield _transferred(claim, mean, *paper.GEOMEANS[models])


def _transferred(claim: str, ours: float, printed: float, note: str = "") -> Row:
    return Row("transfer", claim, ours, printed, "x", "Table 5", "part printed", note)


def body_ratio(transfer: paper.Transfer) -> float:
    """Return how many times as many parameters, without classifiers, the larger network has."""
    return _body(transfer.larger) / _body(transfer.smaller)


def _body(name: str) -> float:
    """Return the params without the classifier, which Table 5 leaves out."""
    if name in paper.PRINTED_PARAMS:
        return paper.PRINTED_PARAMS[name]
    network = NETWORKS[name]
    features = network.head or network.stages[-1].out_channels
    return count(network).params - (features + 1) * network.num_classes


def _latency(latencies: Sequence[Latency] | None) -> Iterator[Row]:
    slow, fast = latencies or (Latency(()), Latency(()))
    for timed, latency in zip(paper.TIMED, (slow, fast), strict=True):
        milliseconds = [1e3 * seconds for seconds in latency.seconds]
        yield _timed(f"latency: {timed.network}", 1e3 * timed.printed, "ms", milliseconds)
    claim = f"latency: {paper.TIMED[0].network} / {paper.TIMED[1].network}"
    yield _timed(claim, paper.TIMED_RATIO, "x", _quotients(slow, fast))
    claim, (printed, note) = "latency: AmoebaNet-B / efficientnet-b7", paper.GPIPE_LATENCY
    yield Row("latency", claim, None, printed, "x", "Table 4", "printed", note)


def _quotients(slow: Latency, fast: Latency) -> list[float]:
    """Return the ratio of each round, which times both networks in turn."""
    return [a / b for a, b in zip(slow.seconds, fast.seconds, strict=True)]


def _timed(claim: str, printed: float, unit: Unit, runs: Sequence[float]) -> Row:
    if not runs:
        return Row("latency", claim, None, printed, unit, "Table 4", "printed")
    return Row(
        section="latency",
        claim=claim,
        ours=statistics.median(runs),
        paper=printed,
        unit=unit,
        source="Table 4",
        origin="measured here",
        low=min(runs),
        high=max(runs),
    )


def _scaling() -> Iterator[Row]:
    for row in paper.SCALED:
        base = NETWORKS[row.network]
        pixels = round_resolution(base.resolution * row.resolution)
        macs = count(stretch(base, row.depth, row.width, pixels)).macs
        claim = f"MACs: {row.network} {_multipliers(row)}"
        yield Row("scaling", claim, macs / 1e9, row.printed, "G", row.source, "counted", row.note)


def _multipliers(row: paper.Scaled) -> str:
    multipliers = (("d", row.depth), ("w", row.width), ("r", row.resolution))
    return " ".join(f"{name}={value:g}" for name, value in multipliers if value != 1)
