"""The answer in words: first the network, its cost and its accuracy, then what follows."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from compound.orchestrator.scale.along_text import headline
from compound.orchestrator.wording.names import WAYS, triple
from compound.orchestrator.wording.numbers import percent, points, short
from compound.schemas.answer import Answer, AnswerRow, Doubling, Reached, TrainingCost
from compound.schemas.architecture import Way
from compound.schemas.design import COST_NAMES, CostUnit
from compound.schemas.outcomes.along import WaysCompared
from compound.schemas.verdict import Verdict

if TYPE_CHECKING:
    from compound.orchestrator.records.documents import Documents

FAR = 4.0
"""Times the largest trained network's cost from which on a prediction is called far."""
PARTS = {"test": " on test images", "validation": " on validation images"}
PARTS["law"] = PARTS["validation"]
"""The power law is fitted to accuracies of validation images."""


def sentence(answer: Answer, stored: "Documents") -> str:
    """Return the network that the study would take, and what a doubling beyond it brings."""
    row = answer.row
    if answer.coefficients is None:
        return _nothing_chosen(stored.verdict)
    if row is None:
        return _untrained(answer)
    trained = [r for r in answer.rows if r.trained and (r.way == row.way or r.phi == 0)]
    if len(trained) == 1:
        return sentences(network_text(answer, row), details(answer, row), _ALONE)
    if row is trained[0]:
        first = f"no larger network is shown to be worth its cost: {_small(row)}"
        return sentences(first, details(answer, row), _next(answer))
    first, more = network_text(answer, row), details(answer, row)
    return sentences(first, more, _next(answer), _doubt(row), beside_choice(answer, row))


def sentences(*texts: str) -> str:
    """Return texts as sentences; empty ones are left out."""
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in texts if text)


def scaling(verdict: Verdict | None, along: WaysCompared | None, multiple: float) -> str:
    """Return whether compound scaling brought anything: in the search, and over the family.

    `multiple` is the search's budget. The search compares at one cost; with more compute the ways
    of scaling may part, so its verdict alone would contradict them.
    """
    if verdict is None:
        return ""
    over = headline(along) if along else ""
    if not over:
        return verdict.sentence
    first = f"In the search, at {multiple_text(multiple)} the compute, {_lower(verdict.sentence)}"
    return f"{first} Over the family, {_lower(over)}"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


_ALONE = "one network alone does not say what a doubling of cost brings"


def _nothing_chosen(verdict: Verdict | None) -> str:
    if verdict is None:
        return "There is no answer yet: nothing is chosen to scale by."
    return "There is no answer: no network of the search has a score, so none can be chosen."


def _untrained(answer: Answer) -> str:
    planned = [row for row in answer.rows if row.phi != 0]
    texts = [network_text(answer, row) for row in planned[-1:]]
    if not texts:
        return "There is no answer yet."
    return sentences(*texts, details(answer, planned[-1]), "it has no score yet")


def network_text(answer: Answer, row: AnswerRow) -> str:
    """Return a network with its cost and accuracy, in at most four figures."""
    parts = ["the baseline" if row.phi == 0 else f"{WAYS[row.way]}, phi {row.phi:g}"]
    parts += [f"{short(row.params)} params"] if row.params is not None else []
    parts += [accuracy_text(row.accuracy)] if row.accuracy else []
    return f"For {multiple_text(row.ratio)} {compute_text(answer.cost)}: {', '.join(parts)}"


def details(answer: Answer, row: AnswerRow) -> str:
    """Return what a network is scaled by, what its training takes, and its accuracy's interval."""
    scaled = [*_scaled_by(answer, row), *([f"{row.resolution} px"] if row.resolution else [])]
    texts = [f"it has {', '.join(scaled)}"] if scaled else []
    texts += [f"one training takes {hours_text(row.training)}"] if row.training else []
    ends = ends_text(row.accuracy.low, row.accuracy.high) if row.accuracy else ""
    texts += [f"the {100 * answer.level:g} % interval of its accuracy is {ends} %"] if ends else []
    return "; ".join(texts)


def _scaled_by(answer: Answer, row: AnswerRow) -> list[str]:
    """Return what a network is scaled by: the coefficients and phi, or another way."""
    if row.phi == 0 or answer.coefficients is None:
        return []
    if row.way == "choice":
        return [triple(answer.coefficients)]
    return [f"depth x {row.depth:.2f}, width x {row.width:.2f}"]


def beside_choice(answer: Answer, row: AnswerRow) -> str:
    """Say what the choice reaches where another way is recommended; empty where it is not."""
    pairs = [(r, r.accuracy) for r in answer.rows if (r.way, r.phi) == ("choice", row.phi)]
    if row.way == "choice" or answer.coefficients is None or not pairs or not row.trained:
        return ""
    own, reached = pairs[0]
    if reached is None or row.accuracy is None:
        return ""
    images = "" if reached.part == row.accuracy.part else PARTS[reached.part]
    name, cost = f"the choice ({triple(answer.coefficients)})", multiple_text(own.ratio)
    return f"at phi {row.phi:g} {name} reaches {percent(reached.value)}{images} for {cost}"


