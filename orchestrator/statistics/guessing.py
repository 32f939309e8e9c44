"""Whether accuracies are those of guessing: the tails of a binomial distribution.

Every network is right on the same images, so more seeds are no more images: a mean over seeds is
judged as a single score. Of several networks the best counts (Bonferroni).
"""

from scipy import special


def better_than_guessing(
    best: float, chance: float, images: int, networks: int, level: float
) -> bool:
    """Whether the best mean accuracy of so many networks is above chance by more than noise.

    False with a probability of at least `level` where all of them guess.
    """
    right = best * images
    # P(X >= k) of a binomial X, which also is defined for the k of a mean over seeds.
    tail = float(special.betainc(right, images - right + 1, chance)) if right > 0 else 1.0
    return tail < (1 - level) / max(networks, 1)


def worse_than_guessing(best: float, chance: float, images: int, level: float) -> bool:
    """Whether even the best mean accuracy is below chance by more than the noise."""
    right = best * images
    tail = 1 - float(special.betainc(right + 1, images - right, chance)) if right < images else 1.0
    return tail < 1 - level
