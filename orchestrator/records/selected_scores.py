"""Verdicts of studies whose jobs ASHA stopped, which older versions offered."""

from compound.schemas.promotion import Asha
from compound.schemas.study import AnySpec
from compound.schemas.verdict import Verdict

SELECTED = (
    "Undecided: ASHA let only those jobs finish whose own scores were ahead, and the verdict "
    "compares these scores. In simulated studies 11 to 17 % of such verdicts reported a gain where "
    "there was none."
)


def has_asha(spec: AnySpec) -> bool:
    """Return whether a stored spec let ASHA stop the jobs of its search."""
    return spec.search is not None and isinstance(spec.search.promotion, Asha)


def as_read(spec: AnySpec, verdict: Verdict | None) -> Verdict | None:
    """Return a stored verdict; one over scores that ASHA selected is undecided, and says why."""
    if verdict is None or not has_asha(spec):
        return verdict
    sentence = sentence_as_read(spec, verdict.sentence)
    update = {"outcome": "undecided", "selected": True, "sentence": sentence}
    return verdict.model_copy(update=update)


def sentence_as_read(spec: AnySpec, sentence: str) -> str:
    """Return a stored verdict's sentence, after what its scores are worth."""
    return f"{SELECTED} It was: {sentence}" if has_asha(spec) else sentence
