"""Seeds for every random draw, derived from its purpose and numbers, never from time or rank."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """The purpose of a seed, so that two draws with the same numbers are independent."""

    SPLIT = 1
    LIMIT = 2
    PATTERN = 3
    NOISE = 4
    WEIGHTS = 5
    ORDER = 6
    AUGMENT = 7
    STEP = 8
    TEST = 9


def derive(purpose: Purpose, *numbers: int) -> int:
    """Return a 63-bit seed that depends on the purpose and every number (each >= 0)."""
    sequence = np.random.SeedSequence([int(purpose), *numbers])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
