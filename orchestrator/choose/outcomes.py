"""The outcomes of a search in plain English, as a table; accuracies as percent points."""

from collections.abc import Mapping, Sequence
from typing import Literal

from compound.orchestrator.choose import rungs_text
from compound.orchestrator.wording.names import SPLITS, triple
from compound.orchestrator.wording.numbers import points
from compound.schemas.architecture import Control
from compound.schemas.verdict import Gain, Verdict

Outcome = Literal["gain", "no gain", "loss", "undecided", "no verdict"]
Case = Literal["gain", "loss", "axis chosen", "axis tied", "no axis tied", "undecided"]
"""An outcome; `no gain` by what was chosen, and by what ties with it."""

SENTENCES: dict[Case, str] = {
    "gain": "Compound scaling gains {size} points over {rival} ({interval}).",
    "loss": "Compound scaling loses {size} points against {rival} ({interval}). {axes} is chosen "
    "instead.",
    "axis chosen": "Compound scaling brought nothing that this study can show: the {which} mix is "
    "{difference} ({interval}). {axes} is chosen.",
    "axis tied": "Compound scaling brought nothing that this study can show: the {which} mix is "
    "{difference} ({interval}), and {axes} may be as good.",
    "no axis tied": "No gain is proven: the {which} mix is {difference} ({interval}). No single "
    "axis is tied with the best, so more seeds may prove a gain.",
    "undecided": "Undecided: the {which} mix is {difference}, but with one seed per candidate the "
    "noise is unknown.",
}
"""The verdict; `which` mix represents compound scaling, `axes` are chosen or tied."""

FOLLOWING: dict[Outcome, str] = {
    "gain": "Scale by {triple}.",
    "no gain": "If you scale, scale by {triple}. {finer}",
    "loss": "Scale by {triple}. For this network and these data one axis is better than a mix.",
    "undecided": "If you scale, scale by {triple}. Set search.seeds to 3 or more and run again: "
    "only new seeds train.",
    "no verdict": "Scale by {triple}. Correct what is missing and run again: jobs that ended are "
    "kept.",
}
"""What to do with a verdict that has a choice."""


def outcome(gain: Gain | None) -> Outcome:
    """Return what the interval of a gain means."""
    if gain is None:
        return "no verdict"
    if gain.low is None or gain.high is None:
        return "undecided"
    if gain.low > 0:
        return "gain"
    return "loss" if gain.high < 0 else "no gain"


def sentence(gain: Gain, level: float, which: str, chosen: str, tied: Sequence[str]) -> str:
    """Return the verdict as a text; `chosen`: the chosen axis or "", `tied`: all tied axes."""
    case = _case(gain, chosen, tied)
    size, rival = points(abs(gain.estimate)), f"{gain.over} alone"
    axes = (chosen,) if chosen else tied or (gain.over,)
    return SENTENCES[case].format(
        size=size,
        rival=rival,
        which=which,
        difference=f"{size} points {'below' if gain.estimate < 0 else 'above'} {rival}",
        interval=_interval(gain, level),
        axes=_alone(axes) if case == "axis tied" else _alone(axes).capitalize(),
    )


def _case(gain: Gain, chosen: str, tied: Sequence[str]) -> Case:
    reached = outcome(gain)
    if reached == "no gain":
        return "axis chosen" if chosen else "axis tied" if tied else "no axis tied"
    assert reached != "no verdict"
    return reached


def _interval(gain: Gain, level: float) -> str:
    if gain.low is None or gain.high is None:
        return ""
    return f"{100 * level:g} % interval {points(gain.low)} to {points(gain.high)}"


def _alone(axes: Sequence[str]) -> str:
    return f"{' or '.join(axes)} alone"


def no_verdict(missing: str) -> str:
    """Return the sentence for a search without a verdict; `missing` is the reason."""
    return f"No verdict on compound scaling: {missing}."


def beside(leads: Mapping[Control, tuple[float, bool]]) -> str:
    """Compare named splits with the choice: by their lead over it, and whether they are tied."""
    sentences = []
    for split, (lead, tied) in leads.items():
        difference = f"{points(abs(lead))} points {'above' if lead > 0 else 'below'} the choice"
        tie = " and tied with the best" if tied else ""
        sentences.append(f"The {SPLITS[split]} split is {difference}{tie}.")
    return " ".join(sentences)


def next_step(verdict: Verdict) -> str:
    """Return what to do with a verdict."""
    if verdict.coefficients is None:
        return "No network has a score: look at the jobs below."
    if verdict.selected:
        return rungs_text.AFTER_ASHA
    if verdict.chance:
        return "Do what the first warning says, then run it again: only changed jobs train."
    text = FOLLOWING[verdict.outcome]
    return text.format(triple=triple(verdict.coefficients), finer=_finer(verdict)).rstrip()


def _finer(verdict: Verdict) -> str:
    resolution = verdict.resolution
    if resolution is None or resolution.difference is None:
        return ""
    return (
        f"This study resolves differences of {points(resolution.difference)} points or more. Four "
        "times the seeds (search.seeds) halve that; only the new seeds are trained."
    )
