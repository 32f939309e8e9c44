"""What the head of a page says: the answer, the coefficients, and what to do next."""

from statistics import fmean

from compound.orchestrator.analyse.after_failures import after_failures
from compound.orchestrator.answer.answer_text import scaling
from compound.orchestrator.choose.outcomes import next_step
from compound.orchestrator.report.inputs import PHI, ReportInputs, member_scores
from compound.orchestrator.report.sections import tables
from compound.orchestrator.wording.commands import command, commented, resuming
from compound.orchestrator.wording.numbers import percent
from compound.schemas.answer import Answer
from compound.schemas.architecture import AXES


def headline(inputs: ReportInputs) -> str:
    """Return the first sentence: what the study has found, or that it has not yet."""
    if inputs.answer and inputs.answer.rows:
        return inputs.answer.marked(_parted(inputs.answer)[0])
    if inputs.verdict:
        return inputs.verdict.sentence
    if inputs.spec.search:
        return "The search has no verdict yet."
    reached = [s for member in inputs.family for s in member_scores(inputs, member)]
    at = f"at {PHI} {inputs.spec.phis[0]:g}"
    if not reached:
        return f"The network {at} has no score yet."
    return f"The network {at} reaches {percent(fmean(reached))} validation accuracy."


def worded(inputs: ReportInputs) -> str:
    """Return what the head says after its first sentence."""
    if inputs.answer is None or not inputs.answer.rows:
        return ""
    # A stored answer may be older than what is known of its verdict now.
    search = inputs.spec.search
    multiple = search.budget.multiple if search else 1
    brought = scaling(inputs.verdict, inputs.along, multiple) or inputs.answer.scaling
    return " ".join(filter(None, (_parted(inputs.answer)[1], brought)))


def _parted(answer: Answer) -> tuple[str, str]:
    """Return the first sentence of an answer, and the others."""
    first, stop, rest = answer.sentence.partition(". ")
    return first + stop.rstrip(), rest


def coefficients_of(inputs: ReportInputs) -> list[tuple[str, str]]:
    """Return the names and values of the coefficients."""
    coefficients = inputs.verdict.coefficients if inputs.verdict else None
    values = coefficients.model_dump() if coefficients else {}
    pairs = zip(values.items(), AXES, strict=False)
    return [(f"{name}, {axis}", f"{value:.3f}") for (name, value), axis in pairs]


def advice(inputs: ReportInputs) -> str:
    """Return what to do next."""
    if inputs.answer and inputs.answer.so_far:
        return f"{commented(resuming(inputs.resume), 'goes on')}."
    if inputs.verdict and inputs.verdict.coefficients is None:
        return " ".join((next_step(inputs.verdict), *_helping(inputs)))
    if inputs.gate and inputs.gate.outcome == "does not carry over":
        return "Look at the gate before you scale by these: the search's order does not carry over."
    text = next_step(inputs.verdict) if inputs.verdict else ""
    if inputs.along and inputs.along.first is not None:
        text = text.replace("If you scale, scale by", "Scale by", 1)
    enough = inputs.answer is not None and inputs.answer.phi == 0
    return text.replace("Scale by", "If you scale, scale by", 1) if enough else text


def _helping(inputs: ReportInputs) -> list[str]:
    """Return the commands that help a study whose jobs have failed."""
    groups, retry = tables.failures(inputs), command("retry", (inputs.spec.name,))
    typed = resuming(inputs.resume)
    return after_failures(groups, inputs.spec, typed, retry, inputs.rates.check)
