"""How the columns of tables are named and written on a page, the same as in the report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from compound.orchestrator.answer.answer_text import amount_text, gain_text, multiple_text
from compound.orchestrator.live.pages.page_templates import moment
from compound.orchestrator.wording.names import WAYS
from compound.orchestrator.wording.numbers import duration, short

NOTHING = "–"


@dataclass(frozen=True)
class Column:
    """A column of a table on a page."""

    name: str
    """As in URLs and in downloads."""
    head: str
    form: Callable[[Any], str | Markup] = str
    numeric: bool = False
    exact: bool = False
    """Whether a cell's title has the value in full."""

    def text(self, value: Any) -> str | Markup:
        """Write a value; a dash where there is none."""
        return NOTHING if value is None or value == "" else self.form(value)

    def title(self, value: Any) -> str:
        """Return a value in full where its text is rounded; else ""."""
        return f"{value:,}" if self.exact and value is not None else ""


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"


def _number(name: str, head: str, form: Callable[[Any], str] = "{:,}".format) -> Column:
    return Column(name, head, form, numeric=True)


def _large(name: str, head: str) -> Column:
    return Column(name, head, short, numeric=True, exact=True)


STUDIES: Sequence[Column] = (
    Column("study", "study"),
    Column("state", "state"),
    _number("done", "done"),
    _number("jobs", "of jobs"),
    _number("failed", "failed"),
    _number("best_accuracy", "best accuracy, %", _percent),
    _number("least_left", "time left, from", duration),
    _number("most_left", "to", duration),
    Column("updated", "last news", moment),
    Column("spent", "spent"),
    Column("kind", "kind"),
    Column("owner", "owner"),
    Column("problem", "problem"),
)
JOBS: Sequence[Column] = (
    Column("label", "job"),
    Column("phase", "phase"),
    Column("status", "status"),
    _number("epoch", "epoch"),
    _number("epochs", "of"),
    _number("accuracy", "accuracy, %", _percent),
    _number("attempt", "attempt"),
    Column("host", "host"),
    Column("since", "waits since", moment),
    Column("cause", "cause"),
    Column("why", "why"),
    _number("seed", "seed", str),
    _number("resolution", "pixels", str),
    _large("params", "parameters"),
)
CANDIDATES: Sequence[Column] = (
    Column("name", "candidate"),
    Column("network", "network"),
    _number("accuracy", "accuracy, %", _percent),
    _number("low", "from", _percent),
    _number("high", "to", _percent),
    _number("seeds", "seeds"),
    Column("tied", "in the tied set", lambda tied: "yes" if tied else "no"),
    _number("alpha", "alpha", "{:.3f}".format),
    _number("beta", "beta", "{:.3f}".format),
    _number("gamma", "gamma", "{:.3f}".format),
    _number("nominal", "nominal", "{:.3f}x".format),
    _number("ratio", "cost", "{:.3f}x".format),
    _number("resolution", "pixels", str),
    _large("params", "parameters"),
    _large("macs", "MACs"),
    _large("activations", "activations"),
    Column("roles", "roles"),
)
FAMILY: Sequence[Column] = (
    Column("way", "way", lambda way: WAYS[way]),
    _number("phi", "phi", "{:g}".format),
    _number("ratio", "cost", multiple_text),
    _number("accuracy", "accuracy, %", _percent),
    _number("low", "from", _percent),
    _number("high", "to", _percent),
    Column("part", "images"),
    _number("gain", "points a doubling", gain_text),
    Column("worth", "worth it", lambda worth: "yes" if worth else "no"),
    _number("hours", "hours", amount_text),
    Column("unit", "unit"),
    Column("basis", "basis"),
    _number("money", "money", amount_text),
    _number("resolution", "pixels", str),
    _large("params", "parameters"),
    _large("macs", "MACs"),
)
COLUMNS: Mapping[str, Sequence[Column]] = {
    "studies": STUDIES,
    "jobs": JOBS,
    "candidates": CANDIDATES,
    "family": FAMILY,
}
"""The columns that a page shows of each table; a download has all."""