def _small(row: AnswerRow) -> str:
    """Return the smallest network of the line, usually the baseline."""
    label = "the baseline" if row.phi == 0 else place_text(row)
    size = f" ({short(row.params)} params)" if row.params is not None else ""
    reached = f" reaches {accuracy_text(row.accuracy)}" if row.accuracy else ""
    return f"{label}{size}{reached}"


def compute_text(cost: CostUnit) -> str:
    """Return what the ratios of cost count."""
    return f"the compute ({COST_NAMES[cost]})"


def multiple_text(ratio: float) -> str:
    """Write a ratio of costs: 7.94x, 15.8x, 128x."""
    return f"{ratio:.0f}x" if ratio >= 99.95 else f"{ratio:#.3g}x"


def hours_text(cost: TrainingCost) -> str:
    """Return hours, and money where they have a price; `about` where they were not measured."""
    about = "" if cost.basis == "measured" else "about "
    money = "" if cost.money is None else f", {about}{amount_text(cost.money)} units of money"
    return f"{about}{amount_text(cost.hours)} {cost.unit}{money}"


def amount_text(amount: float) -> str:
    """Write hours or money: 0.0017, 0.31, 4.2, 31, 1,240."""
    return f"{amount:,.0f}" if amount >= 9.95 else f"{amount:.2g}"


def accuracy_text(reached: Reached) -> str:
    """Return an accuracy, and of which images it is."""
    expected = "expected " if reached.part == "law" else ""
    return f"{expected}{percent(reached.value)}{PARTS[reached.part]}"


def ends_text(low: float | None, high: float | None) -> str:
    """Write an interval of accuracies in percent: 82.9 to 85.0; empty where it has no ends."""
    return "" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"


def doubling_text(doubling: Doubling) -> str:
    """Write points of accuracy with their interval: 0.4 points (0.1 to 0.8)."""
    ends = gain_ends(doubling)
    return f"{gain_text(doubling.gain)} points ({ends or 'no interval'})"


def gain_ends(doubling: Doubling) -> str:
    """Write the interval of a gain, in points; empty where it has none."""
    if doubling.low is None or doubling.high is None:
        return ""
    return f"{gain_text(doubling.low)} to {gain_text(doubling.high)}"


def gain_text(difference: float) -> str:
    """Write a difference of accuracies in points; hundredths where it has no tenths."""
    tenths = round(100 * difference, 1) + 0.0
    return f"{tenths:.1f}" if tenths or not round(100 * difference, 2) else points(difference)


def _next(answer: Answer) -> str:
    """Say what a doubling beyond the network brings."""
    row = answer.row
    return beyond_text(answer.beyond, following_phi(answer.rows, row) if row else None)


def following_phi(rows: Sequence[AnswerRow], row: AnswerRow) -> float | None:
    """Return the phi of the next trained network on a row's line; None after the last."""
    trained = [r for r in rows if r.trained and r.way == row.way]
    return next((b.phi for a, b in pairwise(trained) if a.phi == row.phi), None)


def beyond_text(doubling: Doubling | None, following: float | None) -> str:
    """Say what a doubling beyond a network brings; `following`: the phi of a trained one."""
    if following is not None and doubling and doubling.basis == "measured":
        per = "at nearly the same cost" if doubling.plain else "a doubling"
        return f"phi {following:g} {_brought(doubling)}: {doubling_text(doubling)} {per}"
    if doubling is None:
        return (
            "what a doubling beyond it brings is not known: the power law needs three networks "
            "whose errors fall with cost"
        )
    return expected_text(doubling)


def _brought(doubling: Doubling) -> str:
    """Say whether a larger network that is trained is worth its cost."""
    if doubling.worth or doubling.low is None:
        less = "beyond it scored less" if doubling.gain < 0 else "beyond it brought nothing"
        return "brought more" if doubling.gain > 0 else less
    worse = doubling.high is not None and doubling.high < 0
    return "beyond it is worse" if worse else "beyond it is not shown to be worth it"


def expected_text(doubling: Doubling) -> str:
    """Say what the power law expects of a doubling."""
    return f"a doubling beyond it is expected to bring {doubling_text(doubling)}"


def _doubt(row: AnswerRow) -> str:
    """Say why it is not known whether a network is worth its cost; empty where it is."""
    if row.phi == 0 or (row.doubling and row.doubling.worth):
        return ""
    if row.doubling is None:
        return "no smaller network was trained by the same recipe, so its gain is not known"
    return "one seed each shows no noise, so whether it is worth its cost is not known"


def phis_text(rows: Sequence[AnswerRow]) -> str:
    """Return where rows are: phi 0, 1 and 3; phi 2 and 3 of the published split."""
    return "; ".join(_phis_of(way, [r for r in rows if r.way == way]) for way in ways_in(rows))


def _phis_of(way: Way, rows: Sequence[AnswerRow]) -> str:
    phis = f"phi {listed([f'{row.phi:g}' for row in rows])}"
    return phis if way == "choice" else f"{phis} of {WAYS[way]}"


def ways_in(rows: Sequence[AnswerRow]) -> list[Way]:
    """Return the ways that rows are of, the choice first."""
    return [way for way in WAYS if any(row.way == way for row in rows)]


def place_text(row: AnswerRow) -> str:
    """Return where a row is: phi 3, or phi 3 of the published split."""
    return _phis_of(row.way, [row])


def listed(names: Sequence[str]) -> str:
    """Write names as people list them: 0, 1 and 3."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
