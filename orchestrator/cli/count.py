"""`compound models` and `compound count`."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compound.jobs.networks.block_counts import shrink
from compound.jobs.networks.exact_cost import count as count_network
from compound.jobs.networks.exact_cost import count_stages
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.scaling import MULTIPLIER, round_resolution, stretch
from compound.orchestrator.cli.printing.output import print_json, print_table
from compound.orchestrator.wording.numbers import closest
from compound.schemas.architecture import Architecture
from compound.schemas.errors import SpecError

RESOLUTION = (1, 8192)
CLASSES = (1, 1_000_000)
CHANNELS = (1, 1024)
PHI = (-20, 20)
PUBLISHED = (1.2, 1.1, 1.15)
"""alpha, beta and gamma as EfficientNet prints them (section 3.3)."""


@dataclass(frozen=True)
class Scaling:
    """The options of `compound count`: multipliers, or powers of phi; None is not set."""

    depth: float | None = None
    width: float | None = None
    resolution: int | None = None
    phi: float | None = None
    alpha: float | None = None
    beta: float | None = None
    gamma: float | None = None
    classes: int | None = None
    channels: int | None = None

    def require_one_way(self) -> None:
        """Refuse multipliers beside phi, and coefficients without it. SpecError."""
        if self.phi is None:
            self._refuse(
                ("alpha", "beta", "gamma"),
                "it has an effect only with --phi",
                "--phi too, or none of the three",
            )
        else:
            why = "--phi sets depth, width and resolution already"
            self._refuse(
                ("depth", "width", "resolution"), why, "--phi, or --depth, --width and --resolution"
            )

    def _refuse(self, names: tuple[str, ...], why: str, allowed: str) -> None:
        named = [name for name in names if getattr(self, name) is not None]
        if named:
            raise SpecError(why, where=f"--{named[0]}", allowed=allowed)


def models(*, pure: bool, as_json: bool) -> None:
    """List the named networks, or the family that the published alpha, beta and gamma make."""
    rows = list(_pure_rows()) if pure else [_row(n, network) for n, network in NETWORKS.items()]
    if as_json:
        print_json(rows)
    elif pure:
        _print(f"EfficientNet-B0 by {_label('efficientnet-b0')}", rows, (">ratio",))
    else:
        _print("Named networks", rows)


def count(name: str, scaling: Scaling, *, stages: bool = False, as_json: bool) -> None:
    """Count one network. SpecError: no such name, or a value out of range."""
    if name not in NETWORKS:
        raise SpecError(
            f"no network is called '{name}'{closest(name, NETWORKS)}",
            allowed=", ".join(NETWORKS),
            next_step="compound models",
        )
    scaling.require_one_way()
    network, title = _scaled(name, scaling)
    network = _with_ends(network, scaling)
    row = _row(name, network)
    if stages:
        row["stages"] = list(_stage_rows(network))
    if scaling.phi is not None:
        row |= {"phi": scaling.phi, "scaling": _label(name)}
    if as_json:
        print_json(row)
    else:
        _print(title, [*row.get("stages", []), row])


def _stage_rows(network: Architecture) -> Iterator[dict[str, Any]]:
    """Yield the counts of the stem, every stage, and the head; their sum is the network's."""
    blocks = [f"{stage.repeats} x {stage.block}" for stage in network.stages]
    names = ["stem", *blocks, "head and classifier"]
    for name, side, cost in zip(names, _sides(network), count_stages(network), strict=True):
        yield {"name": name, "resolution": side, **cost.model_dump()}


def _sides(network: Architecture) -> Iterator[int]:
    """Yield the side of the map that leaves the stem, each stage, and the pooling."""
    side = shrink(network.resolution, network.stem.stride)
    side = shrink(side, 2) if network.stem.pool else side
    yield side
    for stage in network.stages:
        side = shrink(side, stage.stride)
        yield side
    yield 1


