"""The answer on a terminal: its sentence, and a row for each phi."""

import re
from collections.abc import Iterator

from compound.orchestrator.answer.answer_text import (
    amount_text,
    ends_text,
    multiple_text,
    phis_text,
    ways_in,
)
from compound.orchestrator.cli.printing.output import print_table, say
from compound.orchestrator.wording.names import WAYS
from compound.orchestrator.wording.network_names import label_of
from compound.orchestrator.wording.numbers import short
from compound.schemas.answer import LEAST_RATIO, Answer, AnswerRow, Doubling, HourUnit, Reached

KEEP = ("phi", "accuracy, %", "cost", "params", "points")
"""The columns that matter most."""
LEAST = 0.001
"""Hours, and money, below which a table has no digits; JSON has all of them."""
NONE_YET = "There is no answer yet: the search has no verdict."


def say_answer(answer: Answer | None, so_far: str = "") -> None:
    """Print what a study says first; `so_far`: what is done of a study without an answer."""
    none_yet = f"{so_far[0].upper()}{so_far[1:]}: no answer yet." if so_far else NONE_YET
    say(answer.text if answer else none_yet)


def unsaid(text: str | None, answer: Answer | None) -> str:
    """Return the sentences of a text that an answer has not said."""
    sentences = re.split(r"(?<=\.) (?=[A-Z])", text or "")
    answered = answer.text.casefold() if answer else ""
    return " ".join(part for part in sentences if part.casefold() not in answered)


def show_phis(answer: Answer | None) -> None:
    """Print the table of phi, and what its rows are of; nothing for a line of one network."""
    if answer is None or len(answer.rows) < 2:
        return
    unit = _unit(answer)
    priced = any(row.training and row.training.money is not None for row in answer.rows)
    money = (">money",) if priced else ()
    hours = f">{_short(unit)}"
    columns = (
        *("phi", ">cost", ">px", ">params", hours, *money),
        *(">accuracy, %", ">points", "network"),
    )
    ways = ways_in(answer.rows)
    for way in ways:
        rows = [_cells(row, unit, priced=priced) for row in answer.rows if row.way == way]
        along = f", along {WAYS[way]}" if len(ways) > 1 else ""
        print_table(f"\nfamily{along}", columns, rows, KEEP)
    say(*explained(answer))


def _unit(answer: Answer) -> HourUnit:
    units: list[HourUnit] = [row.training.unit for row in answer.rows if row.training]
    return units[-1] if units else "GPU-hours"


def _short(unit: HourUnit) -> str:
    return unit.removesuffix("ours")


def _cells(row: AnswerRow, unit: HourUnit, *, priced: bool) -> list[str]:
    cost = row.training
    hours = f"{_about(cost.basis != 'measured')}{_amount(cost.hours)}" if cost else ""
    hours += f" {_short(cost.unit)}" if cost and cost.unit != unit else ""
    money = "" if cost is None or cost.money is None else _amount(cost.money)
    return [
        f"{row.phi:g}",
        multiple_text(row.ratio),
        "" if row.resolution is None else str(row.resolution),
        "" if row.params is None else short(row.params),
        hours,
        *([money] if priced else []),
        _accuracy(row.accuracy),
        _doubling(row.doubling),
        label_of(row.depth, row.width, row.resolution),
    ]


def _about(guessed: bool) -> str:
    return "~" if guessed else ""


def _accuracy(reached: Reached | None) -> str:
    if reached is None:
        return ""
    ends = ends_text(reached.low, reached.high)
    text = f"{_about(reached.part == 'law')}{100 * reached.value:.1f}"
    return f"{text} ({ends})" if ends else text


def _doubling(doubling: Doubling | None) -> str:
    if doubling is None:
        return ""
    mark = "=" if doubling.plain else _about(doubling.basis == "law")
    text = f"{mark}{_tenths(doubling.gain)}"
    if doubling.low is None or doubling.high is None:
        return text
    return f"{text} ({_tenths(doubling.low)} to {_tenths(doubling.high)})"


def _tenths(difference: float) -> str:
    """Write a difference of accuracies in points: tenths below 10, and 0 without a sign."""
    digits = 1 if abs(difference) < 0.0995 else 0
    return f"{round(100 * difference, digits) + 0.0:.{digits}f}"


def _amount(amount: float) -> str:
    return amount_text(amount) if amount >= LEAST else f"<{LEAST}"


def explained(answer: Answer) -> Iterator[str]:
    """Yield what the columns are, which networks are not worth it, and every note."""
    parts = {"test": "test images", "validation": "validation images"}
    seen = {row.accuracy.part for row in answer.rows if row.accuracy}
    images = " or ".join(name for part, name in parts.items() if part in seen)
    level = f"{100 * answer.level:g} % intervals"
    of_validation = ", of validation images" if "test" in seen else ""
    yield f"accuracy: {f'on {images}, ' if images else ''}with {level}; ~: forecast{of_validation}"
    yield f"{_short(_unit(answer))}: of one training, the median over seeds; ~: not measured"
    plain = any(row.doubling and row.doubling.plain for row in answer.rows)
    equal = f"; =: the difference alone, since costs are within {LEAST_RATIO:g}x" if plain else ""
    yield (
        "points: what a doubling of cost brings on validation images, against the best smaller "
        f"network of the line{equal}"
    )
    if {"test", "validation"} <= seen:
        tested = [row for row in answer.rows if row.accuracy and row.accuracy.part == "test"]
        yield f"on test images: {phis_text(tested)}"
    not_worth = [row for row in answer.rows if row.doubling and row.doubling.worth is False]
    if not_worth:
        yield f"not worth it (the interval of the points is not above 0): {phis_text(not_worth)}"
    yield from answer.notes
