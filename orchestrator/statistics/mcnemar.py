"""McNemar's test of two networks on the same images, exact, also over several seeds.

Only images on which the two differ say which is better (McNemar 1947). With one seed the count of
those that one network alone gets right is binomial. Over seeds an image counts by how many seeds
more get it right by one network: were the networks alike, each image's difference could as well
have the other sign, so the sum is that of independent signs (Fisher's randomisation test; for
clusters see Durkalski et al. 2003, Statistics in Medicine 22:2417). The mid-p value counts half of
the probability of what was seen (Fagerland, Lydersen and Laake 2013, BMC Medical Research
Methodology 13:91).
"""

import numpy as np
from scipy import signal, stats

from compound.orchestrator.statistics.image_effects import Bools
from compound.orchestrator.statistics.log_odds import Floats


def mid_p(first: Bools, second: Bools) -> float:
    """Return the two-sided mid-p value that two networks are alike, for new images like these.

    Both have shape (seeds, images) with the same seeds; the trained weights count as given. 1 where
    they are right on the same images.
    """
    differences = first.sum(axis=0, dtype=np.int64) - second.sum(axis=0, dtype=np.int64)
    seen = abs(int(differences.sum()))
    sizes = np.abs(differences)
    if not sizes.any():
        return 1.0
    chances = _chances_of_sums(sizes)
    distance = np.abs(np.arange(len(chances)) - len(chances) // 2)
    value = chances[distance > seen].sum() + chances[distance == seen].sum() / 2
    return float(min(max(value, 0.0), 1.0))


def _chances_of_sums(sizes: np.ndarray) -> Floats:
    """Return the probabilities of the sums of sizes with random signs, from -total to total."""
    chances = np.ones(1)
    for size in range(1, int(sizes.max()) + 1):
        count = int((sizes == size).sum())
        if count:
            apart = np.zeros(2 * size * count + 1)
            apart[:: 2 * size] = stats.binom.pmf(np.arange(count + 1), count, 0.5)
            chances = signal.fftconvolve(chances, apart) if len(chances) > 1 else apart
    return np.asarray(chances, dtype=np.float64)