def _scaled(name: str, scaling: Scaling) -> tuple[Architecture, str]:
    """Scale a named network as asked; also return the table's title."""
    network = NETWORKS[name]
    if scaling.phi is not None:
        _within("--phi", scaling.phi, PHI)
        bases = _bases(scaling)
        pairs = zip(("depth", "width", "resolution"), bases, strict=True)
        scaled = ", ".join(f"{axis} x {base**scaling.phi:.3g}" for axis, base in pairs)
        title = f"{name} at phi {scaling.phi:g}: {scaled}"
        return _pure(network, bases, scaling.phi), title
    depth = 1.0 if scaling.depth is None else scaling.depth
    width = 1.0 if scaling.width is None else scaling.width
    pixels = network.resolution if scaling.resolution is None else scaling.resolution
    _within("--depth", depth, MULTIPLIER)
    _within("--width", width, MULTIPLIER)
    _within("--resolution", pixels, RESOLUTION)
    return stretch(network, depth, width, pixels), f"{name}, depth x {depth:g}, width x {width:g}"


def _bases(scaling: Scaling) -> tuple[float, float, float]:
    bases = (scaling.alpha, scaling.beta, scaling.gamma)
    alpha, beta, gamma = (
        published if base is None else base
        for base, published in zip(bases, PUBLISHED, strict=True)
    )
    for option, base in (("--alpha", alpha), ("--beta", beta), ("--gamma", gamma)):
        _within(option, base, MULTIPLIER)
    return alpha, beta, gamma


def _pure(network: Architecture, bases: tuple[float, float, float], phi: float) -> Architecture:
    """Scale by alpha^phi, beta^phi and gamma^phi. SpecError: a power is out of range."""
    depth, width, side = (base**phi for base in bases)
    _within(f"depth, alpha^{phi:g}", depth, MULTIPLIER)
    _within(f"width, beta^{phi:g}", width, MULTIPLIER)
    pixels = network.resolution * side
    _within(f"resolution, {network.resolution} x gamma^{phi:g}", pixels, RESOLUTION)
    return stretch(network, depth, width, round_resolution(pixels))


def _pure_rows() -> Iterator[dict[str, Any]]:
    base = NETWORKS["efficientnet-b0"]
    macs = count_network(base).macs
    for phi in range(8):
        row = _row(f"efficientnet-b0, phi {phi}", _pure(base, PUBLISHED, phi))
        yield {**row, "phi": phi, "ratio": row["macs"] / macs, "scaling": _label("efficientnet-b0")}


def _label(name: str) -> str:
    official = name.startswith("efficientnet-")
    return "alpha^phi" + (", not the official b1..b7 coefficients" if official else "")


def _with_ends(network: Architecture, scaling: Scaling) -> Architecture:
    """Give a network the requested classes and input channels."""
    update = {}
    if scaling.classes is not None:
        _within("--classes", scaling.classes, CLASSES)
        update["num_classes"] = scaling.classes
    if scaling.channels is not None:
        _within("--channels", scaling.channels, CHANNELS)
        update["in_channels"] = scaling.channels
    return network.model_copy(update=update)


def _within(option: str, value: float, bounds: tuple[float, float]) -> None:
    if not (math.isfinite(value) and bounds[0] <= value <= bounds[1]):
        low, high = (f"{bound:,g}" if bound < 1e5 else f"{bound:,}" for bound in bounds)
        raise SpecError(f"{value:g} is out of range", where=option, allowed=f"{low} to {high}")


def _row(name: str, network: Architecture) -> dict[str, Any]:
    return {
        "name": name,
        "resolution": network.resolution,
        **count_network(network).model_dump(),
    }


def _print(title: str, rows: list[dict[str, Any]], more: tuple[str, ...] = ()) -> None:
    columns = ["~name", ">resolution", ">params", ">MACs", ">activations", *more]
    keys = ("resolution", "params", "macs", "activations")
    cells = ([row["name"], *(f"{row[key]:,}" for key in keys)] for row in rows)
    ratios = ([f"{row['ratio']:.2f}x"] if more else [] for row in rows)
    lines = ([*a, *b] for a, b in zip(cells, ratios, strict=True))
    print_table(title, columns, lines, ("name", "params", "MACs", "resolution"))
