"""Runs that collapsed: they ended near chance, while other seeds of the same network learned."""

from collections.abc import Mapping

NEAR_CHANCE = 0.25
"""A run that keeps less than this part of its best sibling's lead over chance has collapsed. Where
77 % of ten classes are right it has to lose 50 points: noise of 5 points does not come near."""
LEARNED = 0.05
"""Lead over chance, as an accuracy, from which on a run counts as one that learned."""


def collapsed(scores: Mapping[int, float], classes: int) -> tuple[int, ...]:
    """Return the seeds of one network's runs that collapsed; `scores` are accuracies by seed.

    None where no run has learned: then the network itself does not learn by this recipe.
    """
    chance = 1 / classes
    lead = max(scores.values(), default=0.0) - chance
    if lead <= LEARNED:
        return ()
    return tuple(seed for seed in sorted(scores) if scores[seed] - chance < NEAR_CHANCE * lead)
