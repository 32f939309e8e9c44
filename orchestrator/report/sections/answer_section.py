"""The answer in a report: its numbers at the head, and the table of phi."""

from dataclasses import dataclass

from compound.orchestrator.answer.answer_text import (
    amount_text,
    ends_text,
    gain_ends,
    gain_text,
    multiple_text,
    ways_in,
)
from compound.orchestrator.report.inputs import PHI, ReportInputs
from compound.orchestrator.report.sections.headline import Tile
from compound.orchestrator.report.sections.table_cells import (
    LAST,
    NOTHING,
    Cell,
    Table,
    count,
    number,
    text,
)
from compound.orchestrator.wording.names import WAYS
from compound.orchestrator.wording.numbers import percent
from compound.schemas.answer import Answer, AnswerRow, Doubling, Reached, TrainingCost

PARTS = {"test": "test", "validation": "validation", "law": "power law"}


def answer_tiles(answer: Answer | None) -> list[Tile]:
    """Return accuracy, training and the next doubling of the network that the answer takes."""
    row = answer.row if answer else None
    if answer is None or row is None:
        return []
    accuracy = [_accuracy_tile(row, row.accuracy)] if row.accuracy else []
    training = [_training_tile(row.training)] if row.training else []
    following = [_doubling_tile(answer.beyond)] if answer.beyond else []
    return [*accuracy, *training, *following]


def _accuracy_tile(row: AnswerRow, reached: Reached) -> Tile:
    ends = ends_text(reached.low, reached.high)
    context = ", ".join(filter(None, (f"{PARTS[reached.part]} images", ends)))
    way = "" if row.way == "choice" else f", {WAYS[row.way]}"
    return Tile(f"accuracy at {PHI} {row.phi:g}{way}", percent(reached.value), context)


def _training_tile(cost: TrainingCost) -> Tile:
    money = "" if cost.money is None else f"{amount_text(cost.money)} units of money, "
    return Tile(f"{cost.unit} to train it", amount_text(cost.hours), f"{money}{cost.basis}")


def _doubling_tile(doubling: Doubling) -> Tile:
    basis = "measured" if doubling.basis == "measured" else "by the power law"
    ends = gain_ends(doubling) or "no interval"
    label = "points of the next network" if doubling.plain else "points of a doubling beyond it"
    return Tile(label, gain_text(doubling.gain), f"{ends}, {basis}")


@dataclass(frozen=True)
class Recommended:
    """Another way of scaling than the choice, where the answer takes a network of it."""

    badge: str
    multipliers: tuple[tuple[str, str], ...]
    """Names and values of what its network has more than the baseline."""
    advice: str


def recommended_way(answer: Answer | None, resolution: int) -> Recommended | None:
    """Return the way that an answer recommends; None for the choice.

    `resolution`: the baseline's.
    """
    row = answer.row if answer else None
    if row is None or row.way == "choice":
        return None
    pixels = () if row.resolution is None else (("resolution", row.resolution / resolution),)
    factors = (("depth", row.depth), ("width", row.width), *pixels)
    return Recommended(
        f"{WAYS[row.way].removeprefix('the ')} ahead at {PHI} {row.phi:g}",
        tuple((name, f"x {value:.2f}") for name, value in factors),
        f"Scale along {WAYS[row.way]}: at {PHI} {row.phi:g} it is ahead of the choice at equal "
        "cost.",
    )


def answer_table(inputs: ReportInputs) -> Table:
    """Return a row for each phi: its accuracy, what a doubling brought, its cost, its network."""
    answer = inputs.answer
    rows = answer.rows if answer else ()
    unit = next((row.training.unit for row in reversed(rows) if row.training), "hours")
    priced = any(row.training and row.training.money is not None for row in rows)
    money = ("money",) if priced else ()
    several = len(ways_in(rows)) > 1
    way_head = ("way",) if several else ()
    heads = ("phi", *way_head, "cost", "accuracy, %", "points a doubling", "worth it", unit)
    columns = (*heads, *money, "pixels", "params", "MACs", "depth x width")
    picked = answer.row if answer else None
    cells = tuple(
        _row(row, chosen=row == picked, priced=priced, several=several)
        for way in ways_in(rows)
        for row in rows
        if row.way == way
    )
    return Table(columns, cells)


def _row(row: AnswerRow, *, chosen: bool, priced: bool, several: bool) -> tuple[Cell, ...]:
    reached, cost = row.accuracy, row.training
    tone = "strong" if chosen else ""
    return (
        number(row.phi, "{:g}", tone),
        *([text(WAYS[row.way] if row.phi else "the baseline", tone)] if several else []),
        Cell(multiple_text(row.ratio), row.ratio),
        _accuracy(reached, tone),
        _points(row.doubling),
        _worth(row),
        Cell(_hours(cost), cost.hours, title=cost.basis) if cost else number(None),
        *([_money(cost)] if priced else []),
        number(row.resolution),
        number(None) if row.params is None else count(row.params),
        number(None) if row.macs is None else count(row.macs),
        Cell(f"{row.depth:.2f} x {row.width:.2f}", row.depth),
    )


def _accuracy(reached: Reached | None, tone: str) -> Cell:
    """Return an accuracy; below it its interval, and what it is of."""
    if reached is None:
        return Cell(NOTHING, LAST, below="not trained")
    ends = ends_text(reached.low, reached.high)
    below = ", ".join(filter(None, (ends, PARTS[reached.part])))
    return Cell(f"{100 * reached.value:.1f}", reached.value, tone, below=below)


def _points(doubling: Doubling | None) -> Cell:
    if doubling is None:
        return number(None)
    plain = "not of a doubling" if doubling.plain else ""
    below = ", ".join(filter(None, (gain_ends(doubling), plain)))
    return Cell(gain_text(doubling.gain), doubling.gain, below=below)


def _worth(row: AnswerRow) -> Cell:
    if row.doubling is None:
        return text(NOTHING)
    if row.doubling.basis == "law":
        return text("predicted", "quiet")
    if row.doubling.worth is None:
        return text("not known", "quiet")
    return text("yes", "good") if row.doubling.worth else text("not worth it", "bad")


def _money(cost: TrainingCost | None) -> Cell:
    money = cost.money if cost else None
    return number(None) if money is None else Cell(amount_text(money), money)


def _hours(cost: TrainingCost) -> str:
    about = "" if cost.basis == "measured" else "about "
    return f"{about}{amount_text(cost.hours)}"
