"""`compound models` and `compound count`."""

import math
from typing import Any

from jobs.complexity import count as count_network
from jobs.models.zoo import NETWORKS
from jobs.scaling import stretch
from orchestrator.commands.output import print_json, print_table
from orchestrator.suggest import closest
from schemas.architecture import Architecture
from schemas.errors import SpecError

MULTIPLIER = (0.01, 100.0)
RESOLUTION = (1, 8192)
CLASSES = (1, 1_000_000)


def models(*, as_json: bool) -> None:
    """List the named networks."""
    rows = [_row(name, network) for name, network in NETWORKS.items()]
    if as_json:
        print_json(rows)
    else:
        _print("Named networks", rows)


def count(
    name: str,
    depth: float,
    width: float,
    resolution: int | None,
    classes: int | None,
    *,
    as_json: bool,
) -> None:
    """Count one network. SpecError: no such name, or a multiplier out of range."""
    if name not in NETWORKS:
        raise SpecError(
            f"no network is called '{name}'{closest(name, NETWORKS)}",
            allowed=", ".join(NETWORKS),
            next_step="compound models",
        )
    _within("--depth", depth, MULTIPLIER)
    _within("--width", width, MULTIPLIER)
    network = NETWORKS[name]
    pixels = network.resolution if resolution is None else resolution
    _within("--resolution", pixels, RESOLUTION)
    scaled = stretch(network, depth, width, pixels)
    if classes is not None:
        _within("--classes", classes, CLASSES)
        scaled = scaled.model_copy(update={"num_classes": classes})
    row = _row(name, scaled)
    if as_json:
        print_json(row)
    else:
        _print(f"{name}, depth x {depth:g}, width x {width:g}", [row])


def _within(option: str, value: float, bounds: tuple[float, float]) -> None:
    if not (math.isfinite(value) and bounds[0] <= value <= bounds[1]):
        raise SpecError(
            f"{value:g} is out of range", where=option, allowed=f"{bounds[0]:g} to {bounds[1]:g}"
        )


def _row(name: str, network: Architecture) -> dict[str, Any]:
    return {
        "name": name,
        "resolution": network.resolution,
        **count_network(network).model_dump(),
    }


def _print(title: str, rows: list[dict[str, Any]]) -> None:
    columns = ["name", ">resolution", ">params", ">MACs", ">activations"]
    keys = ("resolution", "params", "macs", "activations")
    print_table(title, columns, ([r["name"], *(f"{r[k]:,}" for k in keys)] for r in rows))
