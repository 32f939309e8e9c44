"""The networks that a search leaves out: an even choice, for predictions and later rounds."""

from collections.abc import Collection

import numpy as np

from compound.orchestrator.design.controls import TWIN, Draft


def even_choice(drafts: Collection[Draft], most: int) -> list[Draft]:
    """Return at most so many unused drafts, spread evenly over the simplex.

    Each is the one farthest from all that are in use or already taken (Gonzalez 1985), so the
    first ones fill the design's largest gaps. Near-twins of others are left out: training them
    would teach nothing.
    """
    unused = [draft for draft in drafts if not draft.roles]
    places = np.array([draft.shares.split for draft in unused]).reshape(-1, 3)
    used = np.array([draft.shares.split for draft in drafts if draft.roles]).reshape(-1, 3)
    gaps = np.full(len(unused), np.inf)
    for place in used:
        gaps = np.minimum(gaps, np.linalg.norm(places - place, axis=1))
    taken: list[Draft] = []
    while len(taken) < most and unused:
        farthest = int(gaps.argmax())
        if gaps[farthest] < TWIN:
            break
        taken.append(unused[farthest])
        gaps = np.minimum(gaps, np.linalg.norm(places - places[farthest], axis=1))
    return taken
