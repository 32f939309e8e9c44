"""The reason for the choice among tied candidates, in words and figures."""

from collections.abc import Callable, Sequence

from compound.orchestrator.analyse.scores import CandidateScores
from compound.orchestrator.choose.tie_break import Kind, TieBreak
from compound.orchestrator.wording.numbers import short

WHICH: dict[Kind, str] = {
    "activations": "the one with the fewest activations",
    "params": "the one with the fewest parameters",
    "macs": "the one with the fewest MACs",
    "step_time": "the fastest",
    "published": "the nearest to the published split",
}
_FIGURES: dict[Kind, tuple[Callable[[float], str], str]] = {
    "activations": (short, " activations per image"),
    "params": (short, " parameters"),
    "macs": (short, " MACs"),
    "step_time": (lambda value: f"{value:,.0f}", " images per second"),
    "published": (lambda value: f"{value:.2f}", " from it on the triangle of shares"),
}
_MISSING: dict[Kind, str] = {
    "step_time": "the speed of some candidates was not measured, so activations decide",
    "published": "the shares of some candidates are unknown, so activations decide",
}


def reason(
    eligible: Sequence[CandidateScores],
    chosen: CandidateScores,
    scored: int,
    tied: int,
    proven: bool,
    tie_break: TieBreak,
) -> str:
    """Return why this candidate was chosen among the eligible ones, best mean first.

    `proven`: the eligible ones are mixes that beat every single-axis control.
    """
    if scored == 1:
        return "The choice is the only candidate with a score."
    if tied == 0:
        return "The choice has the highest score. One seed per candidate cannot show ties."
    if tied == 1:
        return "The choice is the best: every other candidate is significantly worse."
    if len(eligible) == 1:
        beats = " and beats every single-axis control" if proven else ""
        return f"Of {tied} tied candidates the choice has the highest mean accuracy{beats}."
    number = f"{tied}" if len(eligible) == tied else f"{len(eligible)} of {tied}"
    beat = " that beat every single-axis control" if proven else ""
    return (
        f"{number} tied candidates{beat} have about the same mean accuracy. "
        f"Of these, the choice is {_preferred(eligible[0], chosen, tie_break)}."
    )


def _preferred(best: CandidateScores, chosen: CandidateScores, tie_break: TieBreak) -> str:
    """Name what the tie-break prefers, with the figures of the choice and of the highest mean."""
    write, unit = _FIGURES[tie_break.kind]
    text = f"{WHICH[tie_break.kind]}: {write(tie_break.value(chosen))}{unit}"
    if chosen is not best:
        text += f"; the candidate with the highest mean has {write(tie_break.value(best))}"
    return text + (f" ({_MISSING[tie_break.missing]})" if tie_break.missing else "")
