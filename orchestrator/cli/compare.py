"""`compound compare`: the paper's claims beside our counts and this machine's latency."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch

from compound.jobs.probe.latency import Latency, measure
from compound.orchestrator.cli.printing.output import note, print_json, print_table, say
from compound.orchestrator.paper.claims import Row, Section, compare, timed_networks

TITLES: dict[Section, str] = {
    "ImageNet": "ImageNet",
    "transfer": "transfer, params without classifiers",
    "latency": "one image on one core",
    "scaling": "baselines at multiples of d, w, r",
}


def show(*, latency: bool, as_json: bool) -> None:
    """Print every claim with our number, the paper's, and where each is from."""
    latencies = _measured() if latency else None
    rows = compare(latencies)
    if as_json:
        print_json({"machine": _machine(latencies), "rows": [asdict(row) for row in rows]})
        return
    notes = list(dict.fromkeys(row.note for row in rows if row.note))
    columns = ("|claim", ">ours", ">paper", "|source", "|ours is")
    keep = ("claim", "ours", "paper")
    print_table("EfficientNet's claims", columns, _table(rows, notes), keep)
    say()
    for number, text in enumerate(notes, 1):
        say(f"[{number}] {text}")
    if latencies:
        say(f"latency: {_conditions(latencies)}; range over all runs")


def _table(rows: Sequence[Row], notes: Sequence[str]) -> Iterator[list[str]]:
    """Yield the cells of all rows, section by section."""
    for section, title in TITLES.items():
        yield [""] * 5
        yield [f"-- {title}", *[""] * 4]
        yield from (_cells(row, notes) for row in rows if row.section == section)


def _measured() -> list[Latency]:
    note("measuring latency (--no-latency leaves it out) ...")
    return measure(timed_networks())


def _conditions(latencies: Sequence[Latency]) -> str:
    runs = len(latencies[0].seconds)
    return f"median of {runs} runs, batch 1, one thread, float32, torch {torch.__version__}"


def _machine(latencies: Sequence[Latency] | None) -> dict[str, Any] | None:
    if latencies is None:
        return None
    return {"threads": 1, "runs": len(latencies[0].seconds), "torch": torch.__version__}


def _cells(row: Row, notes: Sequence[str]) -> list[str]:
    mark = f" [{notes.index(row.note) + 1}]" if row.note else ""
    unit = row.unit if row.unit in ("x", "G") else f" {row.unit}"
    ours = "-" if row.ours is None else f"{_digits(row.ours)}{unit}"
    if row.low is not None and row.high is not None:
        ours += f" ({_digits(row.low)}-{_digits(row.high)})"
    return [f"{row.claim}{mark}", ours, f"{row.paper:.3g}{unit}", row.source, row.origin]


def _digits(value: float) -> str:
    """Write three digits, zeros at the end among them: 8.40."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:#.3g}".removesuffix(".")
