"""The networks that advice chooses from: the recommended ones at each phi, and all trained ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import floor

from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.choice_line import along_of
from compound.orchestrator.answer.line_rows import law_accuracy, row_of, rows_of
from compound.orchestrator.answer.lines import Line, line_of_choice, lines_of_ways
from compound.orchestrator.answer.recommended import other_ways, recommended, way_at
from compound.orchestrator.scale.power_law import band
from compound.schemas.answer import Answer, AnswerRow, Reached
from compound.schemas.architecture import Candidate, Way
from compound.schemas.power_law import Law

STEP = 0.25
"""Of phi between two networks that are considered: some 19 % of cost where a step doubles it."""
MOST_PHI = 20.0
"""The largest that a spec may have."""


_LAST = f"a spec has phi {MOST_PHI:g} at most"


@dataclass(frozen=True)
class Option:
    """A network that is considered."""

    row: AnswerRow
    network: Candidate


@dataclass(frozen=True)
class Options:
    """All networks that a study can advise."""

    inputs: AnswerInputs
    lines: Mapping[Way, Line]
    rows: Mapping[Way, list[AnswerRow]]
    """Of each line, the baseline included."""
    ways: dict[float, Way]
    """Recommended, by phi."""
    phis: tuple[float, ...]

    @classmethod
    def of(cls, inputs: AnswerInputs, answer: Answer) -> "Options":
        """Return the networks of a study that has chosen coefficients."""
        along = along_of(inputs.stored)
        ways = lines_of_ways(inputs, [*other_ways(along)])
        lines = {line.way: line for line in (line_of_choice(inputs), *ways)}
        rows = {way: rows_of(inputs, line) for way, line in lines.items()}
        return cls(inputs, lines, rows, recommended(along), tuple(_phis(answer)))

    def law(self, way: Way) -> Law | None:
        """Return the power law of a way."""
        return self.lines[way].law if way in self.lines else None

    def end(self, last: float) -> str:
        """Say why the line goes on to no larger phi than `last`."""
        builder = self.lines["choice"].builder
        larger = (phi for phi in self.phis if phi > last and builder)
        refused = ((phi, self._refused(phi)) for phi in larger)
        return next((f"phi {phi:g} {text}" for phi, text in refused if text), _LAST)

    def _refused(self, phi: float) -> str:
        """Say why a phi that is not planned is not considered; empty where it is."""
        builder = self.lines["choice"].builder
        if builder is None or phi in self._planned("choice"):
            return ""
        # The check of a spec does not know what the search has chosen.
        if problem := builder.obstacle(phi):
            return f"is refused in a spec: for the choice or another candidate it {problem}"
        return "" if builder.network(phi) else "cannot be built here"

    @property
    def trained(self) -> list[Option]:
        """All trained networks but the choice's, which its line has."""
        return [
            Option(row, networks[row.phi])
            for way, rows in self.rows.items()
            if way != "choice"
            for networks in [{e.phi: e.network for e in self.lines[way].entries}]
            for row in rows
            if row.trained and row.phi != 0
        ]

    def steps(self) -> Iterator[list[Option]]:
        """Yield at each phi the recommended network, then the choice's where it is trained.

        No network comes twice. They end where the baseline can be scaled no further.
        """
        seen, most = set[str](), max(self._planned("choice"))
        for phi in self.phis:
            if phi > most and self._refused(phi):
                return
            fresh = [option for option in self._at(phi) if option.network.id not in seen]
            seen |= {option.network.id for option in fresh}
            if fresh:
                yield fresh

    def _at(self, phi: float) -> Iterator[Option]:
        way = way_at(self.ways, phi)
        if best := self._option(way, phi):
            yield best
        own = self._option("choice", phi) if way != "choice" else None
        if own and own.row.trained:
            yield own

    def _planned(self, way: Way) -> dict[float, Candidate]:
        return {entry.phi: entry.network for entry in self.lines[way].entries}

    def _option(self, way: Way, phi: float) -> Option | None:
        """Return the network of a way at phi; None where it cannot be built here."""
        line = self.lines[way]
        planned = self._planned(way).get(phi)
        network = planned or (line.builder.network(phi) if line.builder else None)
        if network is None:
            return None
        same = (row for row in self.rows[way] if row.network == network.id)
        return Option(next(same, None) or self._untrained(line, phi, network), network)

    def _untrained(self, line: Line, phi: float, network: Candidate) -> AnswerRow:
        training = line.training_of(self.inputs, phi, network)
        expected = law_at(self.inputs, line.law, network.ratio)
        accuracy = _no_more_than_larger(expected, network.ratio, self.rows[line.way])
        row = row_of(line.way, phi, network)
        return row.model_copy(update={"training": training, "accuracy": accuracy})


def _phis(answer: Answer) -> list[float]:
    """Return each phi of the answer, and quarter steps from its smallest on."""
    named = {row.phi for row in answer.rows}
    first = floor(min(named, default=0.0) / STEP)
    steps = {number * STEP for number in range(first, round(MOST_PHI / STEP) + 1)}
    return sorted(named | steps)


def law_at(inputs: AnswerInputs, law: Law | None, ratio: float) -> Reached | None:
    """Return the accuracy that a power law expects at a cost; None without a law."""
    trained = [point for point in law.points if point.errors] if law else []
    points = band(trained, [ratio], inputs.level, floor=0.5 / inputs.images)
    return law_accuracy(points[0]) if points else None


def _no_more_than_larger(
    expected: Reached | None, ratio: float, rows: list[AnswerRow]
) -> Reached | None:
    """Return what is expected, at most the best that larger networks of the line have reached."""
    larger = [row.validation.value for row in rows if row.validation and row.ratio >= ratio]
    if expected is None or not larger or expected.value <= max(larger):
        return expected
    value = max(larger)
    low = None if expected.low is None else min(expected.low, value)
    return expected.model_copy(update={"value": value, "low": low})
